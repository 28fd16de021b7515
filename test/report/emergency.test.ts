import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { type MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { emergencyRunbook } from '../../src/report/emergency';

const config = parse(readFileSync('mesh-ca.yaml', 'utf8')) as MeshCaConfig;
function textOf(more: Partial<MeshCaConfig> = {}): string {
  const plan = planMeshCa({ ...config, ...more });
  return emergencyRunbook(plan.clusters[0]!, plan);
}
const rowOf = (text: string, what: string) => text.split('\n').find(line => line.startsWith(`| [${what}]`)) ?? '';

test.each<[what: string, more: Partial<MeshCaConfig>]>([
  ['jwt', {}],
  ['kubernetes', { auth: 'kubernetes' }],
  ['appRole', { auth: 'appRole' }],
])('each section has a sentence of purpose, commands and the expected output (%s)', (_what, more) => {
  const sections = textOf(more).split(/^## /m).slice(1);
  expect(sections.map(section => section.split('\n')[0])).toEqual([
    'Decide',
    'Tokens: create them for the moment',
    "cert-manager's login",
    "A workload's key",
    'istio-csr',
    'The node of cert-manager',
    'A node of ztunnel',
    'The setup token',
    'The key of the intermediate CA',
    'The key of the root CA',
    'Open it again',
  ]);
  for (const section of sections.slice(1)) {
    expect(section).toMatch(/^.+\n\n[A-Zi].+[.:]\n\n(?:1\. .*\n\n)?```sh\n[^]*?\n```\n\n *(?:\d\. )?Expected output/);
  }
});

test('the links of the table lead to sections', () => {
  const text = textOf();
  const anchors = [...text.matchAll(/^## (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  );
  const links = [...text.matchAll(/\]\(emergency\.md#([^)]*)\)/g)].map(([, to]) => to);
  expect(links.length).toBeGreaterThan(8);
  expect(links.filter(to => !anchors.includes(to ?? ''))).toEqual([]);
});

test("says when the attacker is out by the plan's lifetimes: the longest that the role signs", () => {
  const text = textOf({ certificates: { workloadTtl: '2h', istiodTtl: '24h' } });
  expect(rowOf(text, "A workload's key")).toContain('| 2 hours, when its certificate expires');
  expect(rowOf(text, 'istio-csr')).toContain('| 24 hours, when the last certificate expires');
  expect(rowOf(text, 'The key of the root CA')).toContain('without restarts after 72 hours');
});

test('tells only a login with a service account to make the account anew, and only jwt about the UID', () => {
  const remove = 'delete serviceaccount vault-issuer';
  expect([textOf(), textOf({ auth: 'kubernetes' }), textOf({ auth: 'appRole' })].map(text => text.includes(remove))).toEqual([
    true,
    true,
    false,
  ]);
  expect([textOf(), textOf({ auth: 'kubernetes' })].map(text => text.includes('bound to the UID'))).toEqual([true, false]);
});

test('makes cert-manager retry after an emergency in which requests fail, and not after one in which they wait', () => {
  const sections = textOf().split(/^## /m);
  const retries = sections.filter(section => section.includes('/status/lastFailureTime')).map(section => section.split('\n')[0]);
  expect(retries).toEqual(['istio-csr', 'The key of the intermediate CA']);
});
