import { MADE_BY } from '../output';
import { ClusterPlan, MeshCaPlan } from '../plan/plan';
import { longest, seconds } from '../plan/ttl';
import { CHART } from '../plan/istio-csr';
import { words } from '../script/bash';
import { emergencies, livesOn } from '../script/emergency';
import { tokenPolicy } from '../script/policy-text';
import { askAnew } from './cluster-mesh';
import { code, output, plain, setting, shell, table, yaml } from './markdown';

/** What the sections are written from. */
interface Context {
  readonly cluster: ClusterPlan;
  readonly root: MeshCaPlan['root'];

  /** Path of a file of this cluster as the reader types it. */
  readonly at: (file: string) => string;

  /** A kubectl call in this cluster. */
  readonly kube: (...argv: readonly string[]) => string;

  /** A call of the Vault CLI, in the plan's namespace of Vault. */
  readonly vault: (...argv: readonly string[]) => string;
}

/** What to do in an emergency, per compromise: a file of its own, since it is read in a hurry. */
export function emergencyRunbook(cluster: ClusterPlan, { root }: Pick<MeshCaPlan, 'root'>): string {
  const within = cluster.vault.namespace === undefined ? [] : [`-namespace=${cluster.vault.namespace}`];
  const context: Context = {
    cluster,
    root,
    at: file => `dist/${cluster.name}/${file}`,
    kube: (...argv) => words(['kubectl', '--context', cluster.context, ...argv]),
    vault: (first = '', second = '', ...rest) => words(['vault', first, second, ...within, ...rest]),
  };
  return [
    `# Emergency: cluster ${cluster.name}`,
    '',
    `<!-- ${MADE_BY} -->`,
    '',
    'Run everything from the folder of mesh-ca.yaml, in a shell that reaches Vault and the cluster. Find the compromise in the table, run its first action, then read its section.',
    '',
    ...decision(context),
    ...tokens(context),
    ...login(context),
    ...workload(context),
    ...istioCsr(context),
    ...certManagerNode(context),
    ...ztunnelNode(context),
    ...setupToken(context),
    ...intermediate(context),
    ...rootKey(context),
    ...reopening(context),
  ].join('\n');
}

/** The longest that a certificate can be valid which an attacker had signed before the closing. */
const longestLeaf = ({ certificates: { workloadTtl, istiodTtl, servingTtl }, role }: ClusterPlan) =>
  longest([workloadTtl, istiodTtl, servingTtl, role.fields.max_ttl]);

/** A duration as hours, for the table. */
function inHours(ttl: string): string {
  const hours = seconds(ttl) / 3600;
  const text = Number.isInteger(hours) ? String(hours) : hours.toFixed(1);
  return `${text} hour${hours === 1 ? '' : 's'}`;
}

/** How long a change of the root takes: each of its three parts waits until every workload has another certificate. */
function untrusted(cluster: ClusterPlan): string {
  const leaf = longestLeaf(cluster);
  return `after three rounds of restarts, or without restarts after ${inHours(`${3 * seconds(leaf)}s`)}`;
}

const SECTIONS = {
  workload: "A workload's key",
  istioCsr: 'istio-csr',
  certManager: 'The node of cert-manager',
  ztunnel: 'A node of ztunnel',
  login: "cert-manager's login",
  setup: 'The setup token',
  intermediate: 'The key of the intermediate CA',
  root: 'The key of the root CA',
} as const;

const link = (title: string) =>
  `[${title}](#${title
    .toLowerCase()
    .replaceAll(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-')})`;

