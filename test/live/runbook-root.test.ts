// The runbook's section on another root, followed by hand: its YAML goes into mesh-ca.yaml, its lines are typed as they stand, on a real Vault
// and a real API server. Played are the hand that lays a change over what stands in mesh-ca.yaml, istio-csr, which writes its root file into
// every namespace, istiod's Deployment, and the waiting: recorded times are rewritten to the past.
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { compileCommand } from '../compiled';
import { ensureNamespace, type Kube, ok, run, startKube, startVaultDev, tempDir, type Vault } from './harness';
import { makeCsr, verifyChain } from './mesh/certificates';
import { unbase64 } from './mesh/istio-csr';
import { deployIstiod, playController } from './mesh/own-ca';
import { dataOf, makeWorld } from './world';

jest.setTimeout(400_000);
let vault: Vault;
let kube: Kube;
let command: ReturnType<typeof compileCommand>;
beforeAll(async () => {
  [vault, kube] = [await startVaultDev(), await startKube()];
  command = compileCommand();
}, 45 * 60_000);
afterAll(async () => {
  command.remove();
  await kube.stop();
  await vault.stop();
});

/** Lays a change over a config, as a reader does: what it names takes the place of what stood there. */
function lay(config: Record<string, unknown>, change: Record<string, unknown>): Record<string, unknown> {
  const both = { ...config };
  for (const [key, value] of Object.entries(change)) {
    const there = both[key];
    const isMap = (one: unknown): one is Record<string, unknown> => typeof one === 'object' && one !== null && !Array.isArray(one);
    both[key] = isMap(there) && isMap(value) ? lay(there, value) : value;
  }
  return both;
}

