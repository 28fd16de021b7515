import { ourPart } from '../plan/canary';
import { ClusterPlan } from '../plan/plan';
import { TRUST_MANAGER } from '../plan/root-ca';
import { words } from '../script/bash';
import { code, command, fingerprints, output, shell, table, withShellText } from './markdown';
import { rotation } from './rotation';
import { ClusterContext, dataAt, repairLines } from './parts';
import { ADMISSION_FILE, csrNetwork } from './optional';
import { secretRenewal } from './secret-delivery';
import { renewalOf } from './way-in';

/** istio-csr, and the root that it hands out. */
export function istioCsr({ cluster, files, at, kube }: ClusterContext, certificate: string | undefined): string[] {
  const { istioCsr: csr, istio } = cluster;
  const { rootCa } = csr;
  const manifest = files.some(file => file.path.endsWith('/manifests/2-istio-csr/root-ca.yaml'));
  const prints = certificate === undefined || csr.rootFile !== 'root' ? [] : fingerprints(certificate);
  const get = kube('get', rootCa.kind.toLowerCase(), rootCa.name, '-n', csr.namespace, ...dataAt(rootCa.key));
  return [
    '## 4. istio-csr',
    '',
    ...csrNetwork(cluster, kube),
    ...(rootCa.carrier === 'bundle' ? trustManager(cluster, kube) : []),
    rootCa.carrier === 'bundle'
      ? `The Bundle with the ${csr.rootFile} certificate that istio-csr hands out${rootCa.delivered ? ', which refers to what setup.sh has delivered' : ''}; then the agent:`
      : manifest
        ? `The ${csr.rootFile} certificate that it hands out, then the agent:`
        : `setup.sh has delivered the ${csr.rootFile} certificate that it hands out. Look at it, then install the agent:`,
    '',
    ...shell(
      ...(manifest || cluster.network ? [kube('apply', '-f', at('manifests/2-istio-csr'))] : []),
      ...(rootCa.carrier === 'bundle' ? [kube('wait', '--for=condition=Synced', `${BUNDLES}/${rootCa.name}`, '--timeout=60s')] : []),
      `${get} \\\n  | ${rootCa.kind === 'Secret' ? 'base64 -d | ' : ''}openssl x509 -noout -subject -fingerprint -sha256`,
      istioCsrUpgrade(cluster, at),
      kube('get', 'pods', '-n', csr.namespace, '-l', `app=${csr.name}`),
      kube('wait', '--for=condition=Ready', 'certificate/istiod', '-n', istio.namespace, '--timeout=60s'),
      kube('get', 'certificates', '-n', istio.namespace),
    ),
    prints.length > 0
      ? `See: the fingerprint ${prints.map(code).join(' or ')}, then a pod \`1/1 Running\`, then`
      : `See: the fingerprint of the ${csr.rootFile} as setup.sh printed it, then a pod \`1/1 Running\`, then`,
    '',
    ...output('NAME     READY   SECRET       AGE', 'istiod   True    istiod-tls   97s'),
  ];
}

/** The command that brings istio-csr, or new values of it. */
export function istioCsrUpgrade(
  { context, istioCsr: { release, namespace, chartVersion } }: ClusterPlan,
  at: ClusterContext['at'],
): string {
  return command(
    ['helm', '--kube-context', context, 'upgrade', '--install', release, 'jetstack/cert-manager-istio-csr'],
    ['--namespace', namespace, '--version', chartVersion],
    ['--values', at('istio-csr.values.yml'), '--wait', '--timeout', '5m'],
  );
}

/** A short name would serve others too, e.g. Fleet's bundles. */
const BUNDLES = 'bundles.trust.cert-manager.io';

