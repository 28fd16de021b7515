/** A policy in HCL, a line a path. */
export function policyText(rules: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(rules)
    .map(([path, capabilities]) => `path ${JSON.stringify(path)} { capabilities = ${JSON.stringify(capabilities)} }`)
    .join('\n');
}
