import { parseAllDocuments } from 'yaml';
import { clusterFiles } from '../../src/charts/cluster-files';
import { ClusterConfig, MeshCaConfig } from '../../src/config/config';
import { OutputFile } from '../../src/output';
import { ClusterPlan, planMeshCa } from '../../src/plan/plan';
import { otherRootPem, rootPem } from '../config/certificates';

function plan(cluster: Partial<ClusterConfig> = {}, config: Partial<MeshCaConfig> = {}): ClusterPlan {
  const { clusters } = planMeshCa({
    vault: { server: 'https://vault.example.com:8200' },
    istioVersion: '1.22',
    ...config,
    clusters: [{ name: 'cluster-1', ...cluster }],
  });
  return clusters[0]!;
}

const tsb = {
  hub: 'registry.example.com/tsb',
  managementPlane: { host: 'tsb.example.com', port: 8443 },
  telemetryStore: { elastic: { host: 'elastic.example.com', port: 9200 } },
};

function file(files: readonly OutputFile[], ending: string): OutputFile {
  const found = files.find(({ path }) => path.endsWith(ending));
  if (!found) throw new Error(`no ${ending} in ${files.map(({ path }) => path).join(', ')}`);
  return found;
}

const objects = ({ content }: OutputFile) => parseAllDocuments(content).map(doc => doc.toJS() as unknown);

const comments = ({ content }: OutputFile) =>
  content
    .split('\n')
    .filter(line => /^\s*#/.test(line))
    .map(line => line.trim());

test('the files stand in apply order', () => {
  expect(clusterFiles(plan()).map(({ content: _content, ...rest }) => rest)).toEqual([
    {
      path: 'cluster-1/manifests/0-access/service-account.yaml',
      kind: 'manifest',
      cluster: 'cluster-1',
      about: 'who cert-manager logs in to Vault as',
    },
    { path: 'cluster-1/manifests/1-issuer/issuer.yaml', kind: 'manifest', cluster: 'cluster-1', about: "cert-manager's way to Vault" },
    { path: 'cluster-1/istio-csr.values.yml', kind: 'helm-values', cluster: 'cluster-1', about: 'Helm values of istio-csr v0.17.0' },
    {
      path: 'cluster-1/control-plane.partial.yaml',
      kind: 'manifest',
      cluster: 'cluster-1',
      about: 'a part of the ControlPlane: merge it last, as the runbook says; never apply it',
    },
    { path: 'cluster-1/sample/sample.yaml', kind: 'manifest', cluster: 'cluster-1', about: 'a workload to look at the certificate of' },
  ]);
});

test('roots that are trusted beside the one that signs stand with it in the root file, and nowhere else', () => {
  const files = (root: MeshCaConfig['root']) => clusterFiles(plan({}, { root }));
  const both = files({ certificate: rootPem, alsoTrust: [otherRootPem] });
  expect(objects(file(both, 'root-ca.yaml'))).toMatchObject([{ stringData: { 'ca.cert.pem': rootPem + otherRootPem } }]);
  const rest = (all: OutputFile[]) => all.filter(({ path }) => !path.endsWith('root-ca.yaml'));
  expect(rest(both)).toStrictEqual(rest(files({ certificate: rootPem })));
});

test.each<[what: string, cluster: Partial<ClusterConfig>, access: string[]]>([
  ['by the cluster’s keys', { auth: 'jwt' }, ['service-account.yaml']],
  ['by keys that Vault fetches', { auth: 'jwt', jwt: { discoveryUrl: 'https://keys.example.com' } }, ['service-account.yaml']],
  ['by an API server that Vault runs beside', { auth: 'kubernetes' }, ['service-account.yaml']],
  [
    'by an API server that Vault comes to from outside',
    { auth: 'kubernetes', kubernetes: { host: 'https://10.0.0.1:6443' } },
    ['service-account.yaml', 'reviewer.yaml'],
  ],
  ['by a secret ID', { auth: 'appRole' }, []],
])('a login that is checked %s has the files of it before the Issuer, and no more', (_what, cluster, access) => {
  expect(clusterFiles(plan(cluster)).map(({ path }) => path)).toEqual([
    ...access.map(name => `cluster-1/manifests/0-access/${name}`),
    'cluster-1/manifests/1-issuer/issuer.yaml',
    'cluster-1/istio-csr.values.yml',
    'cluster-1/control-plane.partial.yaml',
    'cluster-1/sample/sample.yaml',
  ]);
});

test('what is known, or wanted in plain text, is in files of its own', () => {
  const wanted = plan({ auth: 'appRole', secret: { delivery: 'manifest' }, tsb }, { root: { certificate: rootPem } });
  const files = clusterFiles(wanted, { secretId: 'abc' });
  expect(files.map(({ path }) => path)).toEqual([
    'cluster-1/manifests/1-issuer/secret.yaml',
    'cluster-1/manifests/1-issuer/issuer.yaml',
    'cluster-1/manifests/2-istio-csr/root-ca.yaml',
    'cluster-1/istio-csr.values.yml',
    'cluster-1/manifests/3-control-plane/control-plane.yaml',
    'cluster-1/sample/sample.yaml',
  ]);
  expect(objects(file(files, 'secret.yaml'))).toEqual([
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'cert-manager-vault-approle', namespace: 'istio-system' },
      type: 'Opaque',
      data: { secretId: 'YWJj' },
    },
  ]);
  expect(file(files, 'control-plane.yaml').about).toBe('istiod and the workloads turn to istio-csr; apply it last');
  expect(objects(file(files, 'root-ca.yaml'))).toEqual([
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'istio-root-ca', namespace: 'cert-manager' },
      type: 'Opaque',
      stringData: { 'ca.cert.pem': rootPem },
    },
  ]);
  expect(objects(file(files, 'control-plane.yaml'))).toMatchObject([
    {
      spec: {
        ...tsb,
        managementPlane: { ...tsb.managementPlane, clusterName: 'cluster-1' },
        components: { istio: { trustDomain: 'cluster.local' } },
      },
    },
  ]);
});

