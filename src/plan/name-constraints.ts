import { MeshCaConfig } from '../config/config';
import { Problem } from '../config/problem';
import type { ClusterPlan, MeshCaPlan } from './plan';
import { CaPlan } from './pki';
import { Settings } from './settings';

/** Whether a name is one of the domains, or below one. */
const isBelow = (name: string, domains: readonly string[]) => domains.some(domain => name === domain || name.endsWith(`.${domain}`));

/** Whether a trust domain is one of the domains; one with a leading dot holds what is below it, and not itself (RFC 5280, 4.2.1.10). */
const isWithin = (trustDomain: string, domains: readonly string[]) =>
  domains.some(domain => (domain.startsWith('.') ? trustDomain.endsWith(domain) : trustDomain === domain));

/** Why a CA cannot have URI name constraints, in words that follow the key; nothing where it can, or has none. */
export function refuseUriDomains({ signer, permittedUriDomains }: Pick<CaPlan, 'signer' | 'permittedUriDomains'>): string | undefined {
  if (permittedUriDomains.length === 0 || signer === undefined) return undefined;
  return `is for a CA that an offline root signs, and Vault signs this one (${signer.mount}): Vault writes no name constraints for URIs; remove it, or write it at the CA below root.source: offline`;
}

/** Refuses name constraints that leave out a DNS name of the mesh: Vault would sign it all the same, and nobody accept it. */
export function refuseNamesOutside(
  { policyCas }: Pick<MeshCaConfig, 'policyCas'>,
  clusters: readonly ClusterPlan[],
  settings: readonly Settings[],
  { root, problems }: Pick<MeshCaPlan, 'root'> & { readonly problems: Problem[] },
): void {
  const namesOf = ({ istioCsr }: ClusterPlan) => istioCsr.askedNames;
  // at the last domain, where another one is to be added.
  const refuse = (path: readonly (string | number)[], domains: readonly string[], outside: string | undefined) => {
    if (domains.length === 0 || outside === undefined) return;
    const message = `'permittedDnsDomains' must hold the DNS names that the mesh asks for, e.g. ["${outside.replace(/^.*[.]/, '')}"], got ${JSON.stringify(domains)} without "${outside}"`;
    problems.push({ path: [...path, domains.length - 1], message });
  };
  const refuseUris = (path: readonly (string | number)[], domains: readonly string[] = [], below: readonly ClusterPlan[]) => {
    const outside = below.find(({ trustDomain }) => !isWithin(trustDomain, domains))?.trustDomain;
    if (domains.length === 0 || outside === undefined) return;
    const message = `'permittedUriDomains' must hold the trust domain of each cluster below it, e.g. ["${outside}"], got ${JSON.stringify(domains)} without "${outside}"`;
    problems.push({ path: [...path, domains.length - 1], message });
  };
  (policyCas ?? []).forEach(({ permittedUriDomains }, i) =>
    refuseUris(['policyCas', i, 'permittedUriDomains'], permittedUriDomains, clusters),
  );
  clusters.forEach((cluster, i) => {
    const path = settings[i]?.locate(['intermediate', 'permittedUriDomains']) ?? [];
    refuseUris(path, cluster.intermediate.permittedUriDomains, [cluster]);
  });
  const all = clusters.flatMap(namesOf);
  const shared: [path: readonly (string | number)[], domains: readonly string[]][] = [
    [['root', 'permittedDnsDomains'], root.generate.permittedDnsDomains],
    ...(policyCas ?? []).map(({ permittedDnsDomains = [] }, i): [readonly (string | number)[], readonly string[]] => [
      ['policyCas', i, 'permittedDnsDomains'],
      permittedDnsDomains,
    ]),
  ];
  for (const [path, domains] of shared) {
    const outside = all.find(name => !isBelow(name, domains));
    refuse(path, domains, outside);
  }
  clusters.forEach((cluster, i) => {
    const domains = cluster.intermediate.permittedDnsDomains;
    const outside = namesOf(cluster).find(name => !isBelow(name, domains));
    refuse(settings[i]?.locate(['intermediate', 'permittedDnsDomains']) ?? [], domains, outside);
  });
}
