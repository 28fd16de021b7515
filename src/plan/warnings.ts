import { MeshCaConfig, RootConfig, UrlsConfig } from '../config/config';
import { weakCertificates } from '../config/pem';
import { isSignedForAnotherHost, stsOf } from './aws-partitions';
import { CertificatesPlan } from './certificates';
import { jumpWarning, Planned } from './canary';
import { isNewerTsb, NEWEST_TSB } from './istio';
import { isKnownVersion } from './layout';
import { PolicyCaPlan } from './policy-cas';
import { Settings, valueAt } from './settings';
import { KNOWN } from './tables/istiod-layout';
import { ISOLATION_BOUNDARIES_SINCE } from './tables/tsb';
import { KEYS_ROTATE, rotatesKeys } from './token-keys';
import { hasBoundaries } from './tsb';
import { seconds } from './ttl';
import { ISSUER_ID } from './urls';

/** An unsafe choice that the config makes by name. */
export interface Warning {
  /**
   * The cluster.
   *
   * @default - all of them
   */
  readonly cluster?: string;

  /** Where the choice was written. */
  readonly path: readonly (string | number)[];

  /** The key, e.g. `intermediate.key`. */
  readonly key: string;

  /** What the choice means, and what to write instead. */
  readonly message: string;
}

/** Names the unsafe choices of what all clusters share. */
export function sharedWarnings({ vault, root = {}, policyCas: given = [] }: MeshCaConfig, policyCas: readonly PolicyCaPlan[]): Warning[] {
  const taken: Warning = {
    path: ['root', 'source'],
    key: 'root.source',
    message: 'the root is taken as Vault holds it, whoever put it there; name its certificate: certificate: root.pem',
  };
  const wide = policyCas.flatMap(({ name, maxPathLength }, i): Warning[] => {
    const least = policyCas.length - i;
    if (given[i]?.maxPathLength === undefined || (maxPathLength !== -1 && maxPathLength <= least)) return [];
    return [
      {
        path: ['policyCas', i, 'maxPathLength'],
        key: 'policyCas.maxPathLength',
        message: `below policy CA "${name}" further CAs may stand that nobody planned; remove it, the number of CAs decides`,
      },
    ];
  });
  const bare: Warning = {
    path: ['vault', 'server'],
    key: 'vault.server',
    message: 'Vault is reached without TLS, so an attacker on the network can read tokens and have certificates signed; write https://',
  };
  return [
    ...(isPlainHttp(vault.server) ? [bare] : []),
    ...(root.source === 'existing' && root.certificate === undefined ? [taken] : []),
    ...rootWarnings(root),
    ...wide,
  ];
}

/** Whether an address is HTTP without TLS on another machine: what is sent there can be read and changed. */
const isPlainHttp = (address = '') => /^http:/.test(address) && !/^http:\/\/(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:|\/|$)/.test(address);

/** Names a root whose key is in Vault by our doing, and weak roots that the workloads trust. */
function rootWarnings({ source = 'import', alsoTrust = [] }: RootConfig): Warning[] {
  const weak = alsoTrust.flatMap((pem, i) =>
    weakCertificates(pem).map(({ weakness }): Warning => ({
      path: ['root', 'alsoTrust', i],
      key: 'root.alsoTrust',
      message: `the workloads trust a weak root, which ${weakness}; remove it as soon as no certificate below it is in use`,
    })),
  );
  if (source !== 'import' && source !== 'generate') return weak;
  const inVault: Warning = {
    path: ['root', 'source'],
    key: 'root.source',
    message: `"${source}" keeps the root's private key in Vault, where a Vault administrator can sign any CA with it; for production, write "offline" with a policy CA in policyCas, as HashiCorp and Istio recommend`,
  };
  return [inVault, ...weak];
}

