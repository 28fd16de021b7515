// rotate-secret-id.sh under a real cert-manager that is asked all the time: real Vault, real API server, real Issuer.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { carryConfig, makeReadyWorld } from './carry';
import { ok, run, startCertManager, tempDir } from './harness';
import { makeCsr, verifyChain } from './mesh/certificates';
import { writeDist } from './mesh/dist';
import { askCertManager, helmValues } from './mesh/istio-csr';
import { readiness } from './mesh/vault-mesh';
import { programsBefore, startServers } from './world';

const { kube, devVault, endAfterTest } = startServers();

/** The logins at an auth method that the audit log has: with which secret ID, and whether Vault gave a token. */
function loginsIn(auditFile: string, mount: string): { secretId: string; given: boolean }[] {
  const entries = readFileSync(auditFile, 'utf8').trim().split('\n');
  return entries
    .map(line => JSON.parse(line) as AuditEntry)
    .filter(({ type, request }) => type === 'response' && request.path === `auth/${mount}/login`)
    .map(({ request, auth }) => ({ secretId: request.data?.secret_id ?? '', given: auth?.client_token !== undefined }));
}
interface AuditEntry {
  readonly type: string;
  readonly auth?: { readonly client_token?: string };
  readonly request: { readonly path: string; readonly data?: { readonly secret_id?: string } };
}

test('cert-manager signs every request before, during and after a rotation; then the old secret ID is destroyed', async () => {
  const vault = await devVault({ audit: true });
  const one = await makeReadyWorld(carryConfig({}), vault, kube());
  const dist = writeDist(one.folder, one.plan);
  const root = ok(await run('cat', [join(one.folder, 'root.pem')]));
  endAfterTest(await startCertManager(kube()));
  ok(await kube().kubectl(['apply', '--validate=strict', '-f', join(one.folder, 'dist/cluster-1/manifests/1-issuer')]));
  await readiness(kube(), ['issuer', 'vault-issuer', '-n', 'istio-system']);
  const before = (await one.held())!;
  const [old] = await one.accessors();
  expect(old).toBe(await one.accessorOf(before));

  // the rotation tells when both secret IDs are alive and the old one is to be destroyed, and waits there until one more request is signed.
  const folder = tempDir('overlap');
  const [overlaps, goesOn] = [join(folder, 'overlaps'), join(folder, 'goes-on')];
  ok(await run('mkfifo', [goesOn]));
  const wait = `[[ "$*" != *secret-id-accessor/destroy* ]] || { touch ${overlaps}; read -r <${goesOn}; }; exec "$real" "$@"`;
  const PATH = `${programsBefore({ vault: wait }, { vault: vault.bin })}:${one.env.PATH ?? ''}`;

  const value = helmValues(dist.text('cluster-1/istio-csr.values.yml'));
  const { csr } = await makeCsr(['URI:spiffe://cluster.local/ns/foo/sa/sleep']);
  const asked: { readonly from: number; readonly to: number }[] = [];
  const ask = async () => {
    const from = performance.now();
    const { reason, message, certificate } = await askCertManager(kube(), value, csr);
    expect({ reason, message }).toMatchObject({ reason: 'Issued' });
    ok(await verifyChain(certificate, root));
    asked.push({ from, to: performance.now() });
  };
  const moments = { starts: 0, overlaps: 0, goesOn: 0, ends: 0 };
  const between = (from: number, to: number) => asked.filter(one => one.from >= from && one.to <= to).length;

  await ask();
  moments.starts = performance.now();
  const state = { running: true };
  const rotation = one.carry('rotate-secret-id.sh', [], { env: { PATH } }).finally(() => (state.running = false));
  while (state.running) {
    if (moments.overlaps === 0 && existsSync(overlaps)) moments.overlaps = performance.now();
    await ask();
    if (moments.overlaps !== 0 && moments.goesOn === 0) {
      // both log in while it waits.
      expect([await one.login(before), await one.login((await one.held())!), await one.held()]).toEqual([
        200,
        200,
        expect.not.stringContaining(before),
      ]);
      moments.goesOn = performance.now();
      writeFileSync(goesOn, '\n');
    }
  }
  const { code, stdout, stderr } = await rotation;
  moments.ends = performance.now();
  await ask();

  expect([code, stderr, stdout]).toEqual([0, '', expect.stringContaining(`destroyed: the secret ID with accessor ${old}\n`)]);
  const counts = {
    before: between(0, moments.starts),
    during: between(moments.starts, moments.ends),
    overlap: between(moments.overlaps, moments.goesOn),
    after: between(moments.ends, Infinity),
  };
  expect(Object.entries(counts).filter(([, count]) => count === 0)).toEqual([]);
  // cert-manager asks again where a login is refused, so a gap would only show as such a login.
  const after = (await one.held())!;
  const logins = loginsIn(vault.auditFile, one.appRole.mount);
  expect(logins.filter(({ given }) => !given)).toEqual([]);
  // by the trial and by this test once each, else by cert-manager.
  for (const secretId of [before, after]) expect(logins.filter(login => login.secretId === secretId).length).toBeGreaterThan(2);
  expect([await one.accessors(), (await one.login(before)) >= 400]).toEqual([[await one.accessorOf(after)], true]);
  expect(loginsIn(vault.auditFile, one.appRole.mount).at(-1)).toEqual({ secretId: before, given: false });
  process.stderr.write(`rotation under cert-manager: ${JSON.stringify(counts)} requests, all signed\n`);
});
