// The attacker has a token that somebody made for emergency.sh, or for setup.sh --retire, and left standing: its policy is exactly what
// --print-policy prints. The file tries to do more with it than it was made for. What such a token can do beyond its purpose is shown too, and
// has to stand in emergency.md.
import { emergencyRunbook } from '../../../src/report/emergency';
import { ok, run, type Vault } from '../harness';
import { makeCsr } from '../mesh/certificates';
import { makeUndoWorld, type UndoWorld } from '../undo';
import { configs, dataOf, makeRoot, rootFiles, startServers } from '../world';
import { forbidden } from './attacks';

const { kube, devVault } = startServers();
let vault: Vault;
let world: UndoWorld;
let csr: string;
beforeEach(async () => {
  vault = await devVault();
  world = await makeUndoWorld(configs.recommended, vault, [kube()]);
  ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
  ok(await world.script('cluster-1'));
  ({ csr } = await makeCsr(['URI:spiffe://cluster.local/ns/foo/sa/sleep']));
}, 120_000);

/** Makes a token as emergency.md says: a batch token for a quarter of an hour, with the printed policy. */
async function tokenFor(policy: string): Promise<string> {
  ok(await vault.vault(['policy', 'write', 'printed', '-'], { input: policy }));
  const made = ok(await vault.vault(['token', 'create', '-format=json', '-type=batch', '-ttl=15m', '-policy=printed']));
  return (JSON.parse(made) as { auth: { client_token: string } }).auth.client_token;
}

/** What each request is answered. */
async function answers(token: string, requests: Readonly<Record<string, readonly [method: string, path: string, body?: unknown]>>) {
  const found = await Promise.all(
    Object.entries(requests).map(async ([what, [method, path, body]]) => [what, (await vault.request(method, path, body, token)).status]),
  );
  return Object.fromEntries(found) as Record<string, number>;
}

const states = (text: string) => emergencyRunbook(world.cluster, world.plan).replaceAll('`', '').includes(text);

test.each(['block-login', 'block-role'])('the token of %s cannot log in, sign, or write what it removes', async name => {
  const token = await tokenFor(ok(await world.undo('cluster-1/emergency.sh', ['--print-policy', name])));
  const found = await answers(token, forbidden(world, csr));
  // renewing is a bad request for a batch token, whatever its policy says.
  expect(found).toEqual({ ...Object.fromEntries(Object.keys(found).map(what => [what, 403])), 'renew itself': 400 });
  // what it can do beyond its purpose, and what emergency.md says of that.
  const { mount } = world.cluster.intermediate;
  for (const more of [{ max_lease_ttl: '1h' }, { listing_visibility: 'unauth' }, { passthrough_request_headers: 'X-Any' }])
    expect((await vault.request('POST', `sys/mounts/${mount}/tune`, more, token)).status).toBe(403);
  const description = `cdk8s-mesh-ca: CA of ${world.cluster.name} [closed.block-role=never]`;
  expect((await vault.request('POST', `sys/mounts/${mount}/tune`, { description }, token)).status).toBe(204);
  expect(states(`change the description of ${mount}, and with it what is recorded there`)).toBe(true);
});

test('the token of revoke-intermediate cannot sign, but revokes any CA: emergency.md says so', async () => {
  const token = await tokenFor(ok(await world.undo('cluster-1/emergency.sh', ['--print-policy', 'revoke-intermediate'])));
  const found = await answers(token, forbidden(world, csr));
  expect(found).toEqual({ ...Object.fromEntries(Object.keys(found).map(what => [what, 403])), 'renew itself': 400 });
  // a CA of another cluster, signed by the same root.
  ok(await run(vault.bin, ['secrets', 'enable', '-path=other', 'pki'], { env: vault.env }));
  const { csr: request } = dataOf((await vault.request('POST', 'other/intermediate/generate/internal', { common_name: 'Other' })).body);
  const signed = dataOf((await vault.request('POST', 'pki/root/sign-intermediate', { csr: request, ttl: '24h' })).body);
  expect((await vault.request('POST', 'pki/revoke', { serial_number: signed.serial_number }, token)).status).toBe(200);
  expect(states('**every** certificate of the mount pki, CAs of other clusters included')).toBe(true);
});

test('the token of --retire deletes the CA that signs: emergency.md says so, and no policy but that one allows it', async () => {
  const { mount } = world.cluster.intermediate;
  const { default: id } = dataOf((await vault.request('GET', `${mount}/config/issuers`)).body);
  const setup = await tokenFor(ok(await world.script('cluster-1', ['--print-policy'])));
  expect((await vault.request('DELETE', `${mount}/issuer/${String(id)}`, undefined, setup)).status).toBe(403);
  const retire = await tokenFor(ok(await world.script('cluster-1', ['--print-policy', '--retire'])));
  expect((await vault.request('DELETE', `${mount}/issuer/${String(id)}`, undefined, retire)).status).toBe(200);
  expect(states(`delete **every** issuer and key of ${mount}, the one that signs now included`)).toBe(true);
});
