import { dirname, join } from 'node:path';
import { MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { anchor, MESH_CA } from '../../src/report/markdown';
import { synthesize } from '../../src/synth';

const base: MeshCaConfig = { vault: { server: 'https://vault.example.com:8200' }, istioVersion: '1.22', clusters: [{ name: 'east' }] };
/** The texts of a config by path. */
const texts = (config: Partial<MeshCaConfig>) =>
  new Map(
    synthesize(planMeshCa({ ...base, ...config }))
      .filter(({ path }) => path.endsWith('.md'))
      .map(({ path, content }) => [path, content]),
  );
/** A section of the cluster's runbook. */
const section = (title: string, config: Partial<MeshCaConfig> = {}) =>
  texts(config)
    .get('east/README.md')!
    .split(/^## /m)
    .find(part => part.startsWith(`${title}\n`)) ?? '';
const fences = (text: string, language = 'sh') =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)\\n\`\`\`$`, 'gm'))].map(([, body = '']) =>
    body.replaceAll(' \\\n  ', ' ').split('\n'),
  );

test.each<[what: string, config: Partial<MeshCaConfig>]>([
  ['no policy CA', {}],
  ['one policy CA', { policyCas: [{ name: 'mesh' }] }],
  ['two policy CAs', { policyCas: [{ name: 'corp' }, { name: 'mesh' }] }],
])('each link of the texts leads to a file and a heading that are there: %s', (_what, config) => {
  const all = texts(config);
  const links = [...all].flatMap(([path, text]) =>
    [...text.replaceAll(/^```[^]*?^```$/gm, '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => {
      const [file = '', heading] = link.split('#');
      return { link, file: join(dirname(path), file), heading };
    }),
  );
  expect(links.length).toBeGreaterThan(2);
  for (const { link, file, heading } of links) {
    const headings = [...(all.get(file) ?? '').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => anchor(title));
    expect([link, heading === undefined ? headings.length > 0 : headings.includes(`#${heading}`)]).toEqual([link, true]);
  }
});

test('a heading is linked to as GitHub writes it', () => {
  expect(anchor('3. The root CA and the policy CAs')).toBe('#3-the-root-ca-and-the-policy-cas');
  expect(anchor("It's 4.5 `a_b`, c-d")).toBe('#its-45-a_b-c-d');
});

test('a token with the least policy is made in the namespace of Vault that the scripts use', () => {
  const said = fences(section('2. Vault: the intermediate CA and the way in', { vault: { ...base.vault, namespace: 'team/a' } }));
  expect(said).toContainEqual([
    'bash dist/east/setup.sh --print-policy | vault policy write -namespace=team/a mesh-ca-setup-east -',
    'bash dist/east/setup.sh --print-policy --ca | vault policy write -namespace=team/a mesh-ca-setup-east-ca -',
    'vault token create -namespace=team/a -type=batch -policy=mesh-ca-setup-east -policy=mesh-ca-setup-east-ca -ttl=1h',
  ]);
  expect(section('2. Vault: the intermediate CA and the way in')).toContain(
    'For `--plan` and `--check`, the policy that `--print-policy --check` prints is enough; call it `mesh-ca-setup-east-check`.',
  );
});

test('the section on emergencies leads to emergency.md, where the commands are', () => {
  const text = section('In an emergency');
  expect(text).toContain('[emergency.md](emergency.md)');
  expect(fences(text)).toEqual([['bash dist/east/emergency.sh --help']]);
});

test('the day of the end is no day that could be taken over, and goes when the next intermediate comes', () => {
  const text = section('The next intermediate');
  const [end, next] = fences(text, 'yaml').map(lines => lines.at(-1)?.trim());
  expect([end, next]).toEqual(['notAfter: "YEAR-MONTH-DAY"', 'generation: 2']);
  expect(() => planMeshCa({ ...base, intermediate: { notAfter: 'YEAR-MONTH-DAY' } })).toThrow("'notAfter'");
  expect(text).toContain('Take `notAfter` out with it');
});

test('the former intermediate is removed with a policy of its own, and a key that stays is named', () => {
  const text = section('The next intermediate');
  expect(fences(text).at(-1)).toEqual([
    'bash dist/east/setup.sh --print-policy --retire | vault policy write mesh-ca-setup-east-retire -',
    'vault token create -type=batch -policy=mesh-ca-setup-east-retire -ttl=1h',
    'bash dist/east/setup.sh --retire',
  ]);
  expect(text).toContain('Its key goes too, unless another issuer has it, which is named then.');
});

describe('with monitoring', () => {
  const text = section('1. Namespaces and cert-manager', { monitoring: true });
  const lines = fences(text).flat();

  test("the Prometheus operator's kinds are looked for before the first chart that needs them", () => {
    const look = lines.indexOf(
      'kubectl --context east get crds servicemonitors.monitoring.coreos.com prometheusrules.monitoring.coreos.com',
    );
    expect(look).toBeGreaterThan(-1);
    expect(look).toBeLessThan(lines.findIndex(line => line.includes('prometheus.servicemonitor.enabled=true')));
    expect(section('1. Namespaces and cert-manager')).not.toContain('Prometheus');
  });

  test('a cert-manager that was there keeps its version', () => {
    expect(lines.at(-1)).toBe(
      'helm --kube-context east upgrade cert-manager jetstack/cert-manager --namespace cert-manager --version YOURS --reuse-values --set prometheus.servicemonitor.enabled=true --wait --timeout 5m',
    );
    expect(lines.at(-2)).toBe('helm --kube-context east list --all-namespaces --filter cert-manager');
  });
});

test('a command of the runbooks is called by one word everywhere', () => {
  const all = [...texts({ root: { source: 'generate' }, policyCas: [{ name: 'mesh' }] }).values()].join('\n');
  expect(all.replaceAll('Made by mesh-ca synth', '').replaceAll(`${MESH_CA} synth`, '')).not.toContain('mesh-ca synth');
});
