import { IstioCsrConfig } from '../config/config';
import { RootPlan } from './pki';
import { Settings } from './settings';

/** What brings the root certificate to istio-csr's pod. */
export type RootCarrier = NonNullable<IstioCsrConfig['rootCarrier']>;

/** The object that istio-csr mounts, by what it is called, and what makes it. */
export interface RootCaRef {
  /** Name of the Secret, the ConfigMap, or the Bundle and the ConfigMap that trust-manager makes of it. */
  readonly name: string;

  /** Key below which the certificate stands, and so the name of the file in istio-csr's pod. */
  readonly key: string;

  /**
   * What it is: trust-manager makes a ConfigMap of a Bundle.
   *
   * @default "secret"
   */
  readonly carrier?: RootCarrier;
}

/** How istio-csr gets the certificate that it hands out as the root. */
export interface RootCaPlan extends Required<RootCaRef> {
  /** Kind of the object that istio-csr mounts. */
  readonly kind: 'Secret' | 'ConfigMap';

  /** Namespace of that object: istio-csr's. */
  readonly namespace: string;

  /**
   * The object that setup.sh lays the certificate into. It has the same key.
   *
   * @default - none: the certificate stands in the manifest
   */
  readonly delivered?: { readonly kind: 'Secret' | 'ConfigMap'; readonly name: string; readonly namespace: string };

  /** Namespace where trust-manager looks for what a Bundle refers to. */
  readonly trustNamespace: string;
}

/** trust-manager's version that the runbook installs. A Bundle's namespaceSelector is there from v0.2.0 on. */
export const TRUST_MANAGER = 'v0.25.0';

/** Where the root certificate is mounted in istio-csr's pod. */
const ROOT_MOUNT = '/var/run/secrets/istio-csr';

/** ConfigMaps that somebody else writes into every namespace, and who. */
const TAKEN: Readonly<Record<string, string>> = { 'istio-ca-root-cert': 'istio-csr', 'kube-root-ca.crt': 'Kubernetes' };

/** Why an object of the carrier cannot have the name, or nothing. */
export function refuseRootName(carrier: RootCarrier, name: string): string | undefined {
  if (carrier === 'secret') return undefined;
  if (Object.hasOwn(TAKEN, name)) {
    return `must not be a ConfigMap that ${TAKEN[name]} writes into every namespace, e.g. "istio-root-ca", got "${name}"`;
  }
  if (carrier === 'bundle' && name.length > 63) {
    return `must have at most 63 characters for a Bundle, since trust-manager writes it into a label, e.g. "istio-root-ca", got ${name.length}`;
  }
  return undefined;
}

/** Decides how istio-csr gets the certificate that it hands out. */
export function planRootCa({ istioCsr = {}, refuse }: Settings, namespace: string, { certificate, alsoTrust }: RootPlan): RootCaPlan {
  const { rootCarrier: carrier = 'secret', rootName: name = 'istio-root-ca', rootFile = 'root', trustNamespace } = istioCsr;
  const wrong = refuseRootName(carrier, name);
  if (wrong !== undefined) refuse(['istioCsr', 'rootName'], `'rootName' ${wrong}`);
  if (trustNamespace !== undefined && carrier !== 'bundle') {
    refuse(
      ['istioCsr', 'trustNamespace'],
      `'trustNamespace' is of istioCsr.rootCarrier: bundle, and it is "${carrier}"; remove it, or write rootCarrier: bundle`,
    );
  }
  if (rootFile === 'intermediate' && alsoTrust.length > 0) {
    refuse(['istioCsr', 'rootFile'], `'rootFile' must be "root" where root.alsoTrust names further roots, got "intermediate"`);
  }
  const kind = carrier === 'secret' ? 'Secret' : 'ConfigMap';
  const plan: RootCaPlan = { carrier, name, key: 'ca.cert.pem', kind, namespace, trustNamespace: trustNamespace ?? 'cert-manager' };
  if (certificate !== undefined && rootFile === 'root') return plan;
  // what trust-manager makes must be another object than what it is made of, and both may lie in one namespace.
  if (carrier === 'bundle') return { ...plan, delivered: { kind, name: `${name}-source`, namespace: plan.trustNamespace } };
  return { ...plan, delivered: { kind, name, namespace } };
}

/** What trust-manager makes of a Bundle: a ConfigMap in istio-csr's namespace. Without the selector there would be one in every namespace. */
export const bundleTarget = ({ key, namespace }: { readonly key: string; readonly namespace: string }) => ({
  configMap: { key },
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
});

/** istio-csr's Helm values that mount the certificate, by the chart's own keys. */
export function rootCaValues({ name, key, carrier = 'secret' }: RootCaRef): Record<string, unknown> {
  return {
    'app.tls.rootCAFile': `${ROOT_MOUNT}/${key}`,
    volumeMounts: [{ name: 'root-ca', mountPath: ROOT_MOUNT }],
    volumes: [{ name: 'root-ca', ...(carrier === 'secret' ? { secret: { secretName: name } } : { configMap: { name } }) }],
  };
}
