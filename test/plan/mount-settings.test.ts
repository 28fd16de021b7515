import { MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { clusterSteps, rootSteps } from '../../src/script/steps';
import { rootPem } from '../config/certificates';
import { problemsOf as refusals } from './problems';

const base: MeshCaConfig = {
  vault: { server: 'https://vault.example.com:8200' },
  istioVersion: '1.22',
  clusters: [{ name: 'one' }],
};
const plan = (more: Partial<MeshCaConfig> = {}) => planMeshCa({ ...base, ...more });
const none = { issuing_certificates: [], crl_distribution_points: [], ocsp_servers: [], enable_templating: false };
const crl = 'http://vault.example.com:8200/v1/istioca-one/issuer/{{issuer_id}}/crl/der';

const problemsOf = (config: Partial<MeshCaConfig>) => refusals({ ...base, ...config });

/** What the steps write, by path. */
function written(config: Partial<MeshCaConfig> = {}): Record<string, unknown> {
  const made = plan(config);
  const steps = [...rootSteps(made), ...made.clusters.flatMap(clusterSteps)].filter(({ id }) => /[/](urls|tidy)$/.test(id));
  return Object.fromEntries(steps.map(({ run: [[, path = ''] = []], fields }) => [path, fields]));
}

test('by default no mount of ours writes URLs, each mount is told so, and a mount of leaves alone is tidied', () => {
  expect(written({ policyCas: [{ name: 'policy' }] })).toStrictEqual({
    'pki/config/urls': none,
    'pki-policy/config/urls': none,
    'istioca-one/config/urls': none,
    'istioca-one/config/auto-tidy': {
      enabled: true,
      interval_duration: '12h',
      safety_buffer: '72h',
      pause_duration: '0s',
      tidy_cert_store: true,
      tidy_revoked_certs: true,
      tidy_revoked_cert_issuer_associations: false,
      tidy_expired_issuers: false,
      tidy_move_legacy_ca_bundle: false,
    },
  });
});

test('each mount writes the URLs of its own CA, and Vault fills templates in only where there are some', () => {
  const urls = written({
    root: { source: 'generate', urls: { ocspServers: ['http://ocsp.example.com/root'] } },
    policyCas: [{ name: 'policy', urls: { issuingCertificates: ['http://pki.example.com/policy.crt'] } }],
    intermediate: { urls: { crlDistributionPoints: [crl] }, tidy: false },
  });
  expect(urls).toStrictEqual({
    'pki/config/urls': { ...none, ocsp_servers: ['http://ocsp.example.com/root'] },
    'pki-policy/config/urls': { ...none, issuing_certificates: ['http://pki.example.com/policy.crt'] },
    'istioca-one/config/urls': { ...none, crl_distribution_points: [crl], enable_templating: true },
    'istioca-one/config/auto-tidy': { enabled: false },
  });
});

test("a root that is not ours to make keeps its mount's settings", () => {
  expect(Object.keys(written({ root: { source: 'existing' } }))).not.toContain('pki/config/urls');
});

test('a URL of the leaves that is about one CA of the mount is warned of; OCSP is not, nor a storage that is not tidied and holds nothing', () => {
  const keys = (intermediate: MeshCaConfig['intermediate'], role: MeshCaConfig['role'] = {}) =>
    plan({ intermediate, role }).warnings.flatMap(({ key }) => (key === 'root.source' ? [] : [key]));
  expect(keys({ urls: { crlDistributionPoints: [crl], ocspServers: ['http://vault.example.com:8200/v1/istioca-one/ocsp'] } })).toEqual([]);
  expect(keys({ urls: { crlDistributionPoints: ['http://vault.example.com:8200/v1/istioca-one/crl'] } })).toEqual(['intermediate.urls']);
  expect(keys({ urls: { issuingCertificates: ['http://vault.example.com:8200/v1/istioca-one/ca'] } })).toEqual(['intermediate.urls']);
  expect(keys({ tidy: false })).toEqual([]);
  expect(keys({ tidy: false }, { storeCertificates: true })).toEqual(['role.storeCertificates', 'intermediate.tidy'].sort());
});

test.each<[config: Partial<MeshCaConfig>, path: string, message: string]>([
  [
    { root: { source: 'existing', urls: { ocspServers: ['http://ocsp.example.com/root'] } } },
    'root.urls',
    `'urls' is of a root whose mount we make, and this one is in Vault already; remove it, or write source: import, got {"ocspServers":["http://ocsp.example.com/root"]}`,
  ],
  [
    { root: { source: 'offline', certificate: rootPem, urls: {} } },
    'root.urls',
    `'urls' is of a root whose mount we make, and this one is not in Vault; remove it, or write source: import, got {}`,
  ],
  [
    { intermediate: { urls: { ocspServers: ['ldap://ocsp.example.com/x'] } } },
    'intermediate.urls.ocspServers.0',
    `item 1 must be a URL with a path, e.g. "http://vault.example.com:8200/v1/pki/issuer/{{issuer_id}}/crl/der", got "ldap://ocsp.example.com/x"`,
  ],
  [
    { intermediate: { urls: { ocspServers: ['http://ocsp.example.com/{{cluster_path}}'] } } },
    'intermediate.urls.ocspServers.0',
    `item 1 must be a URL with a path, e.g. "http://vault.example.com:8200/v1/pki/issuer/{{issuer_id}}/crl/der", got "http://ocsp.example.com/{{cluster_path}}"`,
  ],
])('fails if %j', (config, path, message) => {
  expect(problemsOf(config)).toEqual([[path, message]]);
});
