// Two policy CAs between the root and the intermediate, through a real cert-manager to a workload's certificate; and every key type at every
// level, to the trial that setup.sh ends with. istio-csr is played (mesh/istio-csr.ts).
import { X509Certificate } from 'node:crypto';
import { buildPrograms, type Kube, ok, startCertManager, startKube, startVaultDev, type Vault } from './harness';
import { certificates, fingerprints, makeCsr, verifyChain } from './mesh/certificates';
import { answer, askCertManager, helmValues, rootFileOf } from './mesh/istio-csr';
import { writeDist } from './mesh/dist';
import { readiness } from './mesh/vault-mesh';
import { configOf, newKey, offlineRoot } from './roots';
import { dataOf, makeWorld, rootFiles } from './world';

let vault: Vault;
let kube: Kube;
const running: { stop(): Promise<void> }[] = [];
jest.setTimeout(180_000);
beforeAll(async () => {
  await buildPrograms(['vault', 'etcd', 'kube-apiserver', 'kubectl', 'certmanager']);
  [vault, kube] = [await startVaultDev(), await startKube()];
  running.push(vault, kube, await startCertManager(kube));
}, 45 * 60_000);
afterAll(async () => {
  for (const one of running.reverse()) await one.stop();
});

test('a workload gets leaf, issuing CA, policy CAs, then the root file; OpenSSL verifies it to the root', async () => {
  const root = await offlineRoot({ commonName: 'Imported Root' });
  const config = configOf('chain', {
    policyCas: [
      { name: 'regional', keyType: 'ec' },
      { name: 'mesh', keyType: 'ec' },
    ],
  });
  const world = await makeWorld(config, vault, [kube]);
  const dist = writeDist(world.folder, world.plan);
  expect(ok(await world.script('root', rootFiles(root)))).toContain(
    '[13/13] mesh/issue: Issue the CA of pki-mesh from the CA in pki-regional',
  );
  expect(ok(await world.script('chain'))).toMatch(/signed, verified to the root: a workload/);
  const issuerOf = async (mount: string) => String(dataOf((await vault.request('GET', `${mount}/issuer/default`)).body).certificate);
  const [issuing, mesh, regional] = await Promise.all(['istioca-chain', 'pki-mesh', 'pki-regional'].map(issuerOf));
  expect([issuing, mesh, regional].map(pem => new X509Certificate(String(pem)).subject)).toEqual([
    'CN=chain Mesh Intermediate CA',
    'CN=mesh Mesh Policy CA',
    'CN=regional Mesh Policy CA',
  ]);

  ok(await kube.kubectl(['apply', '--validate=strict', '-f', `${world.folder}/dist/chain/manifests/1-issuer`]));
  await readiness(kube, ['issuer', 'vault-issuer', '-n', 'istio-system']);
  const rootFile = await rootFileOf(kube, world.cluster);
  expect(fingerprints(rootFile)).toEqual(fingerprints(root.pem));
  const { csr } = await makeCsr(['URI:spiffe://cluster.local/ns/foo/sa/sleep']);
  const signed = await askCertManager(kube, helmValues(dist.text('chain/istio-csr.values.yml')), csr);
  expect(signed.reason).toBe('Issued');
  // what cert-manager hands on: the chain without the root, and the root beside it.
  expect(fingerprints(signed.certificate).slice(1)).toEqual(fingerprints(`${issuing}${mesh}${regional}`));
  expect(fingerprints(signed.ca)).toEqual(fingerprints(root.pem));
  const sidecar = await answer(signed, rootFile);
  expect(fingerprints(sidecar.chain).slice(1)).toEqual(fingerprints(`${issuing}${mesh}${regional}${root.pem}`));
  expect(fingerprints(sidecar.rootCa)).toEqual(fingerprints(root.pem));
  ok(await verifyChain(sidecar.chain, root.pem));
  // without the policy CAs it does not: that they come along is what makes it verify.
  expect((await verifyChain(certificates(signed.certificate).slice(0, 2).join(''), root.pem)).code).not.toBe(0);
  expect((await world.script('root', ['--check'])).stdout).toContain('no drift');

  // a policy CA that was revoked is no CA as planned, and what the script says of another one is a way on.
  ok(await vault.vault(['write', '-f', 'pki-mesh/issuer/default/revoke']));
  const check = await world.script('root', ['--check']);
  expect([check.code, check.stderr]).toEqual([
    3,
    expect.stringMatching(
      /the CA 'mesh Mesh Policy CA', SHA-256 \S+ in pki-mesh is revoked; for another CA: choose another mount for it in policyCas/,
    ),
  ]);
  // the cluster below it knows too.
  const below = await world.script('chain', ['--check']);
  expect([below.code, below.stdout]).toEqual([
    3,
    expect.stringMatching(
      /note: the CA that signed it, 'mesh Mesh Policy CA', SHA-256 \S+ in pki-mesh, is revoked; [^]*\nbeside the plan, noted above: 1\n/,
    ),
  ]);
  const next = configOf('chain', {
    policyCas: [
      { name: 'regional', keyType: 'ec' },
      { name: 'mesh', keyType: 'ec', mount: 'pki-mesh-2' },
    ],
    intermediate: { generation: 2 },
  });
  const after = await makeWorld(next, vault, [kube]);
  ok(await after.script('root', rootFiles(root)));
  // without another generation it stays below the former one, which is said.
  const same = await makeWorld({ ...next, intermediate: {} }, vault, [kube]);
  const stays = await same.script('chain', ['--check']);
  expect([stays.code, stays.stdout]).toEqual([
    3,
    expect.stringMatching(/note: it was signed by another CA than the one in pki-mesh-2, 'mesh Mesh Policy CA', SHA-256 /),
  ]);
  expect(ok(await after.script('chain'))).toMatch(/signed, verified to the root: a workload/);
  // the policy CA before is in no plan any more, and its certificate is in the file beside the config: it is known.
  expect(ok(await after.script('root', ['--check']))).toContain('no drift');
});

