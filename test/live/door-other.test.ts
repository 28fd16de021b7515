// The ways in of other worlds: a client's certificate, which all runs here, and an IAM role, where AWS itself is played.
import { type PrivateCa, makeCa, ok, startCertManager, startVaultServer, tempDir, type VaultServer } from './harness';
import { clientOf, showClient } from './mesh/client';
import { type Sts, startSts } from './mesh/sts';
import { readiness, setUp, signs, trouble, type VaultMesh } from './mesh/vault-mesh';
import { configs, dataOf, startServers, stateOf } from './world';

const { kube, devVault } = startServers();
const issuer = ['issuer', 'vault-issuer', '-n', 'istio-system'];
const roleArn = 'arn:aws:iam::123456789012:role/mesh-ca';
const running: { stop(): Promise<void> }[] = [];
let sts: Sts;
beforeAll(async () => {
  sts = await startSts(kube(), { roleArn, account: 'system:serviceaccount:istio-system:vault-issuer' });
  running.push(sts, await startCertManager(kube(), { env: { AWS_ENDPOINT_URL_STS: sts.url } }));
}, 120_000);
afterAll(async () => {
  for (const one of running.reverse()) await one.stop();
});
beforeEach(async () => {
  await kube().kubectl(['delete', ...issuer]);
});

const applyIssuer = (mesh: VaultMesh) => kube().apply(mesh.dist.text('cluster-1/manifests/1-issuer/issuer.yaml'));

describe('a certificate', () => {
  let vault: VaultServer;
  let mesh: VaultMesh;
  let ca: PrivateCa;

  beforeAll(async () => {
    ca = await makeCa(tempDir('clients'), 'CA of clients');
    vault = await startVaultServer();
    running.push(vault);
    mesh = await setUp(
      {
        ...configs.recommended,
        vault: { ...configs.recommended.vault, caBundle: vault.caPem },
        auth: 'clientCertificate',
        clientCertificate: { certificate: ca.caPem, allowedNames: ['cert-manager.cluster-1.example.com'] },
      },
      vault,
      [kube()],
    );
  }, 180_000);

  test('logs in by setup.sh and by cert-manager, signs, and leaves nothing in Vault; a second run changes nothing', async () => {
    const waiting = await mesh.world.script('cluster-1');
    expect(ok(waiting)).toContain(
      'not tried: Secret istio-system/cert-manager-vault-client with tls.crt and tls.key is not in the cluster yet',
    );
    await showClient(kube(), await clientOf(ca, 'cert-manager.cluster-1.example.com'));
    const state = await stateOf(vault, mesh.world.cluster);
    expect(ok(await mesh.world.script('cluster-1'))).toContain('signed, verified to the root: a workload');
    expect(await stateOf(vault, mesh.world.cluster)).toEqual(state);
    const tokens = async () => (dataOf((await vault.request('LIST', 'auth/token/accessors')).body).keys as string[]).length;
    const before = await tokens();
    await applyIssuer(mesh);
    expect(await readiness(kube(), issuer)).toBe('Vault verified');
    await signs(kube(), mesh);
    expect(await tokens()).toBe(before);
  });

  test.each([
    ['another name of the same CA', 'other.example.com', false, /no chain matching all constraints|invalid certificate/],
    ['the right name of another CA', 'cert-manager.cluster-1.example.com', true, /invalid certificate|no client certificate/],
  ])('%s is refused by Vault: the trial says so, and so does the Issuer', async (_what, name, foreign, says) => {
    await showClient(kube(), await clientOf(foreign ? await makeCa(tempDir('foreign'), 'CA of clients') : ca, name));
    const { code, stderr } = await mesh.world.script('cluster-1');
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(says) as string });
    expect(stderr).toContain(
      'the login with the certificate in istio-system/cert-manager-vault-client failed, cert-manager could not log in either',
    );
    await applyIssuer(mesh);
    expect(await trouble(kube(), issuer, says)).toMatch(says);
  });

  test('what was widened by hand in Vault is put back', async () => {
    await showClient(kube(), await clientOf(ca, 'cert-manager.cluster-1.example.com'));
    const { path } = mesh.world.cluster.auth;
    const before = await stateOf(vault, mesh.world.cluster);
    await vault.request('POST', path, { certificate: ca.caPem, allowed_names: ['*'], token_policies: ['root-like'] });
    const planned = ok(await mesh.world.script('cluster-1', ['--plan']));
    expect(planned).toMatch(/allowed_names: is \["\*"\], planned \["cert-manager.cluster-1.example.com"\]/);
    ok(await mesh.world.script('cluster-1'));
    expect(await stateOf(vault, mesh.world.cluster)).toEqual(before);
  });
});

test('an IAM role: cert-manager takes it with its service account, Vault asks (a played) AWS who that is, and it signs', async () => {
  const vault = await devVault({ audit: true });
  const mesh = await setUp(
    {
      ...configs.recommended,
      auth: 'aws',
      aws: { iamRoleArn: roleArn, region: 'eu-central-1', vaultHeaderValue: 'vault.example.com', resolveAwsUniqueIds: false },
    },
    vault,
    [kube()],
  );
  const again = await mesh.world.script('cluster-1');
  expect(ok(again)).toContain('not tried: AWS gives the IAM role to service account istio-system/vault-issuer alone');
  const config = 'auth/aws-cluster-1/config/client';
  expect(dataOf((await vault.request('GET', config)).body)).toMatchObject({
    sts_endpoint: 'https://sts.eu-central-1.amazonaws.com',
    sts_region: 'eu-central-1',
    iam_server_id_header_value: 'vault.example.com',
  });
  // AWS is not to be had here.
  await vault.request('POST', config, { sts_endpoint: sts.url, sts_region: 'eu-central-1' });
  await applyIssuer(mesh);
  expect(await readiness(kube(), issuer)).toBe('Vault verified');
  await signs(kube(), mesh);
  const identity = sts.asked.find(({ action }) => action === 'GetCallerIdentity');
  expect(identity?.headers).toMatchObject({
    'x-vault-aws-iam-server-id': 'vault.example.com',
    host: 'sts.eu-central-1.amazonaws.com',
    authorization: expect.stringMatching(/\/eu-central-1\/sts\/aws4_request, SignedHeaders=.*x-vault-aws-iam-server-id/) as string,
  });

  // a Vault of another name, to which the login was not signed.
  await vault.request('POST', config, { iam_server_id_header_value: 'other.example.com' });
  await kube().kubectl(['delete', ...issuer]);
  await applyIssuer(mesh);
  expect(await trouble(kube(), issuer, /other\.example\.com/)).toMatch(/expected "?other\.example\.com/);
});
