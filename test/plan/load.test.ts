import { ClusterConfig, MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';

const plan = (cluster: Partial<ClusterConfig>, config: Partial<MeshCaConfig> = {}) =>
  planMeshCa({
    vault: { server: 'https://vault.example.com:8200' },
    istioVersion: '1.22',
    ...config,
    clusters: [{ name: 'cluster-1', ...cluster }],
  }).clusters[0]!;

describe('the load', () => {
  test('is not known without the number of workloads, and then nothing is sized', () => {
    const { load, istioCsr, certManager } = plan({});
    expect(load).toEqual({ signRate: 34, measured: true });
    expect(Object.keys(istioCsr.values).filter(key => /^(replicaCount|resources|topology|podDisruption)/.test(key))).toEqual([]);
    expect(certManager.size).toBeUndefined();
  });

  test('follows from the workloads, what their agent does, and the lifetime of their certificates', () => {
    expect(plan({ workloads: 1800, namespaces: 20 }).load).toEqual({
      signRate: 34,
      measured: true,
      mesh: {
        workloads: 1800,
        namespaces: 20,
        // half of an hour
        renewalSeconds: 1800,
        steadyRate: 1,
        restartSeconds: 1800 / 34,
        restartBound: 900,
        signaturesPerDay: 86_400,
        leasesPerDay: 0,
        storedPerDay: 0,
      },
    });
  });

  test("the guide's login and role leave a lease and a certificate for each signature", () => {
    const guide = plan({ workloads: 1800, auth: 'appRole', appRole: { tokenType: 'service' }, role: { storeCertificates: true } });
    expect(guide.load.mesh).toMatchObject({ leasesPerDay: 86_400, storedPerDay: 86_400 });
    // a batch token has none, and the AppRole is not what keeps certificates.
    expect(plan({ workloads: 1800, auth: 'appRole' }).load.mesh).toMatchObject({ leasesPerDay: 0, storedPerDay: 0 });
  });

  test('a certificate of more than a day is asked for by SECRET_TTL, and renewed at half of its own time', () => {
    const { load, certificates } = plan({ workloads: 1000, certificates: { workloadTtl: '720h' } });
    expect(load.mesh).toMatchObject({ renewalSeconds: 360 * 3600, restartBound: 180 * 3600 });
    expect(certificates.proxyMetadata).toEqual({ SECRET_TTL: '720h' });
    expect(plan({ certificates: { workloadTtl: '24h' } }).certificates.proxyMetadata).toEqual({});
  });

  test('ztunnels ask for a day, so a longer lifetime is refused with them', () => {
    expect(() => plan({ ambient: true, istioVersion: '1.30', target: 'helm', certificates: { workloadTtl: '25h' } })).toThrow(
      `'workloadTtl' must be at most "24h" with ambient, which ztunnels ask for, got "25h"`,
    );
  });

  test("the rate is the measured one, with and without the limiter, or the config's", () => {
    const istioCsr = { disableKubernetesClientRateLimiter: false };
    expect(plan({ istioCsr }).load).toEqual({ signRate: 1.7, measured: true });
    expect(plan({ istioCsr, signRate: 5 }).load).toEqual({ signRate: 5, measured: false });
  });

  test('as many as can be signed for in a quarter of a lifetime are right, and one more is not', () => {
    expect(plan({ workloads: 30_600 }).load.mesh).toMatchObject({ restartSeconds: 900, steadyRate: 17 });
    expect(() => plan({ workloads: 30_601 })).toThrow(
      `clusters[0].workloads: 'workloads' must be so many that all can be signed for within 900s, a quarter of their certificates' life, got 30601: at 34 signatures a second a restart of all takes 901s, and the steady load is 17 a second; write certificates.workloadTtl: "2h", or signRate: 35 where you have measured that, or workloads: 30600`,
    );
  });

  test.each([[{ certificates: { workloadTtl: '2h' } }], [{ signRate: 35 }], [{ workloads: 30_600 }]] as const)(
    'what a refusal says to write is right: %j',
    change => {
      expect(() => plan({ workloads: 30_601, ...change })).not.toThrow();
    },
  );

  test('fails if the limiter is on in a large mesh, and says so first; where no lifetime would do, none is named', () => {
    const istioCsr = { disableKubernetesClientRateLimiter: false };
    expect(() => plan({ workloads: 2000, istioCsr })).toThrow(
      'write istioCsr.disableKubernetesClientRateLimiter: true, or certificates.workloadTtl: "2h", or signRate: 3 where',
    );
    expect(() => plan({ workloads: 1_000_000 })).toThrow(/write signRate: 1112 where you have measured that, or workloads: 30600$/);
  });

  test('fails if there are namespaces and no workloads', () => {
    expect(() => plan({ namespaces: 3 })).toThrow("'namespaces' sizes nothing without 'workloads', e.g. workloads: 1000");
  });
});

describe('the sizes', () => {
  const spread = (topologyKey: string) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: { app: 'cert-manager-istio-csr' } },
  });

  test("are istio-csr's replicas, their places, disruption and resources", () => {
    expect(plan({ workloads: 10_000, namespaces: 64 }).istioCsr.values).toMatchObject({
      replicaCount: 2,
      topologySpreadConstraints: [spread('topology.kubernetes.io/zone'), spread('kubernetes.io/hostname')],
      'podDisruptionBudget.enabled': true,
      'podDisruptionBudget.maxUnavailable': 1,
      resources: { requests: { cpu: '202m', memory: '1042Mi' }, limits: { memory: '2084Mi' } },
    });
  });

  test("the user's own values win, as a whole", () => {
    const values = { replicaCount: 5, resources: { requests: { cpu: '1' } }, podDisruptionBudget: { enabled: false } };
    const { istioCsr } = plan({ workloads: 10_000, istioCsr: { values } });
    expect(istioCsr.extraValues).toEqual(values);
    expect(Object.keys(istioCsr.values).filter(key => /^(replicaCount|resources|topology|podDisruption)/.test(key))).toEqual([
      'topologySpreadConstraints',
    ]);
  });

  test('a chart version without a value does without it', () => {
    const { values } = plan({ workloads: 100, istioCsr: { chartVersion: 'v0.12.0' } }).istioCsr;
    expect(Object.keys(values).filter(key => /^(replicaCount|resources|topology|podDisruption)/.test(key))).toEqual([
      'replicaCount',
      'topologySpreadConstraints',
      'resources',
    ]);
  });

  test("are cert-manager's flags, by the rate that is to be signed", () => {
    expect(plan({ workloads: 100 }).certManager.size).toEqual({ workers: 11 });
    expect(plan({ workloads: 100, signRate: 100 }).certManager.size).toEqual({ workers: 30 });
    expect(plan({ workloads: 100, signRate: 1 }).certManager.size).toBeUndefined();
    // before 1.21 it keeps to its own limit of calls, whatever the API server would take.
    const before = { certManager: { version: 'v1.20.2' } };
    expect(plan({ workloads: 100, ...before }).certManager.size).toEqual({ workers: 11, calls: { qps: 272, burst: 544 } });
    expect(plan({ workloads: 100, signRate: 3, ...before }).certManager.size).toEqual({ workers: 5, calls: { qps: 24, burst: 50 } });
    expect(plan({ workloads: 100, signRate: 2, ...before }).certManager.size).toBeUndefined();
  });
});

