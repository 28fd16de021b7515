import { IstioPlan } from '../plan/istio';
import { words } from '../script/bash';
import { istioCsrUpgrade } from './cluster-mesh';
import { controlPlanePatch, restartWhereEarly, sailPatch } from './istiod';
import { code, command, shell, yaml } from './markdown';
import { ADMISSION_FILE } from './optional';
import { ClusterContext } from './parts';

/** The two istiods, and what the sections are written with. */
interface Both extends ClusterContext {
  /** The one in use. */
  readonly inUse: IstioPlan;

  /** The one beside it. */
  readonly canary: IstioPlan;
}

/** How the workloads move to a second istiod, and back; nothing where there is none. */
export function canarySection(context: ClusterContext): string[] {
  const [inUse, canary] = context.cluster.istiods.map(({ istio }) => istio);
  if (inUse === undefined || canary === undefined) return [];
  const both: Both = { ...context, inUse, canary };
  return [
    '## The canary',
    '',
    `${code(canary.deployment)} (Istio ${canary.version}) runs beside ${code(inUse.deployment)} (Istio ${inUse.version}) until all workloads have moved to it. Who signs stays the same: both istiods have one certificate, that of Secret ${code('istiod-tls')}, and every workload asks istio-csr. A workload moves with its namespace's label and a restart, and back in the same way.`,
    '',
    ...named(both),
    ...installed(both),
    ...moved(both),
    ...back(both),
    ...promoted(both),
  ];
}

const istioctl = ({ cluster: { context }, canary: { namespace } }: Pick<Both, 'cluster' | 'canary'>, ...argv: readonly string[]) =>
  words(['istioctl', '--context', context, ...(namespace === 'istio-system' ? [] : ['--istioNamespace', namespace]), ...argv]);

const namesOfCertificate = ({ kube, inUse }: Both) =>
  `${kube('get', 'secret', 'istiod-tls', '-n', inUse.namespace, '-o', 'jsonpath={.data.tls\\.crt}')} | base64 -d | openssl x509 -noout -ext subjectAltName`;

/** What knows the names of the istiods, in the order in which they learn of one more; one less is forgotten in reverse. */
function names({ cluster, at, kube }: Both): string[] {
  return [
    words(['bash', at('setup.sh')]),
    ...(cluster.requestPolicies.length > 0 ? [kube('apply', '-f', at('manifests/1-issuer'))] : []),
    // before istio-csr's chart changes istiod's Certificate, which they compare with the plan.
    ...(cluster.admission ? [kube('apply', '-f', at(ADMISSION_FILE))] : []),
    istioCsrUpgrade(cluster, at),
  ];
}

function named(both: Both): string[] {
  const { canary, inUse } = both;
  return [
    '**First, its name is in the certificate.** The PKI role signs it, then istio-csr has it asked for, and both before the canary is there:',
    '',
    ...shell(...names(both), namesOfCertificate(both)),
    `See: ${code('signed, verified to the root: istiod')}, and then ${code(`DNS:${inUse.dnsName}`)} and ${code(`DNS:${canary.dnsName}`)} in the last line: cert-manager asks anew where the names change, and the istiod in use takes the new certificate without a restart.`,
    '',
  ];
}

function installed(both: Both): string[] {
  const { cluster, at, kube, canary } = both;
  const deployment = `deployment/${canary.deployment}`;
  return [
    `**Then the canary, with our part from its first start:** without it, it would sign by itself, and write its own root into istio-ca-root-cert of every namespace.${canary.ambient ? ' The ztunnels and the CNI plugin are one set for both istiods, and follow when the workloads have moved.' : ''}`,
    '',
    ...install[cluster.istio.target.name](both),
    'Then:',
    '',
    ...shell(
      kube('rollout', 'status', deployment, '-n', canary.namespace, '--timeout=10m'),
      kube('logs', deployment, '-n', canary.namespace, '--since=15m'),
      words(['bash', at('verify.sh')]),
    ),
    `See: \`successfully rolled out\`, and each check ${code('of the canary')} ${code('ok')}. ${restartWhereEarly}`,
    '',
    ...shell(kube('rollout', 'restart', deployment, '-n', canary.namespace)),
  ];
}

/** By what configures the istiods: how the canary comes, and how either of them goes. */
const install = {
  istioOperator: ({ cluster, at, canary }: Both) => [
    `By the istioctl of Istio ${canary.version}. ${code('CANARY.yaml')} is the IstioOperator that you install it with: yours of the istiod in use, less its gateways (${code('profile: minimal')}), as istioctl moves a gateway that it finds there at once:`,
    '',
    ...shell(command(['istioctl', '--context', cluster.context, 'install'], ['-f', 'CANARY.yaml', '-f', at(canary.target.file)])),
  ],
  helm: ({ cluster, at, canary }: Both) => [
    `A release of its own, with the version of the chart that the canary is to have; your own values, ${code('YOURS.yaml')}, as for the istiod in use. The CRDs come before, with the base chart of that version:`,
    '',
    ...shell(
      command(
        ['helm', '--kube-context', cluster.context, 'upgrade', '--install', canary.deployment, 'istio/istiod'],
        ['--namespace', canary.namespace, '--version', 'CANARYS', '--values', 'YOURS.yaml'],
        ['--values', at(canary.target.file), '--wait', '--timeout', '10m'],
      ),
    ),
  ],
  sail: (both: Both) => [
    `The file has the version beside the values, so the operator starts the canary with both, and leaves ${code(both.inUse.deployment)} as it is while a workload uses it:`,
    '',
    ...shell(...sailPatch(both, both.canary), both.kube('get', 'istiorevisions.sailoperator.io')),
    `See: the lines of the file with ${code('+')}, ${code('patched')}, then ${code(both.canary.revision)} beside ${code(both.inUse.revision)}.`,
    '',
  ],
  tsb: (both: Both) => (goesWithFile(both) ? withBoundaries(both) : besideBoundaries(both)),
};

