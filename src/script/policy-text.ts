import { PolicyPlan, Rules } from '../plan/policy';

/** What the policy of a token that runs a script is called, e.g. `mesh-ca-setup-east`: in the runbook, and where a token lacks rights. */
export const tokenPolicy = (script: 'setup' | 'emergency' | 'teardown' | 'rotate' | 'adopt', of: string) => `mesh-ca-${script}-${of}`;

/** Where Vault keeps a policy. */
export const policyPath = ({ name }: Pick<PolicyPlan, 'name'>) => `sys/policies/acl/${name}`;

/** A policy in HCL. */
export function policyText(rules: Rules): string {
  return Object.entries(rules)
    .map(([path, { capabilities, parameters }]) => {
      const head = `path ${JSON.stringify(path)} {`;
      const allowed = `capabilities = ${JSON.stringify(capabilities)}`;
      if (parameters === undefined) return `${head} ${allowed} }`;
      return [
        head,
        `  ${allowed}`,
        '  allowed_parameters = {',
        ...parameters.map(name => `    ${JSON.stringify(name)} = []`),
        '  }',
        '}',
      ].join('\n');
    })
    .join('\n');
}
