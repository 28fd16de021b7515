// Tokens that have exactly what a script prints as its policy.
import { ok, type RunResult, type Vault } from './harness';

/** A script with these arguments, as `World.script` and `Undo.undo` run one. */
type Run = (args: readonly string[], env: Readonly<Record<string, string | undefined>>) => Promise<RunResult>;

/** The paths of the policy that a script prints, a text each. The script gets no address, no token and no cluster. */
export async function printed(run: Run, options: readonly string[] = []): Promise<string[]> {
  const env = { VAULT_ADDR: 'http://127.0.0.1:9', VAULT_TOKEN: undefined, KUBECONFIG: '/dev/null' };
  return ok(await run(['--print-policy', ...options], env))
    .trim()
    .split(/\n(?=path )/);
}

/** The same of a setup.sh: `root`, or a cluster's name. */
export const printedPolicy = (
  world: { script(name: string, args: readonly string[], env: Readonly<Record<string, string | undefined>>): Promise<RunResult> },
  script: string,
  options: readonly string[] = [],
) => printed((args, env) => world.script(script, args, env), options);

/** A batch token, as the scripts and the runbooks have one made, with a policy of these paths, and with Vault's default one. */
export async function tokenWith(vault: Vault, paths: readonly string[], name = 'printed'): Promise<{ readonly VAULT_TOKEN: string }> {
  expect((await vault.request('POST', `sys/policies/acl/${name}`, { policy: paths.join('\n') })).status).toBe(204);
  const made = (await vault.request('POST', 'auth/token/create', { policies: [name], ttl: '1h', type: 'batch' })).body;
  const { auth } = made as { auth: { client_token: string; token_policies: string[]; renewable: boolean } };
  expect([auth.token_policies, auth.renewable]).toEqual([['default', name].sort(), false]);
  return { VAULT_TOKEN: auth.client_token };
}