test.each([
  ['without the fields of TSB', {}, 0],
  ['with them', { tsb }, 1],
])('what lies below manifests/ can be applied as it is, so a ControlPlane lies there only where it is whole: %s', (_, more, count) => {
  const below = clusterFiles(plan(more, { root: { certificate: rootPem } })).filter(({ path }) => path.includes('/manifests/'));
  expect(below.length).toBeGreaterThan(1);
  const found = below.flatMap(objects).filter(object => (object as { kind: string }).kind === 'ControlPlane');
  expect(found).toHaveLength(count);
  for (const one of found) expect(one).toMatchObject({ spec: tsb });
});

test('a secret ID is nowhere unless it is wanted', () => {
  expect(JSON.stringify(clusterFiles(plan(), { secretId: 'abc' }))).not.toMatch(/abc|YWJj/);
});

test("where the intermediate is the root file, the script delivers it: the root's manifest would be the wrong one", () => {
  const files = clusterFiles(plan({ istioCsr: { rootFile: 'intermediate' } }, { root: { certificate: rootPem } }));
  expect(files.map(({ path }) => path).filter(path => path.includes('root-ca'))).toEqual([]);
});

describe('what trust-manager makes a ConfigMap of', () => {
  const bundle = (source: object) => ({
    apiVersion: 'trust.cert-manager.io/v1alpha1',
    kind: 'Bundle',
    metadata: { name: 'istio-root-ca' },
    spec: {
      sources: [source],
      target: { configMap: { key: 'ca.cert.pem' }, namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'cert-manager' } } },
    },
  });
  const delivered = { configMap: { name: 'istio-root-ca-source', key: 'ca.cert.pem' } };
  const made = '# trust-manager makes ConfigMap cert-manager/istio-root-ca of it.\n';
  const laid = '# setup.sh lays the certificate into ConfigMap cert-manager/istio-root-ca-source.\n';

  test.each<[what: string, certificate: string | undefined, rootFile: 'root' | 'intermediate', source: object, header: string]>([
    ['is known', rootPem, 'root', { inLine: rootPem }, made],
    ['is not known', undefined, 'root', delivered, made + laid],
    ['is an intermediate', rootPem, 'intermediate', delivered, made + laid],
  ])('lies beside the other manifests where the root file %s', (_what, certificate, rootFile, source, header) => {
    const files = clusterFiles(plan({ istioCsr: { rootCarrier: 'bundle', rootFile } }, { root: { certificate } }));
    const one = file(files, 'root-ca.yaml');
    expect([one.path, objects(one)]).toEqual(['cluster-1/manifests/2-istio-csr/root-ca.yaml', [bundle(source)]]);
    expect(one.content.split('apiVersion:')[0]).toMatch(new RegExp(`\\n${header}$`));
  });
});

test.each<[carrier: 'secret' | 'configMap', certificate: string | undefined, kinds: string[]]>([
  ['secret', undefined, []],
  ['secret', rootPem, ['Secret']],
  ['configMap', undefined, []],
  ['configMap', rootPem, ['ConfigMap']],
])('a %s has a manifest where the root is known (%#)', (rootCarrier, certificate, kinds) => {
  const files = clusterFiles(plan({ istioCsr: { rootCarrier } }, { root: { certificate } }));
  const below = files.filter(({ path }) => path.includes('/2-istio-csr/')).flatMap(objects);
  expect(below.map(object => (object as { kind: string }).kind)).toEqual(kinds);
});

