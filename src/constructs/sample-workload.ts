import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { noteReason } from './reason';

const NAME = 'sleep';

/** Properties of `SampleWorkload`. */
export interface SampleWorkloadProps {
  /**
   * Namespace, which is made too.
   *
   * @default "foo"
   */
  readonly namespace?: string;

  /**
   * Revision of istiod that injects the sidecar.
   *
   * @default "default"
   */
  readonly revision?: string;

  /**
   * Image; it must hold a `sleep`.
   *
   * @default "curlimages/curl:8.10.1"
   */
  readonly image?: string;
}

/** A workload that does nothing but have a sidecar, so that its certificate can be looked at. */
export class SampleWorkload extends Construct {
  constructor(scope: Construct, id: string, props: SampleWorkloadProps = {}) {
    super(scope, id);

    const { namespace = 'foo', revision = 'default', image = 'curlimages/curl:8.10.1' } = props;
    const injected: Record<string, string> = revision === 'default' ? { 'istio-injection': 'enabled' } : { 'istio.io/rev': revision };
    const space = new Construct(this, 'Namespace');
    new k8s.KubeNamespace(space, 'Resource', { metadata: { name: namespace, labels: injected } });
    noteReason(space, ['metadata', 'labels'], 'makes istiod add the sidecar, which asks for the certificate');
    new k8s.KubeServiceAccount(this, 'ServiceAccount', { metadata: { name: NAME, namespace } });
    const workload = new Construct(this, 'Deployment');
    new k8s.KubeDeployment(workload, 'Resource', {
      metadata: { name: NAME, namespace },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: NAME } },
        template: {
          metadata: { labels: { app: NAME } },
          spec: {
            serviceAccountName: NAME,
            terminationGracePeriodSeconds: 0,
            containers: [{ name: NAME, image, command: ['sleep', '365d'] }],
          },
        },
      },
    });
    noteReason(workload, ['spec', 'template', 'spec', 'serviceAccountName'], `its SPIFFE ID ends in /ns/${namespace}/sa/${NAME}`);
  }
}
