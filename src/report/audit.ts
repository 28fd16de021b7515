import { MADE_BY } from '../output';
import { ClusterPlan } from '../plan/plan';
import { seconds } from '../plan/ttl';
import { quote, words } from '../script/bash';
import { code, output, shell } from './markdown';
import { inRootNamespace, needsRootNamespace } from './parts';

/** What auditors ask about a cluster's CA, with the command that answers each question. The commands read. */
export function auditRunbook(cluster: ClusterPlan): string {
  const { name, context, vault, root, intermediate, role, policy, auth, istio } = cluster;
  const kube = (...argv: readonly string[]) => words(['kubectl', '--context', context, ...argv]);
  const mounts = [...new Set([...(root.mount === undefined ? [] : [root.mount]), intermediate.mount])];
  const setup = `dist/${name}/setup.sh`;
  const isBatch = auth.fields.token_type === 'batch';
  const known = ['root', ...(isBatch ? [policy.name] : [])];
  return [
    `# Questions of an auditor: cluster ${name}`,
    '',
    `<!-- ${MADE_BY} -->`,
    '',
    `Each section is a question and the command that answers the question. The commands only read. Run them in Bash, in the folder of mesh-ca.yaml, with ${code('VAULT_ADDR')}${vault.namespace === undefined ? '' : ` and ${code('VAULT_NAMESPACE')}`} set and logged in to Vault with a token that can read policies, mounts and token accessors.`,
    '',
    '## 1. Where is the key of the root CA?',
    '',
    ...rootKey(cluster),
    `The key of this cluster's CA was ${intermediate.key === 'exported' ? '**exported** by setup.sh (`intermediate.key: exported`): ask where the file is' : `made in Vault, in the mount ${code(intermediate.mount)}. Vault has no request that returns it`}.`,
    '',
    '## 2. Who can sign?',
    '',
    'Policies that give access to a CA, or to everything:',
    '',
    ...shell(
      `vault policy list -format=json | jq -r '.[]' | while read -r policy; do vault policy read "$policy" 2>/dev/null | grep -E ${quote(`^ *path "((${mounts.map(escaped).join('|')})/|[*+])`)} | sed "s|^|$policy: |"; done`,
    ),
    'Expected output: a line for the policy of cert-manager, and no other line that is unknown to you. Policies that begin with `mesh-ca-` are for running scripts; no token should have one now.',
    '',
    ...output(`${policy.name}: path "${role.signPath}" {`),
    `Tokens with ${known.map(code).join(' or with ')}:`,
    '',
    ...shell(
      `vault list -format=json auth/token/accessors | jq -r '.[]' | while read -r accessor; do vault token lookup -format=json -accessor "$accessor" 2>/dev/null; done | jq -r ${quote(`.data | select(.policies | ${known.map(one => `index(${JSON.stringify(one)})`).join(' or ')}) | "token with \\(.policies | join(", ")): \\(.display_name), made \\(.creation_time | todateiso8601), accessor \\(.accessor)"`)}`,
    ),
    `Expected output: no line.${isBatch ? ` The tokens that cert-manager logs in with are batch tokens, which have no accessor: a token with ${code(policy.name)} in this list was made by somebody else.` : ''} Revoke one with ${code('vault token revoke -accessor ACCESSOR')}.`,
    '',
    ...logins(cluster),
    `People and programs with rights in ${code(istio.namespace)}; whoever can edit that namespace can have certificates signed for every workload:`,
    '',
    ...shell(
      `${kube('get', 'rolebindings', '-n', istio.namespace, '-o', 'json')} | jq -r '.items[] | "\\(.roleRef.kind) \\(.roleRef.name): \\([.subjects[]? | "\\(.kind) \\(.name)"] | join(", "))"'`,
    ),
    'Expected output: a line for each RoleBinding. Ask for the reason of each that is not from cert-manager, istio-csr or Istio.',
    '',
    '## 3. For how long does a certificate live?',
    '',
    ...shell(words(['vault', 'read', '-format=json', role.path]) + ` | jq -c '.data | {max_ttl, not_after}'`),
    `Expected output: ${code('max_ttl')} in seconds, and an empty ${code('not_after')}. In Vault before 1.19.19, 1.20.13, 1.21.8 and 2.0.3 a request could override ${code('max_ttl')} with ${code('not_after')}; the policy of cert-manager does not allow that parameter.`,
    '',
    ...output(`{"max_ttl":${seconds(role.fields.max_ttl)},"not_after":""}`),
    '## 4. Is Vault as it was reviewed, and has a CA signed anything else?',
    '',
    ...shell(words(['bash', setup, '--check']), 'bash dist/root/setup.sh --check'),
    'Expected output, at the end of each:',
    '',
    ...output('no drift: all is as planned'),
    role.fields.no_store
      ? 'Vault does not store the certificates of workloads (`no_store`); the audit log has each signature.'
      : `Vault stores each certificate: ${code(`vault list ${intermediate.mount}/certs`)}.`,
    '',
    '## 5. Is each signature on record?',
    '',
    ...needsRootNamespace(vault, "On HCP Vault Dedicated, HashiCorp's portal shows where the audit log is streamed to."),
    ...shell(inRootNamespace(vault, 'vault audit list')),
    'Expected output: at least one device, e.g. `file/`. What to look for in the log, with tested queries: `docs/threat-model.md` of cdk8s-mesh-ca, section "Detection". Signatures of this cluster, by requester, from a log file:',
    '',
    ...shell(
      `jq -r 'select(.type == "response" and .error == null and (.request.path | startswith(${JSON.stringify(`${intermediate.mount}/`)})) and (.request.path | contains("/sign/"))) | .auth.display_name' "$AUDIT" | sort | uniq -c`,
    ),
    auth.method === 'jwt' || auth.method === 'kubernetes'
      ? 'Expected output: one line, for the service account of the Issuer.'
      : 'Expected output: one line, for the login of cert-manager.',
    '',
    '## 6. How is access revoked?',
    '',
    ...shell(words(['bash', `dist/${name}/emergency.sh`, '--help'])),
    `Expected output: what can be closed, each by one command. The decision table is in ${code(`dist/${name}/emergency.md`)}. A certificate of a workload is not revoked: it expires.`,
    '',
    '## 7. What do workloads trust?',
    '',
    ...shell(
      `${kube('get', 'configmap', 'istio-ca-root-cert', '-n', istio.namespace, '-o', 'jsonpath={.data.root-cert\\.pem}')} | openssl x509 -noout -subject -fingerprint -sha256`,
    ),
    'Expected output: the name of the root and its fingerprint, as on the record of the ceremony.',
    '',
    '## 8. Who approved a change?',
    '',
    'Review happens in Git, before a script runs. Each change of the config, of the scripts and of the policies is a commit:',
    '',
    ...shell("git log --format='%h %as %an (signature: %G?) %s' -- mesh-ca.yaml dist"),
    'Expected output: a line for each change; `signature: G` is a good signature. To see that `dist/` is what the config gives, with the version of cdk8s-mesh-ca in package.json: synthesize again, then:',
    '',
    ...shell('git diff --exit-code dist'),
    'Expected output: nothing.',
    '',
  ].join('\n');
}

