// emergency.sh on a real Vault and a real API server: what each command closes, for each way in, and what opens it again.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MeshCaConfig } from '../../src/config/config';
import { closings } from '../../src/script/closings';
import { emergencies, livesOn } from '../../src/script/emergency';
import { type Kube, makeCa, ok, run, startKube, startVaultServer, tempDir, type VaultServer } from './harness';
import { killedEverywhere, makeKillers } from './killed';
import { makeCsr } from './mesh/certificates';
import { makeUndoWorld, type UndoWorld } from './undo';
import { configs, dataOf, makeRoot, noSecrets, programsBefore, rootFiles, stateOf } from './world';

jest.setTimeout(180_000);
let kube: Kube;
let vault: VaultServer;
let csr: string;
let clientCa: string;
beforeAll(async () => {
  [kube, vault] = await Promise.all([startKube(), startVaultServer()]);
  ({ csr } = await makeCsr(['URI:spiffe://cluster.local/ns/foo/sa/sleep']));
  clientCa = (await makeCa(tempDir('clients'), 'CA of clients')).caPem;
  const world = await worldOf('recommended');
  const root = await makeRoot(world.folder);
  const usage = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
  ok(await run('openssl', ['req', '-x509', '-key', root.key, '-out', root.cert, '-days', '3650', '-subj', '/CN=Root', ...usage]));
  ok(await world.script('root', rootFiles(root)));
}, 45 * 60_000);
afterAll(async () => {
  await noSecrets(kube);
  await kube.stop();
  await vault.stop();
});

/** A cluster of its own for each test, in one Vault and one API server. */
const worldOf = (name: string, more: Partial<MeshCaConfig> = {}): Promise<UndoWorld> => {
  const config = { ...configs.recommended, ...more, vault: { ...configs.recommended.vault, caBundle: vault.caPem } };
  return makeUndoWorld({ ...config, clusters: [{ name, context: 'cluster-1' }] }, vault, [kube]);
};
const ways: Readonly<Record<string, Partial<MeshCaConfig>>> = {
  jwt: {},
  kubernetes: { auth: 'kubernetes' },
  approle: { auth: 'appRole' },
  cert: {
    auth: 'clientCertificate',
    get clientCertificate() {
      return { certificate: clientCa, allowedNames: ['cert-manager.example.com'] };
    },
  },
  aws: { auth: 'aws', aws: { iamRoleArn: 'arn:aws:iam::123456789012:role/mesh-ca', region: 'eu-central-1', resolveAwsUniqueIds: false } },
};
const signs = async ({ cluster }: UndoWorld, token: string) =>
  (await vault.request('POST', cluster.role.signPath, { csr, ttl: '1h' }, token)).status;

/** The description of a cluster's mount, which holds the record. */
const description = async ({ cluster: { intermediate } }: Pick<UndoWorld, 'cluster'>) =>
  String(dataOf((await vault.request('GET', `sys/mounts/${intermediate.mount}`)).body).description);

/** A batch token as a login gives it. */
async function tokenOf({ cluster: { policy } }: UndoWorld): Promise<string> {
  const { body } = await vault.request('POST', 'auth/token/create', {
    type: 'batch',
    policies: [policy.name],
    no_default_policy: true,
    ttl: '10m',
  });
  return (body as { auth: { client_token: string } }).auth.client_token;
}

/** The secret ID that the cluster holds, and that somebody may have stolen. */
async function secretIdOf({ cluster: { auth } }: UndoWorld): Promise<string | undefined> {
  if (auth.method !== 'appRole') return undefined;
  const secret = (await kube.get(['secret', auth.secret.name, '-n', auth.secret.namespace])) as { data: Record<string, string> };
  return Buffer.from(secret.data[auth.secret.key]!, 'base64').toString();
}

