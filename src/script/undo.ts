import { Capabilities, Step, Undo } from './step';

/** The steps that take others back, in reverse order, each under the name of the one that it takes back. */
export const undoSteps = (steps: readonly Step[]): Step[] => steps.flatMap(({ id, undo }) => (undo ? [{ id, ...undo }] : [])).reverse();

/** Takes back what is written at a path. */
export function removes(path: string, what: string, why?: readonly string[]): Undo {
  return {
    title: `Remove ${what}`,
    why,
    unless: ['gone', path],
    run: [['remove', path]],
    needs: { look: { [path]: ['read'] }, act: { [path]: ['delete'] } },
  };
}

/** What sees which CAs a mount holds, and what else. */
export const surveys = (mount: string): Capabilities => ({
  [`${mount}/config/issuers`]: ['read'],
  [`${mount}/issuers`]: ['list'],
  [`${mount}/issuer/+`]: ['read'],
  [`${mount}/keys`]: ['list'],
  [`${mount}/key/+`]: ['read'],
});

/** Takes back a CA. Its key is lost: teardown.sh has its name typed before. */
export function losesCa(mount: string): Undo {
  return {
    title: `Remove the CA of ${mount}, and lose its key`,
    why: ['One by one, since the mount may hold others.'],
    unless: ['ca_gone', mount],
    run: [['remove_ca', mount]],
    needs: {
      look: surveys(mount),
      act: { [`${mount}/issuer/+`]: ['delete'], [`${mount}/key/+`]: ['update', 'delete'] },
      sends: { [`${mount}/key/+`]: [{ key_name: ['cdk8s-mesh-ca-removed-*'] }] },
    },
  };
}

/** Takes back the mount of a PKI secrets engine, where it is ours and nobody else's. */
export function disables(mount: string): Undo {
  return {
    title: `Disable the PKI secrets engine at ${mount}`,
    unless: ['mount_gone', 'sys/mounts', mount],
    run: [['vault', 'secrets', 'disable', mount]],
    needs: {
      look: { 'sys/mounts': ['read'], ...surveys(mount), [`${mount}/roles`]: ['list'] },
      act: { [`sys/mounts/${mount}`]: ['delete'] },
    },
  };
}

/** Takes back the mount of an auth method, where it is ours, and no role but the cluster's own is there. */
export function disablesAuth(mount: string, type: string, rolePath: string): Undo {
  const cut = rolePath.lastIndexOf('/');
  const [roles, role] = [rolePath.slice(0, cut), rolePath.slice(cut + 1)];
  return {
    title: `Disable the ${type} auth method at ${mount}`,
    unless: ['mount_gone', 'sys/auth', mount, roles, role],
    run: [['vault', 'auth', 'disable', mount]],
    needs: { look: { 'sys/auth': ['read'], [roles]: ['list'] }, act: { [`sys/auth/${mount}`]: ['delete', 'sudo'] } },
  };
}

/** Takes back an object of the cluster that says that it was made for this cluster. */
export function deletes({
  kind,
  namespace,
  name,
}: {
  readonly kind: 'Secret' | 'ConfigMap';
  readonly namespace: string;
  readonly name: string;
}): Undo {
  const object = [kind.toLowerCase(), namespace, name];
  return {
    title: `Delete ${kind} ${namespace}/${name}`,
    unless: ['object_gone', ...object],
    run: [['remove_object', ...object]],
    needs: {},
  };
}

/** Takes back an annotation of an object that is not ours. */
export function forgets(
  kind: string,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  annotation: string,
): Undo {
  const words = [kind, namespace, name, annotation];
  return {
    title: `Remove the annotation ${annotation} from ${kind} ${namespace}/${name}`,
    unless: ['annotation_gone', ...words],
    run: [['remove_annotation', ...words]],
    needs: {},
  };
}
