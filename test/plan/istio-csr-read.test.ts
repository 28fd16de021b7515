import { MeshCaConfig } from '../../src/config/config';
import { isOfChart } from '../../src/plan/istio-csr';
import { READ_KEYS } from '../../src/plan/istio-csr-read';
import { planMeshCa } from '../../src/plan/plan';
import { synthesize } from '../../src/synth';
import { problemsOf } from './problems';
import table from '../../src/plan/tables/istio-csr-values.json';
import { trialCommands } from '../../src/script/trial';

const config = (values: Record<string, unknown>, more: Partial<MeshCaConfig> = {}): MeshCaConfig => ({
  vault: { server: 'https://vault.example.com:8200' },
  istioVersion: '1.24',
  clusters: [{ name: 'cluster-1', istioCsr: { values } }],
  ...more,
});
const planOf = (...args: Parameters<typeof config>) => planMeshCa(config(...args)).clusters[0]!;

test('a further DNS name of istiod is one that the PKI role, the policies, the self-test and verify.sh have', () => {
  const name = 'istiod.mesh.example.com';
  const values = { app: { tls: { istiodAdditionalDNSNames: [name] } } };
  const cluster = planOf(values, { certManager: { admissionPolicy: true, approverPolicy: true } });
  expect(cluster.role.fields.allowed_domains).toEqual(['istiod.istio-system.svc', name, 'cert-manager-istio-csr.cert-manager.svc']);
  expect(cluster.istioCsr.istiodCertificate.dnsNames).toEqual(['istiod.istio-system.svc', name]);
  expect(cluster.admission?.certificate.dnsNames).toContain(name);
  expect(JSON.stringify(cluster.requestPolicies)).toContain(name);
  expect(trialCommands(cluster).find(([, what]) => what === 'istiod')?.[2]).toContain(`,DNS:${name},`);
});

test('a name of its own is that of its Service, its account and its pods, wherever the plan names them', () => {
  const name = 'istio-csr-a';
  const plan = planMeshCa(
    config(
      { nameOverride: name },
      { certManager: { admissionPolicy: true, approverPolicy: true }, networkPolicy: true, monitoring: true, target: 'helm' },
    ),
  );
  const [cluster] = plan.clusters;
  expect(cluster?.istioCsr).toMatchObject({ name, dnsName: `${name}.cert-manager.svc`, caAddress: `${name}.cert-manager.svc:443` });
  expect(cluster?.role.fields.allowed_domains).toContain(`${name}.cert-manager.svc`);
  expect(cluster?.admission?.requesters).toContain(`system:serviceaccount:cert-manager:${name}`);
  // the chart and its image keep theirs.
  const kept =
    /jetstack\/cert-manager-istio-csr|(release|chart|upgrade --install|uninstall|csr_release=|e\.g\. a) ?cert-manager-istio-csr|cert-manager-istio-csr v/;
  const lines = synthesize(plan).flatMap(({ path, content }) => content.split('\n').map(line => `${path}: ${line}`));
  expect(lines.filter(line => line.includes('cert-manager-istio-csr') && !kept.test(line))).toEqual([]);
});

test('what the schema of the chart accepts is taken, also what its values.yaml has in a comment alone', () => {
  const values = {
    image: { repository: 'registry.example.com/mirror/istio-csr', tag: 'v0.17.0', digest: `sha256:${'0'.repeat(64)}` },
    service: { type: 'NodePort', nodePort: 30443 },
    app: { controller: { configmapNamespaceSelector: 'istio-injection=enabled', maxConcurrentReconciles: 4 } },
    global: { domain: 'example.com' },
    podDisruptionBudget: { enabled: true, minAvailable: 1 },
    securityContext: { runAsUser: 10001 },
  };
  expect(planOf(values).istioCsr.extraValues).toEqual(values);
});

test("the port of istio-csr's Service is that of caAddress", () => {
  expect(planOf({ service: { port: 6443 } }).istioCsr.caAddress).toBe('cert-manager-istio-csr.cert-manager.svc:6443');
  expect(planOf({}).istioCsr.caAddress).toBe('cert-manager-istio-csr.cert-manager.svc:443');
});

test.each<[values: Record<string, unknown>, key: string, message: string]>([
  [
    { app: { tls: { istiodAdditionalDNSNames: 'istiod.example.com' } } },
    'app.tls.istiodAdditionalDNSNames',
    `'app.tls.istiodAdditionalDNSNames' must be a list of DNS names, e.g. ["istiod.mesh.example.com"], got "istiod.example.com"`,
  ],
  [
    { app: { tls: { istiodAdditionalDNSNames: ['*.example.com'] } } },
    'app.tls.istiodAdditionalDNSNames',
    `'app.tls.istiodAdditionalDNSNames' must hold whole DNS names, since the PKI role signs no wildcard, e.g. ["istiod.mesh.example.com"], got "*.example.com"`,
  ],
  [{ service: { port: 'https' } }, 'service.port', `'service.port' must be a port, which caAddress has too, e.g. 443, got "https"`],
  [
    { app: { tls: { istiodCertificateEnable: false } } },
    'app.tls.istiodCertificateEnable',
    `'app.tls.istiodCertificateEnable' must not be false: nothing else makes istiod a certificate; write true, "dynamic", or leave it out, got false`,
  ],
  [
    { app: { certmanager: { issuer: { enabled: false } } } },
    'app.certmanager.issuer.enabled',
    `'app.certmanager.issuer.enabled' must not be false: istio-csr would wait for another issuer than the planned one; write true, or leave it out, got false`,
  ],
])('refuses %j', (values, key, message) => {
  expect(problemsOf(config(values))).toEqual([[`clusters.0.istioCsr.values.${key}`, message]]);
});

/** The keys that a user may set as they like: nothing that is planned follows from them. */
const FREE =
  /^(affinity|commonLabels|deployment(Annotations|Labels)|extraObjects|image.*|nodeSelector.*|pod(Annotations|Labels)|podDisruptionBudget.*|priorityClassName|replicaCount|resources|securityContext.*|service\.type|tolerations|topologySpreadConstraints|volumeMounts|volumes|app\.certmanager\.(additionalAnnotations|preserveCertificateRequests)|app\.log(Format|Level)|app\.metrics.*|app\.readinessProbe.*|app\.runtime.*|app\.server\.authenticators\.enableClientCert|app\.server\.serving\.(address|port)|app\.controller\.(configmapNamespaceSelector|maxConcurrentReconciles)|global|service\.nodePort|securityContext)$/;

test('each key of the chart is decided by the plan, read by it, or free', () => {
  const { istioCsr } = planOf({}, { target: 'istioOperator', ambient: true, monitoring: true });
  const { chartVersion } = istioCsr;
  const classes = Object.keys(table)
    .filter(key => isOfChart(key, chartVersion))
    .map(key => {
      const found = [key in istioCsr.values && 'decided', READ_KEYS.some(one => one === key) && 'read', FREE.test(key) && 'free'];
      return [key, found.filter(Boolean)] as const;
    });
  expect(classes.length).toBeGreaterThan(60);
  expect(classes.filter(([, found]) => found.length === 0)).toEqual([]);
});
