import { MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { caConstants } from '../../src/script/ca-steps';
import { rootSteps } from '../../src/script/steps';
import { rootPem } from '../config/certificates';
import { problemsOf as refusals } from './problems';

const base: MeshCaConfig = {
  vault: { server: 'https://vault.example.com:8200' },
  istioVersion: '1.22',
  clusters: [{ name: 'one' }, { name: 'two', istio: { namespace: 'mesh' } }],
};

const problemsOf = (config: Partial<MeshCaConfig>) => refusals({ ...base, ...config });

test('by default a CA may sign any name; where the config says DNS domains, Vault is told, and what is there is compared with them', () => {
  const { clusters } = planMeshCa(base);
  const constants = ({ intermediate }: (typeof clusters)[number]) =>
    (JSON.parse(caConstants([intermediate])) as Record<string, unknown>[])[0];
  expect(clusters.map(constants)).toMatchObject([{ permitted: '' }, { permitted: '' }]);
  expect(JSON.stringify(clusters.map(constants))).not.toContain('permitted_dns_domains');

  const plan = planMeshCa({
    ...base,
    root: { source: 'generate', permittedDnsDomains: ['svc', 'example.com'] },
    intermediate: { permittedDnsDomains: ['svc', 'example.com'] },
  });
  expect(rootSteps(plan).find(({ id }) => id === 'root/generate')?.fields).toMatchObject({ permitted_dns_domains: ['svc', 'example.com'] });
  expect(plan.clusters.map(constants)[0]).toMatchObject({
    permitted: 'DNS:example.com,DNS:svc',
    sign: { permitted_dns_domains: ['svc', 'example.com'] },
  });
});

test('every name that the mesh asks for is in it, or below', () => {
  const names = ['istiod.istio-system.svc', 'mesh.svc', 'cert-manager-istio-csr.cert-manager.svc'];
  expect(problemsOf({ intermediate: { permittedDnsDomains: names } })).toEqual([]);
});

test('fails if a name of the mesh is outside, at each level, and all of it at once', () => {
  const message = (got: string, without: string) =>
    `'permittedDnsDomains' must hold the DNS names that the mesh asks for, e.g. ["svc"], got ["${got}"] without "${without}"`;
  expect(
    problemsOf({
      root: { source: 'generate', permittedDnsDomains: ['example.com'] },
      policyCas: [{ name: 'policy', permittedDnsDomains: ['istio-system.svc'] }],
      intermediate: { permittedDnsDomains: ['vc'] },
    }),
  ).toEqual([
    ['root.permittedDnsDomains.0', message('example.com', 'istiod.istio-system.svc')],
    ['policyCas.0.permittedDnsDomains.0', message('istio-system.svc', 'cert-manager-istio-csr.cert-manager.svc')],
    ['intermediate.permittedDnsDomains.0', message('vc', 'istiod.istio-system.svc')],
    ['intermediate.permittedDnsDomains.0', message('vc', 'istiod.mesh.svc')],
  ]);
});

test('fails if a root that Vault does not generate has some', () => {
  expect(problemsOf({ root: { permittedDnsDomains: ['svc'] } })).toEqual([
    [
      'root.permittedDnsDomains',
      `'permittedDnsDomains' is of a root that Vault generates, and this one is imported; remove it, or write source: generate, got ["svc"]`,
    ],
  ]);
});

describe('URI name constraints', () => {
  const offline = { source: 'offline', certificate: rootPem } as const;
  const problems = (more: Partial<MeshCaConfig>) =>
    refusals({ vault: { server: 'https://vault.example.com:8200' }, istioVersion: '1.22', clusters: [{ name: 'cluster-1' }], ...more });

  test.each<[what: string, more: Partial<MeshCaConfig>]>([
    ['a policy CA of an offline root', { root: offline, policyCas: [{ name: 'p', permittedUriDomains: ['cluster.local'] }] }],
    ['an intermediate of an offline root', { root: offline, intermediate: { permittedUriDomains: ['cluster.local', '.example.com'] } }],
    [
      'a domain below one with a dot',
      { root: offline, trustDomain: 'a.example.com', intermediate: { permittedUriDomains: ['.example.com'] } },
    ],
  ])('are taken for %s', (_, more) => {
    expect(problems(more)).toStrictEqual([]);
  });

  test.each<[what: string, more: Partial<MeshCaConfig>, path: string, message: string]>([
    [
      'an intermediate that Vault signs',
      { intermediate: { permittedUriDomains: ['cluster.local'] } },
      'intermediate.permittedUriDomains',
      'and Vault signs this one (pki)',
    ],
    [
      'a policy CA that Vault signs',
      { root: offline, policyCas: [{ name: 'p' }, { name: 'q', permittedUriDomains: ['cluster.local'] }] },
      'policyCas.1.permittedUriDomains',
      'and Vault signs this one (pki-p)',
    ],
    [
      'one that leaves out the trust domain',
      { root: offline, intermediate: { permittedUriDomains: ['example.com'] } },
      'intermediate.permittedUriDomains.0',
      'without "cluster.local"',
    ],
    [
      'a domain below one without a dot',
      { root: offline, trustDomain: 'a.example.com', policyCas: [{ name: 'p', permittedUriDomains: ['example.com'] }] },
      'policyCas.0.permittedUriDomains.0',
      'without "a.example.com"',
    ],
    [
      'the domain itself at one with a dot',
      { root: offline, trustDomain: 'example.com', intermediate: { permittedUriDomains: ['.example.com'] } },
      'intermediate.permittedUriDomains.0',
      'without "example.com"',
    ],
  ])('are refused for %s', (_, more, path, message) => {
    expect(problems(more)).toStrictEqual([[path, expect.stringContaining(message)]]);
  });
});
