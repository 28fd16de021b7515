// Kubernetes' ValidatingAdmissionPolicy v1 (Kubernetes 1.30 and later). cdk8s-plus has only v1alpha1, so these types are ours, written after the
// Kubernetes API reference, and hold what this package writes.
import { ApiObject, ApiObjectMetadata, GroupVersionKind } from 'cdk8s';
import { Construct } from 'constructs';

/** A policy that the API server evaluates when an object is written. It does nothing without a binding. */
export class ValidatingAdmissionPolicy extends ApiObject {
  /** apiVersion and kind. */
  public static readonly GVK: GroupVersionKind = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicy' };

  constructor(scope: Construct, id: string, props: ValidatingAdmissionPolicyProps) {
    super(scope, id, { ...ValidatingAdmissionPolicy.GVK, ...props });
  }
}

/** Properties of `ValidatingAdmissionPolicy`. */
export interface ValidatingAdmissionPolicyProps {
  /** Metadata. The object is cluster-scoped. */
  readonly metadata: ApiObjectMetadata;

  /** What the policy matches and requires. */
  readonly spec: ValidatingAdmissionPolicySpec;
}

/** What a policy matches and requires. */
export interface ValidatingAdmissionPolicySpec {
  /** What happens when an expression cannot be evaluated. */
  readonly failurePolicy: 'Fail' | 'Ignore';

  /** Which requests the policy is evaluated for. */
  readonly matchConstraints: MatchResources;

  /**
   * Expressions in CEL that must all be true for the policy to apply.
   *
   * @default - the policy applies to all that `matchConstraints` select
   */
  readonly matchConditions?: readonly MatchCondition[];

  /**
   * Named expressions, available to the validations as `variables.NAME`.
   *
   * @default - none
   */
  readonly variables?: readonly Variable[];

  /** Expressions in CEL that must all be true for the request to be admitted. */
  readonly validations: readonly Validation[];
}

/** Which requests a policy is evaluated for. */
export interface MatchResources {
  /**
   * The namespaces, by their labels. Objects without a namespace are always selected.
   *
   * @default - every namespace
   */
  readonly namespaceSelector?: { readonly matchLabels: Readonly<Record<string, string>> };

  /** The resources and operations. */
  readonly resourceRules: readonly ResourceRule[];
}

/** Resources and operations. */
export interface ResourceRule {
  /** API groups; the core group is "". */
  readonly apiGroups: readonly string[];

  /** Versions. */
  readonly apiVersions: readonly string[];

  /** Operations. */
  readonly operations: readonly ('CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT')[];

  /** Resources, e.g. `pods` or `serviceaccounts/token`. */
  readonly resources: readonly string[];
}

/** A condition for the policy to apply. */
export interface MatchCondition {
  /** Name. */
  readonly name: string;

  /** Expression in CEL. */
  readonly expression: string;
}

/** A named expression. */
export interface Variable {
  /** Name. */
  readonly name: string;

  /** Expression in CEL. */
  readonly expression: string;
}

/** A requirement. */
export interface Validation {
  /** Expression in CEL. */
  readonly expression: string;

  /** What the client is told when the request is refused. */
  readonly message: string;
}

/** Puts a ValidatingAdmissionPolicy into effect. */
export class ValidatingAdmissionPolicyBinding extends ApiObject {
  /** apiVersion and kind. */
  public static readonly GVK: GroupVersionKind = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
  };

  constructor(scope: Construct, id: string, props: ValidatingAdmissionPolicyBindingProps) {
    super(scope, id, { ...ValidatingAdmissionPolicyBinding.GVK, ...props });
  }
}

/** Properties of `ValidatingAdmissionPolicyBinding`. */
export interface ValidatingAdmissionPolicyBindingProps {
  /** Metadata. The object is cluster-scoped. */
  readonly metadata: ApiObjectMetadata;

  /** Which policy, and what happens to a request that does not meet it. */
  readonly spec: { readonly policyName: string; readonly validationActions: readonly ('Deny' | 'Warn' | 'Audit')[] };
}
