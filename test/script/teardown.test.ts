import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { clusterSteps, rootSteps } from '../../src/script/steps';
import { undoSteps } from '../../src/script/undo';
import { rootPem } from '../config/certificates';

const config = parse(readFileSync('mesh-ca.yaml', 'utf8')) as MeshCaConfig;
const planOf = (more: Partial<MeshCaConfig> = {}) => planMeshCa({ ...config, ...more });
const store = { delivery: 'externalSecret' } as const;

test.each<[way: string, more: Partial<MeshCaConfig>, ids: string[]]>([
  ['jwt', {}, ['cluster/root-ca', 'jwt/role', 'jwt/mount']],
  [
    'kubernetes from outside',
    { auth: 'kubernetes', kubernetes: { host: 'https://10.0.0.1:6443' } },
    ['cluster/root-ca', 'kubernetes/config', 'kubernetes/role', 'kubernetes/mount'],
  ],
  ['appRole', { auth: 'appRole' }, ['cluster/secret-id', 'cluster/root-ca', 'approle/write', 'approle/mount']],
  [
    'wrapped',
    { auth: 'appRole', secret: { delivery: 'wrapped' } },
    ['cluster/secret-id', 'cluster/root-ca', 'approle/write', 'approle/mount'],
  ],
  [
    'externalSecret',
    { auth: 'appRole', secret: store },
    ['cluster/secret-id', 'store/role', 'store/policy', 'cluster/root-ca', 'approle/write', 'approle/mount'],
  ],
  ['a known root', { root: { certificate: rootPem } }, ['jwt/role', 'jwt/mount']],
])('what setup.sh made is taken back in reverse order, each by its own step: %s', (_way, more, ids) => {
  const steps = clusterSteps(planOf(more).clusters[0]!);
  expect(undoSteps(steps).map(({ id }) => id)).toEqual([
    ...ids,
    'policy/write',
    'issuer/default',
    'role/write',
    'intermediate/issue',
    'intermediate/mount',
  ]);
  // what has no undo of its own makes nothing, or goes with what another step made.
  const without = steps.filter(({ undo }) => undo === undefined).map(({ id }) => id);
  expect(without.filter(id => !/\/(tune|urls|tidy|config|role-id|lockout)$|^issuer\/|^cluster\/trust$|^trial$/.test(id))).toEqual([]);
});

test('the root is taken back the same way', () => {
  const ids = (more: Partial<MeshCaConfig>) => undoSteps(rootSteps(planOf(more))).map(({ id }) => id);
  expect(ids({})).toEqual(['root/write', 'root/import', 'root/mount']);
  expect(ids({ root: { source: 'generate' } })).toEqual(['root/write', 'root/generate', 'root/mount']);
  expect(ids({ root: { certificate: rootPem } })).toEqual(['root/import', 'root/mount']);
});
