// Plays istio-csr, which cannot be had here, beside the objects that a real cluster has of it: what its chart applies, the status that its
// controllers write, and its root file, which it writes into istio-ca-root-cert of every namespace and puts behind each answer.
import type { ClusterPlan } from '../../../src/plan/plan';
import { type Facts, goodFacts, type KubeObject, objectsOf } from '../../fixtures/verify/mesh';
import type { Mesh } from '../../fixtures/verify/certificates';
import { type Kube, ok, type Vault } from '../harness';
import { dataOf } from '../world';
import { makeCsr } from './certificates';
import { rootFileOf } from './istio-csr';
import type { Held } from './own-ca';

/** Applies an object with strict validation, then its status, which no controller writes here. */
export async function lay(kube: Kube, { status, ...object }: KubeObject): Promise<void> {
  await kube.apply(JSON.stringify(object));
  if (status === undefined) return;
  const { name, namespace } = object.metadata;
  const [group, version] = object.apiVersion.includes('/') ? object.apiVersion.split('/') : ['', object.apiVersion];
  const resource = `${object.kind.toLowerCase()}s${group && `.${version}.${group}`}`;
  const patch = ['--type=merge', '--patch', JSON.stringify({ status })];
  ok(await kube.kubectl(['patch', resource, name, '--namespace', namespace, '--subresource=status', ...patch]));
}

/** What Vault signs by the plan's PKI role, with the intermediate behind it. */
export async function signedByVault(vault: Vault, { role }: ClusterPlan, names: readonly string[], cn?: string) {
  const { csr, key } = await makeCsr(names, cn);
  const { body } = await vault.request('POST', role.signPath, { csr, ...(cn === undefined ? {} : { common_name: cn }) });
  const { certificate, issuing_ca: ca } = dataOf(body) as { certificate?: string; issuing_ca: string };
  if (certificate === undefined) throw new Error(`Vault signs nothing: ${JSON.stringify(body)}`);
  return { chain: `${certificate}\n${ca}\n`, key };
}

/** A workload that istio-csr has answered: leaf, intermediate, and as the last part the whole root file. */
export async function answered(kube: Kube, vault: Vault, plan: ClusterPlan, what: string): Promise<Held> {
  const { chain } = await signedByVault(vault, plan, ['URI:spiffe://cluster.local/ns/foo/sa/sleep']);
  return { what, chain, rootCa: await rootFileOf(kube, plan) };
}

/** The objects of a mesh as planned, but for those of some names, which a test keeps by itself. */
export async function layAllBut(kube: Kube, plan: ClusterPlan, facts: Partial<Facts>, kept: (object: KubeObject) => boolean) {
  const none = { pem: '' } as Mesh['root'];
  const good = goodFacts(plan, { root: none, intermediate: none, istiod: none, workload: none });
  for (const object of objectsOf(plan, { ...good, ...facts })) if (!kept(object)) await lay(kube, object);
}

/** Writes the root file where istio-csr writes it. */
export async function writeRootMaps(kube: Kube, plan: ClusterPlan, namespaces: readonly string[]): Promise<void> {
  const rootFile = await rootFileOf(kube, plan);
  for (const namespace of namespaces) {
    const patch = JSON.stringify({ data: { 'root-cert.pem': rootFile } });
    ok(await kube.kubectl(['patch', 'configmap', 'istio-ca-root-cert', '-n', namespace, '--type=merge', '--patch', patch]));
  }
}