test('what the plan decides arrives', () => {
  const files = clusterFiles(
    plan(
      {
        clusterId: 'east',
        trustDomain: 'example.com',
        intermediate: { mount: 'ca/east' },
        role: { name: 'r' },
        auth: 'appRole',
        appRole: { mount: 'login', roleId: 'id' },
        secret: { name: 's', key: 'k' },
        certManager: { issuer: 'i' },
        istio: { namespace: 'n', revision: 'v1', controlPlane: 'c', istioOperator: 'xcp-iop-v1' },
        istioCsr: { namespace: 'csr', values: { replicaCount: 2, podLabels: { 'a/b': 'yes' } } },
      },
      { vault: { server: 'https://vault.example.com:8200', caBundle: rootPem } },
    ),
  );
  expect(objects(file(files, 'issuer.yaml'))).toEqual([
    {
      apiVersion: 'cert-manager.io/v1',
      kind: 'Issuer',
      metadata: { name: 'i', namespace: 'n' },
      spec: {
        vault: {
          server: 'https://vault.example.com:8200',
          caBundle: Buffer.from(rootPem).toString('base64'),
          path: 'ca/east/sign/r',
          auth: { appRole: { path: 'login', roleId: 'id', secretRef: { name: 's', key: 'k' } } },
        },
      },
    },
  ]);
  expect(objects(file(files, 'values.yml'))).toMatchObject([
    {
      replicaCount: 2,
      podLabels: { 'a/b': 'yes' },
      app: {
        server: { clusterID: 'east' },
        istio: { namespace: 'n', revisions: ['v1'] },
        tls: { trustDomain: 'example.com', certificateDNSNames: ['cert-manager-istio-csr.csr.svc'] },
        certmanager: { namespace: 'n', issuer: { name: 'i' } },
      },
    },
  ]);
  expect(objects(file(files, 'control-plane.partial.yaml'))).toMatchObject([
    {
      metadata: { name: 'c', namespace: 'n' },
      spec: {
        components: {
          istio: {
            trustDomain: 'example.com',
            kubeSpec: {
              overlays: [
                {
                  name: 'xcp-iop-v1',
                  patches: [
                    { value: 'cert-manager-istio-csr.csr.svc:443' },
                    { value: 'false' },
                    { path: 'spec.components.pilot.k8s.overlays', value: [{ name: 'istiod-v1' }] },
                  ],
                },
              ],
            },
          },
        },
      },
    },
  ]);
  expect(objects(file(files, 'sample.yaml'))[0]).toMatchObject({ kind: 'Namespace', metadata: { labels: { 'istio.io/rev': 'v1' } } });
});

test.each<[auth: 'jwt' | 'kubernetes', way: Partial<ClusterConfig>]>([
  ['jwt', { jwt: { mount: 'login', serviceAccount: 'me' } }],
  ['kubernetes', { kubernetes: { mount: 'login', serviceAccount: 'me', host: 'https://10.0.0.1:6443' } }],
])('what the plan decides of %s arrives in the Issuer and in what it refers to', (auth, way) => {
  const certManager = { issuer: 'i', namespace: 'cm', serviceAccount: 'cm-sa' };
  const files = clusterFiles(plan({ auth, ...way, certManager, istio: { namespace: 'n' } }));
  expect(objects(file(files, 'issuer.yaml'))).toMatchObject([
    {
      metadata: { name: 'i', namespace: 'n' },
      spec: {
        vault: { auth: { kubernetes: { mountPath: '/v1/auth/login', role: 'cert-manager', serviceAccountRef: { name: 'me' } } } },
      },
    },
  ]);
  expect(objects(file(files, 'service-account.yaml'))).toMatchObject([
    { kind: 'ServiceAccount', metadata: { name: 'me', namespace: 'n' } },
    { kind: 'Role', metadata: { name: 'me-token', namespace: 'n' }, rules: [{ resourceNames: ['me'] }] },
    { kind: 'RoleBinding', metadata: { namespace: 'n' }, subjects: [{ name: 'cm-sa', namespace: 'cm' }] },
  ]);
  if (auth === 'jwt') return;
  expect(objects(file(files, 'reviewer.yaml'))).toMatchObject([
    { kind: 'ServiceAccount', metadata: { name: 'me-reviewer', namespace: 'n' } },
    { kind: 'ClusterRoleBinding', metadata: { name: 'n-me-reviewer' }, subjects: [{ name: 'me-reviewer', namespace: 'n' }] },
  ]);
  expect(file(files, 'reviewer.yaml').content).toContain('# it may ask who a token is of, and what he may do\nroleRef:\n');
});

