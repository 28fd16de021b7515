// A root is replaced below a policy CA, under a real cert-manager that is asked all the time. What is played stands in mesh/root-change.ts.
import type { MeshCaConfig } from '../../src/config/config';
import type { ClusterPlan } from '../../src/plan/plan';
import { type Kube, ok, startCertManager, until } from './harness';
import { certificates } from './mesh/certificates';
import { writeDist } from './mesh/dist';
import { askCertManager, helmValues } from './mesh/istio-csr';
import { ChangingMesh } from './mesh/root-change';
import { readiness } from './mesh/vault-mesh';
import { configs, rootFiles, startServers } from './world';

const { kube, devVault, endAfterTest } = startServers();
const config: MeshCaConfig = { ...configs.recommended, policyCas: [{ name: 'policy' }] };

/** Has cert-manager sign, as istio-csr does. */
const signedByCertManager = (values: () => string) => async (_cluster: ClusterPlan, csr: string) => {
  const { reason, message, certificate } = await askCertManager(kube(), helmValues(values()), csr);
  if (reason !== 'Issued') throw new Error(message);
  const [leaf = '', ...chain] = certificates(certificate);
  return { leaf, chain };
};

/** Applies the Issuer of a phase; gives the values of istio-csr. */
async function issuer(one: Kube, mesh: ChangingMesh): Promise<string> {
  const { folder, plan } = await mesh.at('before');
  const dist = writeDist(folder, plan);
  ok(await one.kubectl(['apply', '-f', `${folder}/dist/cluster-1/manifests/1-issuer`]));
  await readiness(one, ['issuer', 'vault-issuer', '-n', 'istio-system']);
  return dist.text('cluster-1/istio-csr.values.yml');
}

test('cert-manager signs every request while a root and the policy CA below it are replaced, and each certificate verifies', async () => {
  let values = '';
  const mesh = await ChangingMesh.make(
    await devVault(),
    { 'cluster-1': kube() },
    config,
    signedByCertManager(() => values),
  );
  ok(await mesh.script('before', 'root', rootFiles(mesh.a)));
  ok(await mesh.script('before', 'cluster-1'));
  await mesh.istioCsr();
  endAfterTest(await startCertManager(kube()));
  values = await issuer(kube(), mesh);

  const asking = { on: true, signed: 0 };
  /** Asks until it is told to stop; a request that is not signed ends it. */
  const askedAllTheTime = (async () => {
    while (asking.on) {
      await mesh.issue('before');
      asking.signed++;
    }
  })();
  const step = async () => {
    const { signed } = asking;
    // one that began before the step may have been signed by the CA before it.
    await Promise.race([askedAllTheTime, until('two more certificates', () => asking.signed >= signed + 2)]);
    await mesh.connects();
  };
  try {
    await step();
    ok(await mesh.script('trustBoth', 'cluster-1'));
    await step();
    await mesh.istioCsr();
    ok(await mesh.script('trustBoth', 'cluster-1'));
    await step();
    ok(await mesh.script('switched', 'root', rootFiles(mesh.b)));
    await mesh.wait('trustBoth');
    ok(await mesh.script('switched', 'cluster-1'));
    await step();
    await mesh.wait('switched');
    ok(await mesh.script('dropped', 'cluster-1'));
    await mesh.istioCsr();
    ok(await mesh.script('dropped', 'cluster-1'));
    ok(await mesh.script('dropped', 'cluster-1', ['--retire']));
    await step();
  } finally {
    asking.on = false;
    await askedAllTheTime;
  }
  expect(mesh.lastSigners()).toEqual(['policy Mesh Policy CA', 'Root B']);
  process.stderr.write(`root changed under cert-manager: ${asking.signed} requests, all signed, ${await mesh.connects()} pairs verified\n`);
}, 600_000);
