import { MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { timeline } from '../../src/report/timeline';
import { rootPem } from '../config/certificates';

const rows = (config: Partial<MeshCaConfig>) =>
  timeline(
    planMeshCa({ vault: { server: 'https://vault.example.com:8200' }, istioVersion: '1.22', clusters: [{ name: 'one' }], ...config }),
  )
    .content.split('\n')
    .filter(line => line.startsWith('| ') && !line.startsWith('| what') && !line.startsWith('| ---'));

const own = [
  '| one: its CA `one Mesh Intermediate CA` | 1825 days after it was made | 1216 days after it was made. At the latest 1823 days | `one/README.md`, `intermediate.generation` |',
  '| one: certificates of workloads, istiod and istio-csr | 1h after each was signed, at the most | at half of it | by themselves |',
];

test('a root whose certificate is known ends on a day, and must be followed before an intermediate would be cut short', () => {
  expect(rows({ root: { certificate: rootPem } })).toStrictEqual([
    '| the root `CN=Mesh root CA` | 2036-11-21 | by 2031-11-23: a later CA below it cannot live as long as planned. At the latest by 2036-11-20 | README.md, section 6 |',
    ...own,
  ]);
});

test('of a root that the script makes or is given, days are counted', () => {
  expect(rows({ root: { source: 'generate' } })[0]).toBe(
    '| the root | 3650 days after it was made | 1825 days after it was made: a later CA below it cannot live as long as planned | README.md, section 6 |',
  );
  expect(rows({})[0]).toBe(
    '| the root | as its certificate says | 1825 days before that: a later CA below it cannot live as long as planned | README.md, section 6 |',
  );
});

test('a policy CA ends before the root, and must be followed before what is below it would be cut short', () => {
  const root = { source: 'generate' } as const;
  expect(
    rows({
      root,
      policyCas: [
        { name: 'upper', ttl: '70080h' },
        { name: 'lower', ttl: '52560h' },
      ],
    }).slice(0, 3),
  ).toStrictEqual([
    '| the root | 3650 days after it was made | 730 days after it was made: a later CA below it cannot live as long as planned | README.md, section 6 |',
    '| the policy CA `upper` in `pki-upper` | 2920 days after it was made | 730 days after it was made: a later CA below it cannot live as long as planned | another `mount` for it, and a higher `intermediate.generation` for each cluster: README.md, "Another policy CA" |',
    '| the policy CA `lower` in `pki-lower` | 2190 days after it was made | 365 days after it was made: a later CA below it cannot live as long as planned | another `mount` for it, and a higher `intermediate.generation` for each cluster: README.md, "Another policy CA" |',
  ]);
});

test('short lifetimes and what logs in have their own', () => {
  const shared = { intermediate: { ttl: '240h' }, certificates: { workloadTtl: '24h' } } as const;
  expect(rows({ ...shared, auth: 'appRole' }).slice(1)).toStrictEqual([
    '| one: its CA `one Mesh Intermediate CA` | 10 days after it was made | 6 days after it was made. At the latest 8 days | `one/README.md`, `intermediate.generation` |',
    '| one: the secret ID | 365 days after it was made | 243 days after it was made | `one/README.md` |',
    '| one: certificates of workloads, istiod and istio-csr | 24h after each was signed, at the most | at half of it | by themselves |',
  ]);
  expect(rows({ auth: 'kubernetes', kubernetes: { host: 'https://192.0.2.1:6443' } })[2]).toMatch(
    /^\| one: the reviewer's token \| \d+ days after it was made \| \d+ days after it was made \| /,
  );
  expect(rows({ auth: 'appRole', appRole: { secretIdTtl: '0' } }).join('\n')).not.toContain('secret ID');
});