/** The table that is read first. */
function decision({ cluster, at }: Context): string[] {
  const leaf = inHours(longestLeaf(cluster));
  const run = (name: string) => code(words(['bash', at('emergency.sh'), name]));
  return [
    '## Decide',
    '',
    'The last column counts from the first action, for what the attacker already holds. It follows from the lifetimes of the plan.',
    '',
    ...table(
      ['compromised', 'first action', 'effect on the mesh', 'the attacker is out after'],
      [
        [
          link(SECTIONS.workload),
          'deny its identity with an AuthorizationPolicy',
          'the workload is denied everywhere',
          `${inHours(cluster.certificates.workloadTtl)}, when its certificate expires; at once where the policy is enforced`,
        ],
        [link(SECTIONS.istioCsr), run('block-role'), 'no certificate is issued or renewed', `${leaf}, when the last certificate expires`],
        [
          link(SECTIONS.certManager),
          run('block-login'),
          'no certificate is issued or renewed',
          `${leaf}, when the last certificate expires`,
        ],
        [
          link(SECTIONS.ztunnel),
          'delete the node',
          'its pods are rescheduled',
          `${inHours(cluster.certificates.workloadTtl)}, when the certificates of its pods expire`,
        ],
        [link(SECTIONS.login), run('block-login'), 'no certificate is issued or renewed', `${leaf}, when the last certificate expires`],
        [
          link(SECTIONS.setup),
          'delete its policy, revoke it by its accessor',
          'none',
          'at once; what it wrote or signed stays until you remove it',
        ],
        [
          link(SECTIONS.intermediate),
          `${run('revoke-intermediate')}, then another root`,
          'no certificate is issued until the next generation signs; the change of the root restarts every workload',
          `when no workload trusts the root any more: ${untrusted(cluster)}. Revoking alone cuts nobody off`,
        ],
        [
          link(SECTIONS.root),
          'another root, with `--urgent`',
          'every workload of every cluster is restarted, some connections fail',
          `when no workload trusts the root any more: ${untrusted(cluster)}`,
        ],
      ],
    ),
    'Whichever it is:',
    '',
    ...livesOn(cluster).map(line => `- ${plain(line)}`),
    '',
  ];
}

/** Which tokens the commands take, and why none of them stands ready. */
function tokens({ cluster, at, vault }: Context): string[] {
  const { intermediate, auth, policy, role } = cluster;
  const name = tokenPolicy('emergency', cluster.name);
  return [
    '## Tokens: create them for the moment',
    '',
    'Create the token when you need it, as a batch token that expires soon, and never leave one standing. An administrator can write the policies in advance; a policy alone gives nobody a right. Replace `block-login` with the command that you run:',
    '',
    ...shell(
      `${words(['bash', at('emergency.sh'), '--print-policy', 'block-login'])} | ${vault('policy', 'write', `${name}-block-login`, '-')}`,
      vault('token', 'create', '-type=batch', '-ttl=15m', `-policy=${name}-block-login`),
    ),
    'Expected output: `Success! Uploaded policy`, then a token with `token_duration  15m`. Set it as `VAULT_TOKEN` for the one script. A batch token cannot be revoked or renewed: it expires by itself, and loses its rights when you delete the policy.',
    '',
    'Each policy allows more than its purpose, because Vault checks paths and not intentions:',
    '',
    ...table(
      ['policy of', 'purpose', 'what its holder can do beyond that'],
      [
        [
          code('block-login'),
          'remove the login and the policy of cert-manager',
          `change the description and the lease lifetimes of ${code(intermediate.mount)}. It cannot log in, sign, or write ${code(auth.path)} or policy ${code(policy.name)}`,
        ],
        [
          code('block-role'),
          `remove ${code(role.path)}`,
          `change the description and the lease lifetimes of ${code(intermediate.mount)}. It cannot sign or write a role`,
        ],
        [
          code('revoke-intermediate'),
          'revoke one CA of this cluster',
          intermediate.signer
            ? `revoke **every** issuer of ${code(intermediate.mount)}, for good, and **every** certificate of the mount ${code(intermediate.signer.mount)}, CAs of other clusters included`
            : `revoke **every** issuer of ${code(intermediate.mount)}, for good`,
        ],
        [
          code('setup.sh --retire'),
          'remove CAs of former generations',
          `delete **every** issuer and key of ${code(intermediate.mount)}, the one that signs now included`,
        ],
      ],
    ),
  ];
}

