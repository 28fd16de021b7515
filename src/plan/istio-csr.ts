import { distance } from 'fastest-levenshtein';
import { IstioPlan } from './istio';
import { CertificatesPlan } from './certificates';
import { RootPlan } from './pki';
import { readValues } from './istio-csr-read';
import { planRootCa, RootCaPlan, rootCaValues } from './root-ca';
import { Settings, isRecord } from './settings';
import table from './tables/istio-csr-values.json';
import { LoadPlan } from './load';
import { monitoringValues } from './monitoring';
import { sizeIstioCsr } from './sizing';
import { seconds } from './ttl';
import { compareVersions } from './version';

/** istio-csr. */
export interface IstioCsrPlan {
  /** Name of its Deployment, its Service, its service account and its pods' label `app`, whatever the release is called. */
  readonly name: string;

  /** Name of the Helm release. */
  readonly release: string;

  /** Namespace of the release. */
  readonly namespace: string;

  /** Chart version. */
  readonly chartVersion: string;

  /** DNS name of its Service, which its serving certificate carries. */
  readonly dnsName: string;

  /** istiod's certificate, one for all revisions, as the chart asks for it: with the user's own `app.tls.istiodAdditionalDNSNames`. */
  readonly istiodCertificate: { readonly commonName: string; readonly dnsNames: readonly string[] };

  /** Every DNS name that is asked for: of istiod's certificate and of its own. */
  readonly askedNames: readonly string[];

  /** Address that workloads send their requests to: Istio's `caAddress`. */
  readonly caAddress: string;

  /** What brings the root certificate to its pod. */
  readonly rootCa: RootCaPlan;

  /** Which certificate that is. */
  readonly rootFile: 'root' | 'intermediate';

  /** Helm values by the chart's own keys, e.g. `app.tls.trustDomain`: what the plan decides. */
  readonly values: Readonly<Record<string, unknown>>;

  /** Helm values that the user added, as they were written. */
  readonly extraValues: Readonly<Record<string, unknown>>;
}

interface ValueFacts {
  readonly since: string;
  readonly lastSeen?: string;
  readonly default: Readonly<Record<string, unknown>>;
}

const facts = table as Readonly<Record<string, ValueFacts>>;

/** Name of the chart. */
export const CHART = 'cert-manager-istio-csr';

/** Istio 1.24 and later need an istio-csr of this version or later. */
const ISTIO_1_24_NEEDS = 'v0.13.0';

/** Decides istio-csr's release and values, and checks them against the chart version. */
export function planIstioCsr(
  settings: Settings,
  decided: {
    readonly clusterId: string;
    readonly trustDomain: string;
    readonly certificates: CertificatesPlan;
    readonly istio: IstioPlan;
    readonly istios: readonly IstioPlan[];
    readonly issuer: { readonly name: string; readonly kind: string };
    readonly root: RootPlan;
  },
): IstioCsrPlan {
  const { istioCsr = {}, refuse } = settings;
  const { istio, istios } = decided;
  const namespace = istioCsr.namespace ?? 'cert-manager';
  const chartVersion = `v${(istioCsr.chartVersion ?? 'v0.17.0').replace(/^v/, '')}`;
  const { istiodNames, port, name } = readValues(settings, CHART);
  const dnsName = `${name}.${namespace}.svc`;
  const rootCa = planRootCa(settings, namespace, decided.root);
  const values = planValues(settings, decided, { chartVersion, dnsName, rootCa });
  // the chart keeps the plain name as common name, whatever the revisions, and makes a DNS name of each revision.
  const istiodCertificate = {
    commonName: `istiod.${istio.namespace}.svc`,
    dnsNames: [...new Set([...istios.map(one => one.dnsName), ...istiodNames])],
  };

  // one istio-csr serves them all.
  const needing = istios.find(({ version }) => compareVersions(version, '1.24') >= 0);
  if (needing !== undefined && compareVersions(chartVersion, ISTIO_1_24_NEEDS) < 0) {
    refuse(
      ['istioCsr', 'chartVersion'],
      `'chartVersion' must be at least ${ISTIO_1_24_NEEDS} for Istio ${needing.version}, e.g. "v0.17.0", got "${chartVersion}"`,
    );
  }
  for (const path of leaves(istioCsr.values ?? {})) refuseExtra(path, chartVersion, values, refuse);
  return {
    name,
    release: istioCsr.release ?? CHART,
    namespace,
    chartVersion,
    dnsName,
    istiodCertificate,
    askedNames: [...new Set([istiodCertificate.commonName, ...istiodCertificate.dnsNames, dnsName])],
    caAddress: `${dnsName}:${port}`,
    rootCa,
    rootFile: istioCsr.rootFile ?? 'root',
    values,
    extraValues: istioCsr.values ?? {},
  };
}

/** Adds the values that follow from the load. They are proposals: the user's own win, and a chart version without the key does without. */
export function sizedFor(load: LoadPlan, istioCsr: IstioCsrPlan): IstioCsrPlan {
  const sized = Object.entries(sizeIstioCsr(load, istioCsr.name, istioCsr.extraValues));
  const known = sized.filter(([key]) => knownIn(facts[key], istioCsr.chartVersion));
  return { ...istioCsr, values: { ...istioCsr.values, ...Object.fromEntries(known) } };
}

