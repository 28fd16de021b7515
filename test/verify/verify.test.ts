import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ClusterPlan } from '../../src/plan/plan';
import { verifyScript } from '../../src/script/verify';
import { certificate } from '../fixtures/verify/certificates';
import { clusterOf } from '../fixtures/verify/mesh';
import { different, folder, goodLines, mesh, plan, standIns, verify, WORKLOAD } from '../fixtures/verify/run';

test('the script is one that bash and shellcheck take', () => {
  const input = verifyScript(plan);
  expect(spawnSync('bash', ['-n'], { input, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  const shellcheck = spawnSync('shellcheck', ['--shell=bash', '-'], { input, encoding: 'utf8' });
  expect(shellcheck).toMatchObject({ status: 0, stdout: '' });
});

test('a mesh that is as it was planned passes', () => {
  expect(verify()).toMatchObject({ code: 0, stderr: '', lines: [...goodLines(), '18 ok, 0 failed, 0 unknown'] });
});

test('--json prints one object a check', () => {
  const { code, lines } = verify({ args: [...WORKLOAD, '--json'], facts: { available: 0 } });
  expect(code).toBe(1);
  expect(lines.map(line => JSON.parse(line) as unknown).slice(1, 3)).toEqual([
    {
      check: 'issuer',
      status: 'ok',
      message: 'vault-issuer is Ready, Vault verified (it proves a login at some time, not that Vault signs now)',
    },
    {
      check: 'istio-csr',
      status: 'fail',
      message: '0 of 1 replicas available, 1 of 1 pods ready',
      todo: 'helm upgrade --install cert-manager-istio-csr with istio-csr.values.yml, then look at its log',
    },
  ]);
  expect(lines).toHaveLength(18);
});

describe('what cannot be checked is unknown, and never passed:', () => {
  test('a cluster that cannot be reached', () => {
    const { code, lines, calls } = verify({ unreachable: true, args: [] });
    const why = 'kubectl gets no answer: The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?';
    expect(lines.slice(1, -1).every(line => line.startsWith('unknown ') && line.endsWith(`: ${why}`))).toBe(true);
    expect([code, lines.at(-1)]).toEqual([3, '1 ok, 0 failed, 12 unknown']);
    // it is waited for once.
    expect(calls).toHaveLength(1);
  });

  test('a context that is not there', () => {
    const { code, lines } = verify({ args: [], env: { CONTEXT: 'another' } });
    expect(lines[1]).toBe('unknown issuer: kubectl gets no answer: error: context "cluster-1" does not exist');
    expect(code).toBe(3);
  });

  test('an object that may not be read', () => {
    const forbidden = 'Error from server (Forbidden): secrets "istio-root-ca" is forbidden: User "a" cannot get it';
    const { code, lines } = verify({ errors: { 'secrets/cert-manager/istio-root-ca': `Warning: old\n${forbidden}\n` } });
    expect(different(lines)).toEqual([`unknown istio-csr root file: kubectl get secrets istio-root-ca: ${forbidden}`]);
    expect([code, lines.at(-1)]).toEqual([3, '17 ok, 0 failed, 1 unknown']);
  });

  test('an istioctl that fails', () => {
    const { code, lines } = verify({ istioctlError: 'Error: unable to exec\n' });
    const why = 'istioctl proxy-config secret: Error: unable to exec';
    expect(different(lines)).toEqual([
      `unknown workload chain: ${why}`,
      `unknown workload name: ${why}`,
      'unknown workload service account: there is no name to read it from',
      `unknown workload ROOTCA: ${why}`,
    ]);
    expect(code).toBe(3);
  });

  test('without a root, all that is compared with it', () => {
    const { code, lines } = verify({ plan: clusterOf() });
    const unknown = lines.filter(line => line.startsWith('unknown')).map(line => line.slice(8).split(':')[0]);
    expect(unknown).toEqual([
      'root',
      'istio-csr root file',
      'istiod-tls',
      'istio-ca-root-cert in istio-system',
      'istio-ca-root-cert in foo',
      'workload chain',
      'workload ROOTCA',
    ]);
    expect(code).toBe(3);
  });

  test('an environment variable that stands elsewhere', () => {
    const { code, lines } = verify({
      facts: {
        istiodEnv: [
          { name: 'CLUSTER_ID', valueFrom: {} },
          { name: 'ENABLE_CA_SERVER', value: 'false' },
        ],
      },
    });
    expect(different(lines)).toEqual(['unknown istiod cluster ID: CLUSTER_ID of istiod is taken from another object, which is not read']);
    expect(code).toBe(3);
  });
});

test('a whole ControlPlane is applied where it is not as planned, by the file that there is', () => {
  const tsb = {
    hub: 'registry.example.com/tsb',
    managementPlane: { host: 'tsb.example.com', port: 443 },
    telemetryStore: { elastic: { host: 'elastic.example.com', port: 9200 } },
  };
  const whole = clusterOf({ root: { certificate: mesh.root.pem }, clusters: [{ name: 'cluster-1', tsb }] });
  const { lines } = verify({ plan: whole, facts: { istiodEnv: [{ name: 'CLUSTER_ID', value: 'cluster-1' }], mesh: 'trustDomain: td' } });
  expect(different(lines)).toEqual([
    'FAIL    istiod CA server: ENABLE_CA_SERVER of istiod is not set, which means "true", the plan says "false" (apply manifests/3-control-plane)',
    'FAIL    trust domain: the mesh config says "td", the plan says "cluster.local" (apply manifests/3-control-plane, or put trustDomain of mesh-ca.yaml right)',
  ]);
});

test('istiod-dynamic is a Certificate for istiod as well', () => {
  const { code, lines } = verify({ facts: { certificateName: 'istiod-dynamic' } });
  expect(different(lines)).toEqual(['ok      istiod certificate: istiod-dynamic is Ready']);
  expect(code).toBe(0);
});

test('a revision has its own istiod and ConfigMaps', () => {
  const revised = clusterOf({ root: { certificate: mesh.root.pem }, istio: { revision: 'canary' } });
  const istiod = certificate(folder, 'canary', {
    subject: '/',
    by: mesh.intermediate,
    names: 'DNS:istiod.istio-system.svc,DNS:istiod-canary.istio-system.svc',
  });
  const { code } = verify({ plan: revised, facts: { istiodChain: istiod.pem + mesh.intermediate.pem } });
  expect(code).toBe(0);
});

test('a workload of a config dump needs no pod, and what it cannot be compared with is said', () => {
  const change = { args: [...WORKLOAD, '--config-dump', 'dump.json'], files: { 'dump.json': '{}' }, without: ['pods/foo/sleep'] };
  const { code, lines, calls } = verify(change);
  expect(different(lines)).toEqual(['unknown workload service account: there is no pod sleep in namespace foo to compare it with']);
  expect(calls.at(-1)).toEqual(['istioctl', '--context', 'cluster-1', 'proxy-config', 'secret', '--file', 'dump.json', '--output', 'json']);
  expect(code).toBe(3);
});

test('a workload is asked for by its pod and namespace, and one that is not there fails', () => {
  expect(verify().calls.at(-1)).toEqual(['istioctl', '--context', 'cluster-1', 'proxy-config', 'secret', 'sleep.foo', '--output', 'json']);
  const { code, lines } = verify({ without: ['pods/foo/sleep'] });
  expect([code, lines.at(-2)]).toEqual([
    1,
    'FAIL    workload: there is no pod sleep in namespace foo (name one with --workload NAMESPACE/POD)',
  ]);
});

test('control characters of the cluster do not reach the terminal, and no text of it is run', () => {
  const hostile = `x\u001b[31m$(touch pwned)\`touch pwned\`'"\\n\n%s`;
  const { code, lines, world } = verify({
    facts: {
      mesh: "trustDomain: '\u001b$(touch pwned)'",
      istiodEnv: [
        { name: 'CLUSTER_ID', value: hostile },
        { name: 'ENABLE_CA_SERVER', value: 'false' },
      ],
      certificateIssuer: hostile,
      account: hostile,
    },
  });
  const clean = hostile.replaceAll('\u001b', ' ').replaceAll('\n', ' ');
  expect(different(lines)).toEqual([
    expect.stringContaining(`FAIL    istiod certificate: istiod asks the issuer "${clean}"`),
    expect.stringContaining(`FAIL    istiod cluster ID: CLUSTER_ID of istiod is "${clean}"`),
    expect.stringContaining('FAIL    trust domain: the mesh config says " $(touch pwned)"'),
    expect.stringContaining(`FAIL    workload service account: it is "sleep", the pod's is "${clean}"`),
  ]);
  expect([code, existsSync(join(world, 'cwd/pwned'))]).toEqual([1, false]);
});

test('a plan with hostile names is compared literally', () => {
  const hostile = `a'b $(touch pwned) "c" \\ *`;
  const at: ClusterPlan = { ...plan, context: hostile, clusterId: hostile, trustDomain: hostile };
  const istioCsr = {
    ...plan.istioCsr,
    values: { ...plan.istioCsr.values, 'app.server.clusterID': hostile, 'app.tls.trustDomain': hostile },
  };
  const { code, lines, world } = verify({ plan: { ...at, istioCsr }, args: [], facts: { mesh: JSON.stringify({ trustDomain: hostile }) } });
  expect(lines.filter(line => !line.startsWith('ok'))).toEqual(['13 ok, 0 failed, 0 unknown']);
  expect([code, existsSync(join(world, 'cwd/pwned'))]).toEqual([0, false]);
});

test('Ctrl-C leaves nothing behind', async () => {
  const world = mkdtempSync(join(folder, 'world-'));
  mkdirSync(join(world, 'tmp'));
  writeFileSync(join(world, 'hang'), '');
  const child = spawn('bash', ['-s', '--', ...WORKLOAD], {
    env: standIns(plan, world),
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  child.stdin.end(verifyScript(plan));
  // its first line comes before the cluster is asked.
  await once(child.stdout, 'data');
  expect(readdirSync(join(world, 'tmp'))).toHaveLength(1);
  process.kill(-child.pid!, 'SIGINT');
  expect(await once(child, 'close')).toEqual([130, null]);
  expect(readdirSync(join(world, 'tmp'))).toEqual([]);
});

describe('bad usage', () => {
  test.each([
    [['--workload', 'foo'], '--workload must be NAMESPACE/POD, e.g. foo/sleep-557747455f-rcsmr, got "foo"'],
    [['--workload', 'foo/-x'], 'got "foo/-x"'],
    [['--workload'], '--workload needs a value'],
    [['--root', 'nowhere.pem'], '--root must name a file that can be read, got "nowhere.pem"'],
    [['--config-dump', '.'], '--config-dump must name a file that can be read, got "."'],
    [['--rot'], 'no such option, got "--rot"'],
  ])('fails if it is %j', (args, message) => {
    const { code, stderr, calls } = verify({ args });
    expect([code, stderr, calls]).toEqual([2, expect.stringContaining(message), []]);
  });

  test('--help is not', () => {
    expect(verify({ args: ['--help'] })).toMatchObject({
      code: 0,
      stderr: '',
      lines: expect.arrayContaining([expect.stringMatching(/^usage: /)]) as unknown,
    });
  });
});

test('fails if programs are missing, and names all of them', () => {
  const bin = mkdtempSync(join(folder, 'bin-'));
  const script = join(bin, 'verify.sh');
  writeFileSync(script, verifyScript(plan));
  const bash = spawnSync('sh', ['-c', 'command -v bash'], { encoding: 'utf8' }).stdout.trim();
  const { status, stderr } = spawnSync(bash, [script, ...WORKLOAD], { env: { PATH: bin }, encoding: 'utf8' });
  expect([status, stderr]).toEqual([
    3,
    `${script}: error: nothing can be checked without kubectl, jq, openssl, awk, sed, istioctl: install it\n`,
  ]);
});