async function statusOf({ cluster: { auth } }: UndoWorld, secret_id: string): Promise<number> {
  if (auth.method !== 'appRole') throw new Error('no AppRole');
  return (await vault.request('POST', `auth/${auth.mount}/login`, { role_id: auth.roleId, secret_id }, '')).status;
}

/** Logs in as cert-manager does: the status, or nothing where only cert-manager can. */
async function login(world: UndoWorld): Promise<number | undefined> {
  const { auth } = world.cluster;
  const secretId = await secretIdOf(world);
  if (secretId !== undefined) return statusOf(world, secretId);
  if (auth.method !== 'jwt' && auth.method !== 'kubernetes') return undefined;
  const { serviceAccount, audience, role } = auth;
  const jwt = ok(await kube.kubectl(['create', 'token', serviceAccount.name, '-n', serviceAccount.namespace, `--audience=${audience}`]));
  return (await vault.request('POST', `auth/${auth.mount}/login`, { role, jwt: jwt.trim() }, '')).status;
}

test.each(Object.keys(ways))('block-login (%s): no login, and no token that was given out before; setup.sh opens it again', async name => {
  const world = await worldOf(name, ways[name]);
  ok(await world.script(name));
  const before = await stateOf(vault, world.cluster);
  const [token, works, stolen] = [await tokenOf(world), await login(world), await secretIdOf(world)];
  expect([await signs(world, token), works, stolen && (await statusOf(world, stolen))]).toEqual([200, works && 200, stolen && 200]);

  const planned = await world.undo(`${name}/emergency.sh`, ['--plan', 'block-login']);
  expect(planned).toMatchObject({ code: 0, stderr: '' });
  expect(planned.stdout.match(/^ {6}to do$/gm)).toHaveLength(3);
  expect(await stateOf(vault, world.cluster)).toEqual(before);

  const { effects = [], next = '' } = emergencies(world.cluster).find(one => one.name === 'block-login') ?? {};
  const closed = await world.undo(`${name}/emergency.sh`, ['block-login', '--yes', name]);
  expect(closed).toMatchObject({ code: 0, stderr: '' });
  for (const effect of [...effects, ...livesOn(world.cluster)]) expect(closed.stdout).toContain(`  - ${effect}\n`);
  expect(closed.stdout).toContain(`\n${next}\n`);
  expect([await signs(world, token), await login(world)]).toEqual([403, works && expect.any(Number)]);
  expect(await login(world)).not.toBe(200);
  expect(await stateOf(vault, world.cluster)).toEqual({ ...before, policy: {}, auth: {}, ...(name === 'approle' ? { authMore: {} } : {}) });

  const again = await world.undo(`${name}/emergency.sh`, ['block-login', '--yes', name]);
  expect(again).toMatchObject({ code: 0, stderr: '' });
  expect(again.stdout.match(/^ {6}done already$/gm)).toHaveLength(3);

  // a scheduled run leaves it closed.
  const state = await stateOf(vault, world.cluster);
  for (const args of [[], ['--repair', 'policy/write']]) {
    expect(await world.script(name, args)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /: error: emergency\.sh has closed this: block-login at 20\S+Z\. A run would open it again, so nothing was changed\. .*: bash \S+setup\.sh (--repair policy\/write )?--reopen\n$/,
      ) as string,
    });
  }
  const looks = [await world.script(name, ['--plan']), await world.script(name, ['--check'])];
  expect(looks.map(({ code }) => code)).toEqual([0, 3]);
  for (const { stdout } of looks) expect(stdout).toContain('note: closed by emergency.sh: block-login at ');
  expect(await stateOf(vault, world.cluster)).toEqual(state);

  // jwt's by the whole script, the others by the steps that put back what is gone: it is the same, and quicker.
  const whole = name === 'jwt' || name === 'approle';
  const gone = closings(world.cluster)['block-login'].map(({ id }) => id);
  for (const args of whole ? [[]] : gone.map(step => ['--repair', step])) ok(await world.script(name, [...args, '--reopen']));
  expect(await description(world)).not.toContain('closed');
  // an AWS role has an ID of Vault's own.
  const own = (state: object) =>
    JSON.parse(JSON.stringify(state, (key, value: unknown) => (name === 'aws' && key === 'role_id' ? '' : value))) as unknown;
  expect([await login(world), own(await stateOf(vault, world.cluster))]).toEqual([works, own(before)]);
  if (stolen) expect(await statusOf(world, stolen)).not.toBe(200);
});

