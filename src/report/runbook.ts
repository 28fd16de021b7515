import { MADE_BY, FileEntry } from '../output';
import { MeshCaPlan } from '../plan/plan';
import { seconds } from '../plan/ttl';
import { words } from '../script/bash';
import { rootSteps } from '../script/steps';
import { code, command, fingerprints, output, setting, shell, table } from './markdown';
import { fileTable, leastPolicy, warningList } from './parts';
import { rootTeardown } from './taking-back';

export { clusterRunbook } from './cluster-runbook';

/**
 * The runbook: what to run, where, in which order, and what to see after each step. Each cluster has one of its own below it.
 *
 * @param files all other files, in the order in which they are used
 */
export function runbook(plan: MeshCaPlan, files: readonly FileEntry[]): string {
  const { clusters, vault, root } = plan;
  return [
    '# Runbook: Vault signs the mesh',
    '',
    `<!-- ${MADE_BY} -->`,
    '',
    `With these files Vault at ${code(vault.server)} becomes the CA of ${clusters.length === 1 ? `the mesh of cluster ${code(clusters[0]?.name ?? '')}` : `${clusters.length} clusters' meshes`}: a workload's certificate is asked for by istio-csr, signed through cert-manager by the cluster's intermediate CA in Vault, and its chain ends in the root CA in the mount ${code(root.mount)}.`,
    '',
    "Run everything in the folder of mesh-ca.yaml, in Bash, on an operator's machine that reaches Vault and the clusters. Here the folder of this file is called `dist/`. Take the sections in their order; each step can be run again.",
    '',
    ...secretsIn(plan),
    ...warningList(plan.warnings),
    ...programs(plan),
    ...demoVault(plan),
    ...rootCa(plan),
    ...backup(plan),
    '## 5. The clusters',
    '',
    ...table(
      ['cluster', 'kube context', 'its runbook'],
      clusters.map(({ name, context }) => [name, code(context), `[dist/${name}/README.md](${name}/README.md)`]),
    ),
    ...gitOps(files),
    ...rootTeardown(plan),
    '## The files',
    '',
    ...fileTable(files),
  ].join('\n');
}

function secretsIn({ clusters }: MeshCaPlan): string[] {
  const plain = clusters
    .filter(({ auth }) => auth.method === 'appRole' && auth.secret.delivery === 'manifest')
    .map(({ name }) => code(`dist/${name}/manifests/1-issuer/secret.yaml`));
  return plain.length === 0
    ? ['No file here holds a secret.', '']
    : [`**${plain.join(', ')} ${plain.length === 1 ? 'holds a secret' : 'hold secrets'} in plain text: do not commit this folder.**`, ''];
}

function programs({ vault }: MeshCaPlan): string[] {
  return [
    '## 1. Programs and access',
    '',
    'Needed: Bash 4.4 or later, `vault` (or `bao`, with `MESH_CA_CLI=bao`), `jq`, `openssl`, `kubectl`, `helm`, and `istioctl` for the last check. `vault login` asks for the token, so that it stands in no command:',
    '',
    ...shell(
      setting('VAULT_ADDR', vault.server),
      ...(vault.namespace === undefined ? [] : [setting('VAULT_NAMESPACE', vault.namespace)]),
      ...(vault.serverName === undefined ? [] : [setting('VAULT_TLS_SERVER_NAME', vault.serverName)]),
      ...(vault.caBundle === undefined
        ? []
        : ['export VAULT_CACERT=vault-ca.pem # the file that vault.caBundle names; the scripts hold it themselves']),
      ...(vault.caBundleSecretRef === undefined
        ? []
        : ['export VAULT_CACERT=vault-ca.pem # the same certificates as in the Secret of vault.caBundleSecretRef']),
      ...(vault.client === undefined
        ? []
        : ["export VAULT_CLIENT_CERT=client.pem VAULT_CLIENT_KEY=client.key # your own, for Vault's listener"]),
      'vault status',
      'vault login',
    ),
    'See: `Sealed  false`, then `Success! You are now authenticated.` Where Vault is reached by another address from here than from the clusters, VAULT_ADDR is that address. Each script asks Vault whether the token may do what it needs, before it changes anything.',
    '',
  ];
}

