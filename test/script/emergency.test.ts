import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { seesLogins } from '../../src/script/auth-steps';
import { emergencies, livesOn } from '../../src/script/emergency';
import { clusterSteps } from '../../src/script/steps';
import { rootPem } from '../config/certificates';

const config = parse(readFileSync('mesh-ca.yaml', 'utf8')) as MeshCaConfig;
const clusterOf = (more: Partial<MeshCaConfig> = {}) => planMeshCa({ ...config, ...more }).clusters[0]!;

test.each<[more: Partial<MeshCaConfig>, login: string]>([
  [{}, 'jwt/role'],
  [{ auth: 'kubernetes' }, 'kubernetes/role'],
  [{ auth: 'appRole' }, 'approle/write'],
  [{ auth: 'clientCertificate', clientCertificate: { certificate: rootPem, allowedNames: ['cert-manager.example.com'] } }, 'cert/role'],
  [{ auth: 'aws', aws: { iamRoleArn: 'arn:aws:iam::123456789012:role/mesh-ca', region: 'eu-central-1' } }, 'aws/role'],
])('each command takes back steps of setup.sh, or revokes: %j', (more, login) => {
  const cluster = clusterOf(more);
  expect(emergencies(cluster).map(({ name, steps }) => [name, steps.map(({ id }) => id)])).toEqual([
    // the record comes last, so that nothing delays the closing.
    ['block-login', [login, 'policy/write', 'block-login/record']],
    ['block-role', ['role/write', 'block-role/record']],
    ['revoke-intermediate', ['issuer/revoke', 'certificate/revoke']],
  ]);
  // what they do is what those steps say of themselves.
  const undo = new Map(clusterSteps(cluster).map(step => [step.id, step.undo]));
  const taken = emergencies(cluster).flatMap(({ steps }) => steps.filter(({ id }) => undo.has(id)));
  expect(taken).toHaveLength(3);
  for (const { id, ...step } of taken) {
    const { needs, ...rest } = undo.get(id)!;
    // the login's also sees who else can log in.
    const look = { ...needs.look, ...(id === login && seesLogins(cluster.auth)) };
    expect(step).toEqual({ ...rest, needs: { ...needs, look } });
  }
});

test('says how long what is signed goes on, by the longest that the role signs', () => {
  const [ends, stops] = livesOn(clusterOf({ certificates: { workloadTtl: '2h', istiodTtl: '24h' } }));
  expect(ends).toContain("a workload's certificate for up to 2h, istiod's 24h, istio-csr's own 1h");
  expect(stops).toContain('the first certificates end about 1h from now, the last 24h from now');
  expect(livesOn(clusterOf({ certificates: { workloadTtl: '90m' } }))[1]).toContain('about 45m from now, the last 90m from now');
});

test("names how long a token of a login lives, by the method's own lifetimes", () => {
  const next = (more: Partial<MeshCaConfig>) => emergencies(clusterOf(more))[0]?.next;
  expect(next({})).toContain('lives for up to 10m');
  expect(next({ auth: 'appRole', appRole: { tokenTtl: '20m', tokenMaxTtl: '3h' } })).toContain('lives for up to 20m');
  expect(next({ auth: 'appRole', appRole: { tokenTtl: '20m', tokenMaxTtl: '3h', tokenType: 'service' } })).toContain('lives for up to 3h');
});