/** An environment in which the login is closed while setup.sh runs: when it first reads the policy, its preflight is over; and what was said. */
function blockedMeanwhile({ cluster: { name, policy }, env }: UndoWorld): { env: { PATH: string }; said: string } {
  const said = join(tempDir('begun'), 'said');
  const text = `if [[ $* == *'sys/policies/acl/${policy.name}'* && ! -e '${said}' ]]; then
  : >'${said}'
  bash dist/${name}/emergency.sh block-login --yes ${name} >'${said}' 2>&1 || exit 9
fi
exec "$real" "$@"`;
  return { env: { PATH: `${programsBefore({ vault: text }, { vault: vault.bin })}:${env.PATH ?? ''}` }, said };
}

test('a run of setup.sh that is going on does not open again what is closed meanwhile; what is open all the same is drift', async () => {
  const name = 'racing';
  const world = await worldOf(name);
  ok(await world.script(name));
  const { auth, policy } = world.cluster;
  const paths = [auth.path, `sys/policies/acl/${policy.name}`];
  const planned = await Promise.all(paths.map(async path => dataOf((await vault.request('GET', path)).body)));

  const { env, said } = blockedMeanwhile(world);
  expect(await world.script(name, [], env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('emergency.sh has closed this while this run was going on: block-login at 20') as string,
  });
  expect(readFileSync(said, 'utf8')).toContain('[3/3] block-login/record');
  for (const path of paths) expect((await vault.request('GET', path)).status).toBe(404);

  // by hand, or by somebody who was past all checks.
  for (const [i, path] of paths.entries()) expect((await vault.request('POST', path, planned[i])).status).toBeLessThan(300);
  const { code, stdout } = await world.script(name, ['--check']);
  expect([code, stdout]).toEqual([
    3,
    expect.stringMatching(
      /note: emergency\.sh recorded block-login at 20\S+, and this is as planned all the same: \S+ \S+\. To close it again: bash dist\/racing\/emergency\.sh block-login;/,
    ),
  ]);
  ok(await world.script(name, ['--reopen']));
  expect(await world.script(name, ['--check'])).toMatchObject({ code: 0 });
});

test('--reopen opens what was closed when it began, and not what is closed meanwhile', async () => {
  const name = 'agreed';
  const world = await worldOf(name);
  ok(await world.script(name));
  ok(await world.undo(`${name}/emergency.sh`, ['block-role', '--yes', name]));
  const { auth, role } = world.cluster;
  const { env } = blockedMeanwhile(world);
  const { code, stderr } = await world.script(name, ['--reopen'], env);
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/emergency\.sh has closed this while this run was going on: block-login at 20/),
  ]);
  expect((await vault.request('GET', auth.path)).status).toBe(404);
  expect((await vault.request('GET', role.path)).status).toBe(200);
  expect(await description(world)).toMatch(/closed\.block-login=20/);
  ok(await world.script(name, ['--reopen']));
  expect(await description(world)).not.toContain('closed.');
});

test('an emergency during which something is opened again fails, and says so', async () => {
  const name = 'reopened';
  const world = await worldOf(name);
  ok(await world.script(name));
  const { role } = world.cluster;
  const planned = dataOf((await vault.request('GET', role.path)).body);
  const file = join(tempDir('role'), 'role.json');
  writeFileSync(file, JSON.stringify(planned));
  // somebody writes the role just after it was deleted.
  const text = `"$real" "$@"
code=$?
[[ $1 != delete ]] || "$real" write '${role.path}' @'${file}' >/dev/null
exit "$code"`;
  const env = { PATH: `${programsBefore({ vault: text }, { vault: vault.bin })}:${world.env.PATH ?? ''}` };
  expect(await world.undo(`${name}/emergency.sh`, ['block-role', '--yes', name], { env })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('has opened it again while this was closing it') as string,
  });
  ok(await world.undo(`${name}/emergency.sh`, ['block-role', '--yes', name]));
});