/** What makes a ConfigMap of a Bundle. */
function trustManager({ context, certManager, istioCsr: { namespace, rootCa } }: ClusterPlan, kube: ClusterContext['kube']): string[] {
  const look = ['-A', '-l', 'app.kubernetes.io/name=trust-manager', '-o', 'jsonpath={.items[*].spec.template.spec.containers[*].args}'];
  return [
    'trust-manager makes the ConfigMap that istio-csr reads. If it runs here already, keep it; this shows its flags:',
    '',
    ...shell(kube('get', 'deployments', ...look)),
    `See: ${code(`--trust-namespace=${rootCa.trustNamespace}`)}; else write that namespace as ${code('istioCsr.trustNamespace')} in mesh-ca.yaml and synthesize again. Where there is a ${code('--target-namespaces')}, it must name ${code(namespace)}. If it shows nothing, install it:`,
    '',
    ...shell(
      command(
        ['helm', '--kube-context', context, 'upgrade', '--install', 'trust-manager', 'jetstack/trust-manager'],
        ['--namespace', certManager.namespace, '--version', TRUST_MANAGER],
        ['--set', `app.trust.namespace=${rootCa.trustNamespace}`, '--wait', '--timeout', '5m'],
      ),
    ),
  ];
}

/** The sample workload and the checks. */
export function proof({ cluster, at, kube }: ClusterContext): string[] {
  const { context } = cluster;
  const sample = kube('get', 'pods', '-n', 'foo', '-l', 'app=sleep', '-o', 'jsonpath={.items[0].metadata.name}');
  const secret = withShellText(['istioctl', '--context', context, 'proxy-config', 'secret'], '"$POD.foo" -o json');
  return [
    '## 6. Does it hold?',
    '',
    ...(cluster.role.namespaces.length === 0 || cluster.role.namespaces.includes('foo')
      ? []
      : [
          'The PKI role does not sign for the namespace `foo` of the sample: add it to `role.namespaces` first, or check a pod of your own.',
          '',
        ]),
    ...shell(
      kube('apply', '-f', at('sample/sample.yaml')),
      kube('rollout', 'status', 'deployment/sleep', '-n', 'foo', '--timeout=5m'),
      `POD=$(${sample})`,
      kube('get', 'pods', '-n', 'foo'),
      `${words(['bash', at('verify.sh'), '--workload'])} "foo/$POD"`,
    ),
    cluster.istioCsr.rootFile === 'root'
      ? 'See: the pod `2/2 Running`, then a line a check, each `ok`, and exit code 0 (1: a check failed; 3: something could not be checked).'
      : 'See: the pod `2/2 Running`, then a line a check, and `FAIL` for ROOTCA: it is the intermediate, as the config asks for.',
    '',
    'The same by eye, the chain and ROOTCA of the sample:',
    '',
    ...shell(
      `SECRETS=$(${secret})`,
      'for part in tlsCertificate.certificateChain validationContext.trustedCa; do',
      `  jq -r --arg part "$part" '.dynamicActiveSecrets[].secret | getpath($part / ".").inlineBytes // empty' <<<"$SECRETS" |`,
      '    base64 -d | openssl x509 -noout -subject -issuer -fingerprint -sha256',
      'done',
    ),
    `See: a certificate issued by ${code(cluster.intermediate.commonName)}, then the ${cluster.istioCsr.rootFile} with its fingerprint. Take the sample away:`,
    '',
    ...shell(kube('delete', '-f', at('sample/sample.yaml'))),
  ];
}

/** Has cert-manager ask again for istiod's certificate: what it waits for is counted from the time of the last failure. */
export const askAnew = ({ cluster: { istio }, kube }: Pick<ClusterContext, 'cluster' | 'kube'>) =>
  kube('patch', 'certificate', 'istiod', '-n', istio.namespace, '--subresource=status', '--type=json', '-p', FORGET_FAILURE);
const FORGET_FAILURE = JSON.stringify([{ op: 'remove', path: '/status/lastFailureTime' }]);

