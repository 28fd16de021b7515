// What the Issuer can be and how it reaches Vault: real Vault with TLS, real API server, real cert-manager.
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { synthesize } from '../../src/synth';
import { freePort, ok, run, startCertManager, startVaultServer, tempDir } from './harness';
import type { VaultServer } from './harness';
import { base64, helmValues, istiodCertificate } from './mesh/istio-csr';
import { readiness, setUp, signs, trouble, type VaultMesh } from './mesh/vault-mesh';
import { configs, noSecrets, startServers } from './world';

const { kube, devVault, endAfterTest } = startServers();
const running: { stop(): Promise<void> }[] = [];
beforeAll(async () => {
  running.push(await startCertManager(kube()));
}, 120_000);
afterAll(async () => {
  for (const one of running.reverse()) await one.stop();
});

/** A certificate and its key that vouch for themselves, for a client. */
async function makeClient(): Promise<{ cert: string; key: string }> {
  const folder = tempDir('client');
  const [cert, key] = [join(folder, 'client.crt'), join(folder, 'client.key')];
  const subject = ['-subj', '/CN=cert-manager', '-days', '1', '-addext', 'extendedKeyUsage=clientAuth'];
  ok(await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...subject]));
  return { cert, key };
}

/** The Issuer's manifest of a config. */
function issuerOf(config: MeshCaConfig): string {
  const file = synthesize(planMeshCa(config)).find(({ path }) => path === 'cluster-1/manifests/1-issuer/issuer.yaml');
  if (!file) throw new Error('dist/ has no Issuer');
  return file.content;
}

const issuer = ['issuer', 'vault-issuer', '-n', 'istio-system'];
const secret = (name: string, data: Record<string, string>) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'istio-system' },
    data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, base64(text)])),
  });
const read = async (file: string) => ok(await run('cat', [file]));

describe('a Vault with TLS', () => {
  let vault: VaultServer;
  let client: Awaited<ReturnType<typeof makeClient>>;
  let mesh: VaultMesh;
  beforeAll(async () => {
    client = await makeClient();
    vault = await startVaultServer({ clientCaFile: client.cert });
    running.push(vault);
    const config = {
      ...configs.recommended,
      auth: 'jwt',
      vault: { ...configs.recommended.vault, caBundleSecretRef: { name: 'vault-ca' } },
    } as const;
    // the scripts read no Secret: VAULT_CACERT is the operator's.
    mesh = await setUp(config, vault, [kube()]);
  }, 180_000);
  beforeEach(async () => {
    await kube().kubectl(['delete', ...issuer]);
  });

  test('caBundleSecretRef: the Issuer waits for the Secret, then reaches Vault by it, and signs', async () => {
    await kube().apply(mesh.dist.text('cluster-1/manifests/1-issuer/issuer.yaml'));
    expect(await trouble(kube(), issuer, /vault-ca/)).toContain("could not access secret 'istio-system/vault-ca'");
    await kube().apply(secret('vault-ca', { 'ca.crt': vault.caPem }));
    expect(await readiness(kube(), issuer)).toBe('Vault verified');
    await signs(kube(), mesh);
  });

  test('serverName: where the address is not of the certificate, the name is what cert-manager and the script check', async () => {
    // only another address: what comes goes to Vault as it is.
    const port = await freePort();
    const forward = createServer(socket => {
      const there = connect(Number(new URL(vault.addr).port), '127.0.0.1');
      socket.pipe(there).pipe(socket);
      for (const end of [socket, there]) end.on('error', () => [socket, there].map(one => one.destroy()));
    });
    await new Promise<void>(resolve => forward.listen(port, '127.0.0.2', resolve));
    endAfterTest({ stop: () => new Promise(resolve => forward.close(() => resolve())) });
    const server = `https://127.0.0.2:${port}`;
    const { root: _root, ...config } = configs.recommended;
    const reach = { server, caBundle: vault.caPem };
    await kube().apply(issuerOf({ ...config, vault: reach }));
    expect(await trouble(kube(), issuer, /x509/)).toContain('not 127.0.0.2');
    await kube().apply(issuerOf({ ...config, vault: { ...reach, serverName: 'localhost' } }));
    expect(await readiness(kube(), issuer)).toBe('Vault verified');
    await signs(kube(), mesh);

    const plan = planMeshCa({ ...config, vault: { ...reach, serverName: 'localhost' } });
    for (const { path, content, kind } of synthesize(plan))
      if (kind === 'script') writeFileSync(join(mesh.world.folder, 'dist', path), content);
    const none = { VAULT_ADDR: undefined, VAULT_CACERT: undefined };
    for (const name of ['root', 'cluster-1']) {
      expect(ok(await mesh.world.script(name, ['--plan'], none)).split('\n')[0]).toBe(`Vault: ${server}`);
    }
    const other = await mesh.world.script('cluster-1', [], { ...none, VAULT_TLS_SERVER_NAME: 'other.example' });
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('not other.example') as string });
  });

  test('clientCertSecretRef: a listener that asks for a certificate is shown it', async () => {
    const { root: _root, ...config } = configs.recommended;
    const reach = { server: vault.clientAddr, caBundle: vault.caPem };
    await kube().apply(issuerOf({ ...config, vault: reach }));
    await trouble(kube(), issuer, /certificate required|bad certificate|tls:/);
    const refs = { clientCertSecretRef: { name: 'vault-client' }, clientKeySecretRef: { name: 'vault-client' } };
    await kube().apply(secret('vault-client', { 'tls.crt': await read(client.cert), 'tls.key': await read(client.key) }));
    await kube().apply(issuerOf({ ...config, vault: { ...reach, ...refs } }));
    expect(await readiness(kube(), issuer)).toBe('Vault verified');
    await signs(kube(), mesh);
  });

  test("the API server's strict validation takes a namespace of Vault in the Issuer", async () => {
    const { root: _root, ...config } = configs.recommended;
    const reach = { server: vault.addr, caBundle: vault.caPem, namespace: 'admin/mesh' };
    // what Vault makes of it is not seen here: Vault 1.13 without Enterprise has none.
    for (const issuerKind of ['Issuer', 'ClusterIssuer'] as const) {
      await kube().apply(issuerOf({ ...config, vault: reach, certManager: { issuerKind } }));
      const what = issuerKind === 'Issuer' ? issuer : ['clusterissuer', 'vault-issuer'];
      expect(await kube().get(what)).toMatchObject({ kind: issuerKind, spec: { vault: { namespace: 'admin/mesh' } } });
      ok(await kube().kubectl(['delete', ...what]));
    }
  });
});

