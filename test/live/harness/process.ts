import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a program that ended left. */
export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** @default - standard input is empty */
  readonly input?: string;
  /** Added to the environment of the tests; `undefined` takes a variable out of it. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** @default - that of the tests */
  readonly cwd?: string;
  /**
   * Milliseconds until the program and all its children are killed, which is an error.
   *
   * @default 60000
   */
  readonly timeout?: number;
}

/** Runs a program to its end. Any exit code is a result; that it cannot start or takes too long is an error. */
export function run(cmd: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { input = '', env, cwd, timeout = 60_000 } = options;
  return new Promise((resolve, reject) => {
    // what ends soon, as vault and kubectl do, is done before its collector of garbage has saved it anything: that is a third of its time.
    const all = { ...process.env, GOGC: 'off', ...env };
    const child = spawn(cmd, args, { cwd, env: all, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    watch(child);
    let stdout = '';
    let stderr = '';
    const timer = setTimeout(() => {
      killGroup(child, 'SIGKILL');
      reject(new Error(`${[cmd, ...args].join(' ')} did not end in ${timeout / 1000} s\n${stdout}${stderr}`));
    }, timeout);
    child.stdout.setEncoding('utf8').on('data', (data: string) => (stdout += data));
    child.stderr.setEncoding('utf8').on('data', (data: string) => (stderr += data));
    child.on('error', error => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      // As a shell has it: 128 and more for a program that a signal ended.
      resolve({ code: code ?? (signal === 'SIGKILL' ? 137 : 143), stdout, stderr });
    });
    // A program that does not read its input closes it; what matters then is its exit code.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

/** Standard output of a program that succeeded; an error with all it said where it did not. */
export function ok(result: RunResult): string {
  if (result.code !== 0) throw new Error(`ended with ${result.code}:\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

/** A program that runs until it is stopped. */
export interface Running {
  readonly pid: number;
  /** Its standard output and standard error. */
  readonly logFile: string;
  /** What it has said so far. */
  readonly log: () => string;
  /** Throws `GiveUp` with the last lines it said if it has ended: for polling. */
  check(): void;
  /** Ends it and all its children, first with the signal, after 10 s with SIGKILL. Again is no error. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts a program that is to run on. Its log is `NAME.log` in the folder. */
export function start(
  name: string,
  cmd: string,
  args: readonly string[],
  options: { readonly folder: string } & Pick<RunOptions, 'env' | 'cwd'>,
): Running {
  const logFile = join(options.folder, `${name}.log`);
  const log = openSync(logFile, 'a');
  const env = { ...process.env, ...options.env };
  const child = spawn(cmd, args, { cwd: options.cwd ?? options.folder, env, stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  // A test that forgets to stop it must not hang: the watchdog ends it.
  child.unref();
  watch(child);
  let failure: Error | undefined;
  child.on('error', error => (failure = error));
  const ended = () => failure !== undefined || child.exitCode !== null || child.signalCode !== null;
  const read = () => readFileSync(logFile, 'utf8');
  return {
    pid: child.pid ?? -1,
    logFile,
    log: read,
    check: () => {
      if (ended()) throw new GiveUp(`${name} ended (${failure?.message ?? child.exitCode ?? child.signalCode}):\n${lastLines(read())}`);
    },
    stop: async (signal = 'SIGTERM') => {
      if (ended()) return;
      killGroup(child, signal);
      const killAfter = Date.now() + 10_000;
      await until(
        `${name} to end`,
        () => {
          if (Date.now() > killAfter) killGroup(child, 'SIGKILL');
          return ended();
        },
        20_000,
      );
    },
  };
}

/** Thrown by what `until` polls, it ends the waiting at once. */
export class GiveUp extends Error {}

/**
 * Calls `fn` until it gives something, and gives that. The error says what was awaited and the last thing seen: the message of what `fn`
 * threw last, so a check that throws tells more than one that gives `undefined`.
 */
export async function until<T>(
  what: string,
  fn: () => T | undefined | false | Promise<T | undefined | false>,
  deadline = 30_000,
): Promise<Exclude<T, false | undefined>> {
  const end = Date.now() + deadline;
  let seen = 'nothing';
  let pause = 20;
  for (;;) {
    try {
      const result = await fn();
      if (result !== undefined && result !== false) return result as Exclude<T, false | undefined>;
    } catch (error) {
      if (error instanceof GiveUp) throw new Error(`waited for ${what}, but ${error.message}`);
      seen = messageOf(error);
    }
    if (Date.now() > end) throw new Error(`waited ${deadline / 1000} s for ${what}; last seen: ${seen}`);
    await new Promise(resolve => setTimeout(resolve, pause));
    pause = Math.min(pause * 1.5, 250);
  }
}

/** The message of what was thrown. Under jest, node's own errors are of another realm, so `instanceof Error` misses them. */
export function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
}

export function lastLines(text: string, count = 25): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}

const given = new Set<number>();

/** A port of 127.0.0.1 that nobody listens on, never the same twice. Below the range that the kernel gives to outgoing connections. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    if (!given.has(port) && (await isFree(port))) {
      given.add(port);
      return port;
    }
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** A new folder, removed when the tests end. With MESH_CA_KEEP=1 it stays, logs and all, and its path is shown. */
export function tempDir(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `mesh-ca-${name}-`));
  if (process.env.MESH_CA_KEEP) process.stderr.write(`keeping ${folder}\n`);
  else removeAtEnd(folder);
  return folder;
}

/** Has the watchdog remove a folder when this process ends. */
export const removeAtEnd = (folder: string): void => tellWatchdog(`dir ${folder}`);

let watchdog: ChildProcess | undefined;

function tellWatchdog(order: string): void {
  if (watchdog === undefined) {
    watchdog = spawn('sh', [join(__dirname, 'watchdog.sh')], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    // It must outlive this process, and this process must not wait for it.
    watchdog.unref();
    (watchdog.stdin as Socket).unref();
  }
  watchdog.stdin?.write(`${order}\n`);
}

function watch(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return;
  tellWatchdog(`pid ${pid}`);
  child.on('exit', () => tellWatchdog(`gone ${pid}`));
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // It ended in between. (No `instanceof Error`: under jest, node's own errors are of another realm.)
    if (!(typeof error === 'object' && error !== null && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
