import { connect } from 'node:tls';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Answer,
  buildPrograms,
  keptProgram,
  type Kube,
  makeCa,
  makeServerCertificate,
  ok,
  run,
  type RunOptions,
  type RunResult,
  start,
  startCertManager,
  startIstiod,
  startKube,
  startVaultDev,
  startVaultServer,
  tempDir,
  until,
  type Vault,
} from './harness';

// The first run builds everything.
jest.setTimeout(60_000);
beforeAll(() => buildPrograms(), 45 * 60_000);

/** What runs is stopped after each test, also after one that failed. */
const running: { stop(): Promise<void> }[] = [];
const started = async <T extends { stop(): Promise<void> }>(it: Promise<T>): Promise<T> => {
  const one = await it;
  running.push(one);
  return one;
};
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

describe('until', () => {
  test('fails with what was awaited and what was seen last', async () => {
    const never = () => {
      throw new Error('still closed');
    };
    await expect(until('the door to open', never, 50)).rejects.toThrow('waited 0.05 s for the door to open; last seen: still closed');
  });
});

describe('run', () => {
  test('gives code, output and errors, and feeds standard input', async () => {
    expect(await run('sh', ['-c', 'cat; echo no >&2; exit 3'], { input: 'yes' })).toEqual({ code: 3, stdout: 'yes', stderr: 'no\n' });
  });

  test('fails if the program takes too long, and ends its children', async () => {
    const pidFile = join(tempDir('run'), 'pid');
    await expect(run('sh', ['-c', `sleep 60 & echo $! >${pidFile}; wait`], { timeout: 300 })).rejects.toThrow('did not end in 0.3 s');
    // A zombie counts as gone: only its parent, init, has yet to take note of it.
    await until(
      'the child to end',
      async () => !/^[^Z]/.test((await run('ps', ['-o', 'stat=', '-p', readFileSync(pidFile, 'utf8').trim()])).stdout),
    );
  });
});

describe('the watchdog', () => {
  test('ends what a test process left and removes its folders, but nothing that was gone before', async () => {
    const folder = tempDir('watchdog');
    const [left, gone] = ['left', 'gone'].map(name => start(name, 'sleep', ['60'], { folder }));
    const doomed = tempDir('doomed');
    ok(
      await run('sh', [join(__dirname, 'harness/watchdog.sh')], {
        input: `pid ${left?.pid}\npid ${gone?.pid}\ngone ${gone?.pid}\ndir ${doomed}\n`,
      }),
    );
    await until('the one that was left to end', () => {
      try {
        left?.check();
        return false;
      } catch {
        return true;
      }
    });
    expect(() => gone?.check()).not.toThrow();
    expect(existsSync(doomed)).toBe(false);
    await gone?.stop();
  });
});

describe('Vault', () => {
  test('runs in dev mode, reached by the CLI and the API alike', async () => {
    const vault = await started(startVaultDev({ audit: true }));
    ok(await vault.vault(['kv', 'put', 'secret/a', 'b=-'], { input: 'c' }));
    expect(await vault.request('GET', 'secret/data/a')).toMatchObject({ status: 200, body: { data: { data: { b: 'c' } } } });
    expect(readFileSync(vault.auditFile, 'utf8')).toContain('"b":"c"');
  });

  test('with TLS keeps what it stores across a restart, which leaves it sealed', async () => {
    const vault = await started(startVaultServer({ keyShares: 3, keyThreshold: 2 }));
    expect(vault.unsealKeys).toHaveLength(3);
    ok(await vault.vault(['secrets', 'enable', '-path=kept', 'pki']));
    await vault.restart({ unseal: false });
    expect((await vault.vault(['secrets', 'list'])).stderr).toContain('Vault is sealed');
    await vault.unseal();
    expect(ok(await vault.vault(['secrets', 'list']))).toContain('kept/');
    await vault.seal();
    await vault.unseal();
    expect((await run(vault.bin, ['status'], { env: { ...vault.env, VAULT_CACERT: undefined } })).stderr).toContain('unknown authority');
  });
});

