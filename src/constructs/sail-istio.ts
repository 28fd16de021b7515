import { Construct } from 'constructs';
import { Istio, ZTunnel } from '../../imports/sailoperator.io';
import { certificateValues, IstiodSettingsProps, istiodValues } from './istiod-settings';
import { nested } from './nested';
import { noteReason } from './reason';
import { byKey, ReasonedValue, reasonsFor } from './reasoned-value';
import { ZtunnelSettingsProps, ztunnelValues } from './ztunnel-settings';

/** Properties of `SailIstio`. */
export interface SailIstioProps extends IstiodSettingsProps {
  /**
   * Name of the Istio object. With the update strategy InPlace it is the revision too.
   *
   * @default - the revision
   */
  readonly name?: string;

  /**
   * Version of Istio, as the operator writes it, e.g. `v1.24.3`, where the update strategy is RevisionBased: the operator makes the revision
   * of it.
   *
   * @default - the update strategy is InPlace, and the version stays as it is
   */
  readonly version?: string;

  /**
   * Whether the chart takes flags and volumes as values, which it does from Istio 1.19 on.
   *
   * @default true
   */
  readonly waits?: boolean;
}

/** A part of the Sail operator's Istio object, to merge into the one that is there. */
export class SailIstio extends Construct {
  constructor(scope: Construct, id: string, props: SailIstioProps) {
    super(scope, id);
    const { waits = true, revision = 'default', name = revision, version } = props;
    const values = [...istiodValues({ ...props, revision: 'default' }), ...(waits ? certificateValues(props) : [])];
    const revisionBased = version === undefined ? {} : { version, updateStrategy: { type: 'RevisionBased' as const } };
    new Istio(this, 'Resource', { metadata: { name }, spec: { ...revisionBased, values: nested(byKey(values), props.values) } });
    noteReasons(this, values);
    if (version !== undefined) noteReason(this, ['spec', 'version'], 'the operator makes the revision of it, and starts an istiod for it');
  }
}

/** A part of the Sail operator's ZTunnel object, to merge into the one that is there. */
export class SailZTunnel extends Construct {
  constructor(scope: Construct, id: string, props: ZtunnelSettingsProps) {
    super(scope, id);
    const values = ztunnelValues(props).map(one => ({ ...one, key: `ztunnel.${one.key}` }));
    // the operator takes no other name.
    new ZTunnel(this, 'Resource', { metadata: { name: 'default' }, spec: { values: nested(byKey(values)) } });
    noteReasons(this, values);
  }
}

function noteReasons(scope: Construct, values: readonly ReasonedValue[]): void {
  for (const { path, text } of reasonsFor(values, ['spec', 'values'])) noteReason(scope, path, text);
}
