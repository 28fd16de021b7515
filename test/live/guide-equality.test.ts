// "examples/guide equals the guide": the guide's own commands on one Vault, our scripts on another, compared request by request and
// object by object. kubectl is played by a stand-in that keeps Secrets in files: the guide's own kubectl steps are compared in guide.test.ts.
import { X509Certificate, createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import * as guide from '../guide-page';
import { ok, run, startVaultDev, tempDir, type Vault } from './harness';
import { configs, dataOf, makeRoot, makeWorld, programsBefore } from './world';

jest.setTimeout(180_000);

/** What we add to the guide: the mark of the mounts that we enable, so that a later script knows them for ours. */
const marks: Readonly<Record<string, string>> = {
  'sys/mounts/pki': 'cdk8s-mesh-ca: the root CA',
  'sys/mounts/istioca': 'cdk8s-mesh-ca: CA of cluster-1',
  'sys/auth/approle': 'cdk8s-mesh-ca: logins of cert-manager',
};

/** What was asked of a Vault, by path: the fields of each request that changes something. */
type Requests = Map<string, Record<string, unknown>>;

const kubectl = `
d="$(dirname "$0")"
case "$*" in
  *"get namespace"*) echo ok ;;
  *can-i*) echo yes ;;
  *"get secret"*) cat "$d/$7-$5.json" 2>/dev/null || true ;;
  *apply*) json=$(cat); printf '%s' "$json" >"$d/$(jq -r '.metadata | .namespace + "-" + .name' <<<"$json").json" ;;
  *) echo "the stand-in does not know: $*" >&2; exit 1 ;;
esac`;

let theirs: Vault;
let ours: Vault;
let secrets: string;
let trial: string;
let asked: { theirs: Requests; ours: Requests };

beforeAll(async () => {
  [theirs, ours] = [await startVaultDev({ audit: true }), await startVaultDev({ audit: true })];
  const folder = tempDir('guide');
  const root = await makeRoot(folder);
  await runGuide(theirs, folder);

  const world = await makeWorld(configs.guide, ours, []);
  secrets = programsBefore({ kubectl }, {});
  const env = { PATH: [secrets, dirname(ours.bin), process.env.PATH].join(delimiter) };
  ok(await world.script('root', ['--root-cert', root.cert, '--root-key', root.key], env));
  trial = ok(await world.script('cluster-1', ['--exported-key', 'istioca.key'], env));
  asked = { theirs: requests(theirs), ours: requests(ours) };
}, 45 * 60_000);
afterAll(async () => {
  await theirs.stop();
  await ours.stop();
});

/** Runs the guide's own Vault commands; what it tells its reader to copy into files is copied by jq. */
async function runGuide(vault: Vault, folder: string): Promise<void> {
  for (const { run: command } of guide.commands.filter(({ vault: inVault }) => inVault)) {
    const json = /generate|sign-intermediate/.test(command) ? command.replace('vault write', 'vault write -format=json') : command;
    const stdout = ok(await run('bash', ['-euc', json], { cwd: folder, env: vault.env }));
    if (command.includes('generate')) writeFileSync(join(folder, 'istioca.csr'), String(dataOf(JSON.parse(stdout)).csr));
    if (command.includes('sign-intermediate')) writeFileSync(join(folder, 'istioca.crt'), String(dataOf(JSON.parse(stdout)).certificate));
  }
}

/** Reads the audit log. What a login's token does beside signing is not there: cert-manager is not running. */
function requests({ auditFile }: Vault): Requests {
  const found: Requests = new Map();
  for (const line of readFileSync(auditFile, 'utf8').trim().split('\n')) {
    const entry = JSON.parse(line) as { type: string; request: { operation: string; path: string; data?: Record<string, unknown> } };
    const { operation, path, data = {} } = entry.request;
    if (entry.type !== 'request' || !['create', 'update', 'delete'].includes(operation) || path.startsWith('sys/audit')) continue;
    found.set(path, { ...found.get(path), ...data });
  }
  return found;
}

test('the same paths are written; beside them only the role ID, lookups, and the trial', () => {
  const [guides, mine] = [asked.theirs, asked.ours].map(log => new Set(log.keys())) as [Set<string>, Set<string>];
  expect([...guides].filter(path => !mine.has(path))).toEqual([]);
  expect([...mine].filter(path => !guides.has(path)).sort()).toEqual([
    // the trial, as cert-manager.
    'auth/approle/login',
    // decided at synth, so that the Issuer is complete before this runs.
    'auth/approle/role/cert-manager/role-id',
    'auth/token/revoke-self',
    'istioca/sign/cluster-local',
    // asks whether the token may do what is to come.
    'sys/capabilities-self',
    // five failed logins would stop the mesh.
    'sys/mounts/auth/approle/tune',
  ]);
});

/** What we restrict that Vault and the guide leave open. */
const restrictions: Readonly<Record<string, Record<string, unknown>>> = {
  // what an RSA key can do; and no e-mail address as a common name.
  'istioca/roles/cluster-local': { key_usage: ['DigitalSignature', 'KeyEncipherment'], cn_validations: ['hostname'] },
  // the name of the request, which the policy of the setup token fixes.
  'pki/root/sign-intermediate': { common_name: 'test-subordinate.tetrate.info' },
};

test('every field of the guide is written with its value, and what we write beyond it is what Vault does by itself, but for the marks', async () => {
  // what Vault makes of a role and an AppRole that set nothing: measured, not remembered.
  await theirs.request('POST', 'istioca/roles/defaults', {});
  await theirs.request('POST', 'auth/approle/role/defaults', {});
  const defaults: Record<string, Record<string, unknown>> = {
    'istioca/roles/cluster-local': dataOf((await theirs.request('GET', 'istioca/roles/defaults')).body),
    'auth/approle/role/cert-manager': dataOf((await theirs.request('GET', 'auth/approle/role/defaults')).body),
    // as Vault's API documentation has it: RSA, and for RSA 2048 bits.
    'istioca/intermediate/generate/exported': { key_type: 'rsa', key_bits: 2048 },
  };
  // made anew in each run.
  const anew = new Set(['csr', 'certificate']);
  for (const [path, fields] of asked.theirs) {
    // the policy has a test of its own.
    if (path === 'sys/policies/acl/cert-manager') continue;
    const mine = asked.ours.get(path) ?? {};
    const written = (from: Record<string, unknown>) =>
      Object.fromEntries(Object.entries(from).map(([key, value]) => [key, anew.has(key) ? 'made anew' : same(value)]));
    const beyond = Object.fromEntries(Object.entries(defaults[path] ?? {}).map(([key, value]) => [key, same(value)]));
    const kept = Object.entries(written(mine)).filter(([key, value]) => key in fields || beyond[key] !== value);
    // the guide's own are empty.
    const mark = path in marks ? { description: marks[path] } : {};
    const restricted = written(restrictions[path] ?? {});
    // the CLI's commands for mounts send what nobody has set, as what Vault does by itself.
    const set = Object.entries(fields).filter(([key]) => ['type', 'max_lease_ttl'].includes(key));
    const guides = /^sys\/(mounts|auth)\//.test(path) ? Object.fromEntries(set) : fields;
    expect({ path, fields: Object.fromEntries(kept) }).toEqual({ path, fields: { ...written(guides), ...mark, ...restricted } });
  }
});

test.each([
  ["the root's mount", 'sys/mounts/pki/tune', []],
  ["the intermediate's mount", 'sys/mounts/istioca/tune', []],
  // what an RSA key can do; and no e-mail address as a common name.
  ['the PKI role', 'istioca/roles/cluster-local', ['key_usage', 'cn_validations']],
  ['the AppRole', 'auth/approle/role/cert-manager', []],
  ["the AppRole's mount", 'sys/auth/approle/tune', []],
  ["the root's issuer", 'pki/issuer/default', ['issuer_id', 'key_id']],
  [
    "the intermediate's issuer",
    'istioca/issuer/default',
    ['ca_chain', 'certificate', 'issuer_id', 'key_id', 'revocation_time', 'manual_chain'],
  ],
])('%s reads back the same', async (_what, path, anew) => {
  const read = async (vault: Vault) => {
    const data = dataOf((await vault.request('GET', path)).body);
    // a list that was never set reads as null; one that was set to none, as an empty one. Vault makes no difference.
    return Object.fromEntries(Object.entries(data).flatMap(([key, value]) => (anew.includes(key) ? [] : [[key, value ?? []]])));
  };
  const found = await read(ours);
  expect(Object.keys(found).length).toBeGreaterThan(3);
  const mark = marks[path.replace(/[/]tune$/, '')];
  const user_lockout = { disable: true, counter_reset_duration: 0, duration: 0, threshold: 0 };
  const lockout = Object.fromEntries(Object.entries(user_lockout).map(([key, value]) => [`user_lockout_${key}`, value]));
  expect(found).toEqual({
    ...(await read(theirs)),
    ...(mark !== undefined && { description: mark }),
    ...(path === 'sys/auth/approle/tune' && lockout),
  });
});

test('the policy reads back the same, but for blanks and the parameters that cert-manager may send', async () => {
  const read = async (vault: Vault) =>
    String(dataOf((await vault.request('GET', 'sys/policies/acl/cert-manager')).body).policy)
      .replaceAll(/\s+/g, ' ')
      .trim();
  const [mine, guides] = [await read(ours), await read(theirs)];
  expect(guides).toBe('path "istioca/sign/cluster-local" { capabilities = ["update"] }');
  expect(mine.replace(/ allowed_parameters = \{[^}]*\}/, '')).toBe(guides);
  expect(mine).not.toBe(guides);
});

