#!/usr/bin/env node
import * as path from 'node:path';
import { Command, CommanderError } from 'commander';
import { InputError, isIn, readText, realPath, replaceFolder } from './cli/folder';
import { Printer, printError, printMade } from './cli/print';
import { LoadedConfig, loadConfig } from './config/load';
import { ConfigError, Problem } from './config/problem';
import { plain } from './config/show';
import { MeshCaPlan, planMeshCa } from './plan/plan';

interface SynthFlags {
  readonly config: string;
  readonly out?: string;
  readonly allowPlaintextSecret?: boolean;
}

const printer: Printer = {
  json: process.argv.includes('--json'),
  plain: (process.env.NO_COLOR ?? '') !== '',
  out: process.stdout,
  err: process.stderr,
};

function program(): Command {
  const command = new Command('mesh-ca')
    .description('Makes Vault or OpenBao PKI the certificate authority of an Istio or TSB mesh')
    .version(version(), '--version')
    .configureOutput({ outputError: () => undefined })
    .exitOverride();
  command
    .command('synth')
    .description('write the manifests, Helm values, scripts and the runbook that a config asks for')
    .option('--config <file>', 'config to read', 'mesh-ca.yaml')
    .option('--out <folder>', 'folder to write; it is replaced as a whole (default: "dist", under cdk8s its own)')
    .option('--allow-plaintext-secret', 'let "secret.delivery: manifest" write a secret ID into the folder')
    .option('--json', 'print what was made, or what is wrong, as JSON')
    .action(synth);
  return command;
}

/** As the package has it; the file stands above lib/. */
function version(): string {
  return (JSON.parse(readText(path.join(__dirname, '../../package.json'), 1)) as { version: string }).version;
}

async function synth(flags: SynthFlags): Promise<void> {
  const file = plain(flags.config);
  const out = outFolder(flags);
  const loaded = load(flags.config, file);
  const secretIds = readSecretIds(loaded, file, flags.allowPlaintextSecret ?? false);
  // loaded here, so that --help and errors need not wait for cdk8s; import() would load Node's ESM loader first.
  const { inOrder, renderFiles } = module.require('./synth') as typeof import('./synth');
  const written = await replaceFolder(realPath(out), renderFiles(loaded.plan, { secretIds }));
  if (typeof written === 'string') process.kill(process.pid, written);
  else printMade(printer, { out, file, files: inOrder(written), loaded });
}

/** The folder to write; what would take a folder of the user's along with it is refused. */
function outFolder({ out, config }: SynthFlags): string {
  const given = out ?? ((process.env.CDK8S_OUTDIR ?? '') || 'dist');
  const folder = realPath(given);
  if (given === '' || isIn(folder, realPath('.')) || isIn(folder, realPath(config))) {
    throw new InputError(
      `--out must be a folder of its own, since it is replaced as a whole, e.g. --out dist, got ${JSON.stringify(given)}`,
    );
  }
  return given;
}

function load(config: string, file: string): LoadedConfig<MeshCaPlan> {
  let text: string;
  try {
    text = readText(config, 16);
  } catch (error) {
    throw new InputError(`${file} cannot be read: ${reason(error)}; name a config with --config, e.g. --config mesh-ca.yaml`);
  }
  const read = (name: string) => {
    try {
      return readText(path.resolve(path.dirname(config), name), 1);
    } catch (error) {
      throw new Error(reason(error));
    }
  };
  return loadConfig(text, { file, read, now: new Date(), plan: planMeshCa });
}

/** A system's error in words; its own message repeats the path. */
function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const known: Record<string, string> = {
    ENOENT: 'there is no such file',
    EACCES: 'it may not be read',
    ENOTDIR: 'there is no such file',
    ENAMETOOLONG: 'its name is too long',
  };
  return known[code ?? ''] ?? message;
}

function readSecretIds({ plan, locate }: LoadedConfig<MeshCaPlan>, file: string, allowed: boolean): Record<string, string> {
  const problems: Problem[] = [];
  const found: Record<string, string> = {};
  for (const { name, auth, warnings } of plan.clusters) {
    if (auth.method !== 'appRole' || auth.secret.delivery !== 'manifest') continue;
    const { secret } = auth;
    const at = warnings.find(warning => warning.key === 'secret.delivery')?.path ?? [];
    const refuse = (message: string) => problems.push({ path: at, message, position: locate(at) });
    const { variable } = secret;
    const value = process.env[variable] ?? '';
    if (!allowed)
      refuse(
        `'delivery' "manifest" writes the secret ID of ${name} in plain text; write "script", or allow it with --allow-plaintext-secret`,
      );
    else if (value === '') refuse(`'delivery' "manifest" needs the secret ID of ${name} in the environment variable ${variable}`);
    // the value is the secret, so it is not shown.
    else if (!/^[\x21-\x7e]{1,512}$/.test(value)) refuse(`${variable} must hold a secret ID, i.e. 1 to 512 visible ASCII characters`);
    else found[name] = value;
  }
  if (problems.length > 0) throw new ConfigError(problems, file);
  return found;
}

program()
  .parseAsync()
  .catch((error: unknown) => {
    const isUsage = error instanceof CommanderError;
    if (isUsage && error.exitCode === 0) return;
    // bad input is 2, a failure is 1.
    process.exitCode = isUsage || error instanceof ConfigError || error instanceof InputError ? 2 : 1;
    // without a command, commander has printed the help.
    if (!isUsage) printError(printer, error);
    else if (error.code !== 'commander.help')
      printError(printer, new InputError(error.message.replace(/^error: /, '').replaceAll('\n', ' ')));
  });
