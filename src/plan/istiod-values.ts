import { show } from '../config/show';
import type { CertificatesPlan } from './certificates';
import type { IstioPlan } from './istio';
import { leaves } from './istio-csr';
import { asWritten } from './patch-engine';
import { pathOf } from './patch-path';
import { Settings, valueAt } from './settings';
import { appended } from './tables/istiod-layout';

/** Values of istiod that charts of today take at the top too; `pilot` is where every version has them. */
const BELOW_PILOT = [
  'env',
  'extraContainerArgs',
  'jwksResolverExtraRootCA',
  'keepaliveMaxServerConnectionAge',
  'plugins',
  'taint',
  'volumeMounts',
  'volumes',
];

/** A value that istiod takes, and that keeps certificates from being signed or found; `fits` is what it may have all the same. */
interface Breaking {
  readonly fits: (value: unknown, names: readonly string[]) => boolean;
  readonly says: string;
}

/** Read in Istio's chart and in pilot/pkg/features, 1.31. */
const BREAKING: Readonly<Record<string, Breaking>> = {
  'global.caName': {
    fits: value => value === '',
    says: 'has proxies mount certificates of another maker (GkeWorkloadCertificate); remove it, so that they ask istio-csr',
  },
  'global.sds.token.aud': {
    fits: value => value === 'istio-ca',
    says: 'is the audience of the tokens that workloads show, and istio-csr takes "istio-ca" alone; write that, or remove it',
  },
  'pilot.env.ENABLE_CLUSTER_TRUST_BUNDLE_API': {
    fits: value => String(value) === 'false',
    says: 'has every pod mount a ClusterTrustBundle, which istio-csr does not write, so no pod starts; remove it',
  },
  'pilot.env.EXTERNAL_CA': {
    fits: value => value === '',
    says: 'has istiod sign by another CA than istio-csr; remove it',
  },
  'pilot.env.ISTIOD_CUSTOM_HOST': {
    fits: (value, names) =>
      String(value)
        .split(',')
        .every(host => names.includes(host.trim())),
    says: "needs each name in istiod's certificate; write it into istioCsr.values too, as app.tls.istiodAdditionalDNSNames",
  },
};

/** What the plan has decided of istiod. */
export interface DecidedOfIstiod {
  /** istiod. */
  readonly istio: IstioPlan;

  /** Address that workloads send their requests to. */
  readonly caAddress: string;

  /** DNS names of istiod's certificate. */
  readonly istiodNames: readonly string[];

  /** Trust domain. */
  readonly trustDomain: string;

  /** The mesh's ID of the cluster. */
  readonly clusterId: string;

  /** The certificates that the mesh asks for. */
  readonly certificates: CertificatesPlan;
}

/** Refuses what the plan decides, and what cannot be carried to istiod. */
export function refuseValues(
  { istio: { values = {} } = {}, refuse }: Settings,
  { istio, caAddress, istiodNames, trustDomain, clusterId, certificates }: DecidedOfIstiod,
): void {
  const decided: Readonly<Record<string, unknown>> = {
    'global.caAddress': caAddress,
    'global.istioNamespace': istio.namespace,
    'global.multiCluster.clusterName': clusterId,
    // another one would have the sidecars look for the root elsewhere than where istio-csr puts it.
    'global.pilotCertProvider': 'istiod',
    'global.trustBundleName': 'istio-ca-root-cert',
    'global.trustDomain': trustDomain,
    'meshConfig.trustDomain': trustDomain,
    'meshConfig.trustDomainAliases': istio.trustDomainAliases,
    ...Object.fromEntries(
      Object.entries(certificates.proxyMetadata).map(([name, value]) => [`meshConfig.defaultConfig.proxyMetadata.${name}`, value]),
    ),
    'pilot.env.ENABLE_CA_SERVER': 'false',
    revision: istio.revision,
  };
  for (const path of leaves(values)) {
    const at = ['istio', 'values', ...path];
    const key = path.join('.');
    const clash = Object.keys(decided).find(name => key === name || key.startsWith(`${name}.`) || name.startsWith(`${key}.`));
    const value = valueAt(values, path);
    const list = Object.values(appended).find(one => key === one.value);
    const [top = ''] = path;
    if (clash !== undefined) refuse(at, `'${clash}' is decided by the plan, as ${JSON.stringify(decided[clash])}; remove it here`);
    else if (BREAKING[key]?.fits(value, istiodNames) === false) refuse(at, `'${key}' ${BREAKING[key].says}, got ${show(value)}`);
    else if (BELOW_PILOT.includes(top)) refuse(at, `'${top}' stands below pilot, in every version; write pilot.${top}`);
    else if (value === null) refuse(at, `${show(key)} has no value, e.g. "text", true or []; write one, or remove it`);
    else if (list && !Array.isArray(value)) refuse(at, `'${key}' must be a list, e.g. [], got ${show(value)}`);
    else if (pathOf(path) === undefined)
      refuse(at, `a key of istiod's values cannot hold "[", "]" or "\\", nor end with ".", as a patch carries it, got ${show(key)}`);
    else if (asWritten(value) !== value)
      refuse(at, `Istio's patch engine would make a map of this text, as it reads as one; write it without ": ", got ${show(value)}`);
  }
}
