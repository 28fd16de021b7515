import type { AuthPlan } from './auth';
import type { ClusterPlan, MeshCaPlan } from './plan';
import { overlaps } from './policy-cas';
import { Settings } from './settings';

/** Folders of dist/ that no cluster may be called after. */
const RESERVED = ['root'];

/** Refuses names that two clusters share although each must have its own. */
export function refuseSharedNames(
  clusters: readonly ClusterPlan[],
  settings: readonly Settings[],
  { root, policyCas }: Pick<MeshCaPlan, 'root' | 'policyCas'>,
): void {
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
    for (const above of [root, ...policyCas]) {
      if (above.mount === undefined || !overlaps(intermediate.mount, above.mount)) continue;
      const whose = above === root ? "the root's" : "a policy CA's";
      settings[i]?.refuse(['intermediate', 'mount'], `'mount' must not be ${whose}, e.g. "istioca-${name}", got "${intermediate.mount}"`);
    }
  });
  refuseSharedLogins(clusters, settings);
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

/** Refuses a mount or an authority for logins that two clusters share: each could sign with the other's CA. */
function refuseSharedLogins(clusters: readonly ClusterPlan[], settings: readonly Settings[]): void {
  // the first cluster with a mount, with one below a path, with an authority; by maps, as there may be thousands.
  const [at, below, by] = [new Map<string, ClusterPlan>(), new Map<string, ClusterPlan>(), new Map<string, ClusterPlan>()];
  clusters.forEach((cluster, i) => {
    const { auth, name } = cluster;
    const refuse = (key: string, message: string) => settings[i]?.refuse([auth.method, key], message);
    const isOther = (other: ClusterPlan | undefined): other is ClusterPlan => other !== undefined && other.name !== name;
    // an AppRole's mount may serve others too; that of the other methods is the cluster's own.
    const near = [at.get(auth.mount), below.get(auth.mount), ...parents(auth.mount).map(parent => at.get(parent))];
    const beside = near.filter(isOther).find(other => !(areAppRoles(other.auth, auth) && other.auth.mount === auth.mount));
    if (beside) {
      refuse(
        'mount',
        `each cluster needs its own mount, e.g. "${auth.method === 'clientCertificate' ? 'cert' : auth.method}-${name}", got "${auth.mount}", and "${beside.name}" has "${beside.auth.mount}"`,
      );
    }
    const own = authorities(auth);
    const same = own.map(one => by.get(one)).find(isOther);
    own.forEach(one => by.has(one) || by.set(one, cluster));
    if (!at.has(auth.mount)) at.set(auth.mount, cluster);
    parents(auth.mount).forEach(parent => below.has(parent) || below.set(parent, cluster));
    if (same && auth.method === 'jwt') {
      refuse(
        'discoveryUrl',
        `each cluster needs its own discoveryUrl, that of its API server, got "${auth.discoveryUrl}", which "${same.name}" has`,
      );
    } else if (same && auth.method === 'kubernetes') {
      const host = 'e.g. "https://192.0.2.1:6443"';
      refuse(
        'host',
        auth.host === undefined
          ? `'host' is missing: Vault runs in one cluster, and that is "${same.name}"; write the API server's address as Vault reaches it, ${host}`
          : `each cluster needs its own host, that of its API server, ${host}, got "${auth.host}", which "${same.name}" has`,
      );
    } else if (same && auth.method === 'clientCertificate') {
      refuse(
        'allowedNames',
        `each cluster needs names of its own under one CA, e.g. [cert-manager.${name}.example.com], got "${auth.fields.allowed_names.join('", "')}", and "${same.name}" has one of them`,
      );
    } else if (same && auth.method === 'aws') {
      refuse('iamRoleArn', `each cluster needs its own IAM role, e.g. "${auth.iamRoleArn}-${name}", got one that "${same.name}" has`);
    }
  });
}

const areAppRoles = (...auths: readonly AuthPlan[]) => auths.every(({ method }) => method === 'appRole');

/** Whoever says what logs in, and as what: what two clusters share lets each log in as the other. */
function authorities(auth: AuthPlan): readonly string[] {
  switch (auth.method) {
    case 'jwt':
      return auth.discoveryUrl === undefined ? [] : [auth.discoveryUrl];
    case 'kubernetes':
      return [auth.host ?? 'the cluster that Vault runs in'];
    case 'clientCertificate':
      return auth.fields.allowed_names.map(name => `${auth.fields.certificate}${name.toLowerCase()}`);
    case 'aws':
      return auth.iamRoleArn === '' ? [] : [auth.iamRoleArn];
    case 'appRole':
      return [];
  }
}

/** Where the secret ID lies in a KV secrets engine. */
const kvPath = ({ auth }: ClusterPlan) =>
  auth.method === 'appRole' && auth.secret.delivery === 'externalSecret' ? `${auth.secret.kv.mount}/${auth.secret.kv.path}` : undefined;

/** The paths above a path, e.g. `a` and `a/b` above `a/b/c`. */
const parents = (path: string) => path.split('/').flatMap((_, i, parts) => (i === 0 ? [] : parts.slice(0, i).join('/')));
