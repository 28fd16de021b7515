import { ClusterPlan, MeshCaPlan } from '../plan/plan';
import { words } from '../script/bash';
import { code, shell, yaml } from './markdown';
import { makeRoot, runRoot } from './root';

/** Files of the change, beside mesh-ca.yaml. */
const [NEXT, FORMER] = ['next-root.pem', 'former-root.pem'];

/** How the root is replaced under running meshes: three changes of the config, each with its scripts and its wait. */
export function rootRotation(plan: MeshCaPlan): string[] {
  const first = plan.clusters.find(({ istioCsr }) => istioCsr.rootFile === 'root');
  if (!first) return [];
  const setup = words(['bash', `dist/${first.name}/setup.sh`]);
  const each = plan.clusters.length === 1 ? '' : `, and so for each other cluster`;
  return [
    '## 6. Later: another root',
    '',
    `Begin long before the root ends: each of the two waits below is the longest lifetime of a workload's certificate. A workload learns a root with its next certificate and in no other way, so the scripts record in Vault, by its own clock, from when on every workload trusts a root (in the description of the mounts: ${code(`vault secrets list -detailed`)}), and the next change is refused before that. A connection is never broken, and until the last change the way back is to set the config${manifests(plan) ? '' : ', and the names of the files,'} back and to run setup.sh.`,
    '',
    ...made(plan),
    ...bothTrusted(plan, first, setup, each),
    ...nextSigns(plan, first, setup, each),
    ...formerGoes(plan, setup),
  ];
}

/** Whether the roots stand in the manifests, as `root.certificate` has them; else setup.sh delivers them, as root.pem has them. */
const manifests = ({ root }: MeshCaPlan) => root.certificate !== undefined;

/** The name after this one: `pki`, `pki-2`, `pki-3`. */
const after = (name: string, between: string) => {
  const [, stem = name, number = '1'] = new RegExp(`^(.*)${between}([1-9][0-9]{0,3})$`).exec(name) ?? [];
  return `${stem}${between}${Number(number) + 1}`;
};
const commonNameAfter = ({ root }: MeshCaPlan) => after(root.source === 'generate' ? root.generate.commonName : 'Mesh Root CA', ' ');
const mountAfter = (mount: string) => after(mount, '-');

/** The next root, before anybody trusts it. */
function made(plan: MeshCaPlan): string[] {
  const { root } = plan;
  const mount = mountAfter(root.mount ?? '');
  const begin = '**Before all, the next root is made,** with another name in its subject, and its certificate is laid beside mesh-ca.yaml.';
  switch (root.source) {
    case 'import':
    case 'offline':
      return [
        `${begin} On the machine that is fit for its key, as in section 3:`,
        '',
        ...makeRoot(plan, { key: 'next-root.key', certificate: NEXT, commonName: commonNameAfter(plan) }),
      ];
    case 'existing':
      return [
        `${begin} Whoever keeps the present one in Vault makes it there; where it is another mount, e.g. ${code(mount)}:`,
        '',
        ...shell(`${words(['vault', 'read', '-field=certificate', `${mount}/cert/ca`])} >${NEXT}`, look),
      ];
    case 'generate':
      return [
        `${begin} Vault makes this one too, by the same script; in a folder of its own, since it writes a root.pem, and looks for one. Copy mesh-ca.yaml to next.yaml, and change in the copy${manifests(plan) ? ` (and take ${code('certificate')} out)` : ''}:`,
        '',
        ...yaml('root:', `  mount: ${mount}`, `  commonName: ${commonNameAfter(plan)}`),
        ...shell(
          'mesh-ca synth --config next.yaml --out next-dist',
          'mkdir -p next && (cd next && bash ../next-dist/root/setup.sh)',
          `cp next/root.pem ${NEXT}`,
          look,
        ),
      ];
  }
}

const look = `openssl x509 -in ${NEXT} -noout -subject -enddate -fingerprint -sha256`;

