import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { MeshCaConfig } from '../src/config/config';
import { loadConfig } from '../src/config/load';
import { planMeshCa } from '../src/plan/plan';
import { synthesize } from '../src/synth';

const base: MeshCaConfig = { vault: { server: 'https://vault.example.com:8200' }, istioVersion: '1.22', clusters: [{ name: 'one' }] };

const filesOf = (config: MeshCaConfig) => new Map(synthesize(planMeshCa(config)).map(file => [file.path, file]));

const load = (file: string) => {
  const text = fs.readFileSync(path.join(__dirname, '..', file), 'utf8');
  return { text, ...loadConfig(text, { file, read: () => '', now: new Date('2027-01-01'), plan: planMeshCa }) };
};

test('adding a cluster changes no byte of another cluster’s files', () => {
  const before = filesOf(base);
  const after = filesOf({ ...base, clusters: [{ name: 'zero' }, ...base.clusters, { name: 'two' }] });
  const own = [...before.values()].filter(file => file.cluster === 'one');
  expect(own.length).toBeGreaterThan(5);
  for (const file of own) expect(after.get(file.path)).toStrictEqual(file);
});

test('index.json lists every other file in its order, with its SHA-256', () => {
  const files = synthesize(planMeshCa(base));
  const { files: listed } = JSON.parse(files.at(-1)!.content) as { files: unknown[] };
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  expect(listed).toStrictEqual(files.slice(0, -1).map(({ content, ...rest }, i) => ({ ...rest, order: i + 1, sha256: sha256(content) })));
  expect(files.map(file => file.path)).toStrictEqual([
    'README.md',
    'root/setup.sh',
    'one/README.md',
    'one/manifests/0-access/service-account.yaml',
    'one/setup.sh',
    'one/manifests/1-issuer/issuer.yaml',
    'one/istio-csr.values.yml',
    'one/control-plane.partial.yaml',
    'one/sample/sample.yaml',
    'one/verify.sh',
    'one/emergency.sh',
    'one/emergency.md',
    'one/audit.md',
    'one/adopt.md',
    'one/adopt.sh',
    'one/adopt-undo.sh',
    'one/teardown.sh',
    'timeline.md',
    'root/teardown.sh',
    'index.json',
  ]);
});

test('the recommended config is short, names its schema in the first line, and is warned of its root alone', () => {
  const { text, plan } = load('mesh-ca.yaml');
  expect(text.split('\n').length).toBeLessThan(15);
  expect(text).toMatch(/^# yaml-language-server: \$schema=\.\/mesh-ca\.schema\.json\n/);
  // there is no root to be had that is not in Vault before somebody has made one.
  expect(plan.warnings.map(({ key }) => key)).toStrictEqual(['root.source']);
});

test('each unsafe choice of the guide stands beside its key, and is warned of there', () => {
  const { text, plan, locate } = load('examples/guide/mesh-ca.yaml');
  const marked = text.split('\n').flatMap((line, i) => (line.includes('# unsafe') ? [i + 1] : []));
  expect(plan.warnings.map(warning => locate(warning.path).line)).toStrictEqual(marked);
  expect(marked).toHaveLength(13);
});