describe("Vault's CLI, which one process keeps running", () => {
  test('gives what a start of the program gives, and what it cannot do the program does', async () => {
    const vault = await started(startVaultDev());
    const { vault: program } = await buildPrograms(['vault']);
    const folder = tempDir('words');
    writeFileSync(join(folder, 'policy.hcl'), 'path "x" { capabilities = ["read"] }');
    const calls: [words: string[], options?: RunOptions][] = [
      [['read', 'sys/policies/acl/default']],
      [['read', 'nothing/here']],
      [['read', '-field=nothing', 'sys/policies/acl/default']],
      [['read']],
      [['list', '-format=json', 'sys/policies/acl']],
      [['write', 'sys/policies/acl/a', 'policy=@policy.hcl'], { cwd: folder }],
      [['write', 'sys/policies/acl/e', 'policy=@/dev/stdin'], { input: 'path "x" {}' }],
      [['write', 'sys/policies/acl/b', '-'], { input: '{"policy": "path \\"y\\" {}"}' }],
      [['policy', 'write', 'c', '-'], { input: 'no policy' }],
      [['policy', 'list']],
      [['token', 'lookup', '-format=json', '-field=policies']],
      [['secrets', 'list'], { env: { VAULT_TOKEN: 'none' } }],
      [['secrets', 'list'], { env: { VAULT_FORMAT: 'yaml', VAULT_ADDR: 'http://127.0.0.1:1', VAULT_MAX_RETRIES: '0' } }],
      [['status', '-format=json'], { env: { HTTP_PROXY: 'http://127.0.0.1:1', VAULT_ADDR: 'http://vault.example.com' } }],
      [['version']],
      [['no-such-command']],
    ];
    for (const [words, options = {}] of calls) {
      const env = { ...vault.env, ...options.env };
      expect([words, await run(vault.bin, words, { ...options, env })]).toEqual([words, await run(program, words, { ...options, env })]);
    }
    // while it is busy with one that waits, others are served.
    const waits = vault.vault(['write', 'sys/policies/acl/d', '-'], { input: '{"policy": "path \\"z\\" {}"}' });
    const many = await Promise.all(Array.from({ length: 8 }, () => vault.vault(['policy', 'list'])));
    expect(many.map(({ code }) => code)).toEqual(Array(8).fill(0));
    ok(await waits);
  });
});

describe('kubectl, which one process keeps running', () => {
  test('gives what a start of the program gives, and what it cannot do the program does', async () => {
    const kube = await started(startKube());
    const { kubectl: program } = await buildPrograms(['kubectl']);
    const folder = tempDir('words');
    const secret = (name: string) => JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: { a: 'b' } });
    writeFileSync(join(folder, 'secret.json'), secret('from-file'));
    const calls: [words: string[], options?: RunOptions][] = [
      [['get', 'namespaces', '-o', 'name']],
      [['get', 'secret', 'none', '-n', 'default']],
      [['get', 'secret', 'none', '-n', 'default', '-o', 'json', '--ignore-not-found']],
      [['get', '--raw', '/openid/v1/jwks']],
      [['--context', 'nowhere', 'get', 'pods']],
      [['get', 'nothing-of-this-kind']],
      [['apply', '--server-side', '-f', '-'], { input: secret('from-input') }],
      [['apply', '-f', 'secret.json'], { cwd: folder }],
      [
        ['apply', '--validate=strict', '-f', '-'],
        { input: '{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "dta": {}}' },
      ],
      [['annotate', 'secret', 'from-file', 'a=b', '--overwrite']],
      [['patch', 'secret', 'from-file', '-p', '{"stringData": {"a": "c"}}']],
      [['get', 'secret', 'from-file', '-o', 'jsonpath={.data.a}']],
      [['get', 'namespaces', '-o', 'name'], { env: { KUBECONFIG: '/dev/null' } }],
      [['--context', 'cluster-1', 'get', 'namespaces', '-o', 'name']],
      [['get', '--no-such-option']],
      [['auth', 'can-i', 'get', 'secrets']],
      [['no-such-command']],
    ];
    const env = { KUBECONFIG: kube.kubeconfig, HOME: folder };
    for (const [words, options = {}] of calls) {
      const both = { ...options, env: { ...env, ...options.env } };
      const direct = await run(program, words, both);
      const kept = await run(await keptProgram('kubectl'), words, both);
      // whether a second one changes anything is said by both: the first one has done it.
      const same = ({ code, stdout, stderr }: RunResult) => ({
        code,
        // klog's time and process.
        stderr: stderr.replace(/^E\d{4} \S+ +\d+ /gm, ''),
        stdout: stdout.replace(/ (created|configured|annotated|patched|unchanged|serverside-applied).*/g, ''),
      });
      expect([words, same(kept)]).toEqual([words, same(direct)]);
    }
  });
});