/** The canary comes with the file, which is all of the ControlPlane, and names its revision. */
const withBoundaries = (both: Both) => [
  `The file of section 5 names both revisions, and has the overlays of both, ${code(both.inUse.istioOperator)} and ${code(both.canary.istioOperator)}:`,
  '',
  ...shell(...controlPlanePatch(both)),
  ...madeObject(both),
];

/** The overlay comes with the file, and the revision is named by hand, since its list may have more. */
const besideBoundaries = (both: Both) => [
  `The file of section 5 has the overlays of both, ${code(both.inUse.istioOperator)} and ${code(both.canary.istioOperator)}. It comes before the revision is there, or its istiod would start without them; should the operator complain of an object that is not there, the next step ends that:`,
  '',
  ...shell(...controlPlanePatch(both)),
  `Then name the revision beside the one in use, in the same isolation boundary of the ControlPlane (${code('spec.components.xcp.isolationBoundaries')}), with the ${code('tsbVersion')} that it is to have:`,
  '',
  ...yaml(
    'revisions:',
    '  # what stands there stays, and:',
    `  - name: ${JSON.stringify(both.canary.revision)}`,
    '    istio:',
    '      tsbVersion: VERSION',
  ),
  ...madeObject(both),
];

const madeObject = (both: Both) => [
  'See: an object of the name that the file has, else write that one as `istio.canary.istioOperator`:',
  '',
  ...shell(both.kube('get', 'istiooperators', '-n', both.canary.namespace)),
];

/** How an istiod goes. */
const uninstall = {
  // not by its file: istioctl takes the name alone out of that, and without one all that is Istio's.
  istioOperator: (both: Both, { revision, deployment }: IstioPlan) => [
    ...shell(...[['--dry-run'], []].map(dry => istioctl(both, 'uninstall', '--revision', revision, ...dry))),
    `See: of the first line ${code('Not pruning object')} for objects of ${code(deployment)} alone; of the second ${code('Uninstall complete')}. Never ${code('istioctl uninstall -f')}, which takes both istiods (measured with 1.31).`,
    '',
  ],
  helm: ({ cluster }: Both, { deployment, namespace }: IstioPlan) =>
    shell(words(['helm', '--kube-context', cluster.context, 'uninstall', deployment, '-n', namespace])),
  sail: (both: Both, { isCanary, revision }: IstioPlan) =>
    isCanary
      ? [
          'The file of the istiod in use has its version:',
          '',
          ...shell(...sailPatch(both, both.inUse)),
          'The operator takes the canary away when nothing uses it any more.',
          '',
        ]
      : [
          `The operator does that by itself, once no namespace and no pod names ${code(revision)}:`,
          '',
          ...shell(both.kube('get', 'istiorevisions.sailoperator.io')),
        ],
  tsb: (_: Both, { revision }: IstioPlan) => [
    `Take ${code(revision)} out of ${code('spec.components.xcp.isolationBoundaries')} of the ControlPlane. ${leftBehind}`,
    '',
  ],
};

/** Whether the file of the ControlPlane is all of it, and names the revisions: one that it does not name any more goes. */
const goesWithFile = ({ cluster }: Both) => cluster.istio.target.name === 'tsb' && cluster.tsb !== undefined;
const gone = (both: Both, { deployment, namespace }: IstioPlan) => [
  ...shell(...controlPlanePatch(both), both.kube('wait', '--for=delete', `deployment/${deployment}`, '-n', namespace, '--timeout=10m')),
  leftBehind,
  '',
];
const leftBehind =
  "TSB may leave a revision's IstioOperator, Deployments and ConfigMaps behind, as its upgrade guide says: delete them by their names then.";

/** The labels of a namespace whose workloads are an istiod's; what it had of the other one goes. */
const labels = ({ revision }: IstioPlan) =>
  revision === 'default' ? ['istio.io/rev-', 'istio-injection=enabled'] : ['istio-injection-', `istio.io/rev=${revision}`];

