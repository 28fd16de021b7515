import { Construct } from 'constructs';
import { Istio, ZTunnel } from '../../imports/sailoperator.io';
import { Checks, checkProps, flag, matching, maybe, text } from './check';
import { certificateValues, ISTIOD_CHECKS, IstiodSettingsProps, istiodValues, withRevision } from './istiod-settings';
import { nested } from './nested';
import { PATCH_FILE_CHECKS, patchFile, PatchFileProps } from './patch-file';
import { Reason } from './reason';
import { byKey, reasonsFor } from './reasoned-value';
import { TextFile } from './text-file';
import { ZTUNNEL_CHECKS, ZtunnelSettingsProps, ztunnelValues } from './ztunnel-settings';

/** Properties of `SailIstioPatch`. */
export interface SailIstioPatchProps extends IstiodSettingsProps, PatchFileProps {
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

const ISTIO: Checks<SailIstioPatchProps> = {
  ...ISTIOD_CHECKS,
  ...PATCH_FILE_CHECKS,
  name: maybe(text('dnsName')),
  version: maybe(matching(/^v1\.[0-9]{1,2}(\.[0-9]{1,2}|-latest)$/, "a version of Istio in the operator's words", 'v1.24.3')),
  waits: maybe(flag),
};

/**
 * A patch that makes istiod and the workloads of an existing Istio object of the Sail operator use istio-csr. It is a text file, never a
 * manifest. Merge it: `kubectl patch istio NAME --type=merge --patch-file=FILE`.
 */
export class SailIstioPatch extends Construct {
  /** The file. */
  public readonly file: TextFile;

  /** The patch, as an object. */
  public readonly object: Readonly<Record<string, unknown>>;

  constructor(scope: Construct, id: string, props: SailIstioPatchProps) {
    super(scope, id);

    checkProps(props, ISTIO);
    const { waits = true, revision = 'default', name = revision, version } = props;
    const { header, path = `${props.clusterId}/${withRevision('istio', props)}.patch` } = props;
    const values = [...istiodValues({ ...props, revision: 'default' }), ...(waits ? certificateValues(props) : [])];
    const revisionBased = version === undefined ? {} : { version, updateStrategy: { type: 'RevisionBased' as const } };
    const spec = { ...revisionBased, values: nested(byKey(values), props.values) };
    const ofVersion: Reason = { path: ['spec', 'version'], text: 'the operator makes the revision of it, and starts an istiod for it' };
    const reasons = [...reasonsFor(values, ['spec', 'values']), ...(version === undefined ? [] : [ofVersion])];
    const made = patchFile(this, chart => new Istio(chart, 'Resource', { metadata: { name }, spec }), { header, path, reasons });
    this.file = made.file;
    this.object = made.object;
  }
}

/** Properties of `SailZTunnelPatch`. */
export interface SailZTunnelPatchProps extends ZtunnelSettingsProps, PatchFileProps {}

const ZTUNNEL: Checks<SailZTunnelPatchProps> = { ...ZTUNNEL_CHECKS, ...PATCH_FILE_CHECKS };

/**
 * A patch that makes the ztunnels of an existing ZTunnel object of the Sail operator use istio-csr. It is a text file, never a manifest. Merge
 * it: `kubectl patch ztunnel default --type=merge --patch-file=FILE`.
 */
export class SailZTunnelPatch extends Construct {
  /** The file. */
  public readonly file: TextFile;

  /** The patch, as an object. */
  public readonly object: Readonly<Record<string, unknown>>;

  constructor(scope: Construct, id: string, props: SailZTunnelPatchProps) {
    super(scope, id);

    checkProps(props, ZTUNNEL);
    const { header, path = `${props.clusterId}/ztunnel.patch` } = props;
    const values = ztunnelValues(props).map(one => ({ ...one, key: `ztunnel.${one.key}` }));
    const spec = { values: nested(byKey(values)) };
    // the operator takes no other name.
    const made = patchFile(this, chart => new ZTunnel(chart, 'Resource', { metadata: { name: 'default' }, spec }), {
      header,
      path,
      reasons: reasonsFor(values, ['spec', 'values']),
    });
    this.file = made.file;
    this.object = made.object;
  }
}
