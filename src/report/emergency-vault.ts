import { words } from '../script/bash';
import { emergencies } from '../script/emergency';
import { tokenPolicy } from '../script/policy-text';
import { EmergencyContext, failedMeanwhile, longestLeaf, SECTIONS } from './emergency-parts';
import { code, MESH_CA, output, plain, shell, yaml } from './markdown';
import { inRootNamespace } from './parts';

/** The commands of emergency.sh themselves. */
export function login(context: EmergencyContext): string[] {
  const { cluster, at, kube } = context;
  const [block] = emergencies(cluster);
  const { auth } = cluster;
  const account = 'serviceAccount' in auth ? auth.serviceAccount : undefined;
  return [
    `## ${SECTIONS.login}`,
    '',
    'Close the login when the token, the secret ID or the certificate that cert-manager logs in with can be in other hands. This removes the login and the policy, so tokens that Vault already issued lose their rights too.',
    '',
    ...shell(words(['bash', at('emergency.sh'), 'block-login'])),
    `Expected output: the effects, then a line that begins with ${code('closed.')}`,
    '',
    ...(block?.effects ?? []).map(effect => `- ${plain(effect)}`),
    '',
    ...(account && auth.method !== 'aws'
      ? [
          auth.method === 'jwt'
            ? 'A token of the service account can be valid for as long as the API server allows, a year by default, and Vault asks nobody whether the account still exists. The login is therefore bound to the UID of the account. Replace the account, and every token of the old one is refused:'
            : 'Vault asks the API server about each token, and the API server refuses the tokens of an account that was deleted. Replace the account, and every token of the old one is refused within ten seconds, for which the API server remembers the answer:',
          '',
          ...shell(
            kube('delete', 'serviceaccount', account.name, '-n', account.namespace),
            kube('apply', '-f', at('manifests/0-access')),
            words(['bash', at('setup.sh'), '--reopen']),
          ),
          `Expected output: ${code('deleted')}, ${code('created')}, then ${code(`cluster ${cluster.name} is ready in Vault`)}.`,
          '',
          ...(auth.method === 'jwt'
            ? [
                'Until setup.sh has run, cert-manager cannot log in with the new account either. The same happens when a GitOps tool prunes and re-applies the account: logins fail with `claim "/kubernetes.io/serviceaccount/uid"`, and `verify.sh` (with `--vault`) names the two UIDs.',
                '',
              ]
            : []),
        ]
      : []),
  ];
}

/** A token that may write policies and have CAs signed. */
export function setupToken({ cluster, root, at, vault }: EmergencyContext): string[] {
  const { intermediate, auth } = cluster;
  const policy = tokenPolicy('setup', cluster.name);
  const signer = intermediate.signer?.mount;
  const cut = auth.path.lastIndexOf('/');
  const mounts = [
    ...new Set([intermediate.mount, ...(signer === undefined ? [] : [signer]), ...(root.mount === undefined ? [] : [root.mount])]),
  ];
  return [
    `## ${SECTIONS.setup}`,
    '',
    `With the policy ${code(`${policy}-ca`)} the setup token can log in as cert-manager and have a CA signed; with ${code(policy)} alone it can do neither. Delete every policy whose name begins with ${code(policy)} first: that ends batch tokens too, which cannot be revoked. Then find the accessors of tokens with such a policy, and revoke them. Do the same with ${code('mesh-ca-setup-root')} if the token of dist/root/setup.sh was stolen. A certificate or a CA that the token has had signed stays valid:`,
    '',
    ...shell(
      `${vault('policy', 'list')} | grep ${words([`^${policy}`])} | while read -r policy; do ${vault('policy', 'delete')} "$policy"; done`,
      `${vault('list', '-format=json', 'auth/token/accessors')} | jq -r '.[]' | while read -r accessor; do`,
      `  ${vault('token', 'lookup', '-format=json', '-accessor')} "$accessor" 2>/dev/null |`,
      `    jq -r --arg policy ${words([policy])} 'select(.data.policies | any(startswith($policy))) | "\\(.data.accessor)  created \\(.data.creation_time | todate)  \\(.data.display_name)"'`,
      'done',
      `${vault('token', 'revoke', '-accessor')} ACCESSOR`,
    ),
    `Expected output: a line ${code('Success! Deleted policy: …')} for each policy, a line for each token, then ${code('Success! Revoked token (if it existed)')}.`,
    '',
    'Compare Vault with the plan. This names roles, logins and fields that differ:',
    '',
    ...shell(words(['bash', 'dist/root/setup.sh', '--check']), words(['bash', at('setup.sh'), '--check'])),
    `Expected output: ${code('no drift: all is as planned')}, exit code 0. Exit code 3 names what differs.`,
    '',
    'List what was signed and what exists. Every CA certificate that you do not know was made by the attacker: revoke it, and change the root, since the mesh trusts it.',
    '',
    ...shell(
      ...mounts.flatMap(mount => [
        `${vault('list', '-format=json', `${mount}/certs`)} | jq -r '.[]' | while read -r serial; do ${vault('read', '-field=certificate')} ${words([`${mount}/cert/`])}"$serial" | openssl x509 -noout -serial -subject -startdate -ext basicConstraints; done`,
        vault('list', '-detailed', `${mount}/issuers`),
        vault('list', `${mount}/roles`),
      ]),
      vault('list', auth.path.slice(0, cut)),
      vault('policy', 'list'),
    ),
    'Expected output: the certificates with `CA:TRUE` that you know, one issuer for each generation, and the roles and policies that the plan names. Certificates of workloads are not listed: the planned role stores none in Vault.',
    '',
    `List every write of that token in the audit log (the path of the file is in ${code(inRootNamespace(cluster.vault, 'vault audit list -detailed'))}):`,
    '',
    ...shell(
      `jq -r --arg policy ${words([policy])} 'select(.type == "response" and (.auth.token_policies // [] | any(startswith($policy))) and (.request.operation | IN("create", "update", "delete", "patch"))) | [.time, .request.operation, .request.path, .request.remote_address, .auth.accessor] | @tsv' audit.log`,
    ),
    `Expected output: a line for each write. Accessors are hashed in the log unless the device has ${code('hmac_accessor=false')}; ${code(inRootNamespace(cluster.vault, 'vault write sys/audit-hash/DEVICE input=ACCESSOR'))} gives the hash to compare with. A request without a policy in the log was made with the root token.`,
    '',
  ];
}

