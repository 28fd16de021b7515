import { k8s } from 'cdk8s-plus-27';

/** The label that Kubernetes gives to each namespace: its name. */
export const NAMESPACE_LABEL = 'kubernetes.io/metadata.name';

const port = (protocol: 'TCP' | 'UDP', number: number) => ({ protocol, port: k8s.IntOrString.fromNumber(number) });

/** The API server. A policy is asked before or after the Service's address is replaced, as the network plugin has it: so both ports. */
export const API_SERVER: k8s.NetworkPolicyEgressRule = { ports: [port('TCP', 443), port('TCP', 6443)] };

/** DNS. Some clusters have it on the node, which no selector finds. */
export const DNS: k8s.NetworkPolicyEgressRule = { ports: [port('UDP', 53), port('TCP', 53)] };
