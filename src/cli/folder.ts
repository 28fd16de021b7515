import * as fs from 'node:fs';
import * as path from 'node:path';
import { plain } from '../config/show';
import { FileEntry, OutputFile } from '../output';

/** Bad input, as opposed to a failure. */
export class InputError extends Error {}

/** A path without symbolic links, also where its end does not exist yet. */
export function realPath(file: string): string {
  const absolute = path.resolve(file);
  if (fs.existsSync(absolute)) return fs.realpathSync(absolute);
  const parent = path.dirname(absolute);
  return parent === absolute ? absolute : path.join(realPath(parent), path.basename(absolute));
}

/** Whether a path lies in a folder, or is it. */
export function isIn(folder: string, file: string): boolean {
  const relative = path.relative(folder, file);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}

/** Reads a text. A pipe or a device could block or never end, so only plain files are read. */
export function readText(file: string, megabytes: number): string {
  const stats = fs.statSync(file);
  if (!stats.isFile()) throw new Error('it is no plain file');
  if (stats.size > megabytes * 1024 * 1024) throw new Error(`it is larger than ${megabytes} MB`);
  const bytes = fs.readFileSync(file);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('it is no UTF-8 text');
  }
}

/**
 * Writes files beside a folder, each as it comes, and swaps by rename, so that whatever ends the run leaves the old folder or the new one,
 * whole.
 *
 * @returns what was written, or the signal that stopped it
 */
export async function replaceFolder(folder: string, files: Iterable<OutputFile>): Promise<readonly FileEntry[] | NodeJS.Signals> {
  refuseForeign(folder);
  fs.mkdirSync(path.dirname(folder), { recursive: true });
  const heard: NodeJS.Signals[] = [];
  const hear = (signal: NodeJS.Signals) => heard.push(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  signals.forEach(signal => process.on(signal, hear));
  // only now: a signal between the two would leave the folder behind.
  const beside = fs.mkdtempSync(path.join(path.dirname(folder), `.${path.basename(folder)}.mesh-ca-`));
  try {
    const fresh = path.join(beside, 'new');
    const made = new Set<string>();
    const written: FileEntry[] = [];
    for (const { content, ...entry } of files) {
      writeFile(path.join(fresh, entry.path), { content, ...entry }, made);
      written.push(entry);
      // a signal is heard between two turns of the event loop only.
      if (written.length % 100 === 0) await new Promise(setImmediate);
      if (heard[0] !== undefined) return heard[0];
    }
    swap(folder, fresh, path.join(beside, 'old'));
    return written;
  } finally {
    fs.rmSync(beside, { recursive: true, force: true });
    signals.forEach(signal => process.off(signal, hear));
  }
}

function writeFile(target: string, { content, kind }: OutputFile, made: Set<string>): void {
  const parent = path.dirname(target);
  if (!made.has(parent)) fs.mkdirSync(parent, { recursive: true });
  made.add(parent);
  fs.writeFileSync(target, content);
  // the mode that a write asks for is cut by the umask, which would make two people's folders differ.
  if (kind === 'script') fs.chmodSync(target, 0o755);
}

function swap(folder: string, fresh: string, old: string): void {
  const replaces = fs.existsSync(folder);
  if (replaces) fs.renameSync(folder, old);
  try {
    fs.renameSync(fresh, folder);
  } catch (error) {
    if (replaces) fs.renameSync(old, folder);
    throw error;
  }
}

/** Refuses to replace a folder that holds what an earlier run did not make. */
function refuseForeign(folder: string): void {
  if (!fs.existsSync(folder)) return;
  const name = JSON.stringify(plain(path.relative('', folder)));
  if (!fs.statSync(folder).isDirectory()) throw new InputError(`${name} is no folder, name another with --out`);
  const ours = indexedFiles(folder);
  const foreign = filesIn(folder).find(file => !ours.has(file));
  if (foreign !== undefined) {
    throw new InputError(
      `${name} holds ${JSON.stringify(plain(foreign))}, which mesh-ca did not make; move it away, or name another folder with --out`,
    );
  }
}

function filesIn(folder: string, below = ''): string[] {
  return fs
    .readdirSync(path.join(folder, below), { withFileTypes: true })
    .flatMap(entry => (entry.isDirectory() ? filesIn(folder, `${below}${entry.name}/`) : `${below}${entry.name}`));
}

function indexedFiles(folder: string): Set<string> {
  try {
    const { files } = JSON.parse(fs.readFileSync(path.join(folder, 'index.json'), 'utf8')) as { files: { path: string }[] };
    return new Set(['index.json', ...files.map(file => file.path)]);
  } catch {
    return new Set();
  }
}
