// The commands of audit.md and of docs/threat-model.md, run on a real Vault: the answers of audit.md are as printed, and each query of the threat
// model finds its event in Vault's own audit log and nothing else.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { auditRunbook } from '../../src/report/audit';
import { buildPrograms, type Kube, ok, run, startKube, startVaultDev, tempDir, type Vault } from './harness';
import { makeUndoWorld, type UndoWorld } from './undo';
import { configs, ensureAccount, makeRoot, rootFiles } from './world';

let vault: Vault;
let kube: Kube;
let world: UndoWorld;
const folder = tempDir('audit');
const quiet = join(folder, 'quiet.log');
jest.setTimeout(180_000);

beforeAll(async () => {
  await buildPrograms(['vault', 'etcd', 'kube-apiserver', 'kubectl']);
  [vault, kube] = await Promise.all([startVaultDev(), startKube()]);
  // the context that the commands name.
  world = await makeUndoWorld(configs.recommended, vault, [kube]);
  ok(await world.script('root', rootFiles(await makeRoot(folder))));
  ok(await world.script('cluster-1'));
}, 45 * 60_000);
afterAll(async () => {
  await vault.stop();
  await kube.stop();
});

const shell = (command: string, env: Readonly<Record<string, string>> = {}) =>
  run('bash', ['-c', command], { cwd: world.folder, env: { ...world.env, ...env }, timeout: 120_000 });

/** The shell fences of a text, by the heading or the line above them. */
const fences = (text: string) =>
  [...text.matchAll(/\n([^\n]+)\n\n```sh\n([^]*?)\n```/g)].map(([, title = '', body = '']) => ({ title, body }));

