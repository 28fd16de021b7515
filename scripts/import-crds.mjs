// Makes imports/cert-manager.io.ts from cert-manager's own CRD: `node scripts/import-crds.mjs`, or with --check to fail where it has drifted.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';

const MODULE = 'github.com/cert-manager/cert-manager@v1.21.2';
const root = fileURLToPath(new URL('..', import.meta.url));
const target = join(root, 'imports/cert-manager.io.ts');

/** The Issuer's CRD with nothing but Vault in it, and without the texts: names and types are facts, the sentences are upstream's. */
function cutDown(crd) {
  const { group, names, scope, versions } = crd.spec;
  const [version] = versions;
  const { vault } = version.schema.openAPIV3Schema.properties.spec.properties;
  const schema = { type: 'object', required: ['spec'], properties: { spec: { type: 'object', properties: { vault } } } };
  return {
    apiVersion: crd.apiVersion,
    kind: crd.kind,
    metadata: { name: crd.metadata.name },
    spec: {
      group,
      names: { kind: names.kind, plural: names.plural },
      scope,
      versions: [{ name: version.name, served: true, storage: true, schema: { openAPIV3Schema: withoutTexts(schema) } }],
    },
  };
}

function withoutTexts(value) {
  if (Array.isArray(value)) return value.map(withoutTexts);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([key, child]) => key !== 'description' || typeof child !== 'string');
  return Object.fromEntries(kept.map(([key, child]) => [key, withoutTexts(child)]));
}

const { Dir } = JSON.parse(execFileSync('go', ['mod', 'download', '-json', MODULE], { cwd: tmpdir(), encoding: 'utf8' }));
const crd = parse(readFileSync(join(Dir, 'deploy/crds/cert-manager.io_issuers.yaml'), 'utf8'));
// a ClusterIssuer is written with the Issuer's types, so their specs must be one.
const other = parse(readFileSync(join(Dir, 'deploy/crds/cert-manager.io_clusterissuers.yaml'), 'utf8'));
const vaultOf = ({ spec }) => stringify(withoutTexts(spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.vault));
if (vaultOf(crd) !== vaultOf(other)) throw new Error('the vault block of a ClusterIssuer is not that of an Issuer: import both');
const folder = mkdtempSync(join(tmpdir(), 'import-crds-'));
try {
  writeFileSync(join(folder, 'crd.yaml'), stringify(cutDown(crd)));
  execFileSync(join(root, 'node_modules/.bin/cdk8s'), ['import', 'crd.yaml', '--language', 'typescript', '--output', '.'], {
    cwd: folder,
    env: { ...process.env, CDK8S_CHECK_UPGRADE: 'false' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const made = `// Made by scripts/import-crds.mjs from ${MODULE}. Do not edit.\n${readFileSync(join(folder, 'cert-manager.io.ts'), 'utf8')}`;
  if (!process.argv.includes('--check')) writeFileSync(target, made);
  else if (readFileSync(target, 'utf8') !== made) {
    console.error('imports/cert-manager.io.ts is not what the CRD gives: run node scripts/import-crds.mjs');
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true });
}
