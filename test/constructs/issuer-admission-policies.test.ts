import { Testing } from 'cdk8s';
import { planMeshCa } from '../../src';
import { IssuerChart } from '../../src/charts/issuer-chart';
import { IssuerAdmissionPolicies, type IssuerAdmissionPoliciesProps } from '../../src/constructs/issuer-admission-policies';
import { VaultIssuer, type VaultIssuerProps } from '../../src/constructs/vault-issuer';

const base = {
  requesters: ['system:serviceaccount:cert-manager:cert-manager-istio-csr', 'system:serviceaccount:cert-manager:cert-manager'],
  tokenRequester: 'system:serviceaccount:cert-manager:cert-manager',
  certificate: {
    names: ['istiod'],
    namespace: 'istio-system',
    secretName: 'istiod-tls',
    commonName: 'istiod.istio-system.svc',
    dnsNames: ['istiod.istio-system.svc'],
    uris: [],
  },
};
interface Spec {
  readonly failurePolicy: string;
  readonly matchConstraints: { readonly namespaceSelector?: object; readonly resourceRules: readonly object[] };
  readonly matchConditions?: readonly { readonly expression: string }[];
  readonly validations: readonly { readonly expression: string; readonly message: string }[];
}
const synth = (more: Partial<IssuerAdmissionPoliciesProps> = {}, issuerProps: Partial<VaultIssuerProps> = {}) => {
  const chart = Testing.chart();
  const auth = { kubernetes: { mountPath: '/v1/auth/jwt', role: 'r', serviceAccountRef: { name: 'vault-issuer' } } };
  const issuer = new VaultIssuer(chart, 'issuer', { server: 'https://vault.example.com', path: 'a/sign/b', auth, ...issuerProps });
  const { names } = new IssuerAdmissionPolicies(chart, 'policies', { issuer, ...base, ...more });
  const objects = Testing.synth(chart) as { kind: string; metadata: { name: string }; spec: Spec }[];
  const policies = objects.filter(({ kind }) => kind === 'ValidatingAdmissionPolicy');
  const bindings = objects.filter(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding');
  const of = (suffix: string) => policies.find(({ metadata }) => metadata.name.endsWith(`-${suffix}`))!.spec;
  return { names, policies, bindings, of };
};
const serviceAccount = { name: 'vault-issuer', namespace: 'istio-system' };

test('each policy fails closed and has a binding that denies', () => {
  const { names, policies, bindings } = synth({ serviceAccount });
  expect(policies.map(({ metadata }) => metadata.name)).toEqual(names);
  expect(policies.map(({ spec }) => spec.failurePolicy)).toEqual(names.map(() => 'Fail'));
  expect(bindings.map(({ metadata, spec }) => [metadata.name, spec])).toEqual(
    names.map(name => [name, { policyName: name, validationActions: ['Deny'] }]),
  );
});

test('without a service account there are no policies about tokens, pods and Secrets', () => {
  expect(synth().names).toEqual(['requests', 'signing-requests', 'certificates', 'issuers'].map(of => `istio-system-vault-issuer-${of}`));
});

test("every policy but the one of CertificateSigningRequests, which have no namespace, is of the Issuer's namespace alone", () => {
  const { policies } = synth({ serviceAccount });
  const selected = policies.filter(({ spec }) => spec.matchConstraints.namespaceSelector !== undefined);
  expect(policies.length - selected.length).toBe(1);
  for (const { spec } of selected) {
    expect(spec.matchConstraints.namespaceSelector).toEqual({ matchLabels: { 'kubernetes.io/metadata.name': 'istio-system' } });
  }
});

test('a ClusterIssuer is guarded in every namespace, and its service account in its own', () => {
  const { of, names } = synth({ serviceAccount: { name: 'vault-issuer', namespace: 'cert-manager' } }, { kind: 'ClusterIssuer' });
  expect(names[0]).toBe('cluster-vault-issuer-requests');
  expect(of('requests').matchConstraints.namespaceSelector).toBeUndefined();
  expect(of('requests').matchConditions?.[0]?.expression).toContain('in ["ClusterIssuer"]');
  expect(of('issuers').matchConstraints).toMatchObject({
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'cert-manager' } },
    resourceRules: [{ resources: ['clusterissuers', 'issuers'] }],
  });
});

test('names stay text in the expressions, whatever they hold', () => {
  const name = `a"'\\) || true || (b`;
  const certificate = { ...base.certificate, commonName: name };
  const { of } = synth({ serviceAccount, requesters: [name], tokenRequester: name, certificate });
  expect(of('tokens').validations[0]?.expression).toBe(`request.userInfo.username == ${JSON.stringify(name)} || variables.isAdministrator`);
  expect(of('certificates').validations[0]?.expression).toContain(`in ${JSON.stringify([name, ''])}`);
  expect(of('requests').validations[0]?.expression).toBe(
    `request.userInfo.username in ${JSON.stringify([name])} || variables.isAdministrator`,
  );
});

test('refuses line breaks in user names, and service account names that Kubernetes does not allow', () => {
  const name = `a"'\\\n) || true || (b`;
  expect(() => synth({ requesters: [name] })).toThrow(`'requesters[0]' must be one line of text`);
  expect(() => synth({ tokenRequester: name })).toThrow(`'tokenRequester' must be one line of text`);
  expect(() => synth({ serviceAccount: { name, namespace: 'n' } })).toThrow(`'serviceAccount.name' must be a DNS name`);
});

test('accepts what the plan of a cluster decides', () => {
  const [cluster] = planMeshCa({
    vault: { server: 'https://vault.example.com:8200' },
    istioVersion: '1.22',
    clusters: [{ name: 'cluster-1' }],
    certManager: { admissionPolicy: true },
    istioCsr: { values: { app: { tls: { istiodAdditionalDNSNames: ['istiod.example.com'] } } } },
  }).clusters;
  const { admissionPolicies } = new IssuerChart(Testing.app(), 'issuer', cluster!);
  expect(admissionPolicies?.names).toEqual(cluster?.admission?.names);
  expect(admissionPolicies?.names.length).toBeGreaterThan(0);
});