/** The first change. */
function bothTrusted(plan: MeshCaPlan, { name, context, istio, istiods }: ClusterPlan, setup: string, each: string): string[] {
  const kube = (...argv: readonly string[]) => words(['kubectl', '--context', context, ...argv]);
  const deployments = istiods.map(one => `deployment/${one.istio.deployment}`);
  return [
    '**First, both are trusted.** Nothing is signed below the next one yet:',
    '',
    ...yaml('root:', '  # what stands there stays, and:', `  alsoTrust: [${NEXT}]`),
    `Synthesize, look at the diff, and run this${each}${manifests(plan) ? '; the manifests of 2-istio-csr carry the roots, so apply them between the two' : ''}:`,
    '',
    ...shell(
      setup,
      ...(manifests(plan) ? [kube('apply', '-f', `dist/${name}/manifests/2-istio-csr`)] : []),
      kube('rollout', 'restart', ...deployments, '-n', istio.namespace),
      ...deployments.map(deployment => kube('rollout', 'status', deployment, '-n', istio.namespace, '--timeout=10m')),
      setup,
    ),
    `See, from the last one: ${code(`from … on every workload of ${name} trusts …`)}. Where it says ${code('not every workload is handed the root')}, istio-csr has not written it into every namespace yet: run it again; where it says that istiod ${code('was started before they changed')}, istio-csr wrote it after the restart: restart istiod again.`,
    '',
  ];
}

/** The second change. */
function nextSigns(plan: MeshCaPlan, { intermediate }: ClusterPlan, setup: string, each: string): string[] {
  const { root, policyCas } = plan;
  const named = manifests(plan);
  const issuer = root.issuer === 'default' ? [] : ['  issuer: default'];
  const mounts = root.mount === undefined ? [] : [`  mount: ${mountAfter(root.mount)}`, ...issuer];
  const commonName = root.source === 'generate' ? [`  commonName: ${commonNameAfter(plan)}`] : [];
  const certificates = named
    ? [`  certificate: ${NEXT}`, '  alsoTrust: [root.pem] # the file that certificate named before']
    : [`  alsoTrust: [${FORMER}]`];
  const between = policyCas.flatMap(({ name, mount }) => [`  - name: ${name}`, `    mount: ${mountAfter(mount)}`]);
  const imports = `openssl pkey -in next-root.key | ${runRoot('--root-cert', named ? NEXT : 'root.pem', '--root-key', '/dev/stdin')}`;
  return [
    `**When that time has come in every cluster, the next one signs.** ${root.mount === undefined ? '' : 'Its mount is another one. '}Each cluster gets its next intermediate below it${between.length > 0 ? ', and each policy CA a successor in a mount of its own' : ''}.${named ? '' : ' What the scripts take for the root is root.pem, so it changes its name first:'}`,
    '',
    ...(named ? [] : shell(`mv root.pem ${FORMER}`, `mv ${NEXT} root.pem`)),
    ...yaml(
      'root:',
      ...mounts,
      ...commonName,
      ...certificates,
      ...(between.length > 0 ? ['policyCas:', ...between] : []),
      'intermediate:',
      `  generation: ${intermediate.generation.number + 1}`,
    ),
    `Synthesize, and run this${each}${root.source === 'import' ? '; the first line asks for the passphrase' : root.source === 'offline' ? '; what waits for a signature is signed as in section 3, with the next root' : ''}:`,
    '',
    ...shell(root.source === 'import' ? imports : runRoot(), setup),
    `See: ${code(`signed by ${intermediate.generation.prefix}${intermediate.generation.number + 1}, verified to the root: a workload`)}. Too early it says so, ${code('must not sign yet')}, with the time, and leaves the default issuer as it is.`,
    '',
  ];
}

/** The third change. */
function formerGoes(plan: MeshCaPlan, setup: string): string[] {
  const { root } = plan;
  const ours = root.source === 'import' || root.source === 'generate';
  return [
    '**When the last certificate below the former one has ended, that one goes.** Take `alsoTrust` out, synthesize, and before anything is applied or merged:',
    '',
    ...shell(setup, `${setup} --retire`),
    `See: no error; else ${code('must be trusted still')}, and until when. ${manifests(plan) ? 'Then apply the manifests of 2-istio-csr.' : 'It has taken the former root out of the root file, too.'}${ours ? ` After the last cluster nothing is below the former root's mount, and ${code(words(['vault', 'secrets', 'disable', root.mount ?? '']))} takes it away, with its key.` : ''}`,
    '',
  ];
}
