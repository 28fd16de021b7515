import { run, type RunResult } from '../harness';
import type { KubeObject } from './dist';

interface Volume {
  readonly name: string;
  readonly secret?: { readonly secretName: string; readonly optional?: boolean };
  readonly configMap?: { readonly name: string };
}

interface PodSpec {
  readonly containers: readonly {
    readonly name: string;
    readonly args: readonly string[];
    readonly env: readonly { readonly name: string; readonly value?: string }[];
    readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  }[];
  readonly volumes: readonly Volume[];
}

/** The pod of a Deployment of istiod. */
export function podOf(deployment: KubeObject | undefined): PodSpec {
  if (!deployment) throw new Error('istioctl rendered no istiod');
  return (deployment.spec as { template: { spec: PodSpec } }).template.spec;
}

/** What a kubelet would give to istiod's container, with each absolute path taken below a working folder. */
export interface Started {
  readonly args: string[];
  readonly env: Record<string, string | undefined>;
  readonly files: Record<string, string>;
}

/**
 * Plays the kubelet: flags, variables and mounted files of a rendered Deployment for an istiod that runs in a folder. The ports are the
 * harness's, and variables that Kubernetes fills in too; a Secret or ConfigMap that is not given is not there.
 *
 * @param objects data of the Secrets and ConfigMaps by their names
 * @param volumes names of the volumes that count; none: all
 */
export function startedAs(
  deployment: KubeObject | undefined,
  objects: Readonly<Record<string, Readonly<Record<string, string>>>>,
  volumes?: readonly string[],
): Started {
  const pod = podOf(deployment);
  const discovery = pod.containers.find(({ name }) => name === 'discovery');
  if (!discovery) throw new Error('the pod has no container discovery');
  const [command, ...args] = discovery.args;
  if (command !== 'discovery') throw new Error(`the first argument is ${String(command)}`);
  const files = discovery.volumeMounts
    .filter(({ name }) => volumes?.includes(name) ?? true)
    .flatMap(({ name, mountPath }): [string, string][] => {
      const volume = pod.volumes.find(one => one.name === name);
      const data = objects[volume?.secret?.secretName ?? volume?.configMap?.name ?? ''] ?? {};
      return Object.entries(data).map(([file, text]) => [`${mountPath}/${file}`.slice(1), text]);
    });
  return {
    args: args.filter(arg => !arg.startsWith('--monitoringAddr=')).map(arg => arg.replace('=/etc/', '=etc/')),
    // without it the harness would set it.
    env: {
      ENABLE_CA_SERVER: undefined,
      ...Object.fromEntries(discovery.env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
    },
    files: Object.fromEntries(files),
  };
}

/** Asks a port for its certificate, as a sidecar does, and has OpenSSL verify chain and name to the root. */
export function handshake(port: number, rootFile: string, name = 'istiod.istio-system.svc'): Promise<RunResult> {
  const verify = ['-verify_hostname', name, '-verify_return_error', '-no-CApath', '-CAfile', rootFile];
  return run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', name, ...verify], { timeout: 20_000 });
}
