import { MADE_BY } from '../output';
import { ourPart } from '../plan/canary';
import { CHART } from '../plan/istio-csr';
import { ClusterPlan } from '../plan/plan';
import { words } from '../script/bash';
import { code, shell } from './markdown';

/** How the mesh that a cluster has already is moved from istiod's own CA to Vault, in the order in which it is done. */
export function adoptRunbook(cluster: ClusterPlan): string {
  const { name, context, istio, istioCsr, root } = cluster;
  const at = (file: string) => `dist/${name}/${file}`;
  const kube = (...argv: readonly string[]) => words(['kubectl', '--context', context, ...argv]);
  const adopt = words(['bash', at('adopt.sh')]);
  const { rootCa } = istioCsr;
  const bring =
    rootCa.delivered && rootCa.carrier !== 'bundle'
      ? 'sections 1 to 3 of README.md: setup.sh lays both roots into the cluster.'
      : 'sections 1 to 3 of README.md, then both roots, and nothing else of section 4:';
  return [
    `# The mesh of cluster ${name}, from istiod's own CA to Vault`,
    '',
    `<!-- ${MADE_BY} -->`,
    '',
    `For a mesh that runs already, on a CA that istiod has made itself (Secret ${code('istio-ca-secret')} in ${code(istio.namespace)}) or was given (${code('cacerts')}). A new mesh needs none of this. No connection breaks, provided that no step is made early; ${code(adopt)} looks at the cluster, does what a program can do, and stops where somebody has to wait or to act. Run it as often as you like: it goes on where it stopped. Times are those of the API server.`,
    '',
    ...(cluster.istiods.length > 1
      ? [
          `The config has a canary: each step below looks at both istiods, so ${code(cluster.istiods.map(one => one.istio.deployment).join(', '))} have to run. Or take ${code('istio.canary')} out until this is done.`,
          '',
        ]
      : []),
    'The two roots are trusted at once for a time, because a sidecar learns what to trust from the end of the last answer to its own request, and from nothing else.',
    '',
    'Where workloads of several clusters call each other, bring step 2 to its end in each of them before step 4 in any. A workload outside of the cluster, such as a VM, is seen by no script: renew its certificate by hand in steps 2 and 4.',
    '',
    '## 1. Name the root that the mesh trusts today',
    '',
    'It is public. Look at it, and write it to a file:',
    '',
    ...shell(
      `${kube('get', 'configmap', 'istio-ca-root-cert', '-n', istio.namespace, '-o', 'jsonpath={.data.root-cert\\.pem}')} >mesh-root.pem`,
      'openssl x509 -in mesh-root.pem -noout -subject -enddate -fingerprint -sha256',
    ),
    `Write ${code('root: { alsoTrust: [mesh-root.pem] }')} into mesh-ca.yaml, beside what stands there, and synthesize again. ${root.alsoTrust.length > 0 ? 'It names one already.' : 'It names none yet.'} Then ${bring}`,
    '',
    ...(rootCa.delivered && rootCa.carrier !== 'bundle' ? [] : shell(kube('apply', '-f', at('manifests/2-istio-csr')))),
    '## 2. Both roots are trusted',
    '',
    ...shell(words(['bash', at('adopt.sh'), '--plan']), adopt),
    `It writes both roots, as istio-csr has them, into Secret ${code(`${istio.namespace}/cacerts`)}, which istiod reads once, at its start; so it restarts istiod. What signs stays the same: where there was no ${code('cacerts')}, the key of ${code('istio-ca-secret')} goes there through a pipe. Then it waits until istio-ca-root-cert of every namespace has both, notes the time in ConfigMap ${code(`${istio.namespace}/cdk8s-mesh-ca-adopt`)}, and stops.`,
    '',
    "See: `too early: every workload's certificate has to be renewed once more. Run this again at … or later`. That is the longest lifetime that a sidecar asks for (`SECRET_TTL`, 24h where it is not set) after that time. Who will not wait restarts the workloads that it names.",
    '',
    '**Back:** nothing signs by the new root yet. This puts back what was there, restarts istiod, and forgets the rest:',
    '',
    ...shell(words(['bash', at('adopt-undo.sh')])),
    '## 3. istio-csr',
    '',
    `When that time has come, section 4 of README.md. istio-csr and istiod write the same bytes into istio-ca-root-cert meanwhile. Nobody asks istio-csr yet. Then run ${code(adopt)} again: it has verify.sh look at istio-csr, its root file, istiod's new certificate, and whether trust domain and cluster ID are those that the mesh has: a mesh must not change these on the way.`,
    '',
    `See: ${code(`not yet: ${istio.target.todo.split(',')[0]}`)}, and by when the workloads have to be restarted afterwards.`,
    '',
    '**Back:** take istio-csr away, then as in step 2:',
    '',
    ...shell(
      words(['helm', '--kube-context', context, 'uninstall', istioCsr.release, '-n', istioCsr.namespace]),
      words(['bash', at('adopt-undo.sh')]),
    ),
    '## 4. istiod, and the workloads',
    '',
    `Section 5 of README.md. From then on istiod signs nothing, and a sidecar that was made before asks it in vain at half of its certificate's time. So restart **every** workload with a sidecar, and every gateway, within half of the shortest lifetime: 12 hours, where no ${code('SECRET_TTL')} is set. Run ${code(adopt)} right after the switch, since it notes the time, and again after the restarts: it names the namespaces of those that still ask istiod.`,
    '',
    ...shell(adopt),
    'See: `restart these workloads: …`, and when all are: `too early: the old root has to be trusted until …`.',
    '',
    `**Back:** both roots are trusted still, so the way back is open. Take ${ourPart(cluster)} again: istiod signs by ${code('cacerts')} as before. Restart every workload that asks istio-csr. Then as in step 3; adopt-undo.sh refuses while anything asks ${code(istioCsr.caAddress)}.`,
    '',
    '## 5. The old root goes',
    '',
    `When the last certificate below the old root has ended, ${code(adopt)} says that it may be dropped, and how: do what it says, in that order. Each workload forgets it at its next renewal; nothing is below it any more. Look once more, by verify.sh and by ${code(adopt)}; then there is no way back, and what is left of the old CA may go, with its key:`,
    '',
    ...shell(
      kube('delete', 'secret', 'cacerts', 'istio-ca-secret', '-n', istio.namespace, '--ignore-not-found'),
      kube('delete', 'configmap', 'cdk8s-mesh-ca-adopt', '-n', istio.namespace),
    ),
    '## When it stops',
    '',
    `- ${code('Secret cacerts is kept by another program')}: what that program writes there wins. Put both roots into its source.`,
    `- ${code('does not verify to what the mesh trusts today')}: a Secret ${code('cacerts')} is there that istiod does not use, since it was started before; a restart would change its CA. Take it away first, if nobody means it.`,
    `- ${code('after two minutes istio-ca-root-cert is not as it must be')}: another program writes it, e.g. a ${CHART} that was installed with one root alone.`,
    '- Any other: its line says what is missing. Nothing was changed then.',
    '',
  ].join('\n');
}
