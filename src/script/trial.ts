import { ClusterPlan } from '../plan/plan';

/** Names of a CSR in OpenSSL's words: `CN=…` first, then the SANs. */
type Names = string;

/** The names of a workload that nobody has, in a namespace that the role signs for. */
export const trialWorkload = ({ trustDomain, role: { namespaces } }: Pick<ClusterPlan, 'trustDomain' | 'role'>): Names =>
  `URI:spiffe://${trustDomain}/ns/${namespaces.at(-1) ?? 'mesh-ca-trial'}/sa/default`;

/** The trial's commands: what must be signed, then what must be refused, each beside what makes it right. */
export function trialCommands(cluster: ClusterPlan): string[][] {
  const { trustDomain, istio, istioCsr } = cluster;
  const { commonName, dnsNames } = istioCsr.istiodCertificate;
  const istiodId = `URI:spiffe://${trustDomain}/ns/${istio.namespace}/sa/istiod-service-account`;
  const istiodDns = dnsNames.map(name => `DNS:${name}`).join(',');
  const istiod: Names = `CN=${commonName},${istiodDns},${istiodId}`;
  const serving: Names = `DNS:${istioCsr.dnsName}`;
  const workload = trialWorkload(cluster);

  const dns = (name: string) => `name ${literal(name)} not allowed`;
  // each is one of the three above with one name changed, so that nothing but the name can be what Vault refuses.
  const refusals: [what: string, names: Names, message: string][] = [
    ['a workload of another trust domain', `URI:spiffe://other.${trustDomain}/ns/mesh-ca-trial/sa/default`, 'URI Subject Alternative'],
    ...(cluster.role.namespaces.length === 0
      ? []
      : [
          [
            'a workload of another namespace',
            `URI:spiffe://${trustDomain}/ns/${otherThan(cluster.role.namespaces)}/sa/default`,
            'URI Subject Alternative',
          ] as [string, Names, string],
        ]),
    ['another service', 'DNS:mesh-ca-trial.default.svc', dns('mesh-ca-trial.default.svc')],
    ["a subdomain of istio-csr's name", `DNS:mesh-ca-trial.${istioCsr.dnsName}`, dns(`mesh-ca-trial.${istioCsr.dnsName}`)],
    ['an IP address', 'IP:10.0.0.1', 'IP Subject Alternative'],
    ['localhost', 'DNS:localhost', dns('localhost')],
    ['a wildcard', `DNS:*.${istioCsr.dnsName}`, dns(`*.${istioCsr.dnsName}`)],
    ['a foreign common name', `CN=mesh-ca-trial.default.svc,${istiodDns},${istiodId}`, dns('mesh-ca-trial.default.svc')],
  ];
  return [
    ['trial_login'],
    ['signs', 'istiod', istiod],
    ['signs', "istio-csr's own server", serving],
    ['signs', 'a workload', workload],
    ...refusals.map(row => ['refuses', ...row]),
    // the role's max_ttl does not bound it: see the policy.
    ['denies', 'an end of its own choice (not_after)', trialWorkload(cluster)],
    ['trial_end'],
  ];
}

/** A namespace that is not one of these. */
const otherThan = (namespaces: readonly string[]) =>
  Array.from({ length: namespaces.length + 1 }, (_, i) => `mesh-ca-trial${i === 0 ? '' : `-${i}`}`).find(
    one => !namespaces.includes(one),
  ) ?? '';

/** The trial of a login alone: that it works, and that what it is for works. */
export function loginTrialCommands(cluster: ClusterPlan): string[][] {
  return [['trial_login'], ['signs', 'a workload', trialWorkload(cluster)], ['trial_end']];
}

/** A name as a literal in a regular expression of grep -E. */
const literal = (name: string) => name.replace(/[.*]/g, '[$&]');