describe('a cluster', () => {
  const unknownField = JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a', namespace: 'default' },
    dta: { b: 'c' },
  });

  test('refuses an unknown field under strict validation only', async () => {
    const kube = await started(startKube());
    const strict = await kube.kubectl(['apply', '--validate=strict', '-f', '-'], { input: unknownField });
    expect(strict).toMatchObject({ code: 1, stderr: expect.stringContaining('unknown field "dta"') as string });
    await expect(kube.apply(unknownField)).rejects.toThrow('unknown field "dta"');
    ok(await kube.kubectl(['apply', '--validate=false', '-f', '-'], { input: unknownField }));
    expect(await kube.get(['configmap', 'a'])).toMatchObject({ metadata: { name: 'a' } });
    expect(await kube.get(['configmap', 'b'])).toBeUndefined();
  });

  test('runs beside another one, and both are reached through one kubeconfig', async () => {
    const [one, two] = await Promise.all([startKube(), startKube({ context: 'cluster-2' })]);
    running.push(one, two);
    await two.apply(unknownField.replace('"dta":{"b":"c"}', '"data":{}'));
    const both = { KUBECONFIG: `${one.kubeconfig}:${two.kubeconfig}` };
    const names = async (context: string) => ok(await one.kubectl(['--context', context, 'get', 'configmap', '-o', 'name'], { env: both }));
    expect(await names('cluster-1')).not.toContain('configmap/a');
    expect(await names('cluster-2')).toContain('configmap/a');
  });

  test('gives service account tokens that name its issuer', async () => {
    const kube = await started(startKube({ issuer: 'https://issuer.example' }));
    ok(await kube.kubectl(['create', 'serviceaccount', 'a']));
    const token = ok(await kube.kubectl(['create', 'token', 'a', '--audience=vault://default/b'])).trim();
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    expect(claims).toMatchObject({ iss: 'https://issuer.example', aud: ['vault://default/b'], sub: 'system:serviceaccount:default:a' });
    expect(await kube.request('GET', '/openid/v1/jwks')).toMatchObject({ status: 200, body: { keys: [{ kty: 'RSA' }] } });
  });
});

describe("cert-manager's controllers", () => {
  test('make an Issuer ready against a Vault with a private CA, and sign a Certificate', async () => {
    const [kube, vault] = await Promise.all([startKube(), startVaultServer()]);
    running.push(kube, vault);
    await started(startCertManager(kube));
    const { roleId, secretId } = await pkiWithAppRole(vault);
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'approle', namespace: 'default' }, stringData: { secretId } };
    await kube.apply(JSON.stringify(secret));
    await kube.apply(JSON.stringify(issuer(vault.addr, roleId, Buffer.from(vault.caPem).toString('base64'))));
    await readiness(kube, 'issuer');
    await kube.apply(
      JSON.stringify({
        apiVersion: 'cert-manager.io/v1',
        kind: 'Certificate',
        metadata: { name: 'a', namespace: 'default' },
        spec: { secretName: 'a', dnsNames: ['a.example'], duration: '1h', renewBefore: '30m', issuerRef: { name: 'a' } },
      }),
    );
    await readiness(kube, 'certificate');
    expect(await kube.get(['secret', 'a'])).toMatchObject({ type: 'kubernetes.io/tls' });
  });
});

