import { MeshCaPlan } from '../plan/plan';
import { words } from '../script/bash';
import { code, shell, yaml } from './markdown';

/** How the root is replaced under running meshes: three changes of the config, each with its scripts and its wait. */
export function rootRotation({ root, clusters }: MeshCaPlan): string[] {
  const [first] = clusters.filter(({ istioCsr }) => istioCsr.rootFile === 'root');
  if (!first) return [];
  const { name, context, istio, intermediate } = first;
  const setup = words(['bash', `dist/${name}/setup.sh`]);
  const each = clusters.length === 1 ? '' : `, and so for each other cluster`;
  const place = root.mount === undefined ? 'source: offline' : `mount: ${root.mount}-next`;
  const generation = intermediate.generation.number + 1;
  const manifests = first.istioCsr.rootCa.delivered === undefined;
  return [
    '## 6. Later: another root',
    '',
    `Begin long before the root ends: each of the two waits below is the longest lifetime of a workload's certificate. A workload learns a root with its next certificate and in no other way, so the scripts record in Vault, by its own clock, from when on every workload trusts a root (in the description of the mounts: ${code(`vault secrets list -detailed`)}), and the next change is refused before that. A connection is never broken, and until the last change the way back is to set the config back and to run setup.sh.`,
    '',
    '**First, both are trusted.** Make the next root as in section 3, with another name in its subject, and keep its certificate beside mesh-ca.yaml. Nothing is signed below it yet:',
    '',
    ...yaml('root:', '  # what stands there stays, and:', '  alsoTrust: [next-root.pem]'),
    `Synthesize, look at the diff, and run this${each}${manifests ? '; the manifests of 2-istio-csr carry the roots, so apply them between the two' : ''}:`,
    '',
    ...shell(
      setup,
      ...(manifests ? [words(['kubectl', '--context', context, 'apply', '-f', `dist/${name}/manifests/2-istio-csr`])] : []),
      words(['kubectl', '--context', context, 'rollout', 'restart', `deployment/${istio.deployment}`, '-n', istio.namespace]),
      words([
        'kubectl',
        '--context',
        context,
        'rollout',
        'status',
        `deployment/${istio.deployment}`,
        '-n',
        istio.namespace,
        '--timeout=10m',
      ]),
      setup,
    ),
    `See, from the last one: ${code(`from … on every workload of ${name} trusts …`)}. Where it says ${code('not every workload is handed the root')}, istio-csr has not written it into every namespace yet: run it again.`,
    '',
    `**When that time has come in every cluster, the next one signs.** ${root.mount === undefined ? 'Each' : 'Its mount is another one, and each'} cluster gets its next intermediate below it:`,
    '',
    ...yaml(
      'root:',
      `  ${place}`,
      '  certificate: next-root.pem',
      '  alsoTrust: [root.pem]',
      'intermediate:',
      `  generation: ${generation}`,
    ),
    `Synthesize, run ${code('dist/root/setup.sh')} as in section 3, then run ${code(setup)}${each}. Too early it says so, ${code('must not sign yet')}, with the time, and leaves the default issuer as it is.`,
    '',
    '**When the last certificate below the former one has ended, that one goes.** Take `alsoTrust` out, synthesize, and before anything is applied or merged:',
    '',
    ...shell(setup, `${setup} --retire`),
    `See: no error; else ${code('must be trusted still')}, and until when. ${manifests ? 'Then apply the manifests of 2-istio-csr' : 'It has taken the former root out of the root file, too'}. The former root's mount can be taken away after the last cluster: nothing below it is in use.`,
    '',
  ];
}
