import { IstioPlan } from '../plan/istio';
import { words } from '../script/bash';
import { command, code, shell } from './markdown';
import { ClusterContext } from './parts';

/** What makes istiod use it, by what configures istiod. */
export function istiod(context: ClusterContext): string[] {
  switch (context.cluster.istio.target.name) {
    case 'tsb':
      return controlPlane(context);
    case 'istioOperator':
      return istioOperator(context);
    case 'helm':
      return helm(context);
    case 'sail':
      return sail(context);
  }
}

const heading = (title: string) => [
  `## 5. ${title}, last`,
  '',
  "Only when step 4 showed istiod's certificate as `True`: from here on istiod signs nothing itself.",
  '',
];

function istioOperator(context: ClusterContext): string[] {
  const { cluster, at } = context;
  const file = at(cluster.istio.target.file);
  const istioctl = (verb: readonly string[]) =>
    command(['istioctl', '--context', cluster.context, ...verb], ['-f', 'YOURS.yaml', '-f', file]);
  return [
    ...heading('The IstioOperator'),
    `The file is a part of an IstioOperator. istioctl lays it over the one that you install with, ${code('YOURS.yaml')}; a list that both have is replaced as a whole, so write the ${code('k8s.overlays')} of yours into ${code('istio.overlays')} of mesh-ca.yaml and synthesize again: it is looked at, and comes out ahead of ours. Look at what changes, then hand both over:`,
    '',
    ...shell(
      `diff <(${command(['istioctl', 'manifest', 'generate'], ['-f', 'YOURS.yaml'])}) <(${command(['istioctl', 'manifest', 'generate'], ['-f', 'YOURS.yaml', '-f', file])})`,
      istioctl(['install']),
    ),
    `See: the address in the ConfigMaps, and of the Deployment ${code(cluster.istio.deployment)} the variables ${code('ENABLE_CA_SERVER')} and ${code('CLUSTER_ID')} and its volumes, and the trust domain and the cluster's name (${code(cluster.clusterId)}; Istio's own is ${code('Kubernetes')}) wherever they stand; then ${code('Installation complete')}. With the operator in the cluster (Istio 1.23 and before), write the fields of the file into its IstioOperator. Then:`,
    '',
    ...started(context),
  ];
}

function helm(context: ClusterContext): string[] {
  const { cluster, at } = context;
  const { context: name, istio } = cluster;
  const upgrade = (of: string, chart: string, file: string, namespace = istio.namespace) =>
    command(
      ['helm', '--kube-context', name, 'upgrade', of, `istio/${chart}`, '--namespace', namespace],
      ['--version', 'YOURS', '--values', 'YOURS.yaml'],
      ['--values', at(file), '--wait', '--timeout', '10m'],
    );
  return [
    ...heading('The values of istiod'),
    `The file comes after your own values, ${code('YOURS.yaml')} below, with the version of the chart that is there (${code('helm list')} names both). A list that both have is replaced as a whole: write yours into ${code('istio.values')} of mesh-ca.yaml. Look at what changes first, with ${code('helm template')} or the plugin diff:`,
    '',
    ...shell(upgrade(istio.deployment, 'istiod', istio.target.file)),
    ...(istio.ambient
      ? ['The ztunnels, after it:', '', ...shell(upgrade('ztunnel', 'ztunnel', 'ztunnel.values.yml', istio.ztunnel.namespace))]
      : []),
    'See: `has been upgraded`. Then:',
    '',
    ...started(context),
  ];
}