/** Names the unsafe choices of a cluster. */
export function warningsOf(settings: Settings, { certificates }: { readonly certificates: CertificatesPlan }): Warning[] {
  const { intermediate = {}, role = {}, appRole = {}, secret = {}, istioCsr = {}, istio = {} } = settings;
  const { workloadTtl, istiodTtl, servingTtl } = certificates;
  const unsafe: Choice[] = [
    ...Object.entries({ workloadTtl, istiodTtl, servingTtl }).map(([key, ttl]): Choice => [
      ['certificates', key],
      seconds(ttl) > LONGEST_LEAF,
      `a stolen key can be used for up to ${ttl}, since the mesh checks no revocation; write 24h or less, certificates are renewed automatically`,
    ]),
    [
      ['intermediate', 'key'],
      intermediate.key === 'exported',
      'the CA key leaves Vault and lies in a file; write "internal", and back up with a Vault snapshot',
    ],
    [
      ['intermediate', 'maxPathLength'],
      (intermediate.maxPathLength ?? 0) !== 0,
      'the intermediate may sign further CAs; write 0, it signs workloads only',
    ],
    [
      ['intermediate', 'urls'],
      namesOneIssuer(intermediate.urls),
      `the next generation signs at the same mount, and a URL without ${ISSUER_ID} is about one of the two; write it, e.g. "http://vault.example.com:8200/v1/istioca-${settings.name}/issuer/${ISSUER_ID}/crl/der"`,
    ],
    [
      ['intermediate', 'tidy'],
      intermediate.tidy === false && role.storeCertificates === true,
      'Vault keeps every certificate, also when it has ended; write true',
    ],
    [
      ['role', 'hosts'],
      role.hosts === 'anyService',
      'the role signs every *.svc name, localhost, any IP address and wildcards, so whoever holds its token can be any service; write "exact"',
    ],
    [
      ['role', 'spiffeIds'],
      role.spiffeIds === 'anyPath',
      'the role signs every SPIFFE ID below the trust domain, also those that no workload has; write "workloads"',
    ],
    [
      ['role', 'maxTtl'],
      role.maxTtl !== undefined && seconds(role.maxTtl) > seconds(certificates.maxTtl),
      `the role signs for up to ${role.maxTtl}, the mesh asks for ${certificates.maxTtl}; remove it, certificates decides`,
    ],
    [
      ['role', 'storeCertificates'],
      role.storeCertificates === true,
      'Vault keeps every certificate, so its storage grows with each renewal of each workload; write false',
    ],
    [
      ['appRole', 'tokenType'],
      (appRole.tokenType ?? 'batch') !== 'batch',
      'each signature leaves a token and its lease in Vault; write "batch"',
    ],
    [
      ['appRole', 'secretIdTtl'],
      appRole.secretIdTtl === '0',
      'the secret ID never ends, so a stolen one serves for ever; write "8760h", the setup script renews it',
    ],
    [
      ['jwt', 'issuer'],
      (settings.auth ?? 'jwt') === 'jwt' && settings.jwt?.discoveryUrl === undefined && rotatesKeys(settings.jwt?.issuer ?? ''),
      `${KEYS_ROTATE}; write jwt.discoveryUrl: ${settings.jwt?.issuer}`,
    ],
    [
      ['aws', 'region'],
      settings.auth === 'aws' && isSignedForAnotherHost(settings.aws?.region ?? ''),
      `cert-manager (v1.21.2) signs its login for sts.${settings.aws?.region}.amazonaws.com, while the STS of this partition is ${stsOf(settings.aws?.region ?? '')}; whether that STS accepts the signature is not tested: try the login first, or write auth: jwt`,
    ],
    [
      ['secret', 'delivery'],
      secret.delivery === 'manifest',
      'the secret ID lies in dist/ in plain text, so dist/ must not be committed; write "script"',
    ],
    [
      ['certManager', 'issuerKind'],
      settings.certManager?.issuerKind === 'ClusterIssuer',
      'every namespace can ask it, so whoever may make CertificateRequests anywhere gets any name of the mesh; write "Issuer"',
    ],
    [
      ['certManager', 'admissionPolicy'],
      settings.certManager?.admissionPolicy === true && runsInIstioNamespace(settings),
      "istio-csr or cert-manager runs in istiod's namespace, so a user with write access to it can run pods as istio-csr or cert-manager, whom the policies allow; give both another namespace",
    ],
    [
      ['istioCsr', 'rootFile'],
      istioCsr.rootFile === 'intermediate',
      'the workloads\' ROOTCA is the intermediate, so their chains do not end in the root; write "root"',
    ],
    [
      ['istioCsr', 'disableKubernetesClientRateLimiter'],
      istioCsr.disableKubernetesClientRateLimiter === false,
      'istio-csr signs about 2 certificates a second instead of 34 (measured on two cores); write true',
    ],
    [
      ['istio', 'overlay'],
      istio.overlay === 'guide',
      'the overlay replaces list elements by index and the whole env list, whatever stands there, and leaves trust domain and internalCertProvider to TSB; write "append" or "wellKnown"',
    ],
  ];
  return chosenOf(settings, unsafe);
}

