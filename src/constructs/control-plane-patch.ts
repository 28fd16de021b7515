import { Construct } from 'constructs';
import { ControlPlane as Resource } from '../../imports/install.tetrate.io';
import { Checks, checkProps, text } from './check';
import { namespaceOf } from './common-checks';
import { CONTROL_PLANE_CHECKS, controlPlaneSpec, ControlPlaneSettings } from './control-plane-spec';
import { PATCH_FILE_CHECKS, patchFile, PatchFileProps } from './patch-file';
import { TextFile } from './text-file';

/** Properties of `ControlPlanePatch`. */
export interface ControlPlanePatchProps extends ControlPlaneSettings, PatchFileProps {
  /** The mesh's ID of the cluster; the file's default folder is named after it. */
  readonly clusterId: string;
}

const CHECKS: Checks<ControlPlanePatchProps> = { ...CONTROL_PLANE_CHECKS, ...PATCH_FILE_CHECKS, clusterId: text('clusterId') };

/**
 * A patch that makes istiod and the workloads of an existing ControlPlane of Tetrate Service Bridge use istio-csr. It is a text file, never a
 * manifest. Merge it: `kubectl patch controlplane NAME -n NAMESPACE --type=merge --patch-file=FILE`.
 */
export class ControlPlanePatch extends Construct {
  /** The file. */
  public readonly file: TextFile;

  /** The patch, as an object. */
  public readonly object: Readonly<Record<string, unknown>>;

  constructor(scope: Construct, id: string, props: ControlPlanePatchProps) {
    super(scope, id);

    checkProps(props, CHECKS);
    const { clusterId, header, path = `${clusterId}/control-plane.patch`, name = 'controlplane' } = props;
    const { spec, reasons } = controlPlaneSpec(props);
    const metadata = { name, namespace: namespaceOf(this, props.namespace, 'istio-system') };
    const made = patchFile(this, chart => new Resource(chart, 'Resource', { metadata, spec }), { header, path, reasons });
    this.file = made.file;
    this.object = made.object;
  }
}
