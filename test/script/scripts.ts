// The plans whose scripts are looked at as shell, and the scripts.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { MeshCaConfig } from '../../src/config/config';
import { ClusterPlan, planMeshCa } from '../../src/plan/plan';
import { adoptScripts } from '../../src/script/adopt';
import { emergencyScript } from '../../src/script/emergency';
import { clusterScript, rootScript } from '../../src/script/setup';
import { rootTeardownScript, teardownScript } from '../../src/script/teardown';
import { rootPem } from '../config/certificates';

export const load = (file: string, more: Partial<MeshCaConfig> = {}) =>
  planMeshCa({ ...(parse(readFileSync(file, 'utf8')) as MeshCaConfig), ...more });

export const plans = {
  recommended: load('mesh-ca.yaml'),
  discovery: load('mesh-ca.yaml', { jwt: { discoveryUrl: 'https://keys.example.com' } }),
  kubernetes: load('mesh-ca.yaml', { auth: 'kubernetes' }),
  outside: load('mesh-ca.yaml', { auth: 'kubernetes', kubernetes: { host: 'https://10.0.0.1:6443' } }),
  appRole: load('mesh-ca.yaml', { auth: 'appRole' }),
  clientCertificate: load('mesh-ca.yaml', {
    auth: 'clientCertificate',
    clientCertificate: { certificate: rootPem, allowedNames: ['cert-manager.example.com'] },
  }),
  aws: load('mesh-ca.yaml', { auth: 'aws', aws: { iamRoleArn: 'arn:aws:iam::123456789012:role/mesh-ca', region: 'eu-central-1' } }),
  bundle: load('mesh-ca.yaml', { istioCsr: { rootCarrier: 'bundle' } }),
  offline: load('mesh-ca.yaml', { root: { source: 'offline', certificate: rootPem } }),
  policyCas: load('mesh-ca.yaml', {
    root: { source: 'offline', certificate: rootPem },
    policyCas: [{ name: 'regional' }, { name: 'mesh' }],
  }),
  guide: load('examples/guide/mesh-ca.yaml'),
};

export const names = Object.keys(plans) as (keyof typeof plans)[];

export function clusterOf(name: keyof typeof plans): ClusterPlan {
  const [cluster] = plans[name].clusters;
  if (!cluster) throw new Error('no cluster');
  return cluster;
}

/** Each script by what it is of. */
export const scripts: readonly (readonly [of: string, text: string])[] = [
  ...(['recommended', 'policyCas', 'guide'] as const).map(name => [`root (${name})`, rootScript(plans[name])] as const),
  ...names.map(name => [`cluster (${name})`, clusterScript(clusterOf(name))] as const),
  ...names.map(name => [`emergency (${name})`, emergencyScript(clusterOf(name))] as const),
  ...names.map(name => [`teardown (${name})`, teardownScript(clusterOf(name))] as const),
  ['teardown of the root', rootTeardownScript(plans.recommended)] as const,
];

/** The scripts that adopt a mesh, and that take it back. */
export const adopting: readonly (readonly [of: string, text: string])[] = (['secret', 'configMap', 'bundle'] as const).flatMap(
  rootCarrier => {
    const [cluster] = load('mesh-ca.yaml', { istioCsr: { rootCarrier } }).clusters;
    return cluster ? adoptScripts(cluster).map(({ file, content }) => [`${file} (${rootCarrier})`, content] as const) : [];
  },
);
