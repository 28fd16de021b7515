import { MeshCaPlan } from '../plan/plan';
import { seconds } from '../plan/ttl';
import { words } from '../script/bash';
import { tokenPolicy } from '../script/policy-text';
import { rootSteps } from '../script/steps';
import { code, command, fingerprints, output, shell } from './markdown';
import { inRootNamespace, keepCaFile, leastPolicy, needsRootNamespace } from './parts';

const SCRIPT = 'dist/root/setup.sh';
/** A run of the root's script. */
export const runRoot = (...argv: readonly string[]) => words(['bash', SCRIPT, ...argv]);

/** The heading of the section on the root CA, which the clusters' runbooks link to. */
export const rootTitle = ({ policyCas: { length } }: Pick<MeshCaPlan, 'policyCas'>) =>
  `3. The root CA${length === 0 ? '' : length === 1 ? ' and the policy CA' : ' and the policy CAs'}`;

/** The section on the root CA, and the policy CAs below it. */
export function rootCa(plan: MeshCaPlan): string[] {
  const { root, policyCas } = plan;
  const steps = rootSteps(plan);
  const place = root.mount === undefined ? 'outside of Vault' : `in ${root.mount}`;
  return [
    `## ${rootTitle(plan)}`,
    '',
    ...leastPolicy(
      SCRIPT,
      tokenPolicy('setup', 'root'),
      plan.vault,
      steps.some(({ grantsIdentity }) => grantsIdentity),
    ),
    ...ways[root.source](plan),
    ...policyCas.flatMap(({ name, mount, maxPathLength }) => [
      `Below it stands ${code(name)} in the mount ${code(mount)}, ${maxPathLength === -1 ? 'with any number of CAs below it' : `with at most ${maxPathLength} CA${maxPathLength === 1 ? '' : 's'} below it`}.`,
      '',
    ]),
    'See (the first and the last line):',
    '',
    ...output(
      `[1/${steps.length}] ${steps[0]?.id ?? ''}: ${steps[0]?.title ?? ''}`,
      '…',
      `the root CA is ready ${place}. next: the clusters' setup.sh`,
    ),
    ...policyCas.flatMap(({ mount }) => keepCaFile(mount)),
    ...compared(plan),
  ];
}

/** What to do for each kind of root. */
const ways: Readonly<Record<MeshCaPlan['root']['source'], (plan: MeshCaPlan) => string[]>> = {
  import: ({ root, policyCas, clusters }) => [
    `If there is no root CA yet, make one on a machine fit for its key: offline, encrypted, with a backup. It must live longer than the ${policyCas.length === 0 ? 'intermediates' : 'CAs below it'} (${days(longest({ policyCas, clusters }))} days from now). OpenSSL asks for a passphrase:`,
    '',
    ...makeRoot({ root, policyCas, clusters }),
    'See: `CA:TRUE`. Note the fingerprint. Name the certificate as `root.certificate` in mesh-ca.yaml and synthesize again: then it lies in these files and is reviewed with them. Read on in the new text: there the manifests carry it, and not the script.',
    '',
    'Bring it into Vault. The key goes through a pipe only; the second line asks for its passphrase:',
    '',
    ...shell(runRoot('--plan'), `openssl pkey -in ca.key | ${runRoot('--root-cert', 'ca.crt', '--root-key', '/dev/stdin')}`),
  ],
  generate: () => ['Vault makes the key, and it never leaves Vault:', '', ...shell(runRoot('--plan'), runRoot())],
  existing: ({ root, policyCas }) => [
    `The root is in Vault already: ${root.issuer === 'default' ? 'the default issuer' : `issuer ${code(root.issuer)}`} of the mount ${code(root.mount ?? '')}. It is read${policyCas.length === 0 ? '' : ', asked for signatures,'} and never written. The script checks that it is a root, in date, with its key, allowed to sign, and lives as long as what is below it needs.`,
    '',
    ...shell(runRoot('--plan'), runRoot()),
  ],
  offline: ({ root, policyCas, clusters }) => [
    `The root is not in Vault and signs by hand what the scripts ask for: ${policyCas[0] ? `the policy CA ${code(policyCas[0].name)}` : "each cluster's intermediate"}. Its certificate stands in these files. If there is no root yet, make one on a machine that stays offline, synthesize again with its certificate as ${code('root.certificate')}:`,
    '',
    ...makeRoot({ root, policyCas, clusters }),
    ...shell(runRoot('--plan'), runRoot()),
    ...(policyCas[0] ? signing(SCRIPT, policyCas[0].mount) : ["What has to be signed comes in section 2 of each cluster's runbook.", '']),
  ],
};

