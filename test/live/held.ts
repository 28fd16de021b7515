// What the tests of failures share: a run that is held in the middle, and how a failure looks.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ok, run, type RunResult, tempDir, type Vault } from './harness';
import { programsBefore, type World } from './world';

/** A run that ends with code 1 and these messages, in this order. */
export const failure = (...messages: string[]) => ({
  code: 1,
  stderr: expect.stringMatching(new RegExp(messages.map(one => one.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^]*'))) as string,
});

/** Runs a script, holds it before its call of Vault with these words, does something, and lets it go on. */
export async function heldBefore(
  { bin: real }: Vault,
  words: string,
  world: World,
  name: string,
  meanwhile: () => Promise<unknown>,
  env: Readonly<Record<string, string>> = {},
): Promise<RunResult> {
  const folder = tempDir('held');
  const [reached, go] = [join(folder, 'reached'), join(folder, 'go')];
  for (const pipe of [reached, go]) ok(await run('mkfifo', [pipe]));
  const hold = `[[ "$*" != *'${words}'* || -e ${folder}/done ]] || { : >${folder}/done; echo >${reached}; read -r _ <${go}; }; exec "$real" "$@"`;
  const bin = programsBefore({ vault: hold }, { vault: real });
  const running = world.script(name, [], { ...env, PATH: `${bin}:${world.env.PATH ?? ''}` });
  await readFile(reached);
  await meanwhile();
  await writeFile(go, '\n');
  return running;
}
