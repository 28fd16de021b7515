import { Construct } from 'constructs';
import { MeshCaPlan } from '../plan/plan';
import { clusterScript, rootScript } from '../script/setup';
import { Checks, checkProps, line, maybe } from './check';
import { filePath, plan } from './common-checks';
import { TextFile } from './text-file';

/** Properties of `VaultScript`. */
export interface VaultScriptProps {
  /** What is decided, as `planMeshCa` gives it. */
  readonly plan: MeshCaPlan;

  /**
   * Name of the cluster whose script it is.
   *
   * @default - the script of the root CA
   */
  readonly cluster?: string;

  /**
   * Path below the app's output directory.
   *
   * @default - `CLUSTER/setup.sh`, or `root/setup.sh`
   */
  readonly path?: string;
}

const CHECKS: Checks<VaultScriptProps> = { plan, cluster: maybe(line('cluster-1')), path: maybe(filePath) };

/** The Bash script that prepares Vault: the root CA's, or a cluster's, as a text file. */
export class VaultScript extends Construct {
  /** The file. */
  public readonly file: TextFile;

  constructor(scope: Construct, id: string, props: VaultScriptProps) {
    super(scope, id);

    checkProps(props, CHECKS);
    const { plan, cluster: name } = props;
    const cluster = plan.clusters.find(cluster => cluster.name === name);
    if (name !== undefined && cluster === undefined) {
      throw new Error(`'cluster' must be one of the plan's, e.g. "${plan.clusters[0]?.name}", got "${name}"`);
    }

    this.file = new TextFile(this, 'Resource', {
      path: props.path ?? `${name ?? 'root'}/setup.sh`,
      content: () => (cluster ? clusterScript(cluster) : rootScript(plan)),
      executable: true,
    });
  }
}