function moved(both: Both): string[] {
  const { cluster, at, kube, canary } = both;
  const pod = kube('get', 'pods', '-n', 'foo', '-l', 'app=sleep', '-o', 'jsonpath={.items[0].metadata.name}');
  return [
    `**Then the workloads, a namespace at a time,** the sample first. The label ${code('istio-injection')} would win over the revision, so it goes:`,
    '',
    ...shell(
      kube('apply', '-f', at('sample/sample.yaml')),
      kube('label', 'namespace', 'foo', ...labels(canary), '--overwrite'),
      kube('rollout', 'restart', 'deployment/sleep', '-n', 'foo'),
      kube('rollout', 'status', 'deployment/sleep', '-n', 'foo', '--timeout=5m'),
      `${words(['bash', at('verify.sh'), '--workload'])} "foo/$(${pod})"`,
    ),
    `See: each line \`ok\`. Then the same two lines, ${code('label')} and ${code('rollout restart')}, for each of your namespaces, and this, until it names ${code(canary.deployment)} alone:`,
    '',
    ...shell(istioctl(both, 'proxy-status')),
    gateways[cluster.istio.target.name],
    '',
  ];
}

const gateways = {
  istioOperator: 'Gateways last: those of an IstioOperator move in place, as soon as one that names them is installed with the revision.',
  helm: 'Gateways last: a release of the gateway chart has a `revision` of its own.',
  sail: 'Gateways last, by the label of their namespace, as workloads.',
  tsb: 'Gateways last: an IngressGateway, EgressGateway or Tier1Gateway names its revision as `spec.revision`.',
};

function back(both: Both): string[] {
  const { cluster, kube, inUse, canary } = both;
  const isWhole = goesWithFile(both);
  return [
    '**The way back,** until the istiod in use is taken away: the same for each namespace, with its former label,',
    '',
    ...shell(
      kube('label', 'namespace', 'foo', ...labels(inUse), '--overwrite'),
      kube('rollout', 'restart', 'deployment/sleep', '-n', 'foo'),
    ),
    `and when ${code('proxy-status')} names ${code(canary.deployment)} no more, the canary goes.${isWhole ? ` Take ${code('istio.canary')} out of mesh-ca.yaml, synthesize, and apply the file of section 5:` : ''}`,
    '',
    ...(isWhole
      ? [...gone(both, canary), 'Last, the helm command of section 4, then setup.sh.']
      : [
          ...uninstall[cluster.istio.target.name](both, canary),
          `Last, take ${code('istio.canary')} out of mesh-ca.yaml, synthesize, and run the helm command of section 4, then setup.sh${cluster.istio.target.name === 'tsb' ? ', and merge the file of section 5' : ''}.`,
        ]),
    '',
  ];
}

/** What the istiod without a revision did for the whole cluster. */
function defaults({ cluster, canary }: Both): string[] {
  const what = `It had no revision, so it checked what is applied to Istio's objects${cluster.istio.target.name === 'helm' ? '' : `, and injected where a namespace has ${code('istio-injection=enabled')}`}. Have the canary do that`;
  switch (cluster.istio.target.name) {
    case 'helm':
      return [
        `${what}, by the release of the base chart:`,
        '',
        ...shell(
          words([
            ...['helm', '--kube-context', cluster.context, 'upgrade', 'istio-base', 'istio/base', '--namespace', canary.namespace],
            ...['--version', 'CANARYS', '--reuse-values', '--set', `defaultRevision=${canary.revision}`],
          ]),
        ),
      ];
    case 'istioOperator':
      return [
        `${what}:`,
        '',
        ...shell(istioctl({ cluster, canary }, 'tag', 'set', 'default', '--revision', canary.revision, '--overwrite')),
      ];
    default:
      return [];
  }
}

function promoted(both: Both): string[] {
  const { cluster, at, inUse, canary } = both;
  const { name } = cluster.istio.target;
  const isWhole = goesWithFile(both);
  return [
    `**The canary becomes the one in use,** when ${code('proxy-status')} names ${code(inUse.deployment)} no more. That one goes first, since its name must be in the certificate as long as it serves:`,
    '',
    ...(isWhole ? [] : uninstall[name](both, inUse)),
    ...(inUse.revision === 'default' ? defaults(both) : []),
    `${isWhole ? 'Move' : 'Then move'} what ${code('canary')} says up, in mesh-ca.yaml, in the place of what the former one had, and synthesize:`,
    '',
    ...yaml(
      canary.tsbVersion === undefined ? `istioVersion: '${canary.version}'` : `tsbVersion: '${canary.tsbVersion}'`,
      'istio:',
      `  revision: ${JSON.stringify(canary.revision)}`,
      '  # and no canary; its overlay, values and overlays, if it has any, stand here now',
    ),
    ...(isWhole ? gone(both, inUse) : []),
    'istio-csr and Vault forget the former name, in this order, so that nothing is asked for that is refused:',
    '',
    ...shell(
      ...names(both).reverse(),
      ...(name === 'tsb' && !isWhole ? controlPlanePatch(both) : []),
      namesOfCertificate(both),
      words(['bash', at('verify.sh')]),
    ),
    `See: ${code(`DNS:${canary.dnsName}`)} alone, then no check ${code('of the canary')}, and each \`ok\`. Label the sample's namespace as its new manifest says: apply it again.`,
    '',
  ];
}
