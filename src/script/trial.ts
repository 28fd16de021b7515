import { ClusterPlan } from '../plan/plan';

/** Names of a CSR in OpenSSL's words: `CN=…` first, then the SANs. */
type Names = string;

/** The trial's commands: what must be signed, then what must be refused, each beside what makes it right. */
export function trialCommands({ trustDomain, istio, istioCsr }: ClusterPlan): string[][] {
  const [istiodName = ''] = istio.dnsNames;
  const istiodId = `URI:spiffe://${trustDomain}/ns/${istio.namespace}/sa/istiod-service-account`;
  const istiodDns = istio.dnsNames.map(name => `DNS:${name}`).join(',');
  const istiod: Names = `CN=${istiodName},${istiodDns},${istiodId}`;
  const serving: Names = `DNS:${istioCsr.dnsName}`;
  const workload: Names = `URI:spiffe://${trustDomain}/ns/mesh-ca-trial/sa/default`;

  const dns = (name: string) => `name ${literal(name)} not allowed`;
  const refusals: [what: string, names: Names, message: string, right: Names][] = [
    ['a workload of another trust domain', `URI:spiffe://other.${trustDomain}/ns/mesh-ca-trial/sa/default`, 'URI Subject Alternative', workload],
    ['another service', 'DNS:mesh-ca-trial.default.svc', dns('mesh-ca-trial.default.svc'), serving],
    ["a subdomain of istio-csr's name", `DNS:mesh-ca-trial.${istioCsr.dnsName}`, dns(`mesh-ca-trial.${istioCsr.dnsName}`), serving],
    ['an IP address', 'IP:10.0.0.1', 'IP Subject Alternative', serving],
    ['localhost', 'DNS:localhost', dns('localhost'), serving],
    ['a wildcard', `DNS:*.${istioCsr.dnsName}`, dns(`*.${istioCsr.dnsName}`), serving],
    [
      'a foreign common name',
      `CN=mesh-ca-trial.default.svc,${istiodDns},${istiodId}`,
      dns('mesh-ca-trial.default.svc'),
      istiod,
    ],
  ];
  return [
    ['trial_login'],
    ['signs', 'istiod', istiod],
    ['signs', "istio-csr's own server", serving],
    ['signs', 'a workload', workload],
    ...refusals.map(([what, names, message, right]) => ['refuses', what, names, message, right]),
    ['trial_end'],
  ];
}

/** A name as a literal in a regular expression of grep -E. */
const literal = (name: string) => name.replace(/[.*]/g, '[$&]');