describe('the key', () => {
  const keys = (keyType: 'rsa' | 'ec', keyBits?: 256 | 384 | 2048 | 3072) => {
    const { role, istioCsr, certificates } = plan({ certificates: { keyType, keyBits } });
    const { values } = istioCsr;
    return {
      role: [role.fields.key_type, role.fields.key_bits],
      serving: [values['app.server.serving.signatureAlgorithm'], values['app.server.serving.certificateKeySize']],
      istiod: [values['app.tls.istiodPrivateKeyAlgorithm'], values['app.tls.istiodPrivateKeySize']],
      workloads: certificates.proxyMetadata,
    };
  };

  test('is the same on role, istio-csr, istiod and workloads, from one word', () => {
    expect(keys('rsa')).toEqual({ role: ['rsa', 2048], serving: ['RSA', 2048], istiod: ['', 2048], workloads: {} });
    expect(keys('rsa', 3072).workloads).toEqual({ WORKLOAD_RSA_KEY_SIZE: '3072' });
    expect(keys('ec')).toEqual({
      role: ['ec', 256],
      serving: ['ECDSA', 256],
      istiod: ['ECDSA', 256],
      workloads: { ECC_SIGNATURE_ALGORITHM: 'ECDSA' },
    });
    expect(keys('ec', 384).workloads).toEqual({ ECC_SIGNATURE_ALGORITHM: 'ECDSA', ECC_CURVE: 'P384' });
  });
});
