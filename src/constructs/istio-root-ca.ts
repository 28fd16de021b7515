import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { certificatesOf } from './pem';
import { noteReason } from './reason';

/** Properties of `IstioRootCa`. */
export interface IstioRootCaProps {
  /** PEM text of the root certificate; two while a root is being replaced. */
  readonly certificate: string;

  /**
   * Name.
   *
   * @default "istio-root-ca"
   */
  readonly name?: string;

  /**
   * Namespace: that of istio-csr's release.
   *
   * @default "cert-manager"
   */
  readonly namespace?: string;

  /**
   * Key below which the certificate stands, and so the name of the file in istio-csr's pod.
   *
   * @default "ca.cert.pem"
   */
  readonly key?: string;
}

/** The Secret with the root certificate that istio-csr hands to every workload as its trust anchor. */
export class IstioRootCa extends Construct {
  /** Name that istio-csr's Helm values refer to. */
  public readonly name: string;

  /** Key below which the certificate stands. */
  public readonly key: string;

  constructor(scope: Construct, id: string, props: IstioRootCaProps) {
    super(scope, id);

    const certificates = certificatesOf('certificate', props.certificate);
    const other = certificates.find(certificate => !certificate.ca || !certificate.checkIssued(certificate));
    if (other) {
      throw new Error(
        `'certificate' must be a root: a CA certificate that signs itself, else workloads cannot verify to it, e.g. ca.crt, got subject ${JSON.stringify(other.subject)}`,
      );
    }

    const { name = 'istio-root-ca', namespace = 'cert-manager', key = 'ca.cert.pem' } = props;
    new k8s.KubeSecret(this, 'Resource', {
      metadata: { name, namespace },
      type: 'Opaque',
      stringData: { [key]: certificates.join('') },
    });
    noteReason(this, ['stringData', key], "the root, not the intermediate: it becomes every workload's ROOTCA. It is public");
    this.name = name;
    this.key = key;
  }
}
