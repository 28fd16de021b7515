import { MADE_BY, FileEntry } from '../output';
import { MeshCaPlan } from '../plan/plan';
import { words } from '../script/bash';
import { code, command, MESH_CA, setting, shell, table } from './markdown';
import { fileTable, warningList } from './parts';
import { policyCaChange } from './policy-cas';
import { backup, rootCa } from './root';
import { rootRotation } from './root-rotation';
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
    `With these files Vault at ${code(vault.server)} becomes the CA of ${clusters.length === 1 ? `the mesh of cluster ${code(clusters[0]?.name ?? '')}` : `${clusters.length} clusters' meshes`}: a workload's certificate is asked for by istio-csr, signed through cert-manager by the cluster's intermediate CA in Vault, and its chain ends in the root CA${root.mount === undefined ? ', which is not in Vault' : ` in the mount ${code(root.mount)}`}.`,
    '',
    `Run everything in the folder of mesh-ca.yaml, in Bash, on an operator's machine that reaches Vault and the clusters. Here the folder of this file is called \`dist/\`. To synthesize is to write it anew from mesh-ca.yaml: ${code(`${MESH_CA} synth`)}, which npm installs there with the package cdk8s-mesh-ca. Take the sections in their order; each step can be run again.`,
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
    ...rootRotation(plan),
    ...policyCaChange(plan),
    ...gitOps(plan, files),
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

function gitOps({ clusters }: MeshCaPlan, files: readonly FileEntry[]): string[] {
  const stages = ['0-access', '1-issuer', '2-istio-csr', '3-control-plane', '4-monitoring'].filter(stage =>
    files.some(({ path }) => path.includes(`/manifests/${stage}/`)),
  );
  const whole = stages.includes('3-control-plane');
  const partial = files.some(({ path }) => path.endsWith('/control-plane.partial.yaml'));
  const targets = clusters.flatMap(({ istiods }) => istiods.map(({ istio }) => istio.target));
  const handed = [...new Set(targets.filter(({ name }) => name !== 'tsb').map(({ file }) => file))];
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
    ...(handed.length > 0
      ? [
          `What configures istiod is not among them either: ${handed.map(name => code(`dist/CLUSTER/${name}`)).join(', ')} is a part of what is there, and comes last, as the cluster's runbook says. Where that lies in Git, write its fields into it.`,
          '',
        ]
      : []),
    'The scripts stay with a person, or a CI job, that holds a Vault token.',
    '',
  ];
}
