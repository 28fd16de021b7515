import { k8s } from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { Checks, checkProps, matching, maybe, text } from './check';
import { namespace, namespaceOf, withoutNamespace } from './common-checks';
import { noteReason } from './reason';

const NAME = 'sleep';

/** Properties of `SampleWorkload`. */
export interface SampleWorkloadProps {
  /**
   * Namespace, which is made too.
   *
   * @default - the Chart's, else "foo"
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

const CHECKS: Checks<SampleWorkloadProps> = {
  namespace: maybe(namespace),
  revision: maybe(text('dnsLabel')),
  image: maybe(matching(/^[a-z0-9][A-Za-z0-9._\-/:@]{0,500}$/, 'an image', 'curlimages/curl:8.10.1')),
};

/** A workload that does nothing but have a sidecar, so that its certificate can be looked at. */
export class SampleWorkload extends Construct {
  constructor(scope: Construct, id: string, props: SampleWorkloadProps = {}) {
    super(scope, id);

    checkProps(props, CHECKS);
    const { revision = 'default', image = 'curlimages/curl:8.10.1' } = props;
    const namespace = namespaceOf(this, props.namespace, 'foo');
    const injected: Record<string, string> = revision === 'default' ? { 'istio-injection': 'enabled' } : { 'istio.io/rev': revision };
    const space = new Construct(this, 'Namespace');
    withoutNamespace(new k8s.KubeNamespace(space, 'Resource', { metadata: { name: namespace, labels: injected } }));
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
