import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import schema from '../mesh-ca.schema.json';
import { MeshCaConfig } from '../src/config/config';
import { loadConfig } from '../src/config/load';
import { planMeshCa } from '../src/plan/plan';
import { clusterSteps, rootSteps } from '../src/script/steps';
import { trialCommands } from '../src/script/trial';
import { synthesize } from '../src/synth';
import { rootPem } from './config/certificates';
import { commands } from './guide-page';

const DOCS = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'docs/threat-model.md',
  'docs/seed.md',
  'docs/ways-in.md',
  'docs/glossary.md',
  'docs/surprises.md',
];
const read = (file: string) => readFileSync(file, 'utf8');
const fences = (text: string, language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(([, body = '']) => body);
/** What stands as code inside the lines of a text. */
const spans = (text: string) => [...text.replaceAll(/^```[^]*?^```$/gm, '').matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
const load = (text: string) =>
  loadConfig(text, {
    file: 'mesh-ca.yaml',
    read: file => {
      throw new Error(`no ${file} here`);
    },
    now: new Date('2026-01-01'),
    plan: planMeshCa,
  });

const config = parse(read('mesh-ca.yaml')) as MeshCaConfig;
const guide = parse(read('examples/guide/mesh-ca.yaml')) as MeshCaConfig;
/** The recommended config with the other ways in. */
const appRole: MeshCaConfig = { ...config, auth: 'appRole' };
const kubernetes: MeshCaConfig = { ...config, auth: 'kubernetes', kubernetes: { host: 'https://10.0.0.1:6443' } };

describe('SECURITY.md', () => {
  const [check = ''] = /^ *jq .*sha256sum.*$/m.exec(read('SECURITY.md')) ?? [];

  test('the command that checks dist/ passes, and names a file that was changed', () => {
    const folder = mkdtempSync(join(tmpdir(), 'mesh-ca-'));
    cpSync('dist', join(folder, 'dist'), { recursive: true });
    const checked = () => spawnSync('bash', ['-c', check], { cwd: folder, encoding: 'utf8' });
    expect(checked()).toMatchObject({ status: 0, stdout: '', stderr: '' });
    appendFileSync(join(folder, 'dist/cluster-1/setup.sh'), 'echo changed\n');
    expect(checked()).toMatchObject({ status: 1, stdout: 'cluster-1/setup.sh: FAILED\n' });
    rmSync(folder, { recursive: true });
  });
});

describe('docs/seed.md', () => {
  const rows = read('docs/seed.md')
    .split('\n')
    .filter(line => line.startsWith('|'));

  test.each(commands.map(({ run }) => run.replaceAll('\n', ' ')))('has a row for: %s', command => {
    const cells = rows.find(row => row.includes(`\`${command}\``))?.split(/(?<!\\)\|/) ?? [];
    // the guide, here, why.
    expect(cells.slice(1, 4).map(cell => cell.trim() !== '')).toEqual([true, true, true]);
  });

  test('names every manifest and values file that comes out, where it lies, and no other', () => {
    const tsb = {
      hub: 'registry.example.com/tsb',
      managementPlane: { host: 'tsb.example.com', port: 443 },
      telemetryStore: { elastic: { host: 'elastic.example.com', port: 9200 } },
    };
    const everything: MeshCaConfig = { ...appRole, tsb, root: { certificate: rootPem }, secret: { delivery: 'manifest' } };
    const ways: MeshCaConfig[] = [config, kubernetes, guide, everything];
    const files = ways
      .flatMap(way => synthesize(planMeshCa(way), { secretIds: { 'cluster-1': 'x' } }))
      .filter(({ kind }) => kind === 'manifest' || kind === 'helm-values')
      .map(({ path }) => path.replace('cluster-1/', ''));
    const here = rows.map(row => row.split(/(?<!\\)\|/)[2] ?? '').join('\n');
    const named = here.match(/(?<![\w./-])[\w./-]+\.ya?ml/g) ?? [];
    expect([...new Set(named)].sort()).toEqual([...new Set(files)].sort());
  });

  test('names every step of the scripts', () => {
    const named = new Set(spans(read('docs/seed.md')));
    expect(stepIds().filter(id => !named.has(id))).toEqual([]);
  });
});

test('docs/ways-in.md has a column for each way in, and says when to choose it', () => {
  const text = read('docs/ways-in.md');
  const [head = ''] = text.split('\n').filter(line => line.startsWith('|'));
  const ways = schema.definitions.ClusterConfig.properties.auth.enum;
  expect(spans(head)).toEqual(ways);
  for (const way of ways) expect(text).toContain(`- **\`${way}\`**, `);
});

describe('test/live/attacks/README.md', () => {
  const listed = spans(read('test/live/attacks/README.md')).filter(name => name.endsWith('.test.ts'));
  const files = readdirSync('test/live/attacks').filter(name => name.endsWith('.test.ts'));

  test('lists every file of the folder, and each file begins with its attacker', () => {
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter(name => !listed.includes(name))).toEqual([]);
    for (const name of files) {
      expect(read(`test/live/attacks/${name}`)).toMatch(/^\/\/ (Attacker: |The attacker)/);
    }
  });

  test('is linked from the threat model', () => {
    expect(read('docs/threat-model.md')).toContain('](../test/live/attacks)');
  });
});

test('docs/threat-model.md is one page, and names what the recommended config plans', () => {
  const text = read('docs/threat-model.md');
  expect(text.split('\n').length).toBeLessThan(150);
  const [cluster] = planMeshCa(config).clusters;
  const { auth, intermediate, role, policy, root } = cluster!;
  for (const name of [auth.mount, intermediate.mount, role.name, policy.name, root.mount!]) expect(text).toContain(name);
});

describe.each(DOCS)('%s', file => {
  const text = read(file);

  test('names only steps and keys of the config that there are', () => {
    const steps = new Set(stepIds());
    const keys = configKeys();
    const tops = new Set([...keys].map(key => key.split('.')[0]));
    const wrong = spans(text)
      .map(span => span.replace(/:? .*/, ''))
      .filter(span => {
        if (/^(root|intermediate|role|policy|jwt|kubernetes|approle|cluster)\/[a-z-]+$/.test(span)) return !steps.has(span);
        if (!/^[a-z]\w*(\.[a-z]\w*)+$/.test(span) || /\.(pem|sh|ts|key|crt)$/.test(span)) return false;
        return tops.has(span.split('.')[0]) && !keys.has(span);
      });
    expect(wrong).toEqual([]);
  });

  test('links to files that there are', () => {
    const links = [...text.matchAll(/\]\(([^)#\s]+)/g)].map(([, link = '']) => link).filter(link => !link.startsWith('https:'));
    expect(links.filter(link => !existsSync(join(dirname(file), link)))).toEqual([]);
  });
});

describe('README.md', () => {
  const readme = read('README.md');
  const [files = '', run = '', problem = ''] = fences(readme, 'text');

  test('shows the config that this repository has', () => {
    expect(parse(fences(readme, 'yaml')[0]!)).toEqual(config);
  });

  test('shows configs that are in order', () => {
    const texts = fences(readme, 'yaml');
    expect(texts).toHaveLength(5);
    for (const text of texts) expect(() => load(text)).not.toThrow();
  });

  test('lists the files that come out', () => {
    expect(files.trim().split('\n').sort()).toEqual(
      synthesize(planMeshCa(config))
        .map(({ path }) => `dist/${path}`)
        .sort(),
    );
  });

  test('shows the trial as the script prints it', () => {
    const [cluster] = planMeshCa(config).clusters;
    const steps = clusterSteps(cluster!);
    const trial = steps.at(-1)!;
    const said = {
      signs: '      signed, verified to the root: ',
      refuses: '      refused, as it must be: ',
      denies: '      refused, as it must be: ',
    };
    const lines = trialCommands(cluster!).flatMap(([word, what]) =>
      word === 'signs' || word === 'refuses' || word === 'denies' ? [`${said[word]}${what}`] : [],
    );
    expect(run.trimEnd().split('\n')).toEqual([
      `[${steps.length}/${steps.length}] ${trial.id}: ${trial.title}`,
      ...lines,
      `cluster cluster-1 is ready in Vault: ${lines.length} trials passed. next: README.md beside this script`,
    ]);
    // and the words are the runtime's.
    const runtime = read('src/script/runtime/trial.sh') + read('src/script/runtime/cluster.sh');
    for (const words of Object.values(said)) expect(runtime).toContain(`say "${words}`);
    expect(runtime).toContain('is ready in Vault: $trial_done trials passed"');
    expect(runtime).toContain('. next: README.md beside this script"');
  });

  test('shows an error as it is printed', () => {
    const wrong = fences(readme, 'yaml')[0]!.replace('name: cluster-1', 'name: Cluster_1');
    expect(() => load(wrong)).toThrow(new Error(problem.trim()));
  });

  test("shows the consumer's TypeScript, which its own test compiles against the packed package, and runs", () => {
    expect(fences(readme, 'ts')).toEqual([read('test/consumer/main.ts')]);
  });

  test('names commands that package.json has', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = DOCS.flatMap(file => [
      ...read(file).matchAll(/npm (?:run )?(test|synth|generate|bench|mutate|lint|format|build)\b/g),
    ]).map(([, name = '']) => name);
    expect(named.length).toBeGreaterThan(4);
    expect(named.filter(name => !(name in scripts))).toEqual([]);
  });
});

/** The steps of every way that a config can go. */
function stepIds(): string[] {
  const policyCas = [{ name: 'policy' }];
  const roots: MeshCaConfig['root'][] = [{ source: 'generate' }, { source: 'existing' }, { source: 'offline', certificate: rootPem }];
  const ways: MeshCaConfig[] = [config, kubernetes, appRole, guide, ...roots.map(root => ({ ...config, root, policyCas }))];
  return [
    ...new Set(
      ways
        .map(way => planMeshCa(way))
        .flatMap(plan => [...rootSteps(plan), ...plan.clusters.flatMap(clusterSteps)])
        .map(({ id }) => id),
    ),
  ];
}

/** Every key of the config, as docs write it: `root.mount`, and what a cluster may set without `clusters` before it. */
function configKeys(): Set<string> {
  interface Node {
    readonly $ref?: string;
    readonly properties?: Readonly<Record<string, Node>>;
    readonly items?: Node;
  }
  const definitions = schema.definitions as Readonly<Record<string, Node>>;
  const walk = (node: Node, above: string): string[] => {
    const { properties = {}, items } = node.$ref === undefined ? node : (definitions[node.$ref.replace(/.*\//, '')] ?? {});
    return [
      ...Object.entries(properties).flatMap(([key, child]) => [`${above}${key}`, ...walk(child, `${above}${key}.`)]),
      ...(items ? walk(items, above.replace(/clusters\.$/, '')) : []),
    ];
  };
  return new Set(walk(schema as Node, ''));
}
