import { Construct, IConstruct } from 'constructs';

/** Type of the node metadata that holds a reason. A stock cdk8s app does not look at it. */
const REASON = 'mesh-ca:reason';

/** Why a value is what it is; written as a comment above the value. */
export interface Reason {
  /** Keys and indices that lead to the value in the object. */
  readonly path: readonly (string | number)[];

  /** The reason, in one line. */
  readonly text: string;
}

/** Notes why a value of the construct's object is what it is. */
export function noteReason(scope: Construct, path: Reason['path'], text: string): void {
  const reason: Reason = { path, text };
  scope.node.addMetadata(REASON, reason);
}

/** The reasons that were noted on a construct. */
export function reasonsOf(scope: IConstruct | undefined): readonly Reason[] {
  return (scope?.node.metadata ?? []).filter(entry => entry.type === REASON).map(entry => entry.data as Reason);
}