describe.each(['jwt', 'appRole', 'kubernetes'] as const)('a ClusterIssuer, auth %s', auth => {
  const clusterIssuer = ['clusterissuer', 'vault-issuer'];

  test("is Ready with its Secret or service account in cert-manager's namespace, signs, and verify.sh finds it", async () => {
    await noSecrets(kube());
    const vault = await devVault();
    const config = { ...configs[auth === 'jwt' ? 'recommended' : auth], certManager: { issuerKind: 'ClusterIssuer' } } as const;
    const mesh = await setUp(config, vault, [kube()]);
    ok(await mesh.run('kubectl', ['--context', 'cluster-1', 'apply', '--validate=strict', '-f', 'dist/cluster-1/manifests/1-issuer']));
    expect(await readiness(kube(), clusterIssuer)).toBe('Vault verified');
    await signs(kube(), mesh);
    expect(await kube().get(issuer)).toBeUndefined();

    const value = helmValues(mesh.dist.text('cluster-1/istio-csr.values.yml'));
    expect(value('app.certmanager.issuer.kind')).toBe('ClusterIssuer');
    await kube().apply(JSON.stringify(istiodCertificate(value)));
    await readiness(kube(), ['certificate', 'istiod', '-n', 'istio-system']);
    const { stdout } = await mesh.run('bash', ['dist/cluster-1/verify.sh', '--json']);
    const lines = stdout.trim().split('\n');
    const found = lines.map(line => JSON.parse(line) as { check: string; status: string });
    expect(found.filter(({ check }) => ['issuer', 'istiod certificate', 'istiod-tls'].includes(check)).map(({ status }) => status)).toEqual(
      ['ok', 'ok', 'ok'],
    );
    for (const what of [clusterIssuer, ['certificate', 'istiod', '-n', 'istio-system'], ['secret', 'istiod-tls', '-n', 'istio-system']]) {
      ok(await kube().kubectl(['delete', ...what]));
    }
    // nothing collects garbage here, and the next Certificate of this name would wait for this one's request.
    ok(await kube().kubectl(['delete', 'certificaterequests', '--all', '-n', 'istio-system']));
  });
});

describe.each(['Issuer', 'ClusterIssuer'] as const)('the audience: %s', issuerKind => {
  test.each(['jwt', 'kubernetes'] as const)("auth %s: a token with the other kind's audience is refused by Vault", async auth => {
    const vault = await devVault();
    const config = { ...configs[auth === 'jwt' ? 'recommended' : auth], certManager: { issuerKind } } as const;
    const { world } = await setUp(config, vault, [kube()]);
    const way = world.cluster.auth;
    if (way.method !== auth) throw new Error(`auth is ${way.method}, not ${auth}`);
    const namespace = issuerKind === 'Issuer' ? 'istio-system' : 'cert-manager';
    const login = async (audience: string) => {
      const made = await kube().kubectl(['create', 'token', way.serviceAccount.name, '-n', namespace, `--audience=${audience}`]);
      return (await vault.request('POST', `auth/${way.mount}/login`, { role: way.role, jwt: ok(made).trim() }, '')).status;
    };
    const [own, other] = ['vault://istio-system/vault-issuer', 'vault://vault-issuer'].sort(one =>
      one.includes('istio-system') === (issuerKind === 'Issuer') ? -1 : 1,
    );
    expect({ own: await login(own ?? ''), other: await login(other ?? '') }).toEqual({ own: 200, other: expect.any(Number) as number });
    expect(await login(other ?? '')).toBeGreaterThanOrEqual(400);
  });
});
