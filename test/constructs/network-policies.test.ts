import { Testing } from 'cdk8s';
import { CertManagerNetworkPolicy, CertManagerNetworkPolicyProps } from '../../src/constructs/cert-manager-network-policy';
import { IstioCsrNetworkPolicy, IstioCsrNetworkPolicyProps } from '../../src/constructs/istio-csr-network-policy';

const certManager = (props: CertManagerNetworkPolicyProps) => {
  const chart = Testing.chart();
  new CertManagerNetworkPolicy(chart, 'policy', props);
  return Testing.synth(chart) as { spec: { egress: unknown[] } }[];
};
const istioCsr = (props?: IstioCsrNetworkPolicyProps) => {
  const chart = Testing.chart();
  new IstioCsrNetworkPolicy(chart, 'policy', props);
  return Testing.synth(chart) as unknown[];
};
const apiServer = {
  ports: [
    { protocol: 'TCP', port: 443 },
    { protocol: 'TCP', port: 6443 },
  ],
};
const dns = {
  ports: [
    { protocol: 'UDP', port: 53 },
    { protocol: 'TCP', port: 53 },
  ],
};

test("cert-manager's controller reaches Vault by its port, the API server and DNS, and nothing else", () => {
  expect(certManager({ vault: { port: 8200 } })).toStrictEqual([
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'cert-manager-to-vault', namespace: 'cert-manager' },
      spec: {
        podSelector: { matchLabels: { 'app.kubernetes.io/name': 'cert-manager', 'app.kubernetes.io/component': 'controller' } },
        policyTypes: ['Egress'],
        egress: [{ ports: [{ protocol: 'TCP', port: 8200 }] }, apiServer, dns],
      },
    },
  ]);
});

test.each<[what: string, vault: CertManagerNetworkPolicyProps['vault'], rule: object]>([
  [
    'an address',
    { cidrs: ['192.0.2.1/32'], port: 8200 },
    { to: [{ ipBlock: { cidr: '192.0.2.1/32' } }], ports: [{ protocol: 'TCP', port: 8200 }] },
  ],
  [
    'a Service, at whatever port its pods have',
    { namespace: 'vault' },
    { to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'vault' } } }] },
  ],
])('a Vault that is %s is named', (_, vault, rule) => {
  expect(certManager({ vault, namespace: 'a', name: 'b' })).toMatchObject([{ metadata: { name: 'b', namespace: 'a' } }]);
  expect(certManager({ vault })[0]?.spec.egress[0]).toStrictEqual(rule);
});

test('fails if nothing is known of Vault: an empty rule would let everything out', () => {
  expect(() => certManager({ vault: {} })).toThrow(
    new Error("'vault' must say cidrs, a namespace or a port, else everything is allowed, e.g. { port: 8200 }, got none"),
  );
});

test("every pod reaches istio-csr's own port, and istio-csr the API server and DNS", () => {
  const policy = (name: string, namespace: string, port: number) => [
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name, namespace },
      spec: {
        podSelector: { matchLabels: { app: 'cert-manager-istio-csr' } },
        policyTypes: ['Ingress', 'Egress'],
        ingress: [{ from: [{ namespaceSelector: {} }], ports: [{ protocol: 'TCP', port }] }],
        egress: [apiServer, dns],
      },
    },
  ];
  expect(istioCsr()).toStrictEqual(policy('workloads-to-istio-csr', 'cert-manager', 6443));
  expect(istioCsr({ name: 'a', namespace: 'b', port: 7443 })).toStrictEqual(policy('a', 'b', 7443));
});

test('both reach the API server at the given addresses alone', () => {
  const cidrs = ['198.51.100.7/32', '2001:db8::7/128'];
  const rule = { ...apiServer, to: cidrs.map(cidr => ({ ipBlock: { cidr } })) };
  expect(certManager({ vault: { port: 8200 }, apiServer: cidrs })[0]?.spec.egress[1]).toStrictEqual(rule);
  expect(istioCsr({ apiServer: cidrs })).toMatchObject([{ spec: { egress: [rule, dns] } }]);
});
