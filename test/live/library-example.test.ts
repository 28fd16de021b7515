// The library example of the README, run as it stands but for Vault's address and the folder: what it writes must work together on a real
// Vault, a real API server and a real cert-manager. istio-csr's requests are simulated from the example's Helm values.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import * as ts from 'typescript';
import * as library from '../../src';
import {
  keptProgram,
  ensureNamespace,
  type Kube,
  ok,
  run,
  startCertManager,
  startKube,
  startVaultDev,
  tempDir,
  type Vault,
} from './harness';
import { makeCsr, verifyChain } from './mesh/certificates';
import { askCertManager, helmValues } from './mesh/istio-csr';
import { readiness } from './mesh/vault-mesh';
import { makeRoot } from './world';

jest.setTimeout(180_000);
const running: { stop(): Promise<void> }[] = [];
let folder: string;
let kube: Kube;
let vault: Vault;
let root: Awaited<ReturnType<typeof makeRoot>>;
beforeAll(async () => {
  [vault, kube] = [await startVaultDev(), await startKube()];
  running.push(vault, kube, await startCertManager(kube));
}, 45 * 60_000);
afterAll(async () => {
  for (const one of running.reverse()) await one.stop();
});

/** Runs the example, which reads root.pem and writes out/, both in a folder of the test's. */
function runExample(): void {
  const source = readFileSync('test/consumer/main.ts', 'utf8')
    .replace('https://vault.example.com:8200', vault.addr)
    .replace("'root.pem'", JSON.stringify(root.cert))
    .replace("'out'", JSON.stringify(join(folder, 'out')));
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  const native = createRequire(__filename);
  const load = (name: string): unknown =>
    name === 'cdk8s-mesh-ca' ? library : name === 'cdk8s' ? jest.requireActual('cdk8s') : native(name);
  // jest's own Function, so that the example's objects are of the same realm as the library's.
  const example = Reflect.construct(Function, ['require', 'exports', outputText]) as (require: typeof load, exports: object) => void;
  example(load, {});
}

const out = (file: string) => readFileSync(join(folder, 'out', file), 'utf8');

test('the example’s Issuer signs at the path that the example’s script makes', async () => {
  folder = tempDir('example');
  mkdirSync(join(folder, 'root'));
  root = await makeRoot(join(folder, 'root'));
  runExample();

  for (const name of ['istio-system', 'cert-manager']) await ensureNamespace(kube, name);
  await kube.apply(out('cluster-1.k8s.yaml'));
  const kubectl = await keptProgram('kubectl');
  const env = {
    ...vault.env,
    KUBECONFIG: kube.kubeconfig,
    PATH: [dirname(vault.bin), dirname(kubectl), process.env.PATH].join(delimiter),
  };
  const script = (name: string, ...args: string[]) =>
    run('bash', [`out/${name}/setup.sh`, ...args], { cwd: folder, env, timeout: 120_000 });
  ok(await script('root', '--root-cert', root.cert, '--root-key', root.key));
  // it ends with a login as the service account, and signatures at the sign path.
  const said = ok(await script('cluster-1'));
  expect(said).toContain('refused, as it must be: a workload of another trust domain');
  expect(said).toContain('cluster cluster-1 is ready in Vault');

  expect(await readiness(kube, ['issuer', 'vault-issuer', '-n', 'istio-system'])).toBe('Vault verified');
  const values = helmValues(out('cluster-1/istio-csr.values.yml'));
  const workload = await makeCsr(['URI:spiffe://example.com/ns/foo/sa/sleep']);
  const signed = await askCertManager(kube, values, workload.csr);
  expect(signed).toMatchObject({ reason: 'Issued' });
  ok(await verifyChain(signed.certificate, root.pem));
});