test('a generated root is replaced by the lines of the runbook', async () => {
  const folder = tempDir('by-hand');
  const file = (name: string) => join(folder, name);
  const base = {
    vault: { server: vault.addr },
    root: { source: 'generate' },
    // it stands below the root, so it is followed too.
    policyCas: [{ name: 'mesh' }],
    istioVersion: '1.22',
    clusters: [{ name: 'cluster-1', context: kube.context }],
  };
  const { env } = await makeWorld(base as Parameters<typeof makeWorld>[0], vault, [kube]);
  // as npm links it.
  mkdirSync(file('node_modules/.bin'), { recursive: true });
  writeFileSync(file('node_modules/.bin/mesh-ca'), `#!/bin/sh\nexec ${process.execPath} ${command.cli} "$@"\n`, { mode: 0o755 });
  const type = (line: string) =>
    run('bash', ['-c', line], { cwd: folder, env: { ...env, HOME: kube.env.HOME, PATH: env.PATH }, timeout: 120_000 });
  const synthesize = async () => ok(await type('node_modules/.bin/mesh-ca synth'));
  let config: Record<string, unknown> = base;
  const change = (text: string, name = 'mesh-ca.yaml') => {
    const changed = lay(config, parse(text) as Record<string, unknown>);
    writeFileSync(file(name), stringify(changed));
    if (name === 'mesh-ca.yaml') config = changed;
  };
  const rootFile = async () => {
    const secret = (await kube.get(['secret', 'istio-root-ca', '-n', 'cert-manager'])) as { data: Record<string, string> };
    return unbase64(secret.data['ca.cert.pem']!);
  };
  const istioCsr = async () => {
    for (const namespace of ['istio-system', 'cert-manager']) {
      await ensureNamespace(kube, namespace);
      const metadata = { name: 'istio-ca-root-cert', namespace };
      await kube.apply(JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'root-cert.pem': await rootFile() } }));
    }
  };
  const timePasses = async () => {
    const mount = 'sys/mounts/istioca-cluster-1';
    const description = String(dataOf((await vault.request('GET', mount)).body).description);
    await vault.request('POST', `${mount}/tune`, { description: description.replaceAll(/=2\d{3}-[^ \]]*/g, '=2020-01-01T00:00:00Z') });
  };
  const { csr } = await makeCsr(['URI:spiffe://cluster.local/ns/foo/sa/sleep']);
  const signed: string[] = [];
  /** What is signed now, and what was since the last wait, verifies to what is handed out now. */
  const holds = async () => {
    const { body } = await vault.request('POST', 'istioca-cluster-1/sign/cluster-1', { csr, ttl: '1h' });
    const { certificate, ca_chain } = dataOf(body) as { certificate: string; ca_chain: string[] };
    signed.push([certificate, ...ca_chain].join('\n'));
    for (const chain of signed) ok(await verifyChain(chain, await rootFile()));
  };

  change('{}');
  await synthesize();
  for (const name of ['root', 'cluster-1']) ok(await type(`bash dist/${name}/setup.sh`));
  await istioCsr();
  await deployIstiod(kube, {});
  const controller = playController(kube, () => Promise.resolve());
  try {
    const [, section = ''] = /## 6\. Later: another root\n([^]*?)\n## /.exec(readFileSync(file('dist/README.md'), 'utf8')) ?? [];
    const fences = [...section.matchAll(/^```(sh|yaml)\n([^]*?)^```$/gm)].map(([, kind = '', body = '']) => ({ kind, body }));
    expect(fences.map(({ kind }) => kind).join(' ')).toBe('sh yaml sh yaml sh sh yaml sh sh sh');
    const typed: string[] = [];
    for (const [at, { kind, body }] of fences.entries()) {
      // the copy is next-2.yaml; before the names of the files change, the first wait is over.
      if (kind === 'yaml') change(body, at === 1 ? 'next-2.yaml' : 'mesh-ca.yaml');
      if (kind === 'yaml' && at > 1) {
        await synthesize();
        expect(readFileSync(file('dist/README.md'), 'utf8')).toContain('**A change of the root is under way:**');
      }
      if (at === 5) await timePasses();
      if (at === 8) {
        await timePasses();
        signed.splice(0);
        await holds();
        delete (config.root as Record<string, unknown>).alsoTrust;
        change('{}');
        await synthesize();
      }
      if (kind !== 'sh') continue;
      for (const line of body.trimEnd().replaceAll('\\\n', '').split('\n')) {
        const result = await type(line);
        expect([line, result.code, result.stderr]).toEqual([line, 0, expect.not.stringContaining('error')]);
        typed.push(result.stdout);
        if (/setup\.sh$/.test(line) && existsSync(file('dist/cluster-1'))) await istioCsr();
        await holds();
      }
    }
    const said = typed.join('');
    expect(said).toMatch(/from \d{4}-\S+ on every workload of cluster-1 trusts /);
    expect(said).toContain('signed by cluster-1-g2, verified to the root: a workload');
    expect(said).toContain('removed: the CA cluster-1-g1');
    expect(new X509Certificate(await rootFile()).subject).toBe('CN=Mesh Root CA 2');
    expect(dataOf((await vault.request('LIST', 'istioca-cluster-1/keys')).body).keys).toHaveLength(1);
    ok(await type('bash dist/cluster-1/setup.sh --check'));
    // the former mounts are gone; the same lines of the text of today, which name the present ones, take nothing away.
    for (const [former, present] of [
      ['pki', 'pki-2'],
      ['pki-mesh', 'pki-mesh-2'],
    ] as const) {
      expect([former, (await vault.request('GET', `sys/mounts/${former}`)).status]).toEqual([former, 400]);
      const [, change = ''] = /## 6\. Later: another root\n([^]*?)\n## /.exec(readFileSync(file('dist/README.md'), 'utf8')) ?? [];
      const today = new RegExp(`^vault read .*vault secrets disable ${present}$`, 'm').exec(change)?.[0] ?? 'no line';
      expect([today, await type(today)]).toMatchObject([today, { code: 1, stdout: '', stderr: '' }]);
      expect([present, (await vault.request('GET', `sys/mounts/${present}`)).status]).toEqual([present, 200]);
    }
  } finally {
    await controller.stop();
  }
});