function demoVault({ clusters, vault }: MeshCaPlan): string[] {
  const context = clusters[0]?.context ?? '';
  const kube = (...argv: readonly string[]) => words(['kubectl', '--context', context, ...argv]);
  const address = 'http://vault.vault-demo.svc:8200';
  return [
    '## 2. A Vault to try it with (not for production)',
    '',
    `Skip this where there is a Vault. This one keeps everything in memory, without TLS, and forgets its CAs when its pod ends. The clusters reach it at ${code(address)}${vault.server === address ? '' : `: write that as \`vault.server\` and synthesize again`}.`,
    '',
    ...shell(
      kube('create', 'namespace', 'vault-demo'),
      words(['helm', 'repo', 'add', 'hashicorp', 'https://helm.releases.hashicorp.com', '--force-update']),
      command(
        ['helm', '--kube-context', context, 'install', 'vault', 'hashicorp/vault'],
        ['--namespace', 'vault-demo', '--set', 'server.dev.enabled=true', '--wait'],
      ),
      kube('wait', '--for=jsonpath={.status.readyReplicas}=1', 'statefulset/vault', '-n', 'vault-demo', '--timeout=5m'),
      kube('get', 'pods', '-n', 'vault-demo'),
      `${kube('port-forward', '-n', 'vault-demo', 'service/vault', '8200:8200')} &`,
      setting('VAULT_ADDR', 'http://127.0.0.1:8200'),
      'vault login',
    ),
    ...(vault.namespace === undefined ? [] : ['It has no namespaces: take `vault.namespace` out of the config for it.', '']),
    'See: `vault-0   1/1   Running`. The token of a Vault in dev mode is `root`.',
    '',
  ];
}

function rootCa({ root, clusters }: MeshCaPlan): string[] {
  const days = Math.ceil(seconds(root.maxLeaseTtl) / 86_400);
  const longest = Math.max(...clusters.map(({ intermediate }) => seconds(intermediate.ttl)));
  const prints = root.certificate === undefined ? [] : fingerprints(root.certificate);
  const steps = rootSteps(root);
  const make = [
    `If there is no root CA yet, make one on a machine fit for its key: offline, encrypted, with a backup. It must live longer than the intermediates (${Math.ceil(longest / 86_400)} days from now). OpenSSL asks for a passphrase:`,
    '',
    ...shell(
      command(
        ['openssl', 'req', '-x509', '-newkey', 'rsa:4096', '-sha256', '-days', String(days)],
        ['-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=Mesh Root CA'],
        ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
      ),
      'openssl x509 -in ca.crt -noout -subject -enddate -fingerprint -sha256 -ext basicConstraints',
    ),
    'See: `CA:TRUE`. Note the fingerprint. Name the certificate as `root.certificate` in mesh-ca.yaml and synthesize again: then it lies in these files and is reviewed with them.',
    '',
    'Bring it into Vault. The key goes through a pipe only; the second line asks for its passphrase:',
    '',
    ...shell(
      words(['bash', 'dist/root/setup.sh', '--plan']),
      `openssl pkey -in ca.key | ${words(['bash', 'dist/root/setup.sh', '--root-cert', 'ca.crt', '--root-key', '/dev/stdin'])}`,
    ),
  ];
  const generate = [
    'Vault makes the key, and it never leaves Vault:',
    '',
    ...shell(words(['bash', 'dist/root/setup.sh', '--plan']), words(['bash', 'dist/root/setup.sh'])),
  ];
  return [
    '## 3. The root CA',
    '',
    ...leastPolicy('dist/root/setup.sh', 'mesh-ca-setup-root'),
    ...(root.source === 'import' ? make : generate),
    'See (the first and the last line):',
    '',
    ...output(
      `[1/${steps.length}] ${steps[0]?.id ?? ''}: ${steps[0]?.title ?? ''}`,
      '…',
      `the root CA is ready in ${root.mount}. next: the clusters' setup.sh`,
    ),
    'Compare the certificate in Vault with the file, by fingerprint:',
    '',
    ...shell(
      `${words(['vault', 'read', '-field=certificate', `${root.mount}/cert/ca`])} | openssl x509 -noout -fingerprint -sha256`,
      `openssl x509 -in ${root.certificate === undefined ? 'root.pem' : 'ca.crt'} -noout -fingerprint -sha256`,
    ),
    prints.length > 0
      ? `See: in both, ${prints.map(code).join(' or ')}, the root that mesh-ca.yaml names.`
      : 'See: the same line twice. root.pem is public: the script has written it; `root.certificate: root.pem` in mesh-ca.yaml puts it into these files from then on.',
    '',
  ];
}

