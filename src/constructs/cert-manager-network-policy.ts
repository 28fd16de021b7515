import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { apiServer, DNS, NAMESPACE_LABEL, peers } from './network';
import { Checks, checkProps, maybe, object, port } from './check';
import { cidrs, name, namespace, namespaceOf } from './common-checks';
import { noteReason } from './reason';

/** Properties of `CertManagerNetworkPolicy`. */
export interface CertManagerNetworkPolicyProps {
  /** Where Vault is, as far as it is known: addresses in CIDR notation, a namespace of the cluster, a port. */
  readonly vault: { readonly cidrs?: readonly string[]; readonly namespace?: string; readonly port?: number };

  /**
   * Addresses of the API server, in CIDR notation.
   *
   * @default - any address, at ports 443 and 6443
   */
  readonly apiServer?: readonly string[];

  /**
   * Namespace: cert-manager's.
   *
   * @default - the Chart's, else "cert-manager"
   */
  readonly namespace?: string;

  /**
   * Name.
   *
   * @default "cert-manager-to-vault"
   */
  readonly name?: string;
}

const CHECKS: Checks<CertManagerNetworkPolicyProps> = {
  vault: object<CertManagerNetworkPolicyProps['vault']>({
    cidrs: maybe(cidrs),
    namespace: maybe(namespace),
    port: maybe(port(8200)),
  }),
  apiServer: maybe(cidrs),
  namespace: maybe(namespace),
  name: maybe(name),
};

/** Lets cert-manager's controller reach Vault, the API server and DNS, and nothing else. */
export class CertManagerNetworkPolicy extends Construct {
  constructor(scope: Construct, id: string, props: CertManagerNetworkPolicyProps) {
    super(scope, id);

    checkProps(props, CHECKS);
    const { vault, name = 'cert-manager-to-vault' } = props;
    const namespace = namespaceOf(this, props.namespace, 'cert-manager');
    const to =
      vault.cidrs === undefined && vault.namespace === undefined
        ? undefined
        : [
            ...(peers(vault.cidrs) ?? []),
            ...(vault.namespace === undefined ? [] : [{ namespaceSelector: { matchLabels: { [NAMESPACE_LABEL]: vault.namespace } } }]),
          ];
    const ports = vault.port === undefined ? undefined : [{ protocol: 'TCP', port: k8s.IntOrString.fromNumber(vault.port) }];
    if (to === undefined && ports === undefined) {
      throw new Error(`'vault' must say cidrs, a namespace or a port, else everything is allowed, e.g. { port: 8200 }, got none`);
    }
    new k8s.KubeNetworkPolicy(this, 'Resource', {
      metadata: { name, namespace },
      spec: {
        podSelector: { matchLabels: { 'app.kubernetes.io/name': 'cert-manager', 'app.kubernetes.io/component': 'controller' } },
        policyTypes: ['Egress'],
        egress: [{ to, ports }, apiServer(props.apiServer), DNS],
      },
    });
    const where = to === undefined ? 'Vault by its port: a NetworkPolicy knows no host names' : 'Vault';
    noteReason(this, ['spec', 'podSelector'], "as cert-manager's chart labels its controller; not its webhook, not its cainjector");
    noteReason(this, ['spec', 'egress', 0], where);
    noteReason(this, ['spec', 'egress', 1], props.apiServer ? 'the API server' : 'the API server, at the usual ports of any address');
    noteReason(this, ['spec', 'egress', 2], 'DNS, wherever it is');
  }
}