describe('the CA of a cluster', () => {
  let world: UndoWorld;
  let token: string;
  beforeAll(async () => {
    world = await worldOf('east');
    ok(await world.script('east'));
    token = await tokenOf(world);
  }, 120_000);
  const emergency = (...args: string[]) => world.undo('east/emergency.sh', args);

  test.each([
    ['no name', ['block-role'], 'it changes nothing until the name of the cluster is named'],
    ['another name', ['block-role', '--yes', 'west'], "--yes: 'west' is not the name of the cluster, which is 'east'"],
    ['no command', ['--yes', 'east'], 'which of them?'],
    ['two commands', ['block-role', 'block-login', '--yes', 'east'], "one at a time: 'block-role' or 'block-login'"],
    ['an unknown command', ['block-all', '--yes', 'east'], "there is no 'block-all'"],
  ])('fails if it is given %s, and nothing is changed', async (_what, args, message) => {
    const before = await stateOf(vault, world.cluster);
    expect(await emergency(...args)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) as string });
    expect(await stateOf(vault, world.cluster)).toEqual(before);
  });

  test('at a terminal the name is asked for: another one changes nothing, the right one goes on', async () => {
    // script gives it a terminal.
    const at = (input: string) =>
      run('script', ['-qec', 'bash dist/east/emergency.sh block-role', '/dev/null'], { cwd: world.folder, env: world.env, input });
    const wrong = await at('west\n');
    expect(wrong).toMatchObject({ code: 2, stdout: expect.stringContaining("'west' is not the name of the cluster") as string });
    expect(await signs(world, token)).toBe(200);
    const right = await at('east\n');
    expect(right).toMatchObject({ code: 0, stdout: expect.stringContaining('type the name of the cluster, east, to go on: ') as string });
    expect(await signs(world, token)).toBe(400);
    ok(await world.script('east', ['--repair', 'role/write', '--reopen']));
  });

  test('block-role: nothing is signed at the role, and setup.sh --repair opens it again', async () => {
    const before = await stateOf(vault, world.cluster);
    ok(await emergency('block-role', '--yes', 'east'));
    expect(await signs(world, token)).toBe(400);
    expect(await stateOf(vault, world.cluster)).toEqual({ ...before, role: {} });
    expect(ok(await emergency('block-role', '--yes', 'east'))).toContain('      done already\n');
    expect(await world.script('east', ['--repair', 'role/write'])).toMatchObject({ code: 1, stdout: '' });
    // what is not of the role is repaired all the same.
    ok(await world.script('east', ['--repair', 'policy/write']));
    ok(await world.script('east', ['--repair', 'role/write', '--reopen']));
    expect([await signs(world, token), await stateOf(vault, world.cluster)]).toEqual([200, before]);
  });

  test('each command needs what --print-policy prints for it, and no more', async () => {
    const closes: Readonly<Record<string, number>> = { 'block-role': 400, 'block-login': 403 };
    for (const [name, status] of Object.entries(closes)) {
      const policy = ok(await emergency('--print-policy', name));
      await vault.request('POST', 'sys/policies/acl/closes', { policy });
      const { body } = await vault.request('POST', 'auth/token/create', { policies: ['closes'], ttl: '10m' });
      const VAULT_TOKEN = (body as { auth: { client_token: string } }).auth.client_token;
      const other = Object.keys(closes).find(one => one !== name)!;
      const lacks = await world.undo('east/emergency.sh', [other, '--yes', 'east'], { env: { VAULT_TOKEN } });
      // in an emergency nobody is to ask for more than the one thing needs.
      const named = [...lacks.stderr.matchAll(/ {2}- the capability .* on (\S+) for the token/g)].map(([, path]) => path);
      const { steps } = emergencies(world.cluster).find(one => one.name === other)!;
      const paths = steps.flatMap(({ needs }) => Object.keys({ ...needs.look, ...needs.act }));
      expect(named.filter(path => !paths.includes(path ?? ''))).toEqual([]);
      expect(lacks).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(
          new RegExp(
            `this is missing, and nothing was changed:\n[^]*\n {4}bash dist/east/emergency\\.sh --print-policy ${other} \\| vault policy write mesh-ca-emergency-east-${other} -\n`,
          ),
        ) as string,
      });
      ok(await world.undo('east/emergency.sh', [name, '--yes', 'east'], { env: { VAULT_TOKEN } }));
      expect(await signs(world, token)).toBe(status);
      for (const { id } of closings(world.cluster)[name as 'block-role']) ok(await world.script('east', ['--repair', id, '--reopen']));
    }
  });

  test('a CA whose right to sign was taken away is no CA as planned, and the words that give it back are said', async () => {
    const { mount } = world.cluster.intermediate;
    const { default: id } = dataOf((await vault.request('GET', `${mount}/config/issuers`)).body);
    ok(await vault.vault(['patch', `${mount}/issuer/${String(id)}`, 'usage=read-only,crl-signing,ocsp-signing']));
    const { code, stdout, stderr } = await world.script('east', ['--check']);
    expect([code, stdout]).toEqual([
      3,
      // no --repair does what the words above it do.
      expect.stringMatching(/\ndrift: 1 of \d+ steps differ: intermediate\/issue\. what is wrong, and the way on, is said above\n$/),
    ]);
    const [, words = ''] =
      / may not sign: its usage is [a-z,-]+; to let it: vault (patch \S+ \S+); for another CA: raise /.exec(stderr) ?? [];
    ok(await vault.vault(words.split(' ')));
    expect(await world.script('east', ['--check'])).toMatchObject({ code: 0, stderr: '' });
    expect(await signs(world, token)).toBe(200);
  });

  test('revoke-intermediate: its mount signs nothing more for good, and its certificate stands in the CRL of the root', async () => {
    const { mount } = world.cluster.intermediate;
    const { default: id } = dataOf((await vault.request('GET', `${mount}/config/issuers`)).body);
    const policy = ok(await emergency('--print-policy', 'revoke-intermediate'));
    await vault.request('POST', 'sys/policies/acl/closes', { policy });
    const { body } = await vault.request('POST', 'auth/token/create', { policies: ['closes'], ttl: '10m' });
    const env = { VAULT_TOKEN: (body as { auth: { client_token: string } }).auth.client_token };
    const revoked = await world.undo('east/emergency.sh', ['revoke-intermediate', '--yes', 'east'], { env });
    expect(revoked).toMatchObject({ code: 0, stderr: '' });
    const [, serial = ''] = /serial ((?:[0-9a-f]{2}:)+[0-9a-f]{2}),/.exec(revoked.stdout) ?? [];

    const answer = await vault.request('POST', world.cluster.role.signPath, { csr, ttl: '1h' }, token);
    expect([answer.status, JSON.stringify(answer.body)]).toEqual([500, expect.stringContaining('requested usage issuing-certificates')]);
    const crl = (await vault.request('GET', 'pki/cert/crl')).body as { data: { certificate: string } };
    const text = ok(await run('openssl', ['crl', '-noout', '-text'], { input: crl.data.certificate }));
    expect(text).toContain(`Serial Number: ${serial.replaceAll(':', '').toUpperCase()}`);
    const issuer = `${mount}/issuer/${String(id)}`;
    expect((await vault.request('POST', issuer, { usage: 'issuing-certificates' })).status).toBe(400);

    expect(ok(await emergency('revoke-intermediate', '--yes', 'east')).match(/^ {6}done already$/gm)).toHaveLength(2);
    expect(revoked.stdout).toContain(
      '\nrevoked. Where it was the CA that signs, the way on is another one beside it: raise intermediate.generation of east in mesh-ca.yaml',
    );
  });

  test('a revoked CA is no CA as planned: it is said before any trial, with the way on, and the next generation signs', async () => {
    const said = expect.stringMatching(
      /error: the CA 'east Mesh Intermediate CA', SHA-256 \S+ in istioca-east is revoked; for another CA: raise intermediate\.generation of east in mesh-ca\.yaml, synthesize and run this again\n/,
    ) as string;
    const check = await world.script('east', ['--check']);
    expect(check).toMatchObject({ code: 3, stderr: said });
    expect(check.stdout).toMatch(/intermediate\/issue: .*\n {6}DIFFERS\n/);
    for (const args of [[], ['--repair', 'intermediate/issue']]) {
      const { code, stdout, stderr } = await world.script('east', args);
      expect([args, code, stderr]).toEqual([args, 1, said]);
      expect([stdout.includes('trial'), stderr.includes('run this again\n')]).toEqual([false, true]);
      expect(stderr).not.toContain('Every step can be run again');
    }
    const next = await worldOf('east', { intermediate: { generation: 2 } });
    expect(ok(await next.script('east'))).toContain('cluster east is ready in Vault');
    expect(await signs(world, token)).toBe(200);
    expect(await next.script('east', ['--check'])).toMatchObject({ code: 0, stderr: '' });
  });
});