function backup({ root, clusters }: MeshCaPlan): string[] {
  const internal = clusters.some(({ intermediate }) => intermediate.key === 'internal');
  const where = [
    root.source === 'import'
      ? "The root's key is in Vault now; keep `ca.key` offline where it was made, and nowhere else."
      : "The root's key exists in Vault only.",
    ...(internal ? ["The intermediates' keys never leave Vault."] : []),
    'So the backup is one of Vault; with its integrated storage:',
  ];
  return [
    '## 4. Backup',
    '',
    where.join(' '),
    '',
    ...shell('vault operator raft snapshot save "vault-$(date +%F).snap"', 'ls -l vault-*.snap'),
    "See: a file that is not empty. It is encrypted with Vault's own key: keep the unseal keys apart from it. Do it again after section 5, and try a restore before you need one. Another storage has its own way.",
    '',
  ];
}

function gitOps(files: readonly FileEntry[]): string[] {
  const stages = ['0-access', '1-issuer', '2-istio-csr', '3-control-plane'].filter(stage =>
    files.some(({ path }) => path.includes(`/manifests/${stage}/`)),
  );
  const whole = stages.includes('3-control-plane');
  const partial = files.some(({ path }) => path.endsWith('/control-plane.partial.yaml'));
  const [values, part] = ['dist/CLUSTER/istio-csr.values.yml', 'dist/CLUSTER/control-plane.partial.yaml'].map(code);
  return [
    '## Argo CD and Flux',
    '',
    [
      `Each folder below ${code('dist/CLUSTER/manifests/')} holds manifests and nothing else: ${stages.map(code).join(', ')}. Point an Application (Argo CD) or a Kustomization (Flux) at each, none at ${code('dist/CLUSTER')} itself.`,
      ...(stages.length > 1 ? [`They go in that order: by sync waves of an app of apps, or ${code('dependsOn')}.`] : []),
      `istio-csr's Helm release with ${values} comes ${whole ? `before ${code('3-control-plane')}` : `after ${stages.length > 1 ? 'them' : 'it'}`}.`,
      ...(whole
        ? [
            `That one turns istiod's own CA off, so it waits until istiod's Certificate is Ready; should all be applied at once, istiod's new pod waits for that certificate by itself and the old one serves on.`,
          ]
        : []),
    ].join(' '),
    '',
    ...(partial
      ? [
          `${whole ? `A cluster without ${code('3-control-plane')} has ${part}` : `The ControlPlane is not among them: ${part} is there instead`}. It is a part of one, as the config does not name the fields that TSB requires (${code('tsb')}), and applying it removes fields that it does not name. Merge it last, as the cluster's runbook says; where the ControlPlane lies in Git, write its fields into that one.`,
          '',
        ]
      : []),
    'The scripts stay with a person, or a CI job, that holds a Vault token.',
    '',
  ];
}
