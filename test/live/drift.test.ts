// Drift: what somebody changed by hand in Vault is found by setup.sh --check, named field by field, and put back by --repair, one step at a
// time. The check's token may read and nothing else.
import { buildPrograms, type Kube, ok, startKube, startVaultDev, type Vault } from './harness';
import { configs, dataOf, makeRoot, makeWorld, noSecrets, rootFiles, stateOf, type World } from './world';
import { clusterSteps } from '../../src/script/steps';

jest.setTimeout(180_000);
let kube: Kube;
beforeAll(async () => {
  await buildPrograms();
  kube = await startKube();
}, 45 * 60_000);
afterAll(() => kube.stop());

/** A token that may do what `--print-policy --check` prints, and no more. */
async function readingToken(vault: Vault, world: World, script: string): Promise<string> {
  const policy = ok(await world.script(script, ['--print-policy', '--check']));
  await vault.request('POST', `sys/policies/acl/check-${script}`, { policy });
  const { body } = await vault.request('POST', 'auth/token/create', { policies: [`check-${script}`], ttl: '10m' });
  return (body as { auth: { client_token: string } }).auth.client_token;
}

/** Another value of the same kind, which Vault takes. */
function other(field: string, value: unknown): unknown {
  const special: Record<string, unknown> = {
    issuer_ref: 'other',
    key_type: 'any',
    key_bits: 4096,
    token_type: 'service',
    cn_validations: ['disabled'],
    key_usage: ['CertSign'],
    ext_key_usage: ['ExtKeyUsageCodeSigning'],
    role_type: 'jwt',
    bound_audiences: ['other'],
    token_bound_cidrs: ['10.0.0.0/8'],
    secret_id_bound_cidrs: ['10.0.0.0/8'],
    allowed_serial_numbers: ['1'],
    allowed_other_sans: ['1.2.3.4;utf8:x'],
    policy_identifiers: ['1.2.3'],
    not_after: '2099-01-01T00:00:00Z',
    ext_key_usage_oids: ['1.3.6.1.5.5.7.3.3'],
    token_period: '120s',
    token_explicit_max_ttl: '7000s',
    issuing_certificates: ['http://other.example.com/ca'],
    crl_distribution_points: ['http://other.example.com/crl'],
    ocsp_servers: ['http://other.example.com/ocsp'],
  };
  if (field in special) return special[field];
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'number') return value + 7;
  if (Array.isArray(value)) return ['other'];
  return /^\d+[hms]?$/.test(String(value)) ? '1234s' : 'path "other" { capabilities = ["read"] }';
}

