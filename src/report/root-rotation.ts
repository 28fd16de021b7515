import { X509Certificate } from 'node:crypto';
import { isPem } from '../config/pem';
import { readsRootAtStart, ROOT_READ_AGAIN_SINCE } from '../plan/istio';
import { ClusterPlan, MeshCaPlan } from '../plan/plan';
import { words } from '../script/bash';
import { code, MESH_CA, shell, yaml } from './markdown';
import { keepPolicyCas, mountAfter, mountGoes, nextGenerations, nextMounts, policyCasGo } from './policy-cas';
import { makeRoot, readCertificate, runRoot } from './root';

/** Files of the change, beside mesh-ca.yaml: the root that was, and this text as it stood before the change. */
const [FORMER, COPY] = ['former-root.pem', 'root-change.md'];

/** How the root is replaced under running meshes: three changes of the config, each with its scripts and its wait. */
export function rootRotation(plan: MeshCaPlan): string[] {
  const first = plan.clusters.find(({ istioCsr }) => istioCsr.rootFile === 'root');
  if (!first) return [];
  const setup = words(['bash', `dist/${first.name}/setup.sh`]);
  const each = plan.clusters.length === 1 ? '' : `, and so for each other cluster`;
  const title = '## 6. Later: another root';
  if (plan.root.alsoTrust.length > 0) return [title, '', ...underWay(plan)];
  return [
    title,
    '',
    `Begin long before the root ends: each of the two waits below is the longest lifetime of a workload's certificate. A workload learns a root with its next certificate and in no other way, so the scripts record in Vault, by its own clock, from when on every workload trusts a root (in the description of the mounts: ${code(`vault secrets list -detailed`)}), and the next change is refused before that. A connection is never broken, and until the last change the way back is to set the config${manifests(plan) ? '' : ', and the names of the files,'} back and to run setup.sh.`,
    '',
    `Each of the three changes writes this file anew, and then it is about another root. So follow a copy:`,
    '',
    ...shell(`cp dist/README.md ${COPY}`),
    ...made(plan),
    ...bothTrusted(plan, first, setup, each),
    ...nextSigns(plan, first, setup, each),
    ...formerGoes(plan, first, setup),
  ];
}

/** What is said in the middle of a change: whether it is before or after the second step, the config does not say. */
function underWay({ root: { alsoTrust } }: MeshCaPlan): string[] {
  return [
    `**A change of the root is under way:** beside its own root this config trusts the ones below. Go on in ${code(COPY)}, the copy of this section that was made before (or take it from the version of this file before ${code('root.alsoTrust')} was written). What follows that change stands here once ${code('alsoTrust')} is gone.`,
    '',
    ...alsoTrust.flatMap(certificatesOf).map(({ subject, fingerprint256: print }) => {
      return `- ${code(idOf(print))}: ${code(subject.replaceAll('\n', ', '))}, SHA-256 ${code(print)}`;
    }),
    '',
    `Which of them every workload trusts stands in the description of the clusters' mounts, as ${code('trusts.ID=TIME')}:`,
    '',
    ...shell('vault secrets list -detailed'),
  ];
}

/** What a root is called on record: the first digits of its fingerprint. */
const idOf = (fingerprint: string) => fingerprint.replaceAll(':', '').slice(0, 16);

const certificatesOf = (pem: string) =>
  pem
    .split(/(?=-----BEGIN )/)
    .filter(isPem)
    .map(block => new X509Certificate(block));

/** Whether the roots stand in the manifests, as `root.certificate` has them; else setup.sh delivers them, as root.pem has them. */
const manifests = ({ root }: MeshCaPlan) => root.certificate !== undefined;

/** What the next root is called, and its files. */
interface NextRoot {
  readonly commonName: string;
  readonly key: string;
  readonly certificate: string;

  /** Where Vault's script makes it, and the beginning of what is laid beside that folder. */
  readonly folder: string;
}

/** By numbers, so that no change takes the name, the key, the certificate or the folder of the one before. */
function nextRoot({ root }: MeshCaPlan): NextRoot {
  const known = root.certificate && /^CN=(.*)$/m.exec(new X509Certificate(root.certificate).subject)?.[1];
  const numberOf = (name: string) => Number(/[- ]([1-9][0-9]{0,3})$/.exec(name)?.[1] ?? 1);
  const present = root.source === 'generate' ? root.generate.commonName : (known ?? 'Mesh Root CA');
  const number = Math.max(numberOf(root.mount ?? ''), numberOf(present)) + 1;
  const commonName = `${present.replace(/ [1-9][0-9]{0,3}$/, '')} ${number}`;
  return { commonName, key: `root-${number}.key`, certificate: `root-${number}.pem`, folder: `next-${number}` };
}

