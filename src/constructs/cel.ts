// Parts of ValidatingAdmissionPolicies, and literals of their language, CEL.
import { isRecord } from '../plan/settings';
import { NAMESPACE_LABEL } from './network';

/** A literal of CEL: a JSON string, or a list of them. */
export const cel = (value: string | readonly string[]) => JSON.stringify(value);

/** An object as a literal of CEL. The API server wants the values of a map to be of one type, so each is `dyn`. */
export function celObject(value: unknown): string {
  if (!isRecord(value)) return `dyn(${JSON.stringify(value)})`;
  const entries = Object.entries(value).map(([key, child]) => `${cel(key)}: ${celObject(child)}`);
  return `dyn({${entries.join(', ')}})`;
}

/** Whoever can change the policies can remove them, so is not bound by them: administrators, and the self-test of setup.sh that one of them runs. */
export const ADMINISTRATOR = {
  name: 'isAdministrator',
  expression: 'authorizer.group("admissionregistration.k8s.io").resource("validatingadmissionpolicies").check("update").allowed()',
};

/** Changes of labels, owners and finalizers are not the policies' business: garbage collection has to go on. */
export const SPEC_CHANGES = {
  name: 'spec-changes',
  expression: 'request.operation == "CREATE" || object.spec != oldObject.spec',
};

/** The resources of a group that a policy is about. */
export const resources = (
  apiGroup: string,
  names: readonly string[],
  operations: readonly ('CREATE' | 'UPDATE')[] = ['CREATE', 'UPDATE'],
) => ({
  resourceRules: [{ apiGroups: [apiGroup], apiVersions: ['v1'], operations, resources: names }],
});

/** A policy for one namespace; for all of them without one. */
export const within = (namespace: string | undefined) =>
  namespace === undefined ? {} : { namespaceSelector: { matchLabels: { [NAMESPACE_LABEL]: namespace } } };
