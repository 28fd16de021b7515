import { readFileSync } from 'node:fs';

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly inBundle?: boolean;
  readonly hasInstallScript?: boolean;
}

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Locked> };
// the first is this package itself; a stub is a folder of the repository.
const locked = Object.entries(packages).filter(([name]) => name !== '' && !/(^|\/)stubs\//.test(name));

test('every package of the lock file has a SHA-512 digest', () => {
  expect(locked.length).toBeGreaterThan(100);
  // what a package brings within itself is covered by the digest of that package.
  const without = locked.filter(
    ([, { integrity, link, inBundle }]) => !link && !inBundle && !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? ''),
  );
  expect(without.map(([name]) => name)).toEqual([]);
});

test('no package comes from Git, a URL or a file outside of the repository', () => {
  const elsewhere = locked.filter(
    ([, { resolved, link }]) => resolved !== undefined && !(link ? /stubs\//.test(resolved) : /^https:\/\//.test(resolved)),
  );
  expect(elsewhere.map(([name]) => name)).toEqual([]);
});

test('only the listed packages run a script when they are installed', () => {
  expect(locked.filter(([, { hasInstallScript }]) => hasInstallScript).map(([name]) => name)).toEqual([
    'node_modules/@parcel/watcher',
    'node_modules/@swc/core',
    'node_modules/unrs-resolver',
  ]);
});

test('package.json names exact versions', () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, Record<string, string>>;
  const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
  expect(loose).toEqual([]);
});
