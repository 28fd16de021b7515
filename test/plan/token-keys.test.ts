import { MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { rotatesKeys } from '../../src/plan/token-keys';

const eks = 'https://oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF';

test.each([
  [eks, true],
  ['https://oidc.eks.cn-north-1.amazonaws.com.cn/id/0123456789ABCDEF', true],
  ['https://container.googleapis.com/v1/projects/p/locations/europe-west3/clusters/c', true],
  ['https://westeurope.oic.prod-aks.azure.com/00000000-0000-0000-0000-000000000000/11111111-1111-1111-1111-111111111111/', true],
  ['https://kubernetes.default.svc.cluster.local', false],
  ['https://oidc.eks.example.com/id/A', false],
  ['https://example.com/https://container.googleapis.com/', false],
])('the provider of %s changes its keys by itself: %s', (issuer, rotates) => {
  expect(rotatesKeys(issuer)).toBe(rotates);
});

test.each<[what: string, more: Partial<MeshCaConfig>, warned: boolean]>([
  ['keys that are copied', { jwt: { issuer: eks } }, true],
  ['keys that Vault reads anew', { jwt: { issuer: eks, discoveryUrl: eks } }, false],
  ['another way in', { auth: 'appRole' }, false],
])('with %s: there is a warning: %s', (_, more, warned) => {
  const { clusters } = planMeshCa({
    vault: { server: 'https://vault.example.com:8200' },
    istioVersion: '1.24',
    clusters: [{ name: 'cluster-1' }],
    ...more,
  });
  const found = clusters.flatMap(({ warnings }) => warnings).filter(({ key }) => key === 'jwt.issuer');
  expect(found.map(({ message }) => message)).toEqual(warned ? [expect.stringContaining(`write jwt.discoveryUrl: ${eks}`)] : []);
});
