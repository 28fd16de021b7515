// npm run bench:sign: CertificateRequests a second, and what they leave in Vault; the guide's login and PKI role against ours, and cert-manager
// with its own limits against ours, side by side in one run on the real Vault and cert-manager. A benchmark, never a test: it says, it does not judge.
import { availableParallelism } from 'node:os';
import { planMeshCa } from '../../src/plan/plan';
import type { MeshCaConfig } from '../../src/config/config';
import { buildPrograms, type Kube, ok, startCertManager, startKube, startVaultDev, type Vault } from '../live/harness';
import { makeCsr } from '../live/mesh/certificates';
import { askCertManager, helmValues } from '../live/mesh/istio-csr';
import { readiness, setUp } from '../live/mesh/vault-mesh';
import { configs, dataOf } from '../live/world';

jest.setTimeout(600_000);

const REQUESTS = 200;
const AT_ONCE = 40;

/** cert-manager's own flags, and those that the runbook gives it for 34 signatures a second. */
const OWN = { workers: 5, qps: 20, burst: 50 };
const { size: SIZED = OWN } = planMeshCa({ ...configs.recommended, workloads: 1000 }).clusters[0]?.certManager ?? {};
const flagsOf = ({ workers, qps, burst }: typeof OWN) => [
  `--concurrent-workers=${workers}`,
  `--kube-api-qps=${qps}`,
  `--kube-api-burst=${burst}`,
];

const ec: MeshCaConfig = { ...configs.recommended, certificates: { keyType: 'ec' }, intermediate: { keyType: 'ec' } };
const rows: readonly (readonly [what: string, config: MeshCaConfig, size: typeof OWN])[] = [
  ["the guide's role and login, cert-manager's own limits", configs.guide, OWN],
  ["ours, cert-manager's own limits", configs.recommended, OWN],
  ["the guide's role and login, cert-manager sized", configs.guide, SIZED],
  ['ours, cert-manager sized', configs.recommended, SIZED],
  ['ours with EC keys, cert-manager sized', ec, SIZED],
];

beforeAll(() => buildPrograms(), 45 * 60_000);

const count = async (vault: Vault, path: string) => ((dataOf((await vault.request('LIST', path)).body).keys ?? []) as unknown[]).length;

/** Leases of logins, of any method, and certificates on the mount. */
async function residue(vault: Vault, mount: string): Promise<{ leases: number; stored: number }> {
  const methods = ((dataOf((await vault.request('LIST', 'sys/leases/lookup/auth')).body).keys ?? []) as string[]).filter(
    one => one !== 'token/',
  );
  const logins = await Promise.all(methods.map(method => count(vault, `sys/leases/lookup/auth/${method}login`)));
  return { leases: logins.reduce((a, b) => a + b, 0), stored: await count(vault, `${mount}/certs`) };
}

/** Signs so many requests, so many at a time; gives the seconds it took. */
async function sign(kube: Kube, values: string, csrs: readonly string[]): Promise<number> {
  const value = helmValues(values);
  const waiting = [...csrs];
  const started = Date.now();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let csr = waiting.pop(); csr !== undefined; csr = waiting.pop()) {
        const { reason, message } = await askCertManager(kube, value, csr);
        if (reason !== 'Issued') throw new Error(message);
      }
    }),
  );
  return (Date.now() - started) / 1000;
}

const table: string[] = [];
afterAll(() => {
  process.stdout.write(
    [
      '',
      `${REQUESTS} CertificateRequests, ${AT_ONCE} at a time, on ${availableParallelism()} cores: Vault 1.13 in dev mode, cert-manager 1.21.2, kube-apiserver 1.36.3,`,
      'RSA 2048 unless it says EC; no istio-csr: a client asks the API server and polls.',
      '',
      `${'what'.padEnd(56)}${'a second'.padStart(10)}${'leases'.padStart(8)}${'stored'.padStart(8)}`,
      ...table,
      '',
    ].join('\n'),
  );
});

test.each(rows)('%s', async (what, config, size) => {
  const running: { stop(): Promise<void> }[] = [];
  try {
    const vault = await startVaultDev();
    running.push(vault);
    const kube = await startKube();
    running.push(kube, await startCertManager(kube, { flags: flagsOf(size) }));
    const mesh = await setUp(config, vault, [kube]);
    ok(await mesh.run('kubectl', ['--context', 'cluster-1', 'apply', '-f', 'dist/cluster-1/manifests/1-issuer']));
    await readiness(kube, ['issuer', 'vault-issuer', '-n', 'istio-system']);
    const values = mesh.dist.text('cluster-1/istio-csr.values.yml');
    const { keyType } = mesh.world.cluster.certificates;
    const { csr } = await makeCsr(['URI:spiffe://cluster.local/ns/foo/sa/sleep'], undefined, keyType);
    // the first few are slower, and are not counted.
    await sign(
      kube,
      values,
      Array.from({ length: 10 }, () => csr),
    );
    const { mount } = mesh.world.cluster.intermediate;
    const before = await residue(vault, mount);
    const seconds = await sign(
      kube,
      values,
      Array.from({ length: REQUESTS }, () => csr),
    );
    const after = await residue(vault, mount);
    const columns = [
      (REQUESTS / seconds).toFixed(1).padStart(10),
      ...[after.leases - before.leases, after.stored - before.stored].map(n => String(n).padStart(8)),
    ];
    table.push(what.padEnd(56) + columns.join(''));
  } finally {
    for (const one of running.reverse()) await one.stop();
  }
});
