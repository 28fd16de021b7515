// npm run bench:sign: CertificateRequests a second, and what they leave in Vault; the guide's login and PKI role against ours, and cert-manager
// with its own limits against ours, side by side in one run on the real Vault and cert-manager. A benchmark, never a test: it says, it does not judge.
import { availableParallelism } from 'node:os';
import { planMeshCa } from '../../src/plan/plan';
import type { CertManagerSize } from '../../src/plan/sizing';
import type { MeshCaConfig } from '../../src/config/config';
import { buildPrograms, type Kube, ok, startCertManager, startKube, startVaultDev, type Vault } from '../live/harness';
import { makeCsr } from '../live/mesh/certificates';
import { askCertManager, helmValues } from '../live/mesh/istio-csr';
import { readiness, setUp } from '../live/mesh/vault-mesh';
import { configs, dataOf } from '../live/world';

jest.setTimeout(600_000);

const REQUESTS = 1000;
const AT_ONCE = 40;

/** cert-manager's own flags, and those that the runbook gives a version that keeps to them, for 34 signatures a second. */
const OWN: CertManagerSize = { workers: 5, calls: { qps: 20, burst: 50 } };
const config = { ...configs.recommended, workloads: 1000, certManager: { version: 'v1.20.2' } };
const { size: SIZED = OWN } = planMeshCa(config).clusters[0]?.certManager ?? {};
const flagsOf = ({ workers, calls }: CertManagerSize) => [
  `--concurrent-workers=${workers}`,
  ...(calls ? [`--kube-api-qps=${calls.qps}`, `--kube-api-burst=${calls.burst}`] : []),
];

interface Row {
  readonly what: string;
  readonly config: MeshCaConfig;
  readonly size: CertManagerSize;
  readonly requests?: number;
  readonly flags?: readonly string[];
}

/** Without API Priority and Fairness cert-manager 1.21 keeps to its own flags, as those before it always do. */
const LIMITED = { requests: 200, flags: ['--enable-priority-and-fairness=false'] };

const [cluster] = configs.recommended.clusters;
const appRole: MeshCaConfig = { ...configs.recommended, clusters: [{ ...cluster, name: 'cluster-1', auth: 'appRole' }] };
const ec: MeshCaConfig = { ...configs.recommended, certificates: { keyType: 'ec' }, intermediate: { keyType: 'ec' } };
const rows: readonly Row[] = [
  { what: "the guide's role and login, cert-manager's own flags", config: configs.guide, size: OWN },
  { what: "ours, cert-manager's own flags", config: configs.recommended, size: OWN },
  { what: "the guide's role and login, cert-manager sized", config: configs.guide, size: SIZED },
  { what: 'ours, cert-manager sized', config: configs.recommended, size: SIZED },
  { what: 'ours with auth: appRole, cert-manager sized', config: appRole, size: SIZED },
  { what: 'ours with EC keys, cert-manager sized', config: ec, size: SIZED },
  { what: "ours, cert-manager's own flags, and it keeps to them", config: configs.recommended, size: OWN, ...LIMITED },
  { what: 'ours, cert-manager sized, and it keeps to that', config: configs.recommended, size: SIZED, ...LIMITED },
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
      `${REQUESTS} CertificateRequests (${LIMITED.requests} in the last two rows), ${AT_ONCE} at a time, on ${availableParallelism()} cores: Vault 1.13 in dev mode, cert-manager 1.21.2, kube-apiserver 1.36.3,`,
      'RSA 2048 unless it says EC; no istio-csr: a client asks the API server and polls.',
      '',
      `${'what'.padEnd(56)}${'a second'.padStart(10)}${'leases'.padStart(8)}${'stored'.padStart(8)}`,
      ...table,
      '',
    ].join('\n'),
  );
});

test.each(rows)('$what', async ({ what, config, size, requests = REQUESTS, flags = [] }) => {
  const running: { stop(): Promise<void> }[] = [];
  try {
    const vault = await startVaultDev();
    running.push(vault);
    const kube = await startKube({ flags });
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
      Array.from({ length: requests }, () => csr),
    );
    const after = await residue(vault, mount);
    const columns = [
      (requests / seconds).toFixed(1).padStart(10),
      ...[after.leases - before.leases, after.stored - before.stored].map(n => String(n).padStart(8)),
    ];
    table.push(what.padEnd(56) + columns.join(''));
  } finally {
    for (const one of running.reverse()) await one.stop();
  }
});