/** Renewal, and what to do when a step fails. */
export function later(context: ClusterContext): string[] {
  const { cluster, at, kube } = context;
  const {
    auth,
    istio,
    istioCsr,
    issuer: { kind, name, namespace },
  } = cluster;
  const [renewal, again] = auth.method === 'appRole' ? secretRenewal(context) : inOneLine(renewalOf(auth));
  return [
    '## Later',
    '',
    ...renewal,
    ...(again === undefined ? [] : again === 'all' ? shell(words(['bash', at('setup.sh')])) : repairLines(context, again)),
    'Whether somebody has changed in Vault what was planned, field by field, with a token that may only look (`--print-policy --check` prints its policy): exit code 3 where something differs, and `--repair STEP` puts it back.',
    '',
    ...shell(words(['bash', at('setup.sh'), '--check'])),
    ...rotation(context),
    '## When a step fails',
    '',
    ...table(
      ['what you see', 'what to do'],
      [
        ['setup.sh: `this is missing, and nothing was changed`', 'do what its lines say, run it again'],
        [
          'setup.sh: `holds another CA`',
          `the mount is in use: another ${code('intermediate.mount')} in mesh-ca.yaml, synthesize, run it again. Where it is this cluster's own CA that is to be replaced: ${code('intermediate.generation')}, as above`,
        ],
        ['setup.sh --retire: `certificates can live`', 'it is too early, and nothing was changed: run it after the time that it names'],
        ['setup.sh stopped half way, Ctrl-C', 'run it again: it goes on where it stopped, and names what the stopped run left'],
        [
          `Issuer not Ready: ${code(kube('describe', kind.toLowerCase(), name, ...(kind === 'Issuer' ? ['-n', namespace] : [])))}`,
          '`connection refused`, `x509`: the address or `vault.caBundle`, as the cluster sees them; an answer of Vault to a login (`invalid role or secret ID`, `error validating token`, `permission denied`): run setup.sh again',
        ],
        [
          `a Certificate stays False: ${code(kube('get', 'certificaterequests', '-n', istio.namespace))}`,
          `its message is Vault's: ${code('not allowed')} names what the role refuses. After a failure cert-manager waits an hour, and longer after each further one; once the cause is gone, this has it ask at once: ${code(askAnew(context))}`,
        ],
        ...(istioCsr.rootCa.carrier === 'bundle'
          ? [
              [
                `the Bundle is not Synced: ${code(kube('describe', BUNDLES, istioCsr.rootCa.name))}`,
                istioCsr.rootCa.delivered
                  ? `${code('SourceNotFound')}: setup.sh has not run, or trust-manager looks in another namespace: ${code('istioCsr.trustNamespace')}`
                  : 'its message is that of trust-manager; no message: does it run?',
              ],
              [
                'the Bundle is Synced, and there is no ConfigMap',
                `there is no namespace ${code(istioCsr.namespace)}, or trust-manager may not write there: ${code('--target-namespaces')}`,
              ],
            ]
          : []),
        ...(auth.method === 'jwt'
          ? [
              [
                'the Issuer says `claim "/kubernetes.io/serviceaccount/uid" does not match`',
                `the service account was deleted and made again, and the login is bound to the UID of the old one: run ${code(words(['bash', at('setup.sh')]))}`,
              ],
            ]
          : []),
        ...(cluster.requestPolicies.length > 0
          ? [
              [
                'a request is `Denied`, or has no `Approved` at all',
                'the message names the policy and its field; without one, no policy is for whom asks (`spec.username`): `verify.sh` names both',
              ],
            ]
          : []),
        ...(cluster.admission
          ? [
              [
                code("ValidatingAdmissionPolicy '…' denied request"),
                `the message says who can do this. If the config has changed, apply ${code(at(ADMISSION_FILE))} as a cluster administrator first, then try again`,
              ],
            ]
          : []),
        [
          `istio-csr restarts: ${code(kube('logs', `deployment/${istioCsr.name}`, '-n', istioCsr.namespace))}`,
          `no root file: step 4; ${code('clusterID')} refused: ${code('clusterId')} must be the mesh's ID of the cluster`,
        ],
        ['istiod does not start: `MountVolume.SetUp failed … istiod-tls`', 'it waits for its certificate while the old one serves: step 4'],
        ['to go back', `take ${ourPart(cluster)} again; istiod then signs by itself as before, and pods made anew follow it`],
      ],
    ),
  ];
}

const inOneLine = ([text, step]: [text: string, step?: string]): [text: string[], step?: string] => [[text, ''], step];
