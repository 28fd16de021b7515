import { Construct } from 'constructs';
import { Checks, checkProps, flag, maybe } from './check';
import { filePath, header } from './common-checks';
import { certificateValues, ISTIOD_CHECKS, IstiodSettingsProps, istiodValues, withRevision } from './istiod-settings';
import { nested } from './nested';
import { byKey, ReasonedValue, reasonsFor } from './reasoned-value';
import { TextFile } from './text-file';
import { yamlText } from './yaml-text';
import { ZTUNNEL_CHECKS, ZtunnelSettingsProps, ztunnelValues } from './ztunnel-settings';

/** What both kinds of values file can have. */
interface FileProps {
  /**
   * Lines at the top of the file, as a comment.
   *
   * @default - none
   */
  readonly header?: readonly string[];

  /**
   * Path below the app's output directory.
   *
   * @default - `CLUSTER-ID/istiod.values.yml`, with the revision where there is one, or `CLUSTER-ID/ztunnel.values.yml`
   */
  readonly path?: string;
}

/** Properties of `IstiodValues`. */
export interface IstiodValuesProps extends IstiodSettingsProps, FileProps {
  /**
   * Whether the chart takes flags and volumes as values, which it does from Istio 1.19 on.
   *
   * @default true
   */
  readonly waits?: boolean;
}

const ISTIOD: Checks<IstiodValuesProps> = { ...ISTIOD_CHECKS, waits: maybe(flag), header, path: maybe(filePath) };

/** The Helm values of the istiod chart, as a text file. */
export class IstiodValues extends Construct {
  /** The file. */
  public readonly file: TextFile;

  constructor(scope: Construct, id: string, props: IstiodValuesProps) {
    super(scope, id);
    checkProps(props, ISTIOD);
    const { header, path = `${props.clusterId}/${withRevision('istiod', props)}.values.yml`, waits = true } = props;
    const values = [...istiodValues(props), ...(waits ? certificateValues(props) : [])];
    this.file = valuesFile(this, values, { header, path, below: props.values });
  }
}

/** Properties of `ZtunnelValues`. */
export interface ZtunnelValuesProps extends FileProps, ZtunnelSettingsProps {}

const ZTUNNEL: Checks<ZtunnelValuesProps> = { ...ZTUNNEL_CHECKS, header, path: maybe(filePath) };

/** The Helm values of the ztunnel chart, as a text file. */
export class ZtunnelValues extends Construct {
  /** The file. */
  public readonly file: TextFile;

  constructor(scope: Construct, id: string, props: ZtunnelValuesProps) {
    super(scope, id);
    checkProps(props, ZTUNNEL);
    const { header, path = `${props.clusterId}/ztunnel.values.yml` } = props;
    this.file = valuesFile(this, ztunnelValues(props), { header, path });
  }
}

function valuesFile(
  scope: Construct,
  values: readonly ReasonedValue[],
  { header, path, below }: Required<Pick<FileProps, 'path'>> & FileProps & { readonly below?: Readonly<Record<string, unknown>> },
): TextFile {
  const content = () => yamlText(nested(byKey(values), below), { header, reasons: reasonsFor(values) });
  return new TextFile(scope, 'Resource', { path, content });
}