function sail(context: ClusterContext): string[] {
  const { istio } = context.cluster;
  return [
    ...heading('The Istio object'),
    `The file is a part of the Istio object ${code(istio.sailIstio.name)}, which must be there. It replaces lists as a whole. Look, then merge it:`,
    '',
    ...shell(...sailPatch(context, istio)),
    ...(istio.ambient ? ['The ztunnels, after it:', '', ...shell(mergePatch(context, 'ztunnel', 'default', 'ztunnel.partial.yaml'))] : []),
    `See: the lines of the file with ${code('+')}, then ${code('patched')}. ${
      istio.sailIstio.version === undefined
        ? `With the update strategy ${code('RevisionBased')} the Deployment's name ends in the version; these files are for ${code('InPlace')} (${code('istio.sailIstio')} names the object for the other one).`
        : `The file sets the update strategy ${code('RevisionBased')}, by which the Deployment's name ends in the version.`
    } Then:`,
    '',
    ...started(context),
  ];
}

const mergePatch = ({ kube, at }: ClusterContext, kind: string, name: string, file: string) =>
  kube('patch', `${kind}.sailoperator.io`, name, ...merging(at(file)));
const merging = (file: string) => ['--type=merge', '--field-manager=cdk8s-mesh-ca', `--patch-file=${file}`];

/** Looks what an istiod's part of the Istio object changes, then merges it. */
export function sailPatch(context: ClusterContext, { sailIstio, target }: IstioPlan): string[] {
  return lookedAt(context, mergePatch(context, 'istio', sailIstio.name, target.file));
}

/** Looks what a patch would change, then does it. */
const lookedAt = ({ kube }: Pick<ClusterContext, 'kube'>, patch: string) => [
  `${patch} --dry-run=server -o yaml | ${kube('diff', '-f', '-')}`,
  patch,
];

/** What a log of istiod says where it came before its certificate. */
export const restartWhereEarly =
  'Where the log says `PILOT_CERT_PROVIDER=istiod is not implemented`, it started before its certificate was there, which it reads once:';

/** Whether istiod has its certificate, and what is left to restart. */
function started({ cluster, files, kube }: ClusterContext): string[] {
  const { istio } = cluster;
  return [
    ...shell(
      kube('rollout', 'status', `deployment/${istio.deployment}`, '-n', istio.namespace, '--timeout=10m'),
      kube('logs', `deployment/${istio.deployment}`, '-n', istio.namespace, '--since=15m'),
    ),
    `See: \`successfully rolled out\`, and no \`PILOT_CERT_PROVIDER=istiod is not implemented\` in the log. That line means that istiod started before its certificate was there; it reads it once. Then:`,
    '',
    ...shell(kube('rollout', 'restart', `deployment/${istio.deployment}`, '-n', istio.namespace)),
    `Pods made before this step keep the old CA address: restart the workloads. A mesh that already runs on another root must trust both roots until all are restarted${files.some(file => file.path.endsWith('/adopt.md')) ? ': adopt.md' : '; that change is not part of these files'}. Which proxies still ask another CA, gateways among them:`,
    '',
    ...shell(`${kube('get', 'pods', '-A', '-o', 'json')} | ${words(['jq', '-r', askingElsewhere(cluster.istioCsr.caAddress)])}`),
    `See: nothing, once all are restarted.${istio.target.name === 'tsb' ? TSB_GATEWAYS : ''}`,
    '',
  ];
}

/** Prints the pods whose proxy has another CA address; in a newer Kubernetes the proxy is an init container. */
const askingElsewhere = (address: string) =>
  [
    '.items[] | .metadata as $pod | ((.spec.initContainers // []) + .spec.containers)[] | select(.name == "istio-proxy")',
    `(.env // [])[] | select(.name == "CA_ADDR" and .value != ${JSON.stringify(address)})`,
    '"\\($pod.namespace)/\\($pod.name) asks \\(.value)"',
  ].join(' | ');

const TSB_GATEWAYS =
  ' A gateway of TSB has an IstioOperator of its own, `xcpgw-NAME`, whose `spec.values.global.caAddress` is its own too. Where its pods stand here after their restart, TSB has not carried the address over; it writes that object itself, and by which field it is told is not published, so ask Tetrate.';

/** Looks what our part changes of the ControlPlane, then merges or applies it. */
export function controlPlanePatch({ cluster: { istio, tsb }, at, kube }: ClusterContext): string[] {
  if (tsb !== undefined) {
    const path = at('manifests/3-control-plane');
    return [kube('diff', '-f', path), kube('apply', '-f', path)];
  }
  return lookedAt({ kube }, kube('patch', 'controlplane', istio.controlPlane, '-n', istio.namespace, ...merging(at(istio.target.file))));
}

/** TSB's way. */
function controlPlane(context: ClusterContext): string[] {
  const { cluster, files, kube } = context;
  const { istio } = cluster;
  const partial = files.find(file => file.path.endsWith('/control-plane.partial.yaml'));
  const field = '.spec.components.istio.kubeSpec.overlays';
  return [
    ...heading('The ControlPlane'),
    ...(partial
      ? [
          `The file is a part of the ControlPlane ${code(istio.controlPlane)}, which must be there. Its overlays are one list, replaced as a whole; so is the list of istiod's overlays in the IstioOperator. So look first. What the second of these prints is ${code('istio.overlays')} of mesh-ca.yaml, and patches of ${code('spec.values')} that the first one prints are ${code('istio.values')}: write them there and synthesize again, so that they are looked at and come out ahead of ours. Any other overlay that the first one prints goes into that list of the file, above ours:`,
          '',
          ...shell(
            kube('get', 'controlplane', istio.controlPlane, '-n', istio.namespace, '-o', `jsonpath={${field}}`),
            kube(
              'get',
              'istiooperator',
              istio.istioOperator,
              '-n',
              istio.namespace,
              '-o',
              'jsonpath={.spec.components.pilot.k8s.overlays}',
            ),
            ...controlPlanePatch(context),
          ),
          'See: nothing, or what the file has too, twice, the lines of the file with `+`, then `patched`. Do not use `kubectl apply` here, with `--server-side` or without: on an object that was applied before it takes over all fields, and removes those that the file does not name (measured).',
          '',
        ]
      : [...shell(...controlPlanePatch(context)), 'See: the lines that change, then `configured` or `created`.', '']),
    'The operator needs a minute. Then:',
    '',
    ...started(context),
  ];
}