describe('istiod', () => {
  test('serves a certificate that it finds at its well-known path', async () => {
    const kube = await started(startKube());
    const folder = tempDir('istiod-certificate');
    const ca = await makeCa(folder, 'root');
    const { certFile, keyFile } = await makeServerCertificate(ca, folder, 'istiod', ['DNS:istiod.istio-system.svc']);
    const istiod = await started(
      startIstiod(kube, {
        files: {
          'var/run/secrets/istiod/tls/tls.crt': { from: certFile },
          'var/run/secrets/istiod/tls/tls.key': { from: keyFile },
          'var/run/secrets/istiod/ca/root-cert.pem': ca.caPem,
        },
      }),
    );
    await new Promise<void>((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: istiod.securePort, servername: 'istiod.istio-system.svc', ca: ca.caPem }, () => {
        socket.end();
        resolve();
      });
      socket.on('error', reject);
    });
  });
});

describe("Istio's programs", () => {
  test("the patch engine's failures are errors", async () => {
    const { patch } = await buildPrograms(['patch']);
    const folder = tempDir('patch');
    const patched = async (path: string) => {
      const patches = JSON.stringify([{ path, value: 'x' }]);
      const files = { object: join(folder, 'object.yaml'), patches: join(folder, 'patches.yaml') };
      ok(
        await run('sh', ['-c', 'printf %s "$1" >"$2"; printf %s "$3" >"$4"', 'sh', 'a: [{name: b}]', files.object, patches, files.patches]),
      );
      return run(patch, [files.object, files.patches]);
    };
    expect(await patched('a.[name:b].c')).toEqual({ code: 0, stdout: 'a:\n- c: x\n  name: b\n', stderr: '' });
    expect(await patched('a.[name:z].c')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('element [name:z] not found') as string,
    });
  });

  test.each([
    ['istioctl', ['version', '--remote=false']],
    ['helm', ['version']],
  ] as const)('%s runs', async (name, args) => {
    ok(await run((await buildPrograms([name]))[name], args));
  });
});

async function pkiWithAppRole(vault: Vault): Promise<{ roleId: string; secretId: string }> {
  for (const args of [
    ['secrets', 'enable', 'pki'],
    ['write', 'pki/root/generate/internal', 'common_name=root', 'ttl=24h'],
    ['write', 'pki/roles/a', 'allow_any_name=true', 'require_cn=false', 'max_ttl=2h'],
    ['auth', 'enable', 'approle'],
    ['policy', 'write', 'a', '-'],
    ['write', 'auth/approle/role/a', 'token_policies=a'],
  ]) {
    ok(await vault.vault(args, { input: 'path "pki/sign/a" { capabilities = ["update"] }' }));
  }
  const roleId = field(await vault.request('GET', 'auth/approle/role/a/role-id'), 'role_id');
  return { roleId, secretId: field(await vault.request('PUT', 'auth/approle/role/a/secret-id'), 'secret_id') };
}

function field(answer: Answer, name: string): string {
  return String((answer.body as { data: Record<string, unknown> }).data[name]);
}

function issuer(server: string, roleId: string, caBundle: string): unknown {
  return {
    apiVersion: 'cert-manager.io/v1',
    kind: 'Issuer',
    metadata: { name: 'a', namespace: 'default' },
    spec: {
      vault: {
        server,
        path: 'pki/sign/a',
        caBundle,
        auth: { appRole: { path: 'approle', roleId, secretRef: { name: 'approle', key: 'secretId' } } },
      },
    },
  };
}

/** Waits until the object `a` of the kind has the condition Ready. */
async function readiness(kube: Kube, kind: string): Promise<void> {
  await until(`the ${kind} to be ready`, async () => {
    const { status } = (await kube.get([kind, 'a'])) as { status?: { conditions?: { type: string; status: string; message: string }[] } };
    const ready = status?.conditions?.find(x => x.type === 'Ready');
    if (ready?.status !== 'True') throw new Error(JSON.stringify(status ?? 'no status'));
    return true;
  });
}