test('the intermediate has the same name, key, length of path, usages and lifetime', async () => {
  const facts = async (vault: Vault) => {
    const pem = String(dataOf((await vault.request('GET', 'istioca/issuer/default')).body).certificate);
    const { subject, issuer, publicKey, ca, validFrom, validTo } = new X509Certificate(pem);
    const days = (Date.parse(validTo) - Date.parse(validFrom)) / 86_400_000;
    const extensions = ok(await run('openssl', ['x509', '-noout', '-ext', 'basicConstraints,keyUsage,extendedKeyUsage'], { input: pem }));
    return {
      subject,
      issuer,
      ca,
      days: Math.round(days),
      key: [publicKey.asymmetricKeyType, publicKey.asymmetricKeyDetails?.modulusLength],
      extensions,
    };
  };
  const found = await facts(ours);
  expect(found).toMatchObject({ subject: 'CN=test-subordinate.tetrate.info', ca: true, days: 1825, key: ['rsa', 2048] });
  expect(found.extensions).not.toContain('pathlen');
  expect(found).toEqual(await facts(theirs));
});

test("what lands in the cluster is what the guide's Secrets hold: the secret ID, and the intermediate as root file", async () => {
  const secret = JSON.parse(readFileSync(join(secrets, 'istio-system-cert-manager-vault-approle.json'), 'utf8')) as ReturnType<
    typeof guide.secret
  >;
  const secretId = Buffer.from(secret.data.secretId, 'base64').toString();
  const wanted = guide.secret(secretId);
  const marks = { labels: { 'app.kubernetes.io/managed-by': 'cdk8s-mesh-ca' }, annotations: { 'cdk8s-mesh-ca/cluster': 'cluster-1' } };
  expect(secret).toEqual({ ...wanted, metadata: { ...wanted.metadata, ...marks } });
  expect((await ours.request('POST', 'auth/approle/login', { role_id: 'cluster-1.cert-manager', secret_id: secretId })).status).toBe(200);

  const root = JSON.parse(readFileSync(join(secrets, 'cert-manager-istio-root-ca.json'), 'utf8')) as { data: Record<string, string> };
  expect(Object.keys(root.data)).toEqual(['ca.cert.pem']);
  const print = (pem: string) => createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');
  const intermediate = String(dataOf((await ours.request('GET', 'istioca/issuer/default')).body).certificate);
  expect(print(Buffer.from(root.data['ca.cert.pem'] ?? '', 'base64').toString())).toBe(print(intermediate));
});

test("the trial says what the guide's role wrongly signs, and goes on", () => {
  expect(
    trial
      .split('\n')
      .filter(line => line.includes('WRONGLY SIGNED'))
      .map(line => line.replace(/ *WRONGLY SIGNED: (.*) \(.*/, '$1')),
  ).toEqual(['another service', "a subdomain of istio-csr's name", 'an IP address', 'localhost', 'a wildcard', 'a foreign common name']);
  expect(trial).toContain('refused, as it must be: a workload of another trust domain');
  expect(trial).toMatch(/cluster cluster-1 is ready in Vault/);
});

/** One way to write a value: Vault takes "true" for true, "1h" for 3600, "a,b" for a list. */
function same(value: unknown): unknown {
  if (value === null) return '';
  if (Array.isArray(value)) return value.map(String).sort().join(',');
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const duration = /^(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
  if (duration) return String([3600, 60, 1].reduce((sum, unit, i) => sum + unit * Number(duration[i + 1] ?? 0), 0));
  return text.trim().replaceAll(/\s+/g, ' ');
}
