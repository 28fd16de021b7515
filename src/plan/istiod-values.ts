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

/** What the plan has decided of istiod. */
export interface DecidedOfIstiod {
  /** istiod. */
  readonly istio: IstioPlan;

  /** Address that workloads send their requests to. */
  readonly caAddress: string;

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
  { istio, caAddress, trustDomain, clusterId, certificates }: DecidedOfIstiod,
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
    else if (BELOW_PILOT.includes(top)) refuse(at, `'${top}' stands below pilot, in every version; write pilot.${top}`);
    else if (value === null) refuse(at, `${show(key)} has no value, e.g. "text", true or []; write one, or remove it`);
    else if (list && !Array.isArray(value)) refuse(at, `'${key}' must be a list, e.g. [], got ${show(value)}`);
    else if (pathOf(path) === undefined)
      refuse(at, `a key of istiod's values cannot hold "[", "]" or "\\", nor end with ".", as a patch carries it, got ${show(key)}`);
    else if (asWritten(value) !== value)
      refuse(at, `Istio's patch engine would make a map of this text, as it reads as one; write it without ": ", got ${show(value)}`);
  }
}