/** Names what is not sure of the versions of the istiods. */
export function istioWarnings([inUse, canary]: readonly [Planned, ...Planned[]]): Warning[] {
  const ofVersion = ({ istio: { version, tsbVersion, namespace, revision, overlay, target }, settings }: Planned) =>
    chosenOf(settings, [
      [
        ['istio', 'values', ...ARGS],
        // Istio's own code reads the values then, and not Helm alone.
        (target.name === 'tsb' || target.name === 'istioOperator') && holdsText(valueAt(settings.istio?.values, ARGS)),
        'istioctl 1.31 refuses a text in this list, and renders nothing; write the argument into istio.overlays, as args[-1]',
      ],
      [
        ['tsbVersion'],
        // what it is called without a revision is published nowhere.
        target.name === 'tsb' &&
          overlay !== 'guide' &&
          revision === 'default' &&
          hasBoundaries({ tsbVersion }) &&
          settings.istio?.istioOperator === undefined,
        `from TSB ${ISOLATION_BOUNDARIES_SINCE} on the IstioOperator of an istiod is called after its revision, and an overlay of another name changes nothing; write what "kubectl get istiooperators -n ${namespace}" lists as istio.istioOperator`,
      ],
      [
        ['tsbVersion'],
        settings.istioVersion === undefined && isNewerTsb(settings.tsbVersion),
        `which Istio TSB ${settings.tsbVersion} ships is not known here, and is taken for that of ${NEWEST_TSB}, ${version}; write istioVersion: "1.NN"`,
      ],
      [
        ['istioVersion'],
        !isKnownVersion(version),
        `what istiod's Deployment looks like is known for Istio ${KNOWN.oldest} to ${KNOWN.newest}, and taken for ${version} from the nearest of them; look at the Deployment once that is applied`,
      ],
    ]);
  if (canary === undefined) return ofVersion(inUse);
  const jump = jumpWarning(inUse.istio, canary.istio);
  // what the canary inherits is said once.
  const own = ofVersion(canary).filter(({ key }) => key.startsWith(CANARY));
  const version = canary.settings.istioVersion === undefined ? 'tsbVersion' : 'istioVersion';
  return [...ofVersion(inUse), ...own, ...chosenOf(canary.settings, [[[version], jump !== undefined, jump ?? '']])];
}

const CANARY = 'istio.canary.';

/** Seconds that a certificate of the mesh may be valid for without a warning: Istio's own default for a workload. */
const LONGEST_LEAF = 86_400;

/** Whether one of those who can use the Issuer runs where users are to be kept from it. */
function runsInIstioNamespace({ istio = {}, istioCsr = {}, certManager = {} }: Settings): boolean {
  const { namespace = 'istio-system' } = istio;
  return [istioCsr.namespace, certManager.namespace].includes(namespace);
}

type Choice = readonly [keys: readonly string[], chosen: boolean, message: string];

function chosenOf({ name, locate }: Settings, choices: readonly Choice[]): Warning[] {
  return choices
    .filter(([, chosen]) => chosen)
    .map(([keys, , message]) => {
      const path = locate(keys);
      // the key as it is written in the config: without what leads to the cluster.
      const key = path.filter((part, i) => typeof part === 'string' && !(i === 0 && part === 'clusters')).join('.');
      return { cluster: name, path, key, message };
    });
}

/** Where Helm takes arguments of istiod. */
const ARGS = ['pilot', 'extraContainerArgs'];
const holdsText = (list: unknown) => Array.isArray(list) && list.some(one => typeof one === 'string');

/** Whether a URL is about one CA of a mount, of which there may be two. OCSP finds the CA by what it is asked. */
const namesOneIssuer = ({ issuingCertificates = [], crlDistributionPoints = [] }: UrlsConfig = {}) =>
  [...issuingCertificates, ...crlDistributionPoints].some(url => !url.includes(ISSUER_ID));