/** How something is signed by hand. `script` asks for it. */
export function signing(script: string, mount: string): string[] {
  const file = mount.replaceAll('/', '_');
  return [
    `The script ends with exit code 4 and the words ${code('waiting for a signature')}. It writes the request to ${code(`${file}.csr`)} and the extensions of the certificate to ${code(`${file}.ext`)}. Its last lines show the SHA-256 value of each, and the command that signs. Write the two values down, apart from the files, and copy both files to the root's machine. Check them there before you sign:`,
    '',
    ...shell(
      `openssl req -in ${file}.csr -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -r`,
      `openssl dgst -sha256 -r ${file}.ext`,
      `cat ${file}.ext`,
    ),
    'Expected output: the two values that you wrote down, then the extensions. If a value differs, a file was swapped on the way: do not sign it.',
    '',
    `Sign with the command from the script's output, copy ${code(`${file}.crt`)} back, and continue:`,
    '',
    ...shell(words(['bash', script, '--signed', `${file}.crt`])),
    'A run before that finds the same key and the same request. A certificate that does not fit the key, the name, the path length, the name constraints, the dates or the root is refused.',
    '',
  ];
}

const days = (count: number) => Math.ceil(count / 86_400);

/** The longest lifetime of what the root signs, in seconds. */
const longest = ({ policyCas, clusters }: Pick<MeshCaPlan, 'policyCas' | 'clusters'>) =>
  Math.max(...(policyCas[0] ? [policyCas[0].ttl] : clusters.map(({ intermediate }) => intermediate.ttl)).map(seconds));

/** Makes a root by OpenSSL, which asks for the passphrase of its key. */
export function makeRoot(
  { root, policyCas, clusters }: Pick<MeshCaPlan, 'root' | 'policyCas' | 'clusters'>,
  { key, certificate, commonName } = { key: 'ca.key', certificate: 'ca.crt', commonName: 'Mesh Root CA' },
): string[] {
  const lives = root.source === 'offline' ? 2 * longest({ policyCas, clusters }) : seconds(root.maxLeaseTtl);
  return shell(
    command(
      ['openssl', 'req', '-x509', '-newkey', 'rsa:4096', '-sha256', '-days', String(days(lives))],
      ['-keyout', key, '-out', certificate, '-subj', `/CN=${commonName}`],
      ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    ),
    `openssl x509 -in ${certificate} -noout -subject -enddate -fingerprint -sha256 -ext basicConstraints`,
  );
}

/** Prints the certificate of an issuer in Vault. */
export const readCertificate = (mount: string, issuer = 'default') =>
  words(['vault', 'read', '-field=certificate', issuer === 'default' ? `${mount}/cert/ca` : `${mount}/issuer/${issuer}`]);

/** How the root of Vault and that of the files are told to be one. */
function compared({ root }: MeshCaPlan): string[] {
  if (root.mount === undefined) return [];
  const prints = root.certificate === undefined ? [] : fingerprints(root.certificate);
  const file = root.certificate === undefined || root.source !== 'import' ? 'root.pem' : 'ca.crt';
  return [
    'Compare the certificate in Vault with the file, by fingerprint:',
    '',
    ...shell(
      `${readCertificate(root.mount, root.issuer)} | openssl x509 -noout -fingerprint -sha256`,
      `openssl x509 -in ${file} -noout -fingerprint -sha256`,
    ),
    prints.length > 0
      ? `See: in both, ${prints.map(code).join(' or ')}, the root that mesh-ca.yaml names.`
      : 'See: the same line twice. root.pem is public: the script has written it; `root.certificate: root.pem` in mesh-ca.yaml puts it into these files from then on.',
    '',
  ];
}

/** The section on the backup of what lies in Vault. */
export function backup({ root, policyCas, clusters, vault }: MeshCaPlan): string[] {
  const internal = clusters.some(({ intermediate }) => intermediate.key === 'internal');
  const where = [
    {
      import: "The root's key is in Vault now; keep `ca.key` offline where it was made, and nowhere else.",
      generate: "The root's key exists in Vault only.",
      existing: "The root's key lies in Vault as before.",
      offline: "The root's key stays offline where it was made, and nowhere else.",
    }[root.source],
    ...(policyCas.length > 0 ? ["The policy CAs' keys never leave Vault."] : []),
    ...(internal ? ["The intermediates' keys never leave Vault."] : []),
    'So the backup is one of Vault; with its integrated storage:',
  ];
  return [
    '## 4. Backup',
    '',
    where.join(' '),
    '',
    ...needsRootNamespace(vault, "On HCP Vault Dedicated, take the snapshot in HashiCorp's portal."),
    ...shell(inRootNamespace(vault, 'vault operator raft snapshot save "vault-$(date +%F).snap"'), 'ls -l vault-*.snap'),
    "See: a file that is not empty. It is encrypted with Vault's own key: keep the unseal keys apart from it. Do it again after section 5, and try a restore before you need one. Another storage has its own way.",
    '',
  ];
}
