import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, Server } from 'node:http';
import { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MESH_CA } from '../src/report/markdown';

// npx and its relatives download a package that is not installed; the name mesh-ca is not taken on the registry, so anybody could publish one.
const DOWNLOADS = /\b(npx|bunx|npm (exec|x)|pnpm (dlx|exec)|yarn (dlx|exec))\b[^\n`'"]*\bmesh-ca\b/;

test.each(['npx mesh-ca', 'npx --yes mesh-ca synth', 'npm exec -- mesh-ca', 'pnpm dlx mesh-ca'])(
  '%s counts as a form that downloads',
  form => {
    expect(form).toMatch(DOWNLOADS);
  },
);

test('no text tells a reader to run a form that downloads', () => {
  const files = execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8' })
    .split('\0')
    .filter(file => /\.(md|sh|ts|mjs|json|ya?ml|html)$/.test(file) && !/^(test\/command-form\.test\.ts|package-lock\.json)$/.test(file));
  expect(files.length).toBeGreaterThan(300);
  const found = files.flatMap(file => {
    const lines = readFileSync(file, 'utf8').split('\n');
    return lines.flatMap((line, i) => (DOWNLOADS.test(line.replaceAll("', '", ' ')) ? [`${file}:${i + 1}`] : []));
  });
  // the comment that says why.
  expect(found).toEqual([expect.stringMatching(/^src\/report\/markdown\.ts:/)]);
});

describe('in a project where this package is not installed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'empty-project-'));
  let registry: Server;
  let asked: string[] = [];
  beforeAll(async () => {
    writeFileSync(join(folder, 'package.json'), '{ "name": "empty", "version": "1.0.0" }');
    registry = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(404).end('{}');
    });
    await new Promise<void>(done => registry.listen(0, '127.0.0.1', done));
  });
  beforeEach(() => (asked = []));
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await new Promise(done => registry.close(done));
  });

  /** Types a line there, with a registry and a cache of the test's own. */
  const type = (line: string) =>
    new Promise<number>(done => {
      const env = {
        PATH: process.env.PATH,
        HOME: folder,
        npm_config_registry: `http://127.0.0.1:${(registry.address() as AddressInfo).port}/`,
        npm_config_cache: join(folder, 'cache'),
        npm_config_update_notifier: 'false',
        npm_config_fetch_retries: '0',
      };
      const child = execFile('bash', ['-c', line], { cwd: folder, env }, () => done(child.exitCode ?? -1));
    });

  test("the runbooks' form cannot run anything, and asks no registry", async () => {
    expect(await type(`${MESH_CA} synth`)).toBe(127);
    expect(asked).toEqual([]);
    expect(readdirSync(folder)).toEqual(['package.json']);
  });

  test('npx asks the registry for a package of that name, even where it must not install', async () => {
    expect(await type('npx --no -- mesh-ca synth </dev/null')).not.toBe(0);
    expect(asked).toContain('/mesh-ca');
  });
});