const types = [
  ['rsa', 2048],
  ['rsa', 3072],
  ['rsa', 4096],
  ['ec', 256],
  ['ec', 384],
] as const;
// each type at each level: root, policy CA, intermediate, leaf; shifted so that RSA signs EC, and EC signs RSA, at each level.
const rows = types.map((_, i) => [0, 3, 1, 4].map(shift => types[(i + shift) % types.length] ?? types[0]));

test.each(rows.map(row => [row.map(([type, bits]) => `${type} ${bits}`).join(', '), row] as const))(
  'keys %s (root, policy CA, intermediate, leaf): signed, and verified to the root by OpenSSL',
  async (_, row) => {
    const [root, policy, intermediate, leaf] = row.map(([keyType, keyBits]) => ({ keyType, keyBits }));
    const name = `keys-${row.map(([type, bits]) => `${type}${bits}`).join('-')}`;
    const isGenerated = root?.keyType === 'ec';
    const config = configOf(name, {
      root: { mount: `pki-${name}`, ...(isGenerated && { source: 'generate', ...root }) },
      policyCas: [{ name: 'policy', mount: `policy-${name}`, ...policy }],
      intermediate,
      certificates: leaf,
    });
    const world = await makeWorld(config, vault, [kube]);
    const [type, bits] = row[0] ?? types[0];
    const files = isGenerated ? [] : rootFiles(await offlineRoot({ key: newKey(type, bits) }));
    ok(await world.script('root', files));
    const stdout = ok(await world.script(name));
    // the trial's own key is of the leaf's type, and OpenSSL verifies what is signed.
    expect(stdout.match(/signed, verified to the root: .*/g)).toEqual(
      ['istiod', "istio-csr's own server", 'a workload'].map(what => `signed, verified to the root: ${what}`),
    );
    const keyOf = async (mount: string) => {
      const { certificate } = dataOf((await vault.request('GET', `${mount}/issuer/default`)).body);
      const { asymmetricKeyType, asymmetricKeyDetails } = new X509Certificate(String(certificate)).publicKey;
      const curves: Readonly<Record<string, number>> = { prime256v1: 256, secp384r1: 384 };
      return [asymmetricKeyType, asymmetricKeyDetails?.modulusLength ?? curves[asymmetricKeyDetails?.namedCurve ?? '']];
    };
    expect(await Promise.all([`pki-${name}`, `policy-${name}`, `istioca-${name}`].map(keyOf))).toEqual(row.slice(0, 3));
    const [leafType, leafBits] = row[3] ?? types[0];
    expect(dataOf((await vault.request('GET', world.cluster.role.path)).body)).toMatchObject({
      key_type: leafType,
      key_bits: leafBits,
      key_usage: leafType === 'rsa' ? ['DigitalSignature', 'KeyEncipherment'] : ['DigitalSignature'],
    });
    expect(world.cluster.istioCsr.values).toMatchObject({
      'app.server.serving.signatureAlgorithm': leafType === 'rsa' ? 'RSA' : 'ECDSA',
      'app.server.serving.certificateKeySize': leafBits,
      'app.tls.istiodPrivateKeySize': leafBits,
    });
  },
);
