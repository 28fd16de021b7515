import { spawnSync } from 'node:child_process';
import { verifyScript } from '../../src/script/verify';
import { clusterOf } from '../fixtures/verify/mesh';
import { type Change, goodLines, mesh, verify } from '../fixtures/verify/run';

const plan = clusterOf({ root: { certificate: mesh.root.pem }, certManager: { approverPolicy: true } });

const condition = (type: string, status: string, reason: string, message: string) => ({ type, status, reason, message });
const policy = (...conditions: object[]) => ({ status: { conditions } });
const ready = policy(condition('Ready', 'True', 'Ready', 'CertificateRequestPolicy is ready for evaluation'));
const certManager = (...args: string[]) => ({ items: [{ spec: { template: { spec: { containers: [{ args: ['--v=2', ...args] }] } } } }] });
const request = (name: string, { created = '2026-01-01T00:00:00Z', issuer = 'vault-issuer' } = {}, ...conditions: object[]) => ({
  metadata: { name, creationTimestamp: created },
  spec: { issuerRef: { name: issuer }, username: 'system:serviceaccount:a:b' },
  status: { conditions },
});
const approved = condition('Approved', 'True', 'policy.cert-manager.io', 'Approved by CertificateRequestPolicy: "x"');
const denied = condition('Denied', 'True', 'policy.cert-manager.io', 'No policy approved this request: [x: y]');

const name = (of: string) => `certificaterequestpolicies.policy.cert-manager.io/istio-system-vault-issuer-${of}`;
const good = {
  [name('workloads')]: ready,
  [name('serving')]: ready,
  [name('istiod')]: ready,
  'lists/deployments.apps/cert-manager': certManager('--controllers=-certificaterequests-approver'),
  'lists/certificaterequests.cert-manager.io/istio-system': { items: [request('signed', {}, approved)] },
};
const checked = (answers: Readonly<Record<string, unknown>>, more: Pick<Change, 'errors'> = {}) => {
  const { code, lines } = verify({ plan, answers: { ...good, ...answers }, ...more });
  return { code, lines: lines.filter(line => /^\S+ +(request polic|default approver|requests)/.test(line)) };
};

test('the script is one that shellcheck takes', () => {
  const shellcheck = spawnSync('shellcheck', ['--shell=bash', '-'], { input: verifyScript(plan), encoding: 'utf8' });
  expect(shellcheck).toMatchObject({ status: 0, stdout: '' });
});

test('policies that are Ready, a default approver that is off, and no request that waits pass', () => {
  const { code, lines } = verify({ plan, answers: good });
  const [root, issuer, ...rest] = goodLines();
  expect(lines.slice(0, -1)).toEqual([
    root,
    issuer,
    'ok      request policies: all 3 are Ready',
    'ok      default approver: cert-manager approves nothing by itself',
    'ok      requests: none of vault-issuer is denied or waits for approval',
    ...rest,
  ]);
  expect(code).toBe(0);
});

test('where the config does not ask for it, nothing of it is checked', () => {
  expect(verifyScript(clusterOf())).not.toMatch(/certificaterequestpolicies/);
});

test('a policy that is missing or not Ready fails, by its name', () => {
  const notReady = policy(condition('Ready', 'False', 'NotReady', 'CertificateRequestPolicy is not ready for evaluation: broken'));
  const { code, lines } = checked({ [name('serving')]: notReady, [name('istiod')]: undefined });
  expect(lines).toEqual([
    'FAIL    request policy istio-system-vault-issuer-serving: Ready is False, NotReady CertificateRequestPolicy is not ready for evaluation: broken (is approver-policy running?)',
    'FAIL    request policy istio-system-vault-issuer-istiod: there is none of that name (install approver-policy, then apply manifests/1-issuer)',
    'ok      default approver: cert-manager approves nothing by itself',
    'ok      requests: none of vault-issuer is denied or waits for approval',
  ]);
  expect(code).toBe(1);
});

test('approver-policy that is not installed fails', () => {
  const errors = Object.fromEntries(
    ['workloads', 'serving', 'istiod'].map(of => [
      name(of),
      `error: the server doesn't have a resource type "certificaterequestpolicies"\n`,
    ]),
  );
  const { code, lines } = checked({}, { errors });
  expect(lines[0]).toBe(
    'FAIL    request policies: the cluster has no CertificateRequestPolicies (install approver-policy, then apply manifests/1-issuer)',
  );
  expect(code).toBe(1);
});

test.each([
  [
    'an approver of its own',
    certManager('--controllers=*'),
    'FAIL    default approver: cert-manager approves every request by itself, so the policies decide nothing (helm upgrade cert-manager --set disableAutoApproval=true, as README.md says, section 3)',
    1,
  ],
  [
    'one that is off among others',
    certManager('--controllers', '*,-certificaterequests-approver'),
    'ok      default approver: cert-manager approves nothing by itself',
    0,
  ],
  [
    'a file of its settings',
    certManager('--config=/var/cert-manager/config.yaml'),
    "unknown default approver: cert-manager's --controllers does not turn it off; its --config may, and is not read",
    3,
  ],
  [
    'no Deployment that is found',
    { items: [] },
    'unknown default approver: there is no Deployment with app.kubernetes.io/name=cert-manager,app.kubernetes.io/component=controller in namespace cert-manager',
    3,
  ],
])('cert-manager with %s', (_, deployments, line, exit) => {
  const { code, lines } = checked({ 'lists/deployments.apps/cert-manager': deployments });
  expect([code, lines[1]]).toEqual([exit, line]);
});

const look = 'look at: kubectl --context cluster-1 describe certificaterequests --namespace istio-system';

test.each([
  [
    'is denied fails, with the reason',
    [request('a', {}, approved), request('b', {}, denied)],
    `FAIL    requests: 1 denied, e.g. b: No policy approved this request: [x: y] (${look}; delete it once the cause is gone)`,
  ],
  [
    'nobody decides fails, with whose it is',
    [request('a')],
    `FAIL    requests: 1 neither approved nor denied, e.g. a, by system:serviceaccount:a:b (no policy is for whom asks, or approver-policy does not run; ${look})`,
  ],
  [
    'was made just now may wait',
    [request('a', { created: '2999-01-01T00:00:00Z' })],
    'ok      requests: none of vault-issuer is denied or waits for approval',
  ],
  [
    'is of another Issuer is none of ours',
    [request('a', { issuer: 'other' }, denied)],
    'ok      requests: none of vault-issuer is denied or waits for approval',
  ],
])('a request that %s', (_, items, line) => {
  const { code, lines } = checked({ 'lists/certificaterequests.cert-manager.io/istio-system': { items } });
  expect([code, lines[2]]).toEqual([line.startsWith('FAIL') ? 1 : 0, line]);
});

test('a list that may not be read is unknown', () => {
  const errors = { 'lists/certificaterequests.cert-manager.io/istio-system': 'Error from server (Forbidden): no\n' };
  const { code, lines } = checked({}, { errors });
  expect([code, lines[2]]).toEqual([
    3,
    'unknown requests: kubectl get certificaterequests.cert-manager.io: Error from server (Forbidden): no',
  ]);
});