function rootKey({ root }: ClusterPlan): string[] {
  if (root.mount === undefined) {
    return [
      'Outside of Vault: `root.source` is `offline`. Ask for the record of the ceremony. Vault has only what the root has signed.',
      '',
    ];
  }
  const issuer = `${root.mount}/issuer/${root.issuer}`;
  return [
    `In Vault, in the mount ${code(root.mount)}. Vault has no request that returns the key of an issuer. A key that was imported existed outside of Vault before: ask for the record of its ceremony.`,
    '',
    ...shell(
      words(['vault', 'read', '-format=json', issuer]) +
        ` | jq -r '.data.certificate' | openssl x509 -noout -subject -enddate -fingerprint -sha256`,
      words(['vault', 'list', `${root.mount}/keys`]),
    ),
    'Expected output: the name, the expiry and the fingerprint of the root, then one key for each CA of the mount.',
    '',
  ];
}

function logins({ auth }: ClusterPlan): string[] {
  return [
    `Who can log in as cert-manager (auth method ${code(auth.mount)}):`,
    '',
    ...shell(words(['vault', 'read', '-format=json', auth.path]) + ` | jq '.data'`),
    'Expected output: the fields of the auth role, among them the policy of cert-manager and nothing else in `token_policies`.',
    '',
  ];
}

const escaped = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
