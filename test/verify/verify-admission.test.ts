import { spawnSync } from 'node:child_process';
import { verifyScript } from '../../src/script/verify';
import { clusterOf } from '../fixtures/verify/mesh';
import { type Change, mesh, verify } from '../fixtures/verify/run';

// stand-ins for kubectl; test/live/attacks/istio-system-editor.test.ts runs the same checks against a real API server.
const plan = clusterOf({ root: { certificate: mesh.root.pem }, certManager: { admissionPolicy: true } });
const names = plan.admission?.names ?? [];
const policies = 'validatingadmissionpolicies.admissionregistration.k8s.io';
const bindings = 'validatingadmissionpolicybindings.admissionregistration.k8s.io';
const binding = (name: string, more: object = {}) => ({ spec: { policyName: name, validationActions: ['Deny'], ...more } });
const lists = {
  'lists/certificates.cert-manager.io/istio-system': {
    items: [certificate('istiod', 'vault-issuer'), certificate('other', 'another')],
  },
  'lists/issuers.cert-manager.io/istio-system': { items: [issuer('vault-issuer', 'vault-issuer'), issuer('other', 'else')] },
  'lists/pods/istio-system': { items: [{ metadata: { name: 'a' }, spec: { serviceAccountName: 'default' } }] },
  'lists/secrets/istio-system': { items: [{ metadata: { name: 's' }, type: 'Opaque' }] },
};
const good: Readonly<Record<string, unknown>> = {
  ...Object.fromEntries(names.map(name => [`${policies}/${name}`, { spec: { failurePolicy: 'Fail' } }])),
  ...Object.fromEntries(names.map(name => [`${bindings}/${name}`, binding(name)])),
  ...lists,
};
function certificate(name: string, of: string) {
  return { metadata: { name, namespace: 'istio-system' }, spec: { issuerRef: { name: of } } };
}
function issuer(name: string, account: string) {
  return { metadata: { name }, spec: { vault: { auth: { kubernetes: { serviceAccountRef: { name: account } } } } } };
}
const checked = (answers: Change['answers'] = {}, more: Change = {}) => {
  const { code, lines } = verify({ plan, ...more, answers: { ...good, ...answers } });
  return { code, lines: lines.filter(line => /^\w+ +(admission polic|objects from before)/.test(line)) };
};
const FINE = 'ok      objects from before the policies: none uses the Issuer or its service account';
const todo = '(apply manifests/0-access/admission-policies.yaml as a cluster administrator)';

test('the script is one that shellcheck takes', () => {
  const shellcheck = spawnSync('shellcheck', ['--shell=bash', '-'], { input: verifyScript(plan), encoding: 'utf8' });
  expect(shellcheck).toMatchObject({ status: 0, stdout: '' });
});

test('policies and bindings that deny pass, and objects that do not use the Issuer', () => {
  expect(checked()).toEqual({ code: 0, lines: ['ok      admission policies: 7 policies and their bindings deny', FINE] });
});

test('without the key nothing is checked', () => {
  expect(verifyScript(clusterOf())).not.toMatch(/admission_policies/);
});

const [first = '', second = '', third = '', fourth = ''] = names;
test.each<[what: string, answers: Record<string, unknown>, line: string]>([
  ['a missing policy', { [`${policies}/${first}`]: undefined }, `FAIL    admission policy ${first}: the policy is missing ${todo}`],
  ['a missing binding', { [`${bindings}/${second}`]: undefined }, `FAIL    admission policy ${second}: the binding is missing ${todo}`],
  [
    'a policy that fails open',
    { [`${policies}/${third}`]: { spec: { failurePolicy: 'Ignore' } } },
    `FAIL    admission policy ${third}: the policy does not deny requests as planned ${todo}`,
  ],
  ...[{ validationActions: ['Warn', 'Audit'] }, { policyName: 'other' }, { matchResources: { namespaceSelector: {} } }].map(
    (change): [string, Record<string, unknown>, string] => [
      `a binding with ${JSON.stringify(change)}`,
      { [`${bindings}/${fourth}`]: binding(fourth, change) },
      `FAIL    admission policy ${fourth}: the binding does not deny requests as planned ${todo}`,
    ],
  ),
])('fails for %s', (_, answers, line) => {
  expect(checked(answers)).toEqual({ code: 1, lines: [line, FINE] });
});

test('fails on a cluster without ValidatingAdmissionPolicies', () => {
  const errors = { [`${policies}/${first}`]: `error: the server doesn't have a resource type "validatingadmissionpolicies"\n` };
  expect(checked({}, { errors })).toEqual({
    code: 1,
    lines: [
      'FAIL    admission policies: the cluster has no ValidatingAdmissionPolicies, which Kubernetes 1.30 brings (upgrade Kubernetes, or remove certManager.admissionPolicy from mesh-ca.yaml)',
      FINE,
    ],
  });
});

test.each<[what: string, answers: Record<string, unknown>, found: string]>([
  [
    'a Certificate',
    { 'lists/certificates.cert-manager.io/istio-system': { items: [certificate('a', 'vault-issuer')] } },
    'Certificate istio-system/a (1 in all)',
  ],
  [
    'an Issuer',
    { 'lists/issuers.cert-manager.io/istio-system': { items: [issuer('a', 'vault-issuer'), issuer('b', 'vault-issuer')] } },
    'Issuer a (2 in all)',
  ],
  [
    'a pod',
    { 'lists/pods/istio-system': { items: [{ metadata: { name: 'a' }, spec: { serviceAccountName: 'vault-issuer' } }] } },
    'Pod a (1 in all)',
  ],
  [
    'a token Secret',
    {
      'lists/secrets/istio-system': {
        items: [
          {
            type: 'kubernetes.io/service-account-token',
            metadata: { name: 'a', annotations: { 'kubernetes.io/service-account.name': 'vault-issuer' } },
          },
        ],
      },
    },
    'Secret a (1 in all)',
  ],
])('fails for %s from before the policies', (_, answers, found) => {
  expect(checked(answers)).toEqual({
    code: 1,
    lines: [
      'ok      admission policies: 7 policies and their bindings deny',
      `FAIL    objects from before the policies: they use the mesh's CA, and the policies would refuse them now: ${found} (find out who created them, then delete them)`,
    ],
  });
});

test('what cannot be listed is unknown', () => {
  const errors = { 'lists/secrets/istio-system': 'Error from server (Forbidden): no\n' };
  expect(checked({}, { errors })).toEqual({
    code: 3,
    lines: [
      'ok      admission policies: 7 policies and their bindings deny',
      'unknown objects from before the policies: kubectl get secrets: Error from server (Forbidden): no',
    ],
  });
});