/** The next root, before anybody trusts it. */
function made(plan: MeshCaPlan): string[] {
  const { root } = plan;
  const mount = mountAfter(root.mount ?? '');
  const next = nextRoot(plan);
  const look = `openssl x509 -in ${next.certificate} -noout -subject -enddate -fingerprint -sha256`;
  const begin = '**Before all, the next root is made,** with another name in its subject, and its certificate is laid beside mesh-ca.yaml.';
  switch (root.source) {
    case 'import':
    case 'offline':
      return [
        `${begin} On the machine that is fit for its key, as in section 3:`,
        '',
        ...makeRoot(plan, next),
        `Keep ${code(next.key)} as section 4 says of the key of the present one.`,
        '',
      ];
    case 'existing':
      return [
        `${begin} Whoever keeps the present one in Vault makes it there; where it is another mount, e.g. ${code(mount)}:`,
        '',
        ...shell(`${readCertificate(mount)} >${next.certificate}`, look),
      ];
    case 'generate':
      return [
        `${begin} Vault makes this one too, by the same script; in a folder of its own, since it writes a root.pem, and looks for one. The token needs both policies of this script (${code(`bash ${next.folder}-dist/root/setup.sh --print-policy`)}, and the same with ${code('--ca')}). Copy mesh-ca.yaml to ${code(`${next.folder}.yaml`)}, and change in the copy${manifests(plan) ? ` (and take ${code('certificate')} out)` : ''}:`,
        '',
        ...yaml('root:', `  mount: ${mount}`, `  commonName: ${next.commonName}`, ...nextMounts(plan)),
        ...shell(
          `${MESH_CA} synth --config ${next.folder}.yaml --out ${next.folder}-dist`,
          `mkdir -p ${next.folder} && (cd ${next.folder} && bash ../${next.folder}-dist/root/setup.sh)`,
          `cp ${next.folder}/root.pem ${next.certificate}`,
          // the scripts use no CA that no file beside the config names.
          ...(plan.policyCas.length > 0 ? [`cp ${next.folder}/*.ca.pem .`] : []),
          look,
        ),
      ];
  }
}

/** The first change. */
function bothTrusted(plan: MeshCaPlan, { name, context, istio, istiods }: ClusterPlan, setup: string, each: string): string[] {
  const kube = (...argv: readonly string[]) => words(['kubectl', '--context', context, ...argv]);
  const deployments = istiods.map(one => `deployment/${one.istio.deployment}`);
  const ztunnels = istio.ambient && readsRootAtStart(istio.version) ? ['daemonset/ztunnel', '-n', istio.ztunnel.namespace] : undefined;
  return [
    '**First, both are trusted.** Nothing is signed below the next one yet:',
    '',
    ...yaml('root:', '  # what stands there stays, and:', `  alsoTrust: [${nextRoot(plan).certificate}]`),
    `Synthesize, look at the diff, and run this${each}${manifests(plan) ? '; the manifests of 2-istio-csr carry the roots, so apply them between the two' : ''}:`,
    '',
    ...shell(
      setup,
      ...(manifests(plan) ? [kube('apply', '-f', `dist/${name}/manifests/2-istio-csr`)] : []),
      kube('rollout', 'restart', ...deployments, '-n', istio.namespace),
      ...deployments.map(deployment => kube('rollout', 'status', deployment, '-n', istio.namespace, '--timeout=10m')),
      ...(ztunnels ? [kube('rollout', 'restart', ...ztunnels), kube('rollout', 'status', ...ztunnels, '--timeout=30m')] : []),
      setup,
    ),
    ...(ztunnels
      ? [
          `A ztunnel before Istio ${ROOT_READ_AGAIN_SINCE} reads the roots that it checks istio-csr with only when it starts, so all of them are restarted here, before the next root signs. A restart ends the connections of the workloads on its node. setup.sh does not look at the ztunnels: go on only when ${code('rollout status')} has said ${code('successfully rolled out')} after istio-csr wrote both roots.`,
          '',
        ]
      : []),
    `See, from the last one: ${code(`from … on every workload of ${name} trusts ID`)}, where ID is the beginning of the next root's fingerprint, as printed above; a line with that of the former one does not count. Where it says ${code('not every workload is handed the root')}, istio-csr has not written it into every namespace yet: run it again; where it says that istiod ${code('was started before they changed')}, istio-csr wrote it after the restart: restart istiod again.`,
    '',
  ];
}

