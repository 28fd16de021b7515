import { k8s } from 'cdk8s-plus-27';

/** The label that Kubernetes gives to each namespace: its name. */
export const NAMESPACE_LABEL = 'kubernetes.io/metadata.name';

const port = (protocol: 'TCP' | 'UDP', number: number) => ({ protocol, port: k8s.IntOrString.fromNumber(number) });

/** Addresses in CIDR notation as peers; any address where there are none. */
export const peers = (cidrs: readonly string[] | undefined): k8s.NetworkPolicyPeer[] | undefined =>
  cidrs?.map(cidr => ({ ipBlock: { cidr } }));

/** The API server. A network plugin checks a policy before or after it replaces the Service's address, so both ports are open. */
export const apiServer = (cidrs: readonly string[] | undefined): k8s.NetworkPolicyEgressRule => ({
  to: peers(cidrs),
  ports: [port('TCP', 443), port('TCP', 6443)],
});

/** DNS. Some clusters have it on the node, which no selector finds. */
export const DNS: k8s.NetworkPolicyEgressRule = { ports: [port('UDP', 53), port('TCP', 53)] };
