import { copyFileSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPrograms } from '../../testbed/build';
import { removeAtEnd, start, until } from './process';

const paths = new Map<string, Promise<string>>();

/**
 * Path of a program that is started for each command and takes most of its time to start. It is the program's own code, which one process keeps
 * running for all the commands of the test files that this process runs: see test/testbed/vault/client. With MESH_CA_TEST_COMMANDS=started each
 * command is a start of the program itself.
 */
export function keptProgram(name: 'vault' | 'kubectl'): Promise<string> {
  const path = paths.get(name) ?? keep(name);
  paths.set(name, path);
  return path;
}

async function keep(name: 'vault' | 'kubectl'): Promise<string> {
  const commands = `${name}-commands` as const;
  const built = await buildPrograms([name, commands, 'commands-client']);
  if (process.env.MESH_CA_TEST_COMMANDS === 'started') return built[name];
  const folder = join(tmpdir(), `mesh-ca-${commands}-${process.pid}`);
  const file = join(folder, name);
  if (existsSync(file)) return file;
  mkdirSync(folder);
  removeAtEnd(folder);
  symlinkSync(built[name], join(folder, 'program'));
  const socket = join(folder, 'socket');
  const kept = start(commands, built[commands], [socket], { folder, env: { GOGC: '1000' } });
  await until(`${name} to listen`, () => {
    kept.check();
    return existsSync(socket);
  });
  copyFileSync(built['commands-client'], file);
  return file;
}