/** The second change. */
function nextSigns(plan: MeshCaPlan, { intermediate }: ClusterPlan, setup: string, each: string): string[] {
  const { root, policyCas } = plan;
  const named = manifests(plan);
  const issuer = root.issuer === 'default' ? [] : ['  issuer: default'];
  const mounts = root.mount === undefined ? [] : [`  mount: ${mountAfter(root.mount)}`, ...issuer];
  const next = nextRoot(plan);
  const commonName = root.source === 'generate' ? [`  commonName: ${next.commonName}`] : [];
  const certificates = [...(named ? [`  certificate: ${next.certificate}`] : []), `  alsoTrust: [${FORMER}]`];
  const imports = `openssl pkey -in ${next.key} | ${runRoot('--root-cert', named ? next.certificate : 'root.pem', '--root-key', '/dev/stdin')}`;
  return [
    `**When that time has come in every cluster, the next one signs.** ${root.mount === undefined ? '' : 'Its mount is another one. '}Each cluster gets its next intermediate below it${policyCas.length > 0 ? `, and each policy CA a successor in a mount of its own; the certificates of those of today are kept, to know them by at the end` : ''}. ${named ? `The file that ${code('certificate')} names today becomes ${code(FORMER)}` : 'What the scripts take for the root is root.pem, so it changes its name first (once: the two lines are not run again)'}:`,
    '',
    ...shell(...keepPolicyCas(plan), ...(named ? [keepFormer(root)] : [`mv root.pem ${FORMER}`, `mv ${next.certificate} root.pem`])),
    ...yaml('root:', ...mounts, ...commonName, ...certificates, ...nextMounts(plan), ...nextGenerations(plan)),
    `The token needs both policies of the new scripts (${code('--print-policy')} and ${code('--print-policy --ca')}). Synthesize, and run this${each}${root.source === 'import' ? '; the first line asks for the passphrase' : root.source === 'offline' ? '; what waits for a signature is signed as in section 3, with the next root' : ''}:`,
    '',
    ...shell(root.source === 'import' ? imports : runRoot(), setup),
    `See: ${code(`signed by ${intermediate.generation.prefix}${intermediate.generation.number + 1}, verified to the root: a workload`)}, and at the end that the cluster is ready in Vault. Too early it ends with ${code('must not sign yet')}, with the time, and leaves the default issuer as it is.`,
    '',
  ];
}

/** Lays the certificate of the present root beside mesh-ca.yaml, whatever the config calls its file. */
const keepFormer = ({ mount, issuer }: MeshCaPlan['root']) =>
  mount === undefined ? `cp root.pem ${FORMER}` : `${readCertificate(mount, issuer)} >${FORMER}`;

/** The third change. */
function formerGoes(plan: MeshCaPlan, { name, context }: ClusterPlan, setup: string): string[] {
  const inManifests = manifests(plan);
  return [
    '**When the last certificate below the former one has ended, that one goes.** Take `alsoTrust` out, synthesize, and before anything is applied or merged (the policy of a token for `--retire` is in the section "The next intermediate" of each cluster\'s runbook):',
    '',
    ...shell(setup, `${setup} --retire`),
    `See: no error; else ${code('must be trusted still')}, and until when. ${inManifests ? 'Then the manifests carry one root again; when istio-csr has written it into every namespace, the last line puts that on record:' : 'It has taken the former root out of the root file, too.'}`,
    '',
    ...(inManifests ? shell(words(['kubectl', '--context', context, 'apply', '-f', `dist/${name}/manifests/2-istio-csr`]), setup) : []),
    ...formerMounts(plan),
  ];
}

/** Takes the former root out of Vault, where it is ours to take, and before it the policy CAs that stood below it. */
function formerMounts(plan: MeshCaPlan): string[] {
  const { source, mount = '', issuer } = plan.root;
  const isOurs = source === 'import' || source === 'generate';
  const below = plan.policyCas.map(({ mount: held }) => code(held));
  const what = [...below, ...(isOurs ? ["the former root's"] : [])];
  if (what.length === 0) return [];
  return [
    `After the last cluster nothing is below ${what.length === 1 ? `the mount ${what[0]}` : `these mounts any more: ${what.join(', ')}`}. Each line takes one away where its default CA is the one that was kept before the change, and with it all else that the mount holds: so look before what that is (${code('vault list MOUNT/issuers')}, ${code('vault list MOUNT/roles')}). An administrator runs it, since no policy of ours allows it. See: ${code('Success! Disabled the secrets engine')}; nothing where it is another CA:`,
    '',
    ...shell(...policyCasGo(plan), ...(isOurs ? [mountGoes({ mount, issuer }, FORMER)] : [])),
  ];
}