describe('audit.md', () => {
  const answers = new Map<string, string>();
  let text: string;

  beforeAll(async () => {
    text = auditRunbook(world.cluster);
    writeFileSync(join(world.folder, 'mesh-ca.yaml'), '# here the config lies\n');
    const git = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com'];
    ok(await shell(`git init -q . && git add -A && git ${git.join(' ')} commit -qm 'Add the config'`, { GIT_CONFIG_NOSYSTEM: '1' }));
    const root = readFileSync(join(folder, 'ca.crt'), 'utf8');
    const metadata = { name: 'istio-ca-root-cert', namespace: 'istio-system' };
    await kube.apply(JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'root-cert.pem': root } }));
    ok(await vault.vault(['audit', 'enable', '-path=answers', 'file', `file_path=${join(folder, 'answers.log')}`]));
    await signAsCertManager();
    for (const { body } of fences(text)) answers.set(body, ok(await shell(body, { AUDIT: join(folder, 'answers.log') })));
  }, 180_000);

  /** What the command that holds a text printed. */
  const answer = (part: string) => [...answers].find(([command]) => command.includes(part))?.[1] ?? `no command has ${part}`;

  test('has a command for each question, and every one of them runs', () => {
    const questions = [...text.matchAll(/^## \d+\. .*\?$/gm)];
    expect(questions).toHaveLength(8);
    for (const section of text.split(/^## /m).slice(1)) expect(section).toMatch(/```sh\n[^]*Expected output/);
    expect(answers.size).toBeGreaterThanOrEqual(12);
  });

  test.each([
    ['vault policy list', /^cert-manager-cluster-1: path "istioca-cluster-1\/sign\/cluster-1" \{/m],
    // in dev mode Vault begins with such a token.
    ['auth/token/accessors', /^token with root: token, made 2.*, accessor \S+$/m],
    ['auth/jwt-cluster-1/role', /"token_policies": \[\s*"cert-manager-cluster-1"\s*\]/],
    ['pki/issuer/default', /^subject=CN = Test Root CA\nnotAfter=[^]*Fingerprint=[0-9A-F:]{95}$/m],
    ['roles/cluster-1', /^\{"max_ttl":3600,"not_after":""\}$/m],
    ['setup.sh --check', /no drift: all is as planned\n[^]*no drift: all is as planned\n$/],
    ['vault audit list', /^answers\/ +file/m],
    ['uniq -c', /^ *1 jwt-cluster-1-system:serviceaccount:istio-system:vault-issuer\n$/],
    ['emergency.sh', /block-login/],
    ['istio-ca-root-cert', /^subject=CN = Test Root CA\n.*Fingerprint=/m],
    ['git log', /^[0-9a-f]{7,} 2\S+ Test \(signature: N\) Add the config\n$/],
    ['git diff', /^$/],
  ])('%s prints what the page says', (part, wanted) => {
    expect(answer(part)).toMatch(wanted);
  });

  test('the root policy, a wildcard and another path to the CA are found among the policies', async () => {
    const command = fences(text).find(({ body }) => body.includes('vault policy list'))?.body ?? '';
    const before = ok(await shell(command)).split('\n').length;
    for (const path of ['*', '+/sign/cluster-1', 'pki/root/sign-intermediate']) {
      await vault.request('POST', 'sys/policies/acl/other', { policy: `path "${path}" { capabilities = ["update"] }` });
      const after = ok(await shell(command)).split('\n');
      expect(after).toHaveLength(before + 1);
      expect(after).toContainEqual(expect.stringContaining(`other: path "${path}"`));
    }
    await vault.request('DELETE', 'sys/policies/acl/other');
  });
});

/** Logs in as cert-manager does. */
async function logIn(role: string, account: string, audience?: string): Promise<string> {
  const words = ['create', 'token', account, '-n', 'istio-system', ...(audience === undefined ? [] : ['--audience', audience])];
  const jwt = ok(await kube.kubectl(words)).trim();
  const { body, status } = await vault.request('POST', 'auth/jwt-cluster-1/login', { role, jwt }, '');
  if (status !== 200) throw new Error(JSON.stringify(body));
  return (body as { auth: { client_token: string } }).auth.client_token;
}

async function request(): Promise<string> {
  const uri = 'subjectAltName=URI:spiffe://cluster.local/ns/foo/sa/sleep';
  return ok(
    await run('openssl', [
      'req',
      '-new',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      join(folder, 'key.pem'),
      '-subj',
      '/',
      '-addext',
      uri,
    ]),
  );
}

async function signAsCertManager(): Promise<void> {
  const { auth, role } = world.cluster;
  const token = await logIn('cert-manager', 'vault-issuer', auth.method === 'jwt' ? auth.audience : undefined);
  const { status } = await vault.request('POST', role.signPath, { csr: await request(), ttl: '1h' }, token);
  expect(status).toBe(200);
}

describe('docs/threat-model.md, Detection', () => {
  const [, detection = ''] = readFileSync('docs/threat-model.md', 'utf8').split(/^## Detection$/m);
  const [before = ''] = detection.split(/^## /m);
  const queries = fences(before);
  const found = async (body: string) =>
    ok(await shell(body, { AUDIT: quiet }))
      .split('\n')
      .filter(Boolean);

  const events: Record<string, { readonly happens: () => Promise<void>; readonly line: object }> = {
    'A CA was signed, generated, imported or revoked:': {
      happens: async () => {
        const { status } = await vault.request('POST', 'pki/root/sign-intermediate', { csr: await request(), common_name: 'Evil CA' });
        expect(status).toBe(200);
      },
      line: { path: 'pki/root/sign-intermediate', who: 'token' },
    },
    'A policy, a role, an auth method, a mount or an audit device was changed:': {
      happens: async () => {
        const { status } = await vault.request('POST', 'sys/policies/acl/cert-manager-cluster-1', {
          policy: 'path "istioca-cluster-1/*" { capabilities = ["update"] }',
        });
        expect(status).toBe(204);
      },
      line: { path: 'sys/policies/acl/cert-manager-cluster-1', operation: 'update' },
    },
    "A login at the cluster's auth method by another identity than the Issuer's service account:": {
      happens: async () => {
        await ensureAccount(kube, 'istio-system', 'attacker');
        await logIn('backdoor', 'attacker');
      },
      line: { who: 'jwt-cluster-1-system:serviceaccount:istio-system:attacker', role: 'backdoor' },
    },
    "A signature by another token than one of cert-manager's policy, or by a PKI role of the root's mount:": {
      happens: async () => {
        const { status } = await vault.request('POST', world.cluster.role.signPath, { csr: await request(), ttl: '1h' });
        expect(status).toBe(200);
      },
      line: { path: 'istioca-cluster-1/sign/cluster-1' },
    },
    'A request that chose its own end, or was refused at the CA:': {
      happens: async () => {
        const { auth } = world.cluster;
        const token = await logIn('cert-manager', 'vault-issuer', auth.method === 'jwt' ? auth.audience : undefined);
        await vault.request('POST', world.cluster.role.signPath, { csr: await request(), not_after: '2031-01-01T00:00:00Z' }, token);
      },
      line: { path: 'istioca-cluster-1/sign/cluster-1', who: 'jwt-cluster-1-system:serviceaccount:istio-system:vault-issuer' },
    },
  };

  beforeAll(async () => {
    // somebody made a way in before; its audience is the API server's own.
    const role = {
      role_type: 'jwt',
      user_claim: 'sub',
      bound_subject: 'system:serviceaccount:istio-system:attacker',
      token_policies: ['default'],
    };
    const { status } = await vault.request('POST', 'auth/jwt-cluster-1/role/backdoor', { ...role, bound_audiences: await ownAudience() });
    expect(status).toBeLessThan(300);
    ok(await vault.vault(['audit', 'enable', '-path=quiet', 'file', `file_path=${quiet}`]));
  });

  /** The audience of a token that asks for none. */
  async function ownAudience(): Promise<string[]> {
    const jwt = ok(await kube.kubectl(['create', 'token', 'vault-issuer', '-n', 'istio-system'])).trim();
    return (JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as { aud: string[] }).aud;
  }

  test('has a query for each event, and an event for each query', () => {
    expect(queries.map(({ title }) => title)).toEqual(Object.keys(events));
  });

  test('no query finds anything in what cert-manager does every day, and in enabling the log', async () => {
    await signAsCertManager();
    for (const { title, body } of queries) {
      const lines = await found(body);
      expect([title, lines.filter(line => !line.includes('"sys/audit/quiet"'))]).toEqual([title, []]);
    }
    expect(readFileSync(quiet, 'utf8')).toContain('"istioca-cluster-1/sign/cluster-1"');
  });

  test.each(queries)('$title', async ({ title, body }) => {
    const event = events[title]!;
    const earlier = await found(body);
    await event.happens();
    const now = await found(body);
    expect(now).toHaveLength(earlier.length + 1);
    expect(JSON.parse(now.at(-1) ?? '')).toMatchObject(event.line);
  });
});