test('emergency.sh ends the same, killed after each of its writes and run again', async () => {
  const killers = await makeKillers(vault, { writes: process.env.MESH_CA_KILL !== 'all' });
  const world = await worldOf('killed');
  const { intermediate, role, policy, auth } = world.cluster;
  const post = async (path: string, body: object) => {
    const answer = await vault.request('POST', path, body);
    if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return dataOf(answer.body);
  };
  // what setup.sh makes of it; its mount is made anew for each stop, since a CA is revoked once.
  const open = async () => {
    await vault.request('DELETE', `sys/mounts/${intermediate.mount}`);
    await post(`sys/mounts/${intermediate.mount}`, { type: 'pki' });
    const { csr: request } = await post(`${intermediate.mount}/intermediate/generate/internal`, { common_name: intermediate.commonName });
    const { certificate } = await post('pki/root/sign-intermediate', { csr: request, format: 'pem_bundle', ttl: '24h' });
    await post(`${intermediate.mount}/intermediate/set-signed`, { certificate });
    await post(role.path, role.fields);
    await post(`sys/policies/acl/${policy.name}`, { policy: 'path "x" { capabilities = ["read"] }' });
    await vault.request('POST', `sys/auth/${auth.mount}`, { type: 'jwt' });
    await post(auth.path, auth.fields);
  };
  const outcome = async () => {
    const { issuer, ...state } = await stateOf(vault, world.cluster);
    return { ...state, revoked: (issuer as { revoked?: boolean }).revoked, closed: /closed\S+(?==)/.exec(await description(world))?.[0] };
  };
  let count = 0;
  // block-role is the first half of block-login.
  for (const name of ['block-login', 'revoke-intermediate']) {
    const killed = await killedEverywhere({
      what: `emergency.sh ${name}`,
      killers,
      least: 2,
      begin: async () => {
        await open();
        return world;
      },
      script: (_, env) => world.undo('killed/emergency.sh', [name, '--yes', 'killed'], { env }),
      ended: async (_, { code, stderr }, n) => {
        expect([name, n, code, stderr]).toEqual([name, n, 0, '']);
        return outcome();
      },
    });
    count += killed.count;
  }
  process.stderr.write(`emergency.sh: killed at ${count} of ${count} boundaries\n`);
}, 600_000);