describe.each(['recommended', 'appRole'] as const)('the %s config', name => {
  let vault: Vault;
  let world: World;
  let check: () => Promise<{ code: number | null; stdout: string; stderr: string }>;
  // each test leaves it as it was but the last.
  beforeAll(async () => {
    vault = await startVaultDev();
    world = await makeWorld(configs[name], vault, [kube]);
    ok(await world.script('root', rootFiles(await makeRoot(world.folder))));
    ok(await world.script('cluster-1'));
    const token = await readingToken(vault, world, 'cluster-1');
    check = () => world.script('cluster-1', ['--check'], { VAULT_TOKEN: token });
  }, 180_000);
  afterAll(async () => {
    await vault.stop();
    await noSecrets(kube);
  });

  test('as it was set up nothing differs, and nothing is changed by looking, with a token that may only look', async () => {
    const before = await stateOf(vault, world.cluster);
    const { code, stdout, stderr } = await check();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/\nno drift: all is as planned\n$/);
    expect(stdout).not.toContain('signed');
    expect(await stateOf(vault, world.cluster)).toEqual(before);
    const token = await readingToken(vault, world, 'root');
    const root = await world.script('root', ['--check'], { VAULT_TOKEN: token });
    expect(root).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('no drift') as string });
  });

  test('every field of every step that compares fields is found when it was changed, named as a diff, and put back by itself', async () => {
    // those of the CA are the same in both.
    const own = name === 'recommended' ? /./ : /^approle/;
    const steps = clusterSteps(world.cluster).filter(({ id, unless, fields }) => unless?.[0] === 'same_fields' && fields && own.test(id));
    expect(steps.length).toBeGreaterThan(1);
    const before = await stateOf(vault, world.cluster);
    for (const { id, fields = {}, unless } of steps) {
      const [, path = ''] = unless ?? [];
      const read = async () => dataOf((await vault.request('GET', path)).body);
      const planned = await read();
      // one after the other, as what Vault refuses beside the others cannot have been changed so.
      let changes: Record<string, unknown> = { ...fields };
      for (const [field, value] of Object.entries(fields)) {
        const more = { ...changes, [field]: other(field, value) };
        if ((await vault.request('POST', path, more)).status < 400) changes = more;
      }
      await vault.request('POST', path, changes);
      const now = await read();
      const changed = Object.keys(fields).filter(field => JSON.stringify(now[field]) !== JSON.stringify(planned[field]));
      // most of them: some can be but what they are beside others, e.g. a lease without a stored certificate.
      expect(changed.length).toBeGreaterThan(Object.keys(fields).length * 0.7);
      const { code, stdout, stderr } = await check();
      expect({ id, code, stderr }).toEqual({ id, code: 3, stderr: '' });
      const named = stdout.split('\n').flatMap(line => /^ {6}- (\w+): (.*)$/.exec(line)?.slice(1) ?? []);
      expect({ id, named }).toEqual({ id, named: changed.flatMap(field => [field, JSON.stringify(now[field])]) });
      expect(stdout.match(/^ {6}\+ \w+: /gm)).toHaveLength(changed.length);
      expect(stdout).toContain(`drift: 1 of ${clusterSteps(world.cluster).length} steps differ: ${id}. to put it back:`);
      expect(ok(await world.script('cluster-1', ['--repair', id]))).toContain(`\n${id} is as planned\n`);
      expect((await check()).code).toBe(0);
    }
    expect(await stateOf(vault, world.cluster)).toEqual(before);
  });

  test('--repair puts back nothing else', async () => {
    const { role, policy } = world.cluster;
    const planned = await stateOf(vault, world.cluster);
    await vault.request('POST', role.path, { ...role.fields, allow_any_name: true });
    await vault.request('POST', `sys/policies/acl/${policy.name}`, { policy: 'path "other" { capabilities = ["read"] }' });
    expect((await check()).stdout).toContain('steps differ: role/write policy/write.');
    expect(ok(await world.script('cluster-1', ['--repair', 'role/write']))).not.toContain('policy/write');
    expect((await check()).stdout).toContain('steps differ: policy/write.');
    ok(await world.script('cluster-1', ['--repair', 'policy/write']));
    expect(await stateOf(vault, world.cluster)).toEqual(planned);
  });

  test('fails if the step is unknown, if Vault does not answer, or if it is told to look and to do', async () => {
    expect(await world.script('cluster-1', ['--repair', 'role/rite'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("there is no step 'role/rite', they are intermediate/mount ") as string,
    });
    expect(await world.script('cluster-1', ['--repair', 'role/write', '--check'])).toMatchObject({ code: 2 });
    expect(await world.script('cluster-1', ['--check'], { VAULT_ADDR: 'http://127.0.0.1:1' })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('an answer from Vault at http://127.0.0.1:1') as string,
    });
  });

  test('what is beside the plan is found too: a role, an issuer and a key of another maker in the mount; and another default issuer, which is put back', async () => {
    const { mount } = world.cluster.intermediate;
    const { default: planned } = dataOf((await vault.request('GET', `${mount}/config/issuers`)).body);
    await vault.request('POST', `${mount}/roles/other`, { allow_any_name: true });
    await vault.request('POST', `${mount}/root/generate/internal`, { common_name: 'Other CA', ttl: '24h' });
    const beside = await check();
    expect(beside).toMatchObject({ code: 3, stderr: '' });
    expect(beside.stdout).toContain(`role ${mount}/roles/other signs with this CA too, and is not of the plan`);
    expect(beside.stdout).toContain("can sign here too, besides the default: 'Other CA'");
    expect(beside.stdout).toContain('\nbeside the plan, noted above: 2\n');

    const { body } = await vault.request('LIST', `${mount}/issuers`);
    const { keys, key_info } = dataOf(body) as { keys: string[]; key_info: Record<string, { issuer_name: string }> };
    expect(key_info).toBeDefined();
    const named = await Promise.all(
      keys.map(async id => [id, dataOf((await vault.request('GET', `${mount}/issuer/${id}`)).body)] as const),
    );
    const other = named.find(([, { key_id, ca_chain }]) => key_id !== '' && (ca_chain as string[]).length === 1)?.[0];
    await vault.request('POST', `${mount}/config/issuers`, { default: other });
    const moved = await check();
    expect(moved).toMatchObject({ code: 3, stderr: '' });
    expect(moved.stdout).toMatch(/issuer\/default: .*\n {6}- default: "[0-9a-f-]{36}"\n {6}\+ default: "[0-9a-f-]{36}"\n {6}DIFFERS\n/);
    expect(moved.stdout).toMatch(/\ndrift: 1 of \d+ steps differ: issuer\/default\. /);
    // it is put back by itself, after a signature that was tried.
    expect(ok(await world.script('cluster-1', ['--repair', 'issuer/default']))).toContain('verified to the root: a workload');
    expect(dataOf((await vault.request('GET', `${mount}/config/issuers`)).body).default).toBe(planned);
    expect((await check()).stdout).toContain('\nbeside the plan, noted above: 2\n');
  });
});
