import { MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { caConstants } from '../../src/script/ca-steps';
import { clusterSteps, rootSteps } from '../../src/script/steps';
import { rootPem } from '../config/certificates';
import { problemsOf as refusals } from './problems';

const base: MeshCaConfig = {
  vault: { server: 'https://vault.example.com:8200' },
  istioVersion: '1.22',
  clusters: [{ name: 'one' }, { name: 'two', intermediate: { subject: { ou: 'Two' } } }],
};

const problemsOf = (config: Partial<MeshCaConfig>) => refusals({ ...base, ...config });

/** What each CA is asked for and signed with, by the step that makes it. */
function asked(config: Partial<MeshCaConfig>): Record<string, unknown> {
  const plan = planMeshCa({ ...base, ...config });
  const steps = [rootSteps(plan), ...plan.clusters.map(clusterSteps)].flat().filter(({ id }) => /\/(issue|generate)$/.test(id));
  const names = steps.map(({ fields = {} }) => {
    const { ttl: _ttl, key_type: _type, key_bits: _bits, ...name } = fields;
    return name;
  });
  const signed = [...plan.policyCas, ...plan.clusters.map(({ intermediate }) => intermediate)].map(ca => {
    const [{ subject, sign }] = JSON.parse(caConstants([ca])) as [{ subject: string; sign: Record<string, unknown> }];
    // that the name is the CA's own is looked at above.
    const { format: _format, common_name: _name, ttl: _ttl, max_path_length: _path, ...name } = sign;
    return { subject, name };
  });
  return { names, signed };
}

test('without a subject a CA has a common name and nothing else', () => {
  expect(asked({})).toStrictEqual({
    names: [{ common_name: 'one Mesh Intermediate CA' }, { common_name: 'two Mesh Intermediate CA', ou: ['Two'] }],
    signed: [
      { subject: '', name: {} },
      { subject: 'organizationalUnitName=Two', name: { ou: ['Two'] } },
    ],
  });
});

test("each CA is asked for and signed with its own fields in Vault's words; a cluster's own win, field by field", () => {
  const all = {
    organization: 'Example, Ltd',
    ou: 'Mesh',
    country: 'DE',
    locality: 'Berlin',
    province: 'BE',
  };
  const words = {
    organization: ['Example, Ltd'],
    ou: ['Mesh'],
    country: ['DE'],
    locality: ['Berlin'],
    province: ['BE'],
  };
  const subject = 'countryName=DE,localityName=Berlin,organizationName=Example, Ltd,organizationalUnitName=Mesh,stateOrProvinceName=BE';
  expect(
    asked({
      root: { source: 'generate', subject: { country: 'FR' } },
      policyCas: [{ name: 'policy', subject: all }],
      intermediate: { subject: { organization: 'Example', ou: 'Mesh' } },
    }),
  ).toStrictEqual({
    names: [
      { common_name: 'Mesh Root CA', country: ['FR'] },
      { common_name: 'policy Mesh Policy CA', ...words },
      { common_name: 'one Mesh Intermediate CA', organization: ['Example'], ou: ['Mesh'] },
      { common_name: 'two Mesh Intermediate CA', organization: ['Example'], ou: ['Two'] },
    ],
    signed: [
      { subject, name: words },
      { subject: 'organizationName=Example,organizationalUnitName=Mesh', name: { organization: ['Example'], ou: ['Mesh'] } },
      { subject: 'organizationName=Example,organizationalUnitName=Two', name: { organization: ['Example'], ou: ['Two'] } },
    ],
  });
});

test.each([
  [{}, 'this one is imported'],
  [{ source: 'existing' }, 'this one is in Vault already'],
  [{ source: 'offline', certificate: rootPem }, 'this one is not in Vault'],
] as const)('fails if a root that Vault does not generate has one: %j', (root, what) => {
  expect(problemsOf({ root: { ...root, subject: { country: 'DE' } } })).toEqual([
    [
      'root.subject',
      `'subject' is of a root that Vault generates, and ${what}; remove it, or write source: generate, got {"country":"DE"}`,
    ],
  ]);
});

test.each([
  [{ country: 'de' }, 'country', `'country' must be the two capital letters of a country, e.g. "DE", got "de"`],
  [
    { organization: 'a\u202eb' },
    'organization',
    `'organization' must be a text of 1 to 64 characters, without control characters or spaces at its ends, e.g. "Example Ltd", got "a\\u{202e}b"`,
  ],
])('fails if a field is none of a name: %j', (subject, key, message) => {
  expect(problemsOf({ policyCas: [{ name: 'policy', subject }] })).toEqual([[`policyCas.0.subject.${key}`, message]]);
});
