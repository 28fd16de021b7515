/** What the policy of a token that runs a script is called, e.g. `mesh-ca-setup-east`: in the runbook, and where a token lacks rights. */
export const tokenPolicy = (script: 'setup' | 'emergency' | 'teardown' | 'rotate' | 'adopt', of: string) => `mesh-ca-${script}-${of}`;

/** A policy in HCL, a line a path. */
export function policyText(rules: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(rules)
    .map(([path, capabilities]) => `path ${JSON.stringify(path)} { capabilities = ${JSON.stringify(capabilities)} }`)
    .join('\n');
}
