import { MeshCaConfig } from '../config/config';
import { Problem } from '../config/problem';
import type { ClusterPlan, MeshCaPlan } from './plan';
import { Settings } from './settings';

/** Whether a name is one of the domains, or below one. */
const isBelow = (name: string, domains: readonly string[]) => domains.some(domain => name === domain || name.endsWith(`.${domain}`));

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
