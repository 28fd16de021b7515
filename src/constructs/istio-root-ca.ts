import { ApiObject } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { what } from '../config/words';
import { bundleTarget, refuseRootName, RootCarrier } from '../plan/root-ca';
import { Checks, checkProps, maybe, text, word } from './check';
import { keyRef, name, namespace, namespaceOf, withoutNamespace } from './common-checks';
import { certificatesOf, pem } from './pem';
import { noteReason } from './reason';

/** Properties of `IstioRootCa`. */
export type IstioRootCaProps = IstioRootCaPlace & (IstioRootCaWithCertificate | IstioRootCaOfConfigMap);

/** Where the root certificate lies for istio-csr. */
export interface IstioRootCaPlace {
  /**
   * Name; that of a ConfigMap which somebody else writes into every namespace, e.g. istio-ca-root-cert, is refused.
   *
   * @default "istio-root-ca"
   */
  readonly name?: string;

  /**
   * Namespace: that of istio-csr's release.
   *
   * @default - the Chart's, else "cert-manager"
   */
  readonly namespace?: string;

  /**
   * Key below which the certificate stands, and so the name of the file in istio-csr's pod.
   *
   * @default "ca.cert.pem"
   */
  readonly key?: string;
}

/** The certificate stands in the manifest. */
export interface IstioRootCaWithCertificate {
  /** PEM text of the root certificate; two while a root is being replaced. */
  readonly certificate: string;

  /**
   * What carries it: a Secret, a ConfigMap, or a Bundle, of which trust-manager makes a ConfigMap.
   *
   * @default "secret"
   */
  readonly carrier?: RootCarrier;

  /**
   * Belongs to a Bundle without a certificate.
   *
   * @default - none
   */
  readonly source?: never;
}

/** A Bundle refers to a ConfigMap with the certificate. */
export interface IstioRootCaOfConfigMap {
  /** Only a Bundle refers to another object. */
  readonly carrier: 'bundle';

  /** The ConfigMap, in trust-manager's own namespace, and the key of the certificate. */
  readonly source: { readonly name: string; readonly key: string };

  /**
   * Belongs to a manifest that holds it.
   *
   * @default - none
   */
  readonly certificate?: never;
}

const CHECKS: Checks<IstioRootCaProps> = {
  name: maybe(name),
  namespace: maybe(namespace),
  key: maybe(text('dataKey')),
  certificate: maybe(pem),
  carrier: maybe(word('secret', 'configMap', 'bundle')),
  source: maybe(keyRef),
};

/**
 * The object with the root certificate that istio-csr hands to every workload as its trust anchor, or the Bundle that trust-manager makes it of.
 *
 * @see https://cert-manager.io/docs/trust/trust-manager/
 */
export class IstioRootCa extends Construct {
  /** Name that istio-csr's Helm values refer to. */
  public readonly name: string;

  /** Key below which the certificate stands. */
  public readonly key: string;

  /** What carries it. */
  public readonly carrier: RootCarrier;

  constructor(scope: Construct, id: string, props: IstioRootCaProps) {
    super(scope, id);

    checkProps<IstioRootCaProps>(props, CHECKS);
    const { carrier = 'secret', name = 'istio-root-ca', key = 'ca.cert.pem' } = props;
    const namespace = namespaceOf(this, props.namespace, 'cert-manager');
    refuseSources(props);
    const wrong = refuseRootName(carrier, name);
    if (wrong !== undefined) throw new Error(`'name' ${wrong}`);
    if (props.source?.name === name) {
      throw new Error(`'source' must be another ConfigMap than the one that the Bundle makes, e.g. "${name}-source", got "${name}"`);
    }
    const place = { name, namespace, key };
    if (props.source) addBundle(this, { configMap: { ...props.source } }, place);
    else addCertificate(this, rootsOf(props.certificate), carrier, place);
    this.name = name;
    this.key = key;
    this.carrier = carrier;
  }
}

/** What the types say and JavaScript may not. */
function refuseSources({ certificate, source, carrier }: { readonly [key in 'certificate' | 'source' | 'carrier']?: unknown }): void {
  if (certificate === undefined && source === undefined) {
    throw new Error(`'certificate' is missing, add e.g. certificate: ${pem.example}, or for a Bundle 'source'`);
  }
  if (certificate !== undefined && source !== undefined) {
    throw new Error(`'certificate' and 'source' exclude each other, remove one of them, e.g. source, got both`);
  }
  if (source !== undefined && carrier !== 'bundle') {
    throw new Error(
      `'carrier' must be "bundle" where 'source' is there, or write 'certificate' in place of 'source', got ${what(carrier)}`,
    );
  }
}

function addCertificate(scope: Construct, certificate: string, carrier: RootCarrier, place: Required<IstioRootCaPlace>): void {
  const { name, namespace, key } = place;
  const why = "the root, not the intermediate: it becomes every workload's ROOTCA. It is public";
  switch (carrier) {
    case 'secret':
      new k8s.KubeSecret(scope, 'Resource', { metadata: { name, namespace }, type: 'Opaque', stringData: { [key]: certificate } });
      noteReason(scope, ['stringData', key], why);
      break;
    case 'configMap':
      new k8s.KubeConfigMap(scope, 'Resource', { metadata: { name, namespace }, data: { [key]: certificate } });
      noteReason(scope, ['data', key], why);
      break;
    case 'bundle':
      addBundle(scope, { inLine: certificate }, place);
      noteReason(scope, ['spec', 'sources'], why);
      break;
  }
}

function addBundle(scope: Construct, source: Readonly<Record<string, unknown>>, place: Required<IstioRootCaPlace>): void {
  const bundle = new ApiObject(scope, 'Resource', {
    apiVersion: 'trust.cert-manager.io/v1alpha1',
    kind: 'Bundle',
    metadata: { name: place.name },
    spec: { sources: [source], target: bundleTarget(place) },
  });
  withoutNamespace(bundle);
  noteReason(scope, ['spec', 'target', 'namespaceSelector'], 'without it trust-manager writes into every namespace');
}

function rootsOf(pem: string): string {
  const certificates = certificatesOf('certificate', pem);
  const other = certificates.find(certificate => !certificate.ca || !certificate.checkIssued(certificate));
  if (other) {
    throw new Error(
      `'certificate' must be a root: a CA certificate that signs itself, else workloads cannot verify to it, e.g. ca.crt, got subject ${JSON.stringify(other.subject)}`,
    );
  }
  return certificates.join('');
}
