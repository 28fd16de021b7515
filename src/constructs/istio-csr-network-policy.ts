import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { apiServer, DNS } from './network';
import { Checks, checkProps, maybe, port as portCheck } from './check';
import { cidrs, name, namespace, namespaceOf } from './common-checks';
import { noteReason } from './reason';

/** Properties of `IstioCsrNetworkPolicy`. */
export interface IstioCsrNetworkPolicyProps {
  /**
   * Port that istio-csr's pods listen at (`app.server.serving.port`).
   *
   * @default 6443
   */
  readonly port?: number;

  /**
   * Port of their metrics (`app.metrics.port`), for a Prometheus anywhere.
   *
   * @default - closed
   */
  readonly metricsPort?: number;

  /**
   * Addresses of the API server, in CIDR notation.
   *
   * @default - any address, at ports 443 and 6443
   */
  readonly apiServer?: readonly string[];

  /**
   * Namespace: that of istio-csr's release.
   *
   * @default - the Chart's, else "cert-manager"
   */
  readonly namespace?: string;

  /**
   * istio-csr's name, which its pods have as label `app`: the chart's `nameOverride`.
   *
   * @default "cert-manager-istio-csr"
   */
  readonly istioCsr?: string;

  /**
   * Name.
   *
   * @default "workloads-to-istio-csr"
   */
  readonly name?: string;
}

const CHECKS: Checks<IstioCsrNetworkPolicyProps> = {
  port: maybe(portCheck(6443)),
  metricsPort: maybe(portCheck(9402)),
  apiServer: maybe(cidrs),
  namespace: maybe(namespace),
  istioCsr: maybe(name),
  name: maybe(name),
};

const tcp = (port: number) => ({ protocol: 'TCP', port: k8s.IntOrString.fromNumber(port) });

/** Lets every pod reach istio-csr, and istio-csr the API server and DNS, and nothing else. */
export class IstioCsrNetworkPolicy extends Construct {
  constructor(scope: Construct, id: string, props: IstioCsrNetworkPolicyProps = {}) {
    super(scope, id);

    checkProps(props, CHECKS);
    const { port = 6443, metricsPort, istioCsr = 'cert-manager-istio-csr', name = 'workloads-to-istio-csr' } = props;
    const namespace = namespaceOf(this, props.namespace, 'cert-manager');
    new k8s.KubeNetworkPolicy(this, 'Resource', {
      metadata: { name, namespace },
      spec: {
        podSelector: { matchLabels: { app: istioCsr } },
        policyTypes: ['Ingress', 'Egress'],
        ingress: [{ from: [{ namespaceSelector: {} }], ports: [port, ...(metricsPort === undefined ? [] : [metricsPort])].map(tcp) }],
        egress: [apiServer(props.apiServer), DNS],
      },
    });
    noteReason(this, ['spec', 'podSelector'], 'as every version of its chart labels the pods');
    noteReason(this, ['spec', 'ingress', 0, 'from'], 'a workload may be anywhere');
    noteReason(this, ['spec', 'ingress', 0, 'ports'], "the pods' port: that of the Service, 443, is another");
    noteReason(this, ['spec', 'egress', 0], 'the API server: it makes the requests there, and asks who the workloads are');
    noteReason(this, ['spec', 'egress', 1], 'DNS, wherever it is');
  }
}