function planValues(
  settings: Settings,
  { clusterId, trustDomain, certificates, istio, istios, issuer }: Parameters<typeof planIstioCsr>[1],
  { chartVersion, dnsName, rootCa }: { chartVersion: string; dnsName: string; rootCa: RootCaPlan },
): Record<string, unknown> {
  const { istioCsr = {}, refuse } = settings;
  const algorithm = certificates.keyType === 'rsa' ? 'RSA' : 'ECDSA';
  const wanted: Record<string, unknown> = {
    'app.certmanager.namespace': istio.namespace,
    'app.certmanager.issuer.name': issuer.name,
    'app.certmanager.issuer.kind': issuer.kind,
    'app.certmanager.issuer.group': 'cert-manager.io',
    'app.tls.trustDomain': trustDomain,
    'app.tls.certificateDNSNames': [dnsName],
    'app.tls.certificateDuration': certificates.servingTtl,
    'app.tls.istiodCertificateDuration': certificates.istiodTtl,
    'app.tls.istiodCertificateRenewBefore': half(certificates.istiodTtl),
    'app.tls.istiodPrivateKeyAlgorithm': algorithm === 'RSA' ? '' : algorithm,
    'app.tls.istiodPrivateKeySize': certificates.keyBits,
    'app.server.clusterID': clusterId,
    'app.server.maxCertificateDuration': certificates.workloadTtl,
    'app.server.serving.certificateKeySize': certificates.keyBits,
    'app.server.serving.signatureAlgorithm': algorithm,
    'app.istio.namespace': istio.namespace,
    'app.istio.revisions': istios.map(({ revision }) => revision),
    'app.controller.leaderElectionNamespace': istio.namespace,
    'app.controller.disableKubernetesClientRateLimiter': istioCsr.disableKubernetesClientRateLimiter ?? true,
    ...(istio.ambient && { 'app.server.caTrustedNodeAccounts': `${istio.ztunnel.namespace}/${istio.ztunnel.serviceAccount}` }),
    ...rootCaValues(rootCa),
    ...monitoringValues(settings),
  };
  // where the chart does not know the key, what it does without must be what is wanted.
  return Object.fromEntries(
    Object.entries(wanted).filter(([key, value]) => {
      if (knownIn(facts[key], chartVersion)) return true;
      if (JSON.stringify(value) !== JSON.stringify(firstDefault(key))) {
        const since = facts[key]?.since ?? 'no version';
        refuse(
          ['istioCsr', key.endsWith('RateLimiter') ? 'disableKubernetesClientRateLimiter' : 'chartVersion'],
          `chart ${chartVersion} of istio-csr has no ${key}, which ${since} has; it cannot be ${JSON.stringify(value)}, write ${JSON.stringify(firstDefault(key))} or a later chartVersion`,
        );
      }
      return false;
    }),
  );
}

function refuseExtra(path: readonly string[], chartVersion: string, decided: Record<string, unknown>, refuse: Settings['refuse']): void {
  const at = ['istioCsr', 'values', ...path];
  const key = path.join('.');
  const clash = Object.keys(decided).find(name => key === name || key.startsWith(`${name}.`) || name.startsWith(`${key}.`));
  if (clash !== undefined) {
    refuse(at, `'${clash}' is decided by the plan, as ${JSON.stringify(decided[clash])}; remove it here`);
    return;
  }
  const known = Object.keys(facts).find(name => knownIn(facts[name], chartVersion) && (key === name || key.startsWith(`${name}.`)));
  if (known !== undefined || leafTakesAnything(path, chartVersion) || isOpen(path, chartVersion)) return;
  const fact = facts[key];
  const near = Object.keys(facts)
    .filter(name => knownIn(facts[name], chartVersion))
    .reduce((best, name) => (distance(name, key) < distance(best, key) ? name : best), 'replicaCount');
  refuse(
    at,
    fact
      ? `chart ${chartVersion} of istio-csr has no ${key}: it is there from ${fact.since}${fact.lastSeen ? ` to ${fact.lastSeen}` : ''}`
      : `chart ${chartVersion} of istio-csr has no ${key}, did you mean ${near}?`,
  );
}

/** An empty object of a parent that the table lists by its leaves, e.g. `securityContext: {}`. */
function leafTakesAnything(path: readonly string[], chartVersion: string): boolean {
  const parent = `${path.join('.')}.`;
  return Object.keys(facts).some(name => name.startsWith(parent) && knownIn(facts[name], chartVersion));
}

/** A key of the user's below an object that was empty once and has a default key since, e.g. `nodeSelector`. */
function isOpen(path: readonly string[], chartVersion: string): boolean {
  return path.some((_, i) => {
    const parent = path.slice(0, i);
    return JSON.stringify(firstDefault(parent.join('.'))) === '{}' && leafTakesAnything(parent, chartVersion);
  });
}

function knownIn(fact: ValueFacts | undefined, version: string): boolean {
  if (fact === undefined || compareVersions(fact.since, version) > 0) return false;
  return fact.lastSeen === undefined || compareVersions(version, fact.lastSeen) <= 0;
}

/** Whether a version of the chart has a value. */
export const isOfChart = (key: string, chartVersion: string): boolean => knownIn(facts[key], chartVersion);

/** The chart's own value of a key, as of a version of the chart; nothing where it has none. */
export function defaultOf(key: string, chartVersion: string): unknown {
  if (!isOfChart(key, chartVersion)) return undefined;
  return Object.entries(facts[key]?.default ?? {})
    .filter(([since]) => compareVersions(since, chartVersion) <= 0)
    .at(-1)?.[1];
}

const firstDefault = (key: string): unknown => Object.values(facts[key]?.default ?? {})[0];

/** The paths of the values that are no objects with keys. */
export function leaves(value: Readonly<Record<string, unknown>>, above: readonly string[] = []): string[][] {
  return Object.entries(value).flatMap(([key, child]) => {
    const path = [...above, key];
    return isRecord(child) && Object.keys(child).length > 0 ? leaves(child, path) : [path];
  });
}

/** Half of a duration, so that a renewal has as long again to succeed. */
function half(duration: string): string {
  const minutes = Math.floor(seconds(duration) / 120);
  return `${minutes}m`;
}
