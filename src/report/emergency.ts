import { MADE_BY } from '../output';
import { ClusterPlan, MeshCaPlan } from '../plan/plan';
import { words } from '../script/bash';
import { livesOn } from '../script/emergency';
import { tokenPolicy } from '../script/policy-text';
import { certManagerNode, istioCsr, workload, ztunnelNode } from './emergency-cluster';
import { EmergencyContext, inHours, link, longestLeaf, SECTIONS, untrusted } from './emergency-parts';
import { intermediate, login, rootKey, setupToken } from './emergency-vault';
import { code, plain, shell, table } from './markdown';

/** What to do in an emergency, per compromise: a file of its own, since it is read in a hurry. */
export function emergencyRunbook(cluster: ClusterPlan, { root }: Pick<MeshCaPlan, 'root'>): string {
  const within = cluster.vault.namespace === undefined ? [] : [`-namespace=${cluster.vault.namespace}`];
  const context: EmergencyContext = {
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

/** The table that is read first. */
function decision({ cluster, at }: EmergencyContext): string[] {
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
function tokens({ cluster, at, vault }: EmergencyContext): string[] {
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
          `change the description of ${code(intermediate.mount)}, and with it what is recorded there. It cannot log in, sign, or write ${code(auth.path)} or policy ${code(policy.name)}`,
        ],
        [
          code('block-role'),
          `remove ${code(role.path)}`,
          `change the description of ${code(intermediate.mount)}, and with it what is recorded there. It cannot sign or write a role`,
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

/** What is closed stays closed. */
function reopening({ at }: EmergencyContext): string[] {
  return [
    '## Open it again',
    '',
    'Open the login or the role when the cause is dealt with. emergency.sh records in the description of the mount what it has closed, and setup.sh refuses to open it, on a schedule too, until you say so. Before you open a login, revoke the tokens that somebody created with the policy of cert-manager: they get their rights back with it (audit.md, section 2, lists them). The first command shows what is closed:',
    '',
    ...shell(words(['bash', at('setup.sh'), '--plan']), words(['bash', at('setup.sh'), '--reopen'])),
    `Expected output: ${code('note: closed by emergency.sh: …')}, then ${code('opened again, and no longer recorded as closed: …')}.`,
    '',
  ];
}
