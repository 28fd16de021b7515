// From the scripts to a workload's certificate: real Vault, real API server, real cert-manager. istio-csr is played (mesh/istio-csr.ts).
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configDump } from '../fixtures/verify/mesh';
import { buildPrograms, type Kube, ok, startCertManager, startKube, startVaultDev, startVaultServer, type Vault } from './harness';
import { certificates, type Csr, fingerprints, makeCsr, verifyChain } from './mesh/certificates';
import { answer, askCertManager, helmValues, type HelmValue, istiodCertificate, rootFileOf, unbase64 } from './mesh/istio-csr';
import { readiness, setUp, type VaultMesh } from './mesh/vault-mesh';
import { configs, dataOf } from './world';

jest.setTimeout(120_000);
beforeAll(() => buildPrograms(), 45 * 60_000);

const workload = 'URI:spiffe://cluster.local/ns/foo/sa/sleep';
const istiod = ['DNS:istiod.istio-system.svc', 'URI:spiffe://cluster.local/ns/istio-system/sa/istiod-service-account'];
const names = (pem: string) => new X509Certificate(pem).subjectAltName?.split(', ');

describe.each([
  ['recommended', 'in dev mode', 'root'],
  ['kubernetes', 'in dev mode', 'root'],
  ['appRole', 'in dev mode', 'root'],
  ['guide', 'in dev mode', 'intermediate'],
  ['recommended', 'with TLS by a private CA and file storage', 'root'],
] as const)('the %s config, a Vault %s', (name, mode, rootFileHolds) => {
  const running: { stop(): Promise<void> }[] = [];
  let kube: Kube;
  let vault: Vault;
  let mesh: VaultMesh;
  let value: HelmValue;
  let intermediate: string;

  beforeAll(async () => {
    const tls = mode === 'in dev mode' ? undefined : await startVaultServer();
    vault = tls ?? (await startVaultDev());
    kube = await startKube();
    running.push(vault, kube, await startCertManager(kube));
    // the private CA of Vault reaches scripts and cert-manager through the config alone.
    const config = { ...configs[name], vault: { ...configs[name].vault, caBundle: tls?.caPem } };
    mesh = await setUp(config, vault, [kube], { VAULT_CACERT: undefined });
    value = helmValues(mesh.dist.text('cluster-1/istio-csr.values.yml'));
    intermediate = String(dataOf((await vault.request('GET', `${mesh.world.cluster.intermediate.mount}/issuer/default`)).body).certificate);
    ok(await mesh.run('kubectl', ['--context', 'cluster-1', 'apply', '--validate=strict', '-f', 'dist/cluster-1/manifests/1-issuer']));
    await readiness(kube, ['issuer', 'vault-issuer', '-n', 'istio-system']);
    // as istio-csr's chart makes it of our values.
    await kube.apply(JSON.stringify(istiodCertificate(value)));
    await readiness(kube, ['certificate', 'istiod', '-n', 'istio-system']);
  });
  afterAll(async () => {
    for (const one of running.reverse()) await one.stop();
  });

  /** Has a certificate signed, as istio-csr's for one of its clients. */
  const signed = async ({ csr }: Csr) => {
    const found = await askCertManager(kube, value, csr);
    expect(found).toMatchObject({ reason: 'Issued' });
    return found;
  };

  test('the Issuer is Ready: "Vault verified"', async () => {
    expect(await readiness(kube, ['issuer', 'vault-issuer', '-n', 'istio-system'])).toBe('Vault verified');
  });

  test(`the Secret istio-root-ca holds the ${rootFileHolds}`, async () => {
    const wanted = { root: mesh.root, intermediate }[rootFileHolds];
    expect(fingerprints(await rootFileOf(kube, mesh.world.cluster))).toEqual(fingerprints(wanted));
  });

  test("istiod's Certificate, as istio-csr's chart makes it of our values, is issued", async () => {
    const secret = (await kube.get(['secret', 'istiod-tls', '-n', 'istio-system'])) as { type: string; data: Record<string, string> };
    const chain = unbase64(secret.data['tls.crt'] ?? '');
    expect(secret.type).toBe('kubernetes.io/tls');
    expect(names(chain)).toEqual(istiod);
    expect(new X509Certificate(chain).subject).toBe('CN=istiod.istio-system.svc');
    expect(fingerprints(chain).slice(1)).toEqual(fingerprints(intermediate));
    expect(fingerprints(unbase64(secret.data['ca.crt'] ?? ''))).toEqual(fingerprints(mesh.root));
    ok(await verifyChain(chain, mesh.root));
  });

  test.each([
    ["istio-csr's own server", ['DNS:cert-manager-istio-csr.cert-manager.svc'], undefined],
    ['istiod', istiod, 'istiod.istio-system.svc'],
    ['a workload', [workload], undefined],
  ] as const)('a request of istio-csr for %s is signed, and OpenSSL verifies it to the root', async (_what, wanted, commonName) => {
    const { certificate, ca } = await signed(await makeCsr(wanted, commonName));
    const leaf = new X509Certificate(certificate);
    expect(names(certificate)).toEqual(wanted);
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    // an hour, and the half minute by which Vault dates it back.
    expect(Date.parse(leaf.validTo) - Date.parse(leaf.validFrom)).toBeLessThanOrEqual(3_631_000);
    expect(fingerprints(certificate)).toEqual([leaf.fingerprint256, ...fingerprints(intermediate)]);
    expect(fingerprints(ca)).toEqual(fingerprints(mesh.root));
    ok(await verifyChain(certificate, mesh.root));
    // the check can fail: without the intermediate there is no way to the root.
    expect((await verifyChain(leaf.toString(), mesh.root)).stderr).toContain('unable to get local issuer certificate');
  });

  test("a request for another trust domain fails, with Vault's own message", async () => {
    const { csr } = await makeCsr([workload.replace('cluster.local', 'other.example')]);
    const refused = await askCertManager(kube, value, csr);
    expect(refused).toMatchObject({ reason: 'Failed', certificate: '' });
    expect(refused.message).toMatch(
      /Vault failed to sign certificate.*URI Subject Alternative Names were provided via CSR which are not valid for this role/s,
    );
  });

  const [outcome, verdict] = rootFileHolds === 'root' ? (['is', 'ok'] as const) : (['is NOT, as on the page itself,', 'fail'] as const);

  test(`the guide's last check: a workload's ROOTCA ${outcome} the root given at the start; verify.sh says so`, async () => {
    const rootFile = await rootFileOf(kube, mesh.world.cluster);
    const { chain, rootCa } = await answer(await signed(await makeCsr([workload])), rootFile);
    const [root] = fingerprints(mesh.root);
    const [ca] = fingerprints(intermediate);
    expect(fingerprints(chain).slice(1)).toEqual([ca, rootFileHolds === 'root' ? root : ca]);
    expect(fingerprints(rootCa)).toEqual([rootFileHolds === 'root' ? root : ca]);

    // what a client with this ROOTCA makes of istio-csr's own server.
    const { code, stderr } = await verifyChain(
      (await signed(await makeCsr(['DNS:cert-manager-istio-csr.cert-manager.svc']))).certificate,
      rootCa,
    );
    expect({ code, stderr }).toEqual(
      rootFileHolds === 'root'
        ? { code: 0, stderr: '' }
        : { code: 2, stderr: expect.stringContaining('unable to get issuer certificate') as string },
    );

    // istio-csr writes its root file into each namespace. The sidecar's secrets reach real istioctl as a dump of Envoy's.
    await kube.apply(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'istio-ca-root-cert', namespace: 'istio-system' },
        data: { 'root-cert.pem': rootFile },
      }),
    );
    writeFileSync(join(mesh.world.folder, 'dump.json'), JSON.stringify(configDump(certificates(chain).join(''), rootCa)));
    const checked = await mesh.run('bash', ['dist/cluster-1/verify.sh', '--config-dump', 'dump.json', '--json']);
    const lines = checked.stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as { check: string; status: string });
    const ours = /^(root|issuer|istiod certificate|istiod-tls|istio-csr root file|istio-ca-root-cert in .*|workload .*)$/;
    expect(Object.fromEntries(lines.map(({ check, status }) => [check, status]).filter(([check]) => ours.test(check ?? '')))).toEqual({
      root: 'ok',
      issuer: 'ok',
      'istio-csr root file': verdict,
      'istiod certificate': 'ok',
      'istiod-tls': 'ok',
      'istio-ca-root-cert in istio-system': verdict,
      'workload chain': 'ok',
      'workload name': 'ok',
      'workload ROOTCA': verdict,
    });
    // no pods run here, so istio-csr and istiod themselves are missing, and that is no success.
    expect(checked.code).toBe(1);
  });
});
