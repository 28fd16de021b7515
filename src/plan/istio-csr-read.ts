import { patternOf } from '../config/formats';
import { show } from '../config/show';
import { Settings, valueAt } from './settings';

/** What the plan reads of the user's own values of istio-csr's chart. */
export interface ReadValues {
  /** DNS names that istiod's certificate has besides those of the revisions: `app.tls.istiodAdditionalDNSNames`. */
  readonly istiodNames: readonly string[];

  /** Port of istio-csr's Service: `service.port`. */
  readonly port: number;

  /** Name of its Deployment, Service and service account: `nameOverride`, else the chart's. */
  readonly name: string;
}

/** The keys of the chart that the plan reads: what it makes of the PKI role, the policies, the self-test and `caAddress` follows from them. */
export const READ_KEYS = [
  'nameOverride',
  'app.tls.istiodAdditionalDNSNames',
  'service.port',
  'app.tls.istiodCertificateEnable',
  'app.certmanager.issuer.enabled',
] as const;

const DNS_NAME = patternOf('dnsName');

/** Reads them, and refuses what cannot be planned. `chart` is the name of the chart. */
export function readValues({ istioCsr: { values } = {}, refuse }: Settings, chart: string): ReadValues {
  const read = (key: (typeof READ_KEYS)[number]) => ({
    value: valueAt(values, key.split('.')),
    wrong: (says: string, value: unknown) => refuse(['istioCsr', 'values', ...key.split('.')], `'${key}' ${says}, got ${show(value)}`),
  });

  const names = read('app.tls.istiodAdditionalDNSNames');
  const given: readonly unknown[] = Array.isArray(names.value) ? names.value : [];
  if (names.value !== undefined && !Array.isArray(names.value)) {
    names.wrong('must be a list of DNS names, e.g. ["istiod.mesh.example.com"]', names.value);
  }
  const isName = (name: unknown): name is string => typeof name === 'string' && DNS_NAME.test(name);
  for (const name of given.filter(one => !isName(one))) {
    names.wrong('must hold whole DNS names, since the PKI role signs no wildcard, e.g. ["istiod.mesh.example.com"]', name);
  }

  const { value: name = chart, ...override } = read('nameOverride');
  if (typeof name !== 'string' || !/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) {
    override.wrong('must be the name of a Service, e.g. "istio-csr-a"', name);
  }

  const { value: port = 443, ...service } = read('service.port');
  if (!Number.isInteger(port) || Number(port) < 1 || Number(port) > 65535) {
    service.wrong('must be a port, which caAddress has too, e.g. 443', port);
  }

  const certificate = read('app.tls.istiodCertificateEnable');
  if (certificate.value === false || certificate.value === 'false') {
    certificate.wrong(
      'must not be false: nothing else makes istiod a certificate; write true, "dynamic", or leave it out',
      certificate.value,
    );
  }
  const issuer = read('app.certmanager.issuer.enabled');
  if (issuer.value === false) {
    issuer.wrong('must not be false: istio-csr would wait for another issuer than the planned one; write true, or leave it out', false);
  }
  return { istiodNames: given.filter(isName), port: Number(port), name: String(name) };
}
