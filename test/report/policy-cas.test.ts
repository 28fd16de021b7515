import { MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { policyCaChange } from '../../src/report/policy-cas';

const text = (config: Partial<MeshCaConfig>) =>
  policyCaChange(
    planMeshCa({
      vault: { server: 'https://vault.example.com:8200' },
      istioVersion: '1.22',
      clusters: [{ name: 'east' }, { name: 'west' }],
      root: { source: 'generate' },
      ...config,
    }),
  ).join('\n');

test('a policy CA is followed by one in another mount, with the next intermediates below it, and goes when nothing is below it', () => {
  const said = text({ policyCas: [{ name: 'mesh' }] });
  expect([...said.matchAll(/^```(?:sh|yaml)\n([^]*?)\n```$/gm)].map(([, body = '']) => body.split('\n'))).toEqual([
    ['cp dist/README.md policy-ca-change.md', 'vault read -field=certificate pki-mesh/cert/ca >former-mesh.pem'],
    [
      'policyCas: # what else stands there stays',
      '  - name: mesh',
      '    mount: pki-mesh-2',
      'intermediate:',
      '  generation: 2 # below each cluster, where it stands there',
    ],
    ['bash dist/root/setup.sh', 'bash dist/east/setup.sh', 'bash dist/west/setup.sh'],
    ['bash dist/east/setup.sh --retire', 'bash dist/west/setup.sh --retire'],
    [
      'vault read -field=certificate pki-mesh/cert/ca | openssl x509 -noout -fingerprint -sha256 | grep -qxF "$(openssl x509 -in former-mesh.pem -noout -fingerprint -sha256)" && vault secrets disable pki-mesh',
    ],
  ]);
  expect(said).not.toContain('further down');
});

test('of a chain, those below the one that is replaced are replaced with it', () => {
  const said = text({ policyCas: [{ name: 'corp' }, { name: 'mesh' }] });
  expect(said).toContain('it is the same one in another mount, and so is each one below it.');
  expect(said).toContain('mount: pki-corp-2\n  - name: mesh\n    mount: pki-mesh-2\n');
  expect(said).toContain('See: `the CA of pki-mesh-2` among the steps of the first one');
});

test('where workloads trust the intermediate itself, that has to end first', () => {
  const clusters = [{ name: 'east', istioCsr: { rootFile: 'intermediate' } }, { name: 'west' }] as const;
  expect(text({ policyCas: [{ name: 'mesh' }], clusters })).toContain('as those of `east` do:** change that first');
  expect(text({ policyCas: [{ name: 'mesh' }] })).not.toContain('rootFile');
});

test('nothing is said of policy CAs where there are none', () => {
  expect(text({})).toBe('');
});
