import { Construct } from 'constructs';
import { Checks, checkProps, flag, maybe, text } from './check';
import { filePath, header, name, namespace, namespaceOf, overlays as overlayList } from './common-checks';
import { ISTIOD_CHECKS, IstiodSettingsProps, istiodValues, withRevision } from './istiod-settings';
import { nested } from './nested';
import { Overlay } from '../plan/istiod-patches';
import { deploymentOverlays, patchReason } from './overlay';
import { byKey, ReasonedValue, reasonsFor } from './reasoned-value';
import { TextFile } from './text-file';
import { yamlText } from './yaml-text';
import { ztunnelValues } from './ztunnel-settings';

/** Properties of `IstioOperator`. */
export interface IstioOperatorProps extends IstiodSettingsProps {
  /**
   * Name.
   *
   * @default "mesh-ca"
   */
  readonly name?: string;

  /**
   * Namespace: istiod's.
   *
   * @default - the Chart's, else "istio-system"
   */
  readonly namespace?: string;

  /**
   * Name of istiod's Deployment.
   *
   * @default "istiod"
   */
  readonly deployment?: string;

  /**
   * Your own changes of what istiod's chart renders (`k8s.overlays`), which come out ahead of ours.
   *
   * @default - none
   */
  readonly overlays?: readonly Overlay[];

  /**
   * Whether there are ztunnels.
   *
   * @default false
   */
  readonly ambient?: boolean;

  /**
   * Lines at the top of the file, as a comment.
   *
   * @default - none
   */
  readonly header?: readonly string[];

  /**
   * Path below the app's output directory.
   *
   * @default - `CLUSTER-ID/istio-operator.yml`, with the revision where there is one
   */
  readonly path?: string;
}

const CHECKS: Checks<IstioOperatorProps> = {
  ...ISTIOD_CHECKS,
  name: maybe(name),
  namespace: maybe(namespace),
  deployment: maybe(text('dnsName')),
  overlays: maybe(overlayList),
  ambient: maybe(flag),
  header,
  path: maybe(filePath),
};

/**
 * An IstioOperator with what makes istiod and the workloads use istio-csr. It is a file, since istioctl reads it and no API server need know
 * its kind.
 */
export class IstioOperator extends Construct {
  /** The file. */
  public readonly file: TextFile;

  constructor(scope: Construct, id: string, props: IstioOperatorProps) {
    super(scope, id);
    checkProps(props, CHECKS);
    const { name = 'mesh-ca', deployment = 'istiod', overlay = 'wellKnown' } = props;
    const namespace = namespaceOf(this, props.namespace, 'istio-system');
    const { header, path = `${props.clusterId}/${withRevision('istio-operator', props)}.yml`, ambient = false } = props;
    const values = placed([
      ...istiodValues(props),
      ...(ambient ? ztunnelValues(props).map(one => ({ ...one, key: `ztunnel.${one.key}` })) : []),
    ]);
    const overlays = deploymentOverlays(props.overlays ?? [], overlay, deployment);
    const changes: ReasonedValue = { key: 'spec.components.pilot.k8s.overlays', value: overlays, reason: patchReason(overlay) };
    const all = [...values, changes];
    const object = {
      apiVersion: 'install.istio.io/v1alpha1',
      kind: 'IstioOperator',
      metadata: { name, namespace },
      ...nested(byKey(all), { spec: { values: props.values ?? {} } }),
    };
    this.file = new TextFile(this, 'Resource', { path, content: () => yamlText(object, { header, reasons: reasonsFor(all) }) });
  }
}

/** Where an IstioOperator has what the chart has as values. */
function placed(values: readonly ReasonedValue[]): ReasonedValue[] {
  return values.map(one => ({ ...one, key: /^(revision|meshConfig\.)/.test(one.key) ? `spec.${one.key}` : `spec.values.${one.key}` }));
}