/** The CA that signs the workloads. */
export function intermediate(context: EmergencyContext): string[] {
  const { cluster, at } = context;
  const { name, intermediate: ca } = cluster;
  const revoke = emergencies(cluster).find(one => one.name === 'revoke-intermediate');
  const setup = words(['bash', at('setup.sh')]);
  return [
    `## ${SECTIONS.intermediate}`,
    '',
    'Revoke the CA in Vault, so that Vault signs nothing more with it. This does not stop a person who has the key: the mesh trusts the root, and looks at no CRL. Change the root afterwards, as the next section says.',
    '',
    ...shell(
      words(['bash', at('emergency.sh'), 'revoke-intermediate', '--plan']),
      words(['bash', at('emergency.sh'), 'revoke-intermediate']),
    ),
    `Expected output: the CA with its generation, fingerprint and end, then a line that begins with ${code('revoked.')} Where the mount holds several CAs, the script lists them and asks for ${code('--generation N')} or ${code('--issuer ID')}. If it ends with ${code('but not where it was signed')}, run the command that it prints.`,
    '',
    ...(revoke?.effects ?? []).map(effect => `- ${plain(effect)}`),
    '',
    'Then make the next CA:',
    '',
    ...yaml('clusters:', `  - name: ${name}`, `    intermediate: { generation: ${ca.generation.number + 1} }`),
    ...shell(`${MESH_CA} synth`, setup),
    `Expected output: ${code(`cluster ${name} is ready in Vault`)}.`,
    '',
    ...failedMeanwhile(context),
  ];
}

/** What everything trusts. */
export function rootKey({ cluster, root, at, kube }: EmergencyContext): string[] {
  const setup = words(['bash', at('setup.sh')]);
  const urgent = words(['bash', at('setup.sh'), '--urgent', cluster.name]);
  if (cluster.istioCsr.rootFile !== 'root') {
    return [
      `## ${SECTIONS.root}`,
      '',
      'The workloads trust the intermediate alone (`istioCsr.rootFile: intermediate`), so a stolen root key gives nobody an identity in this mesh. Make another root and another intermediate in a mount of its own, and go through README.md again.',
      '',
    ];
  }
  const restart = (namespace: string) => `${kube('rollout', 'restart', 'deployment,statefulset,daemonset')} -n ${namespace}`;
  return [
    `## ${SECTIONS.root}`,
    '',
    'A person with this key can make a CA, and every identity of every cluster below this root. The attacker is out only when no workload trusts the root. Change the root in the three changes of ../README.md, section 6, in every cluster. A restart replaces each wait: a workload takes its new certificate and the new roots when it starts. `--urgent` then goes on without the recorded time, and says what breaks.',
    '',
    `1. Make the next root, and trust both (${code('root.alsoTrust')}). Then restart istiod and every workload, in every cluster:`,
    '',
    ...shell(
      setup,
      kube('rollout', 'restart', `deployment/${cluster.istio.deployment}`, '-n', cluster.istio.namespace),
      `for namespace in $(${kube('get', 'namespaces', '-l', 'istio-injection=enabled', '-o', 'jsonpath={.items[*].metadata.name}')}); do`,
      `  ${restart('"$namespace"')}`,
      'done',
      setup,
    ),
    `   Expected output of the last command: ${code(`from … on every workload of ${cluster.name} trusts ID`)}. The loop finds namespaces by the label ${code('istio-injection')}; add those with a revision label, gateways, and pods that no controller owns.`,
    '',
    `2. Let the next root sign (${root.mount === undefined ? 'a new' : `another ${code('root.mount')}, a new`} ${code('intermediate.generation')}, the former root in ${code('root.alsoTrust')}), without waiting for that time:`,
    '',
    ...shell(urgent),
    `   Expected output: ${code('URGENT, without the wait: …')} with what breaks, then ${code(`cluster ${cluster.name} is ready in Vault`)}. A workload that was not restarted in step 1 refuses the new certificates until it is restarted, or for up to ${longestLeaf(cluster)}.`,
    '',
    '3. Restart every workload again, as in step 1, so that no certificate below the former root is in use. Then take `root.alsoTrust` out, synthesize, and stop trusting the former root:',
    '',
    ...shell(urgent),
    `   Expected output: ${code('URGENT, without the wait: the root … is still needed')}, or no such line if its time has passed. Apply ${code(at('manifests/2-istio-csr'))} if the config names ${code('root.certificate')}.`,
    '',
    '4. Restart istiod and every workload a third time. A workload forgets the former root only with its next certificate. From then on the attacker is out:',
    '',
    ...shell(`${words(['bash', at('verify.sh'), '--workload'])} NAMESPACE/POD`),
    ...output('ok      workload ROOTCA: …'),
    'Each step can be run with less damage: without `--urgent`, the script refuses until every workload of every cluster below this root has had the time to learn the new root.',
    '',
  ];
}
