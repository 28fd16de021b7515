import { MeshCaPlan } from '../plan/plan';
import { words } from '../script/bash';
import { code, shell, yaml } from './markdown';
import { readCertificate, runRoot } from './root';

/** The heading of the section; dist/timeline.md names it. */
export const POLICY_CA_CHANGE = 'Another policy CA';

/** The section as it stood before the change: synthesis writes dist/README.md anew, with the names of the change after it. */
const COPY = 'policy-ca-change.md';

/** How a policy CA is replaced under running meshes; nothing where there is none. */
export function policyCaChange(plan: MeshCaPlan): string[] {
  const { root, policyCas, clusters } = plan;
  const [first] = clusters;
  const last = policyCas.at(-1);
  if (first === undefined || last === undefined) return [];
  const isChain = policyCas.length > 1;
  const setups = (...argv: readonly string[]) => clusters.map(({ name }) => words(['bash', `dist/${name}/setup.sh`, ...argv]));
  const { prefix, number } = first.intermediate.generation;
  return [
    `## ${POLICY_CA_CHANGE}`,
    '',
    `Before it ends (dist/timeline.md has the days), or at once where it was revoked. ${code('policyCas')} is a chain, a second entry stands below the first: so what follows a policy CA is no further entry, it is the same one in another mount${isChain ? ', and so is each one below it. Where one further down is replaced, those above it stay as they are, in each step' : ''}. The root stays, so no workload has to learn anything, and nothing is restarted. Do not begin while a change of the root is under way.`,
    '',
    ...trustTheirOwn(plan),
    'Synthesis writes this file anew, and then it is about the change after this one. So follow a copy, and keep the certificate of what goes:',
    '',
    ...shell(`cp dist/README.md ${COPY}`, ...keepPolicyCas(plan)),
    'In mesh-ca.yaml:',
    '',
    ...yaml(...nextMounts(plan), ...nextGenerations(plan)),
    `Synthesize, look at the diff, and run this. The token needs both policies of the new scripts (${code('--print-policy')} and ${code('--print-policy --ca')})${root.source === 'offline' ? '; what waits for a signature is signed as in section 3' : ''}:`,
    '',
    ...shell(runRoot(), ...setups()),
    `See: ${code(`the CA of ${mountAfter(last.mount)}`)} among the steps of the first one, then of each cluster its next generation: ${code(`signed by ${prefix}${number + 1}, verified to the root: a workload`)}. Until the next step the way back is to set mesh-ca.yaml back, to synthesize, and to run the same scripts, with the policies that they print then.`,
    '',
    `When the last certificate below the former one has ended (the section "The next intermediate" of each cluster's runbook: the policy of the token, and what is refused before):`,
    '',
    ...shell(...setups('--retire')),
    `See: of each cluster ${code(`removed: the CA ${prefix}${number}`)} or the like. Nothing is below the former one then. This takes it away, with its key, where it is the default CA of the mount, and with it all else that the mount holds: so look before what that is (${code('vault list MOUNT/issuers')}, ${code('vault list MOUNT/roles')}). An administrator runs it, since no policy of ours allows it. See: ${code('Success! Disabled the secrets engine')}; nothing where it is another CA:`,
    '',
    ...shell(...policyCasGo(plan)),
  ];
}

/** Clusters whose workloads would refuse what another intermediate signs. */
function trustTheirOwn({ clusters }: MeshCaPlan): string[] {
  const names = clusters.filter(({ istioCsr }) => istioCsr.rootFile === 'intermediate').map(({ name }) => code(name));
  if (names.length === 0) return [];
  return [
    `**Not so where the workloads trust the intermediate itself (${code('istioCsr.rootFile: intermediate')}), as those of ${names.join(', ')} do:** change that first, as the section "The next intermediate" of the cluster's runbook says.`,
    '',
  ];
}

/** The name after this one: `pki`, `pki-2`, `pki-3`. */
export function mountAfter(mount: string): string {
  const [, stem = mount, number = '1'] = /^(.*)-([1-9][0-9]{0,3})$/.exec(mount) ?? [];
  return `${stem}-${Number(number) + 1}`;
}

/** What the config says of the policy CAs that follow those of today; nothing where there are none. */
export const nextMounts = ({ policyCas }: Pick<MeshCaPlan, 'policyCas'>) =>
  policyCas.length === 0
    ? []
    : [
        'policyCas: # what else stands there stays',
        ...policyCas.flatMap(({ name, mount }) => [`  - name: ${name}`, `    mount: ${mountAfter(mount)}`]),
      ];

/** What the config says of the intermediates that follow those of today: once for all, or a cluster at a time where they differ. */
export function nextGenerations({ clusters }: Pick<MeshCaPlan, 'clusters'>): string[] {
  const numbers = clusters.map(({ intermediate }) => intermediate.generation.number + 1);
  const [number] = numbers;
  if (numbers.every(other => other === number)) {
    return ['intermediate:', `  generation: ${number} # below each cluster, where it stands there`];
  }
  return [
    'clusters: # what else stands there stays',
    ...clusters.flatMap(({ name }, i) => [`  - name: ${name}`, '    intermediate:', `      generation: ${numbers[i]}`]),
  ];
}

/** A policy CA cannot be called `root`, so no file is that of the former root. */
const fileOf = (name: string) => `former-${name}.pem`;

/** Lays the certificates of the policy CAs beside mesh-ca.yaml. */
export const keepPolicyCas = ({ policyCas }: Pick<MeshCaPlan, 'policyCas'>) =>
  policyCas.map(({ name, mount }) => `${readCertificate(mount)} >${fileOf(name)}`);

/** Takes the mounts of the policy CAs away, the lowest first, where they hold what was laid beside mesh-ca.yaml. */
export const policyCasGo = ({ policyCas }: Pick<MeshCaPlan, 'policyCas'>) =>
  [...policyCas].reverse().map(({ name, mount }) => mountGoes({ mount, issuer: 'default' }, fileOf(name)));

/**
 * Takes a mount away where it holds the certificate of a file. The name of the mount is that of today's config, so that a reader of the wrong
 * text would name the wrong one. What cannot be read matches nothing, on either side.
 */
export function mountGoes({ mount, issuer }: { readonly mount: string; readonly issuer: string }, file: string): string {
  const print = '-noout -fingerprint -sha256';
  const held = `${readCertificate(mount, issuer)} | openssl x509 ${print}`;
  return `${held} | grep -qxF "$(openssl x509 -in ${file} ${print})" && ${words(['vault', 'secrets', 'disable', mount])}`;
}