/** The commands of emergency.sh themselves. */
function login(context: Context): string[] {
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
            : 'Vault asks the API server about each token, and the API server refuses the tokens of an account that was deleted. Replace the account, and every token of the old one is refused at once:',
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

/** One identity. */
function workload({ cluster, kube }: Context): string[] {
  return [
    `## ${SECTIONS.workload}`,
    '',
    'Deny the identity of the workload in the whole mesh, then give the workload a new service account. A certificate cannot be revoked: the proxies are given no CRL. Set the two names first:',
    '',
    ...shell(
      setting('TRUST_DOMAIN', cluster.trustDomain),
      setting('NAMESPACE', 'foo'),
      setting('ACCOUNT', 'sleep'),
      `${kube('apply', '-f', '-')} <<YAML`,
      'apiVersion: security.istio.io/v1beta1',
      'kind: AuthorizationPolicy',
      `metadata: { name: "deny-$NAMESPACE-$ACCOUNT", namespace: ${cluster.istio.namespace} }`,
      'spec:',
      '  action: DENY',
      '  rules:',
      '    - from: [{ source: { principals: ["$TRUST_DOMAIN/ns/$NAMESPACE/sa/$ACCOUNT"] } }]',
      'YAML',
      `${kube('delete', 'pods')} -n "$NAMESPACE" --field-selector "spec.serviceAccountName=$ACCOUNT"`,
    ),
    `Expected output: ${code('authorizationpolicy.security.istio.io/deny-foo-sleep created')}, then each pod that was deleted. The policy must lie in the root namespace of the mesh (${code('meshConfig.rootNamespace')}), and a workload without a sidecar or ztunnel does not enforce it. Keep the policy for ${cluster.certificates.workloadTtl}: then the stolen certificate has expired. Do not use the old service account again before that.`,
    '',
  ];
}

/** What may ask for every identity. */
function istioCsr(context: Context): string[] {
  const { cluster, at, kube } = context;
  const { istio, istioCsr: csr } = cluster;
  return [
    `## ${SECTIONS.istioCsr}`,
    '',
    'istio-csr can request a certificate for every identity of this cluster. Close the PKI role, stop istio-csr, and look at what was requested:',
    '',
    ...shell(
      words(['bash', at('emergency.sh'), 'block-role']),
      kube('scale', `deployment/${CHART}`, '--replicas=0', '-n', csr.namespace),
      kube('get', 'certificaterequests.cert-manager.io', '-n', istio.namespace, '--sort-by=.metadata.creationTimestamp'),
    ),
    `Expected output: a line that begins with ${code('closed.')}, ${code('scaled')}, then the requests that still exist. Every certificate that was signed stays valid until it expires, ${longestLeaf(cluster)} at most.`,
    '',
    "When the namespace is clean again, replace the keys that lie in the cluster, istiod's and istio-csr's own, and open the role:",
    '',
    ...shell(
      words(['bash', at('setup.sh'), '--repair', 'role/write', '--reopen']),
      kube('delete', 'secret', 'istiod-tls', '-n', istio.namespace),
      kube('scale', `deployment/${CHART}`, '--replicas=1', '-n', csr.namespace),
      kube('wait', '--for=condition=Ready', 'certificate/istiod', '-n', istio.namespace, '--timeout=60s'),
      kube('rollout', 'restart', `deployment/${istio.deployment}`, '-n', istio.namespace),
    ),
    `Expected output: ${code('role/write is as planned')}, then ${code('certificate.cert-manager.io/istiod condition met')}. The helm command of README.md, section 4, restores the number of replicas.`,
    '',
    ...failedMeanwhile(context),
  ];
}

/** istiod's certificate may expire in the hour for which cert-manager waits after a failure. */
function failedMeanwhile(context: Pick<Context, 'cluster' | 'kube'>): string[] {
  const { istio } = context.cluster;
  return [
    "cert-manager waits an hour after a failed request, and longer after each further one. istiod's certificate can expire before that, and the Certificate stays `Ready` until it does. The first command prints a time if a request has failed; the second makes cert-manager retry at once:",
    '',
    ...shell(
      context.kube('get', 'certificate', 'istiod', '-n', istio.namespace, '-o', 'jsonpath={.status.lastFailureTime}'),
      askAnew(context),
    ),
    `Expected output: nothing, or a time and ${code('certificate.cert-manager.io/istiod patched')}.`,
    '',
  ];
}

/** What may log in. */
function certManagerNode({ cluster, at, kube }: Context): string[] {
  const { namespace } = cluster.certManager;
  return [
    `## ${SECTIONS.certManager}`,
    '',
    `A process on that node has the token of cert-manager's pod: it can request tokens of the login account, and reads every Secret that cert-manager reads. Close the login, remove the node, and replace what cert-manager logs in with (${link(SECTIONS.login)}):`,
    '',
    ...shell(
      words(['bash', at('emergency.sh'), 'block-login']),
      kube('get', 'pods', '-n', namespace, '-l', 'app.kubernetes.io/instance=cert-manager', '-o', 'wide'),
      setting('NODE', 'name-of-the-node'),
      `${kube('cordon')} "$NODE"`,
      `${kube('delete', 'pods', '-n', namespace)} --field-selector "spec.nodeName=$NODE" --force`,
      `${kube('delete', 'node')} "$NODE"`,
    ),
    `Expected output: a line that begins with ${code('closed.')}, the pods with their nodes, then ${code('deleted')}. Delete the machine too, or it joins again.`,
    '',
  ];
}

/** What may ask for the identities of its node. */
function ztunnelNode({ cluster, kube }: Context): string[] {
  return [
    `## ${SECTIONS.ztunnel}`,
    '',
    'A ztunnel holds the keys of all workloads of its node, and can request certificates for the identities of the pods that run there (ambient mode only; with sidecars, treat each pod of the node as a compromised workload). Remove the node, then deny the identities that ran there:',
    '',
    ...shell(
      setting('NODE', 'name-of-the-node'),
      `${kube('get', 'pods', '-A', '-o', 'custom-columns=NAMESPACE:.metadata.namespace,ACCOUNT:.spec.serviceAccountName')} --field-selector "spec.nodeName=$NODE" | sort -u`,
      `${kube('cordon')} "$NODE"`,
      `${kube('delete', 'node')} "$NODE"`,
    ),
    `Expected output: the namespaces and accounts, ${code('cordoned')}, ${code('deleted')}. Apply the policy of ${link(SECTIONS.workload)} for each of these identities, and keep it for ${cluster.certificates.workloadTtl}. istio-csr compares the node of the pod with the node of ztunnel only if ${code('--ca-trusted-node-accounts')} names ztunnel's account.`,
    '',
  ];
}

/** A token that may write policies and have CAs signed. */
function setupToken({ cluster, root, at, vault }: Context): string[] {
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
    'The setup token can write the policy and the login of cert-manager, and have CAs signed. Delete its policy first: that ends batch tokens too, which cannot be revoked. Then find the accessors of tokens with that policy, and revoke them. Do the same with `mesh-ca-setup-root` if the token of dist/root/setup.sh was stolen:',
    '',
    ...shell(
      vault('policy', 'delete', policy),
      `${vault('list', '-format=json', 'auth/token/accessors')} | jq -r '.[]' | while read -r accessor; do`,
      `  ${vault('token', 'lookup', '-format=json', '-accessor')} "$accessor" 2>/dev/null |`,
      `    jq -r --arg policy ${words([policy])} 'select(.data.policies | index($policy)) | "\\(.data.accessor)  created \\(.data.creation_time | todate)  \\(.data.display_name)"'`,
      'done',
      `${vault('token', 'revoke', '-accessor')} ACCESSOR`,
    ),
    `Expected output: ${code(`Success! Deleted policy: ${policy}`)}, a line for each token, then ${code('Success! Revoked token (if it existed)')}.`,
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
    'List every write of that token in the audit log (the path of the file is in `vault audit list -detailed`):',
    '',
    ...shell(
      `jq -r --arg policy ${words([policy])} 'select(.type == "response" and (.auth.token_policies // [] | index($policy)) and (.request.operation | IN("create", "update", "delete", "patch"))) | [.time, .request.operation, .request.path, .request.remote_address, .auth.accessor] | @tsv' audit.log`,
    ),
    'Expected output: a line for each write. Accessors are hashed in the log unless the device has `hmac_accessor=false`; `vault write sys/audit-hash/DEVICE input=ACCESSOR` gives the hash to compare with. A request without a policy in the log was made with the root token.',
    '',
  ];
}

/** The CA that signs the workloads. */
function intermediate(context: Context): string[] {
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
    ...shell('npx mesh-ca synth', setup),
    `Expected output: ${code(`cluster ${name} is ready in Vault`)}.`,
    '',
    ...failedMeanwhile(context),
  ];
}

/** What everything trusts. */
function rootKey({ cluster, root, at, kube }: Context): string[] {
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

/** What is closed stays closed. */
function reopening({ at }: Context): string[] {
  return [
    '## Open it again',
    '',
    'emergency.sh records in the description of the mount what it has closed. setup.sh refuses to open it, on a schedule too, until you say so. See first what is closed:',
    '',
    ...shell(words(['bash', at('setup.sh'), '--plan']), words(['bash', at('setup.sh'), '--reopen'])),
    `Expected output: ${code('note: closed by emergency.sh: …')}, then ${code('opened again, and no longer recorded as closed: …')}.`,
    '',
  ];
}
