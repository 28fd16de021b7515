import type { ClusterPlan } from './plan';
import { RootPlan } from './pki';
import { Settings } from './settings';

/** Folders of dist/ that no cluster may be called after. */
const RESERVED = ['root'];

/** Refuses names that two clusters share although each must have its own. */
export function refuseSharedNames(clusters: readonly ClusterPlan[], settings: readonly Settings[], root: RootPlan): void {
  const own: [keys: string[], what: string, of: (cluster: ClusterPlan) => string | undefined][] = [
    [['name'], 'name', cluster => cluster.name],
    [['context'], 'context', cluster => cluster.context],
    [['clusterId'], 'clusterId', cluster => cluster.clusterId],
    [['intermediate', 'mount'], 'mount', cluster => cluster.intermediate.mount],
    [['policy', 'name'], 'policy', cluster => cluster.policy.name],
    [['appRole', 'name'], 'AppRole', ({ auth }) => (auth.method === 'appRole' ? auth.path : undefined)],
    [['appRole', 'roleId'], 'roleId', ({ auth }) => (auth.method === 'appRole' ? `${auth.mount}/${auth.roleId}` : undefined)],
    [['secret', 'kv'], 'kv path', kvPath],
    [
      ['secret', 'store', 'role'],
      'role',
      ({ auth }) => (auth.method === 'appRole' && 'store' in auth.secret ? auth.secret.store.path : undefined),
    ],
    [['jwt', 'mount'], 'mount', ({ auth }) => (auth.method === 'jwt' ? auth.mount : undefined)],
    [['kubernetes', 'mount'], 'mount', ({ auth }) => (auth.method === 'kubernetes' ? auth.mount : undefined)],
  ];
  for (const [keys, what, of] of own) {
    const seen = new Map<string, string>();
    clusters.forEach((cluster, i) => {
      const value = of(cluster);
      if (value === undefined) return;
      const other = seen.get(value);
      // a second cluster of the same name has all the same names; one error says it.
      if (other === undefined) seen.set(value, cluster.name);
      else if (keys[0] === 'name' || other !== cluster.name) {
        settings[i]?.refuse(keys, `each cluster needs its own ${what}, e.g. "${cluster.name}-2", got "${value}", which "${other}" has`);
      }
    });
  }
  clusters.forEach(({ name, intermediate }, i) => {
    if (RESERVED.includes(name))
      settings[i]?.refuse(['name'], `'name' must not be "${name}", dist/ has a folder of that name, e.g. "cluster-1"`);
    if (overlaps(intermediate.mount, root.mount)) {
      settings[i]?.refuse(['intermediate', 'mount'], `'mount' must not be the root's, e.g. "istioca-${name}", got "${intermediate.mount}"`);
    }
  });
  const mounts = new Set(clusters.map(cluster => cluster.intermediate.mount));
  clusters.forEach(({ intermediate: { mount } }, i) => {
    const above = parents(mount).find(parent => mounts.has(parent));
    if (above === undefined) return;
    settings[i]?.refuse(
      ['intermediate', 'mount'],
      `'mount' must not lie below another mount, e.g. "istioca", got "${mount}" below "${above}"`,
    );
  });
}

/** Where the secret ID lies in a KV secrets engine. */
const kvPath = ({ auth }: ClusterPlan) =>
  auth.method === 'appRole' && auth.secret.delivery === 'externalSecret' ? `${auth.secret.kv.mount}/${auth.secret.kv.path}` : undefined;

/** The paths above a path, e.g. `a` and `a/b` above `a/b/c`. */
const parents = (path: string) => path.split('/').flatMap((_, i, parts) => (i === 0 ? [] : parts.slice(0, i).join('/')));

/** Vault has no mount below another one. */
const overlaps = (a: string, b: string) => a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
