// Where the secrets of a run are: in Vault and in the cluster, and nowhere else. Every program that the scripts start is recorded when it
// starts, with all its arguments; the secrets are what Vault itself says it handed out, in its raw audit log.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { MeshCaConfig } from '../../src/config/config';
import { keptProgram, makeCa, ok, startVaultServer, tempDir } from './harness';
import { clientOf, showClient } from './mesh/client';
import { configs, makeRoot, makeWorld, programsBefore, rootFiles, startServers } from './world';

const { kube, devVault, endAfterTest } = startServers();

/** Programs of the system that the scripts may start; with a PATH of nothing else, one that is not here would not be found. */
const system = ['awk', 'chmod', 'cat', 'cut', 'grep', 'jq', 'mktemp', 'mv', 'od', 'openssl', 'paste', 'rm', 'sed', 'sort', 'tail', 'tr'];

/** A PATH that holds nothing but recorders. */
async function recorders(record: string, vault: string): Promise<string> {
  const where = (name: string) => spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
  const kubectl = await keptProgram('kubectl');
  const real = { vault, kubectl, ...Object.fromEntries(system.map(name => [name, where(name)])) };
  // and its environment, but for the token that Vault's CLI is told by.
  const environment = `for v in $(compgen -e); do [[ $v == VAULT_TOKEN || $v == BAO_TOKEN ]] || printf '%s=%s\\n' "$v" "\${!v}"; done`;
  // and what lies where the scripts work, which is removed at their end.
  const worked = `for f in "$TMPDIR"/*/*; do [[ ! -f $f ]] || printf '%s\\n' "$f" "$(<"$f")"; done 2>/dev/null`;
  // and what a here-string gave it: a Bash before 5.1, which BASH_COMPAT plays, lays that into a file below TMPDIR.
  const here = `[[ ! -f /proc/self/fd/0 ]] || printf 'HERE %s\\n' "$(</proc/self/fd/0)"`;
  const note = `{ printf '%s\\0' "\${0##*/}" "$@"; printf '\\n'; ${environment}; ${worked}; ${here}; } >>${record}; exec "$real" "$@"`;
  const bin = programsBefore(Object.fromEntries(Object.keys(real).map(name => [name, note])), real);
  symlinkSync(where('bash'), join(bin, 'bash'));
  return bin;
}

/** The texts of all files below a folder. */
function textsOf(folder: string): [string, string][] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map(name => join(folder, name))
    .filter(file => statSync(file).isFile())
    .map(file => [file, readFileSync(file, 'utf8')]);
}

/** A line of a PEM text that nothing else has. */
const secretLine = (pem: string) => pem.split('\n').at(-3) ?? pem;

/** What Vault handed out or was given that nobody else may know. */
function secretsIn(audit: string): Set<string> {
  const found = new Set<string>();
  const secret = new Set(['client_token', 'secret_id', 'jwt', 'token_reviewer_jwt', 'private_key', 'pem_bundle']);
  const walk = (value: unknown, key = ''): void => {
    if (typeof value === 'string') {
      if (secret.has(key) && value.length > 8) found.add(value.includes('\n') ? secretLine(value) : value);
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, child] of Object.entries(value)) walk(child, name);
    }
  };
  for (const line of audit.trim().split('\n')) walk(JSON.parse(line));
  return found;
}

const NAME = 'cert-manager.cluster-1.example.com';

interface Way {
  readonly config: MeshCaConfig;
  /** Whether it needs a Vault with TLS. */
  readonly tls?: true;
  /** What it has to keep that Vault does not know. */
  readonly more?: string;
}

const ways: Readonly<Record<string, () => Way | Promise<Way>>> = {
  jwt: () => ({ config: configs.recommended }),
  kubernetes: () => ({ config: configs.kubernetes }),
  appRole: () => ({ config: configs.appRole }),
  // Vault takes a client's certificate by TLS alone.
  clientCertificate: async () => {
    const ca = await makeCa(tempDir('clients'), 'CA of clients');
    const client = await clientOf(ca, NAME);
    await showClient(kube(), client);
    const clientCertificate = { certificate: ca.caPem, allowedNames: [NAME] };
    return { config: { ...configs.recommended, auth: 'clientCertificate', clientCertificate }, tls: true, more: secretLine(client.key) };
  },
  // setup.sh cannot log in so: it has no more than the root's key.
  aws: () => {
    const aws = { iamRoleArn: 'arn:aws:iam::123456789012:role/mesh-ca', region: 'eu-central-1', resolveAwsUniqueIds: false };
    return { config: { ...configs.recommended, auth: 'aws', aws } };
  },
};

test.each(Object.keys(ways))('the secrets of a run (%s) are in Vault and in the cluster, and nowhere else', async name => {
  const { config, tls, more } = await ways[name]!();
  const vault = tls ? await startVaultServer({ audit: true }) : await devVault({ audit: true });
  if (tls) endAfterTest(vault);
  const world = await makeWorld(config, vault, [kube()]);
  const { cert, key } = await makeRoot(tempDir('root'));
  const [TMPDIR, record] = [tempDir('tmp'), join(tempDir('record'), 'calls')];
  // a variable that the user's shell exports stays exported when a script sets it.
  const names = [
    'root_key',
    'client_key',
    'trial_token',
    'trial_private_key',
    'token',
    'secret_id',
    'secret',
    'response',
    'found',
    'held',
    'jwt',
  ];
  const exported = Object.fromEntries(names.map(variable => [variable, 'exported']));
  const env = { ...exported, BASH_COMPAT: '5.0', TMPDIR, PATH: await recorders(record, vault.bin) };
  const runs = [
    await world.script('root', rootFiles({ cert, key }), env),
    await world.script('cluster-1', [], env),
    await world.script('cluster-1', ['--plan'], env),
    await world.script('cluster-1', [], env),
  ];
  for (const one of runs) ok(one);

  const secrets = secretsIn(readFileSync(vault.auditFile, 'utf8'));
  // the root's key, a token of each trial's login, and what the way in has: tokens of service accounts, a secret ID, or a client's key.
  if (more !== undefined) secrets.add(more);
  expect(secrets.size).toBeGreaterThanOrEqual(name === 'aws' ? 1 : 4);
  expect(runs[1]?.stdout).toContain(name === 'aws' ? 'not tried: AWS' : '11 trials passed');
  const places: [string, string][] = [
    ['arguments', readFileSync(record, 'utf8')],
    ['output', runs.map(({ stdout, stderr }) => stdout + stderr).join('')],
    ["Vault's log", vault.log()],
    ["the API server's log", kube().log()],
    ...textsOf(world.folder),
    ...textsOf(TMPDIR),
  ];
  expect(places.length).toBeGreaterThan(5);
  const found = [...secrets].flatMap((one, i) =>
    places.filter(([, text]) => text.includes(one)).map(([place]) => `secret ${i} in ${place}`),
  );
  expect(found).toEqual([]);
  // the test can fail: what is no secret is found.
  expect(places[0]?.[1]).toContain('istioca-cluster-1');
  expect(places[0]?.[1]).toMatch(/known\.read\.\S+roles,cluster-1\n\{/);
  // keys that the run itself made.
  expect(places[0]?.[1]).not.toContain('PRIVATE KEY');
  expect(places[0]?.[1]).toMatch(/^HERE -----BEGIN CERTIFICATE/m);
  // nothing is left where the scripts worked.
  expect(readdirSync(TMPDIR)).toEqual([]);
});
