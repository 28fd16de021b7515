import { Construct } from 'constructs';
import {
  ControlPlaneElastic,
  ControlPlaneManagementPlane,
  ControlPlaneTelemetryStore,
  ControlPlane as Resource,
} from '../../imports/install.tetrate.io';
import { Checks, checkProps, flag, maybe, object, port, text, whole, word } from './check';
import { namespaceOf } from './common-checks';
import { CONTROL_PLANE_CHECKS, controlPlaneSpec, ControlPlaneSettings } from './control-plane-spec';
import { noteReason } from './reason';

/** Properties of `ControlPlane`. */
export interface ControlPlaneProps extends ControlPlaneSettings {
  /** Registry of TSB's images. */
  readonly hub: string;

  /** The management plane. */
  readonly managementPlane: ControlPlaneManagementPlane;

  /** Where telemetry goes. */
  readonly telemetryStore: ControlPlaneTelemetryStore;
}

const CHECKS: Checks<ControlPlaneProps> = {
  ...CONTROL_PLANE_CHECKS,
  hub: text('imageHub'),
  managementPlane: object<ControlPlaneManagementPlane>({
    host: text('host'),
    port: port(443),
    clusterName: text('clusterId'),
    selfSigned: maybe(flag),
  }),
  telemetryStore: object<ControlPlaneTelemetryStore>({
    elastic: object<ControlPlaneElastic>({
      host: text('host'),
      port: port(9200),
      protocol: maybe(word('https', 'http')),
      selfSigned: maybe(flag),
      version: maybe(whole(1, 99, 7)),
    }),
  }),
};

/**
 * The whole ControlPlane of Tetrate Service Bridge, with an overlay that makes istiod and the workloads use istio-csr. Where the other fields
 * are not known, `ControlPlanePatch` changes a ControlPlane that already exists.
 */
export class ControlPlane extends Construct {
  constructor(scope: Construct, id: string, props: ControlPlaneProps) {
    super(scope, id);

    checkProps(props, CHECKS);
    const { hub, managementPlane, telemetryStore, name = 'controlplane' } = props;
    const { spec, reasons } = controlPlaneSpec(props);
    new Resource(this, 'Resource', {
      metadata: { name, namespace: namespaceOf(this, props.namespace, 'istio-system') },
      spec: { hub, managementPlane, telemetryStore, ...spec },
    });
    for (const { path, text } of reasons) noteReason(this, path, text);
  }
}
