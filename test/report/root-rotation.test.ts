import { MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { rootRotation } from '../../src/report/root-rotation';

const base: MeshCaConfig = {
  vault: { server: 'https://vault.example.com:8200' },
  istioVersion: '1.22',
  clusters: [{ name: 'east' }],
  root: { source: 'generate' },
};
/** The YAML and the commands of the change of the root, a fence an item. */
const fences = (config: Partial<MeshCaConfig> = {}) =>
  [
    ...rootRotation(planMeshCa({ ...base, ...config }))
      .join('\n')
      .matchAll(/^```(?:sh|yaml)\n([^]*?)\n```$/gm),
  ].map(([, body = '']) => body.split('\n'));
const chain = { policyCas: [{ name: 'corp' }, { name: 'mesh', mount: 'pki-mesh-3' }] };
const next = [
  'policyCas: # what else stands there stays',
  '  - name: corp',
  '    mount: pki-corp-2',
  '  - name: mesh',
  '    mount: pki-mesh-4',
];

test('the next root is made with the next mounts of the policy CAs, since those of today hold CAs below the present one', () => {
  expect(fences(chain)[1]).toEqual(['root:', '  mount: pki-2', '  commonName: Mesh Root CA 2', ...next]);
  expect(fences()[1]).toEqual(['root:', '  mount: pki-2', '  commonName: Mesh Root CA 2']);
  // the same that the config has when the next root signs.
  expect(fences(chain)[6]).toEqual(expect.arrayContaining(next) as string[]);
});

test('each change makes its root in a folder of its own, so that what the one before has left is not taken for it', () => {
  expect(fences()[2]?.slice(0, 3)).toEqual([
    'node_modules/.bin/mesh-ca synth --config next-2.yaml --out next-2-dist',
    'mkdir -p next-2 && (cd next-2 && bash ../next-2-dist/root/setup.sh)',
    'cp next-2/root.pem root-2.pem',
  ]);
  const second = { root: { source: 'generate', mount: 'pki-2', commonName: 'Mesh Root CA 2' } } as const;
  expect(fences(second)[2]?.slice(0, 3)).toEqual([
    'node_modules/.bin/mesh-ca synth --config next-3.yaml --out next-3-dist',
    'mkdir -p next-3 && (cd next-3 && bash ../next-3-dist/root/setup.sh)',
    'cp next-3/root.pem root-3.pem',
  ]);
});

const print = '-noout -fingerprint -sha256';
const goes = (mount: string, file: string) =>
  `vault read -field=certificate ${mount}/cert/ca | openssl x509 ${print} | grep -qxF "$(openssl x509 -in ${file} ${print})" && vault secrets disable ${mount}`;

test('at its end the policy CAs below the former root go, the lowest first, then that root; what each mount held is kept before', () => {
  expect(fences(chain)[5]).toEqual([
    'vault read -field=certificate pki-corp/cert/ca >former-corp.pem',
    'vault read -field=certificate pki-mesh-3/cert/ca >former-mesh.pem',
    'mv root.pem former-root.pem',
    'mv root-2.pem root.pem',
  ]);
  expect(fences(chain).at(-1)).toEqual([
    goes('pki-mesh-3', 'former-mesh.pem'),
    goes('pki-corp', 'former-corp.pem'),
    goes('pki', 'former-root.pem'),
  ]);
  expect(fences().at(-1)).toEqual([goes('pki', 'former-root.pem')]);
  // a root that is not ours stays, and what we have made below it goes.
  const existing = { root: { source: 'existing', mount: 'corp-root' }, policyCas: [{ name: 'mesh' }] } as const;
  expect(fences(existing).at(-1)).toEqual([goes('pki-mesh', 'former-mesh.pem')]);
});

test('where the clusters have intermediates of different generations, each is given the one after its own', () => {
  const clusters = [{ name: 'east', intermediate: { generation: 3 } }, { name: 'west' }];
  expect(fences({ clusters })[6]?.slice(-7)).toEqual([
    'clusters: # what else stands there stays',
    '  - name: east',
    '    intermediate:',
    '      generation: 4',
    '  - name: west',
    '    intermediate:',
    '      generation: 2',
  ]);
  expect(fences()[6]?.slice(-2)).toEqual(['intermediate:', '  generation: 2 # below each cluster, where it stands there']);
});
