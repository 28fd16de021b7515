import { Settings } from './settings';

/** The Issuer. */
export interface IssuerPlan {
  /** Kind: `Issuer` lies in istiod's namespace, `ClusterIssuer` in none. */
  readonly kind: 'Issuer' | 'ClusterIssuer';

  /** Name. */
  readonly name: string;

  /** Namespace of its Secrets and its service account: istiod's, as the Issuer's own; for a ClusterIssuer, cert-manager's. */
  readonly namespace: string;

  /** Audience of the tokens that cert-manager asks for in its name. */
  readonly audience: string;
}

/** Decides the Issuer. */
export function planIssuer(
  { certManager = {} }: Settings,
  {
    istio,
    certManager: { namespace },
  }: { readonly istio: { readonly namespace: string }; readonly certManager: { readonly namespace: string } },
): IssuerPlan {
  const { issuer: name = 'vault-issuer', issuerKind: kind = 'Issuer' } = certManager;
  // the audience as cert-manager writes it, whatever else is asked for.
  return kind === 'Issuer'
    ? { kind, name, namespace: istio.namespace, audience: `vault://${istio.namespace}/${name}` }
    : { kind, name, namespace, audience: `vault://${name}` };
}