test('the guide leaves trust domain and internalCertProvider to TSB', () => {
  const [controlPlane] = objects(file(clusterFiles(plan({ istio: { overlay: 'guide' } })), 'control-plane.partial.yaml'));
  const { components } = (controlPlane as { spec: { components: object } }).spec;
  expect(components).toEqual({ istio: { kubeSpec: expect.anything() as unknown } });
});

test('each file opens with what made it, and what must be true first', () => {
  const files = clusterFiles(plan({ context: 'admin@east' }));
  for (const { content } of files) {
    expect(content).toMatch(/^# Made by mesh-ca synth \(cdk8s-mesh-ca\) from mesh-ca\.yaml\./);
  }
  expect(comments(file(files, 'control-plane.partial.yaml')).slice(1, 7)).toEqual([
    '# Merge it last: istio-csr must be serving, and Certificate istio-system/istiod must be Ready:',
    '#   kubectl --context admin@east -n cert-manager rollout status deployment/cert-manager-istio-csr',
    '#   kubectl --context admin@east -n istio-system wait --for=condition=Ready certificate/istiod',
    '# A PARTIAL of ControlPlane istio-system/controlplane: the fields that TSB requires are not in the config (tsb). Merge it into the one',
    '# that is there; any "kubectl apply", --server-side too, may remove what this file does not name:',
    '#   kubectl --context admin@east patch controlplane controlplane -n istio-system --type=merge --patch-file=control-plane.partial.yaml',
  ]);
  expect(comments(file(files, 'values.yml'))[1]).toBe(
    '# Helm values of chart cert-manager-istio-csr v0.17.0, release cert-manager-istio-csr in namespace cert-manager of admin@east.',
  );
  const ready = (cluster: Partial<ClusterConfig>) => comments(file(clusterFiles(plan(cluster)), 'issuer.yaml'))[1];
  const access = '# It becomes Ready once the setup script has run and the manifests of 0-access are applied.';
  expect([ready({}), ready({ auth: 'kubernetes' })]).toEqual([access, access]);
  expect(ready({ auth: 'appRole', secret: { name: 's' } })).toBe('# It becomes Ready once the Secret istio-system/s holds a secret ID.');
  const whole = comments(file(clusterFiles(plan({ tsb })), 'control-plane.yaml'));
  expect(whole[1]).toBe('# Apply last: istio-csr must be serving, and Certificate istio-system/istiod must be Ready:');
  expect(whole.join()).not.toContain('PARTIAL');
});

test('an unsafe choice is said in the file that it touches, and in no other', () => {
  const files = clusterFiles(
    plan({
      auth: 'appRole',
      secret: { delivery: 'manifest' },
      istioCsr: { rootFile: 'intermediate', disableKubernetesClientRateLimiter: false },
      istio: { overlay: 'guide' },
      role: { hosts: 'anyService' },
    }),
    { secretId: 'abc' },
  );
  const said = files.map(({ path, content }) => [
    path.split('/').at(-1),
    [...content.matchAll(/^# WARNING: (\S+):/gm)].map(match => match[1]),
  ]);
  expect(said).toEqual([
    ['secret.yaml', ['secret.delivery']],
    ['issuer.yaml', []],
    ['istio-csr.values.yml', ['istioCsr.rootFile', 'istioCsr.disableKubernetesClientRateLimiter']],
    ['control-plane.partial.yaml', ['istio.overlay']],
    ['sample.yaml', []],
  ]);
});

test('a value that is not obvious has its reason beside it', () => {
  const text = clusterFiles(plan())
    .map(({ content }) => content)
    .join('');
  expect(text).toContain(
    '    # sign, not issue: a key never leaves the workload that made it\n    path: istioca-cluster-1/sign/cluster-1\n',
  );
  expect(text).toContain(
    '              # workloads send their requests to istio-csr instead of istiod\n              - path: spec.values.global.caAddress\n',
  );
  expect(text).toContain('# no pod runs as it\nautomountServiceAccountToken: false\n');
  expect(text).toContain('# tokens of this one service account, and of no other\nrules:\n');
  expect(text).toContain(
    '        # no secret: cert-manager asks for a token with the audience vault://istio-system/vault-issuer\n        serviceAccountRef:\n',
  );
  expect(text).toContain('      # its SPIFFE ID ends in /ns/foo/sa/sleep\n      serviceAccountName: sleep\n');
});

test('the same plan gives the same bytes, and another cluster changes none of them', () => {
  const two = planMeshCa({
    vault: { server: 'https://vault.example.com:8200' },
    istioVersion: '1.22',
    clusters: [{ name: 'cluster-1' }, { name: 'cluster-2' }],
  });
  expect(clusterFiles(two.clusters[0]!)).toEqual(clusterFiles(plan()));
});

test('fails if the secret ID is missing where it is to be in the output', () => {
  expect(() => clusterFiles(plan({ auth: 'appRole', secret: { delivery: 'manifest' } }))).toThrow(
    new Error(`'secretId' is missing: secret.delivery of "cluster-1" is "manifest", which needs it; write "script" to do without`),
  );
});

describe('optional objects, each one word', () => {
  const paths = (cluster: Partial<ClusterConfig>) =>
    clusterFiles(plan({ ...cluster }))
      .map(({ path }) => path.replace('cluster-1/manifests/', ''))
      .filter(path => /polic/.test(path));

  test.each<[what: string, cluster: Partial<ClusterConfig>, files: string[]]>([
    ['neither', {}, []],
    ['approver-policy', { certManager: { approverPolicy: true } }, ['1-issuer/request-policies.yaml']],
    ['NetworkPolicies', { networkPolicy: true }, ['1-issuer/network-policy.yaml', '2-istio-csr/network-policy.yaml']],
  ])('%s', (_, cluster, files) => {
    expect(paths(cluster)).toEqual(files);
  });

  test('the policies are of the Issuer, and their header says what they need and what they break', () => {
    const certManager = { approverPolicy: true, issuerKind: 'ClusterIssuer', namespace: 'cm' } as const;
    const policies = file(clusterFiles(plan({ certManager, certificates: { keyType: 'ec' } })), 'request-policies.yaml');
    const found = objects(policies) as { kind: string; metadata: { name: string }; spec?: { constraints: object; selector: object } }[];
    expect(found.map(({ kind, metadata: { name } }) => `${kind} ${name.replace('istio-system-vault-issuer-', '')}`)).toEqual(
      ['workloads', 'serving', 'istiod'].flatMap(of => [`CertificateRequestPolicy ${of}`, `Role ${of}`, `RoleBinding ${of}`]),
    );
    for (const { spec } of found.filter(({ kind }) => kind === 'CertificateRequestPolicy')) {
      expect(spec).toMatchObject({
        constraints: { maxDuration: '1h', privateKey: { algorithm: 'ECDSA', minSize: 256 } },
        selector: { issuerRef: { name: 'vault-issuer', kind: 'ClusterIssuer' }, namespace: { matchNames: ['istio-system'] } },
      });
    }
    expect(comments(policies).slice(1, 9)).toEqual([
      "# It needs approver-policy v0.28.0 or later, and cert-manager's own approver turned off (disableAutoApproval), after these are Ready:",
      '# with both, the first of the two decides.',
      '# It breaks every other Issuer of the cluster: what has no policy of its own stays unapproved, in every namespace.',
      '# A policy of another maker that takes this Issuer too opens it again: one that approves is enough.',
      '# - istio-system-vault-issuer-workloads: the workloads: a SPIFFE ID alone',
      "# - istio-system-vault-issuer-serving: istio-csr's own server: its DNS name alone",
      '# - istio-system-vault-issuer-istiod: istiod, by a Certificate: so cert-manager is the one that asks',
      '# what stands here may be asked for, and nothing else: no CA, no other name, no IP address',
    ]);
  });

  test('the NetworkPolicies lie where the pods are, and their headers say what they break', () => {
    const all = clusterFiles(plan({ networkPolicy: true, certManager: { namespace: 'cm' }, istioCsr: { namespace: 'csr' } }));
    const [toVault, toCsr] = [file(all, '1-issuer/network-policy.yaml'), file(all, '2-istio-csr/network-policy.yaml')];
    expect([toVault, toCsr].flatMap(objects)).toMatchObject([
      { metadata: { name: 'cert-manager-to-vault', namespace: 'cm' } },
      { metadata: { name: 'workloads-to-istio-csr', namespace: 'csr' } },
    ]);
    expect(comments(toVault).find(line => /it breaks/.test(line))).toBe(
      "# - it breaks what else cert-manager's controller reaches at other ports, e.g. port 80 for ACME's HTTP-01: add a policy for that;",
    );
    expect(comments(toCsr).find(line => /it breaks/.test(line))).toBe(
      "# - it breaks scraping of istio-csr's metrics (app.metrics.port), and pods on the network of their node: add a policy for those;",
    );
  });
});
