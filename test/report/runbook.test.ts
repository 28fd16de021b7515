import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { MeshCaConfig } from '../../src/config/config';
import { MeshCaPlan, planMeshCa } from '../../src/plan/plan';
import { code, fingerprints, plain, table } from '../../src/report/markdown';
import { synthesize } from '../../src/synth';

const config = parse(readFileSync('mesh-ca.yaml', 'utf8')) as MeshCaConfig;
const guide = parse(readFileSync('examples/guide/mesh-ca.yaml', 'utf8')) as MeshCaConfig;
const tsb = {
  hub: 'registry.example.com/tsb',
  managementPlane: { host: 'tsb.example.com', port: 443 },
  telemetryStore: { elastic: { host: 'elastic.example.com', port: 9200 } },
};

let folder: string;
let rootPem: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-ca-runbook-'));
  const [key, cert] = [join(folder, 'ca.key'), join(folder, 'ca.crt')];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=Root', '-days', '3650', '-keyout', key, '-out', cert],
    { stdio: 'ignore' },
  );
  rootPem = readFileSync(cert, 'utf8');
  // each program writes down what it is called with, in one write since two may run at once, and does nothing.
  const recorder = `#!/bin/sh\nline=\${0##*/}\nfor word do line=$line$(printf '\\037')$word; done\nprintf '%s\\n' "$line" >>"$RECORD"\n`;
  for (const name of [
    'kubectl',
    'helm',
    'istioctl',
    'vault',
    'openssl',
    'jq',
    'base64',
    'bash',
    'ls',
    'date',
    'mv',
    'cp',
    'cat',
    'grep',
    'mesh-ca',
  ]) {
    writeFileSync(join(folder, name), recorder);
    chmodSync(join(folder, name), 0o755);
  }
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
  symlinkSync(join(folder, 'mesh-ca'), join(folder, 'node_modules/.bin/mesh-ca'));
  // a folder to go into has to be there.
  symlinkSync('/bin/mkdir', join(folder, 'mkdir'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The runbooks of a config by path. */
const runbooks = (from: MeshCaConfig, secretIds?: Record<string, string>) => runbooksOf(planMeshCa(from), secretIds);

/** The runbooks of a plan by path. */
function runbooksOf(plan: MeshCaPlan, secretIds: Record<string, string> = {}): Record<string, string> {
  const files = synthesize(plan, { secretIds });
  return Object.fromEntries(files.filter(({ path }) => path.endsWith('README.md')).map(({ path, content }) => [path, content]));
}

/** What stands in the fences of a language. */
const fences = (text: string, language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(([, body = '']) => body);

/** A section of a runbook. */
const section = (text: string, title: string) => text.split(/^## /m).find(part => part.startsWith(`${title}\n`)) ?? '';

/** Runs every command of a runbook with programs that only write down their arguments, as a reader would type them. */
function typed(text: string): string[][] {
  const record = join(folder, 'record');
  writeFileSync(record, '');
  const { status, stderr } = spawnSync('/bin/bash', ['--norc', '-euc', `${fences(text, 'sh').join('\n')}\nwait`], {
    cwd: folder,
    env: { PATH: folder, RECORD: record },
    encoding: 'utf8',
    // with a socket there bash takes itself for a login and reads its rc files.
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return readFileSync(record, 'utf8')
    .trim()
    .split('\n')
    .map(line => line.split('\u001f'));
}

/** A plan with names that no config may have. */
function hostile(): MeshCaPlan {
  const plan = planMeshCa(config);
  const [cluster] = plan.clusters;
  const intermediate = { ...cluster!.intermediate, commonName: '`$(touch pwned)` \'|"' };
  return { ...plan, clusters: [{ ...cluster!, context: 'it\'s "$(touch pwned)" `x`; *', intermediate }] };
}

describe.each([
  ['recommended', () => planMeshCa(config)],
  ['guide', () => planMeshCa(guide)],
  ['hostile', hostile],
  ['whole', () => planMeshCa({ ...config, tsb })],
  ['generated', () => planMeshCa({ ...config, root: { source: 'generate' } })],
  [
    'existing root',
    () => planMeshCa({ ...config, root: { source: 'existing', mount: 'corp', issuer: 'x' }, policyCas: [{ name: 'policy' }] }),
  ],
  ['offline root', () => planMeshCa({ ...config, root: { source: 'offline', certificate: rootPem } })],
  ['appRole', () => planMeshCa({ ...config, auth: 'appRole' })],
  ['kubernetes', () => planMeshCa({ ...config, auth: 'kubernetes', kubernetes: { host: 'https://10.0.0.1:6443' } })],
  ['optional objects', () => planMeshCa({ ...config, certManager: { approverPolicy: true }, networkPolicy: true })],
])('the runbooks of the %s plan', (_name, plan) => {
  test('run as they stand, every kubectl, helm and istioctl call with its context', () => {
    const { context } = plan().clusters[0]!;
    const calls = Object.values(runbooksOf(plan())).flatMap(typed);
    for (const call of calls) {
      const [program = '', first = '', second = ''] = call;
      if (program === 'kubectl' || program === 'istioctl') expect(call.slice(1, 3)).toEqual(['--context', context]);
      // repositories are the machine's, no cluster's.
      if (program === 'helm' && first !== 'repo') expect([first, second]).toEqual(['--kube-context', context]);
    }
    expect(calls.filter(([program]) => program === 'kubectl').length).toBeGreaterThan(15);
  });

  test('name only files that are there', () => {
    const paths = synthesize(plan()).map(({ path }) => `dist/${path}`);
    const named = Object.values(runbooksOf(plan()))
      .flatMap(text => fences(text, 'sh').flatMap(body => [...body.matchAll(/dist\/[\w./-]+/g)]))
      .map(([path]) => path);
    expect(named.length).toBeGreaterThan(8);
    for (const name of named) expect(paths.some(path => path === name || path.startsWith(`${name}/`)) ? 'there' : name).toBe('there');
  });
});

test('a cluster is taken in the safe order: Vault, Issuer, istio-csr, and the ControlPlane last', () => {
  const calls = typed(runbooks({ ...config, tsb, root: { certificate: rootPem } })['cluster-1/README.md']!).map(call => call.join(' '));
  // the whole call where there is one, else what begins so.
  const place = (start: string) => (calls.includes(start) ? calls.indexOf(start) : calls.findIndex(call => call.startsWith(start)));
  const order = [
    'kubectl --context cluster-1 create namespace istio-system',
    'helm --kube-context cluster-1 upgrade --install cert-manager jetstack/cert-manager --namespace cert-manager --version v1.21.2',
    'kubectl --context cluster-1 apply -f dist/cluster-1/manifests/0-access',
    'bash dist/cluster-1/setup.sh --plan',
    'bash dist/cluster-1/setup.sh',
    'kubectl --context cluster-1 apply -f dist/cluster-1/manifests/1-issuer',
    'kubectl --context cluster-1 wait --for=condition=Ready issuer/vault-issuer -n istio-system',
    'kubectl --context cluster-1 apply -f dist/cluster-1/manifests/2-istio-csr',
    'helm --kube-context cluster-1 upgrade --install cert-manager-istio-csr jetstack/cert-manager-istio-csr --namespace cert-manager --version v0.17.0 --values dist/cluster-1/istio-csr.values.yml',
    'kubectl --context cluster-1 wait --for=condition=Ready certificate/istiod -n istio-system',
    'kubectl --context cluster-1 apply -f dist/cluster-1/manifests/3-control-plane',
    'kubectl --context cluster-1 apply -f dist/cluster-1/sample/sample.yaml',
    'bash dist/cluster-1/verify.sh --workload foo/',
    'kubectl --context cluster-1 delete -f dist/cluster-1/sample/sample.yaml',
  ].map(place);
  expect(order).not.toContain(-1);
  expect(order).toEqual([...order].sort((a, b) => a - b));
});

test('a partial ControlPlane is merged as its own header says, and never applied', () => {
  const calls = typed(runbooks(config)['cluster-1/README.md']!).map(call => call.join(' '));
  const file = 'dist/cluster-1/control-plane.partial.yaml';
  const patch = `kubectl --context cluster-1 patch controlplane controlplane -n istio-system --type=merge --field-manager=cdk8s-mesh-ca --patch-file=${file}`;
  // its two halves run side by side.
  expect(calls.filter(call => call.includes('control-plane')).sort()).toEqual([patch, `${patch} --dry-run=server -o yaml`]);
  const partial = synthesize(planMeshCa(config)).find(({ path }) => path.endsWith('partial.yaml'))!;
  expect(partial.content).toContain(
    '#   kubectl --context cluster-1 patch controlplane controlplane -n istio-system --type=merge --patch-file=control-plane.partial.yaml',
  );
});

describe('Argo CD and Flux are told what is true', () => {
  const [whole, partial] = [{ name: 'cluster-1', tsb }, { name: 'cluster-2' }];
  const part = '`dist/CLUSTER/control-plane.partial.yaml`';
  const stays = `The ControlPlane is not among them: ${part} is there instead.`;
  test.each<[string, () => Partial<MeshCaConfig>, string[]]>([
    ['a partial ControlPlane', () => ({}), ['`0-access`, `1-issuer`. Point', 'comes after them.', stays]],
    ['one stage alone', () => ({ auth: 'appRole' }), ['else: `1-issuer`. Point', 'comes after it.', stays]],
    [
      'a partial one and a known root',
      () => ({ root: { certificate: rootPem } }),
      ['`0-access`, `1-issuer`, `2-istio-csr`. Point', 'comes after them.', stays],
    ],
    [
      'a whole one',
      () => ({ clusters: [whole] }),
      ['`0-access`, `1-issuer`, `3-control-plane`. Point', 'comes before `3-control-plane`. That one turns'],
    ],
    [
      'a whole one and a partial one',
      () => ({ clusters: [whole, partial] }),
      ['comes before `3-control-plane`. That one turns', `A cluster without \`3-control-plane\` has ${part}.`],
    ],
  ])('of %s', (_, more, said) => {
    const from = { ...config, ...more() };
    const paths = synthesize(planMeshCa(from)).map(({ path }) => path);
    const text = section(runbooks(from)['README.md']!, 'Argo CD and Flux');
    for (const words of said) expect(text).toContain(words);
    // what is there is named, and what is named is there.
    const names = ['0-access', '1-issuer', '2-istio-csr', '3-control-plane', 'control-plane.partial.yaml'];
    expect(names.filter(name => text.includes(`\`${name}\``) || text.includes(`/${name}\``))).toEqual(
      names.filter(name => paths.some(path => path.split('/').includes(name))),
    );
    expect(text.includes('applying it removes')).toBe(paths.some(path => path.endsWith('/control-plane.partial.yaml')));
  });
});

test("who has cert-manager already has istio-csr's chart as well: the repository is added once, before the choice", () => {
  const elsewhere = { ...config, certManager: { namespace: 'elsewhere' } };
  for (const from of [config, elsewhere]) {
    const text = runbooks(from)['cluster-1/README.md']!;
    const there = text.replace(/^Else install it:\n\n```sh\n[^]*?^```$/m, '');
    expect(there).not.toContain('jetstack/cert-manager ');
    for (const way of [text, there]) {
      const calls = typed(way)
        .map(call => call.join(' '))
        .filter(call => call.startsWith('helm') && !call.includes(' uninstall '));
      const repo = 'helm repo add jetstack https://charts.jetstack.io --force-update';
      expect(calls.filter(call => call.startsWith('helm repo'))).toEqual([repo]);
      expect([calls[0], calls.at(-1)]).toEqual([repo, expect.stringContaining(' jetstack/cert-manager-istio-csr ')]);
    }
  }
});

test("the root's key comes through a pipe from an openssl that can ask at the terminal, which a process substitution cannot", () => {
  const text = runbooks(config)['README.md']!;
  expect(
    fences(text, 'sh')
      .flatMap(body => body.split('\n'))
      .filter(line => line.includes('--root-key')),
  ).toEqual([
    'openssl pkey -in ca.key | bash dist/root/setup.sh --root-cert ca.crt --root-key /dev/stdin',
    'openssl pkey -in root-2.key | bash dist/root/setup.sh --root-cert root.pem --root-key /dev/stdin',
  ]);
  const docs = ['README.md', 'docs/seed.md', 'docs/surprises.md'].map(file => readFileSync(file, 'utf8'));
  for (const from of [config, guide]) docs.push(...Object.values(runbooks(from)));
  expect(docs.filter(doc => doc.includes('<('))).toEqual([]);
});

test("another cluster changes no byte of a cluster's runbook, and is named in the common one", () => {
  const one = runbooks(config);
  const two = runbooks({ ...config, clusters: [...config.clusters, { name: 'cluster-2' }] });
  expect(two['cluster-1/README.md']).toBe(one['cluster-1/README.md']);
  expect(two['README.md']).toContain('[dist/cluster-2/README.md](cluster-2/README.md)');
});

test('a known root is named by its fingerprint, as OpenSSL writes it', () => {
  const print = execFileSync('openssl', ['x509', '-noout', '-fingerprint', '-sha256'], { input: rootPem, encoding: 'utf8' })
    .trim()
    .replace(/.*=/, '');
  expect(fingerprints(rootPem)).toEqual([print]);
  const books = runbooks({ ...config, root: { certificate: rootPem } });
  expect(books['README.md']).toContain(print);
  expect(books['cluster-1/README.md']).toContain(print);
  expect(books['cluster-1/README.md']).not.toContain('setup.sh has delivered the root');
});

test('an offline root signs where the script that asks for it is run', () => {
  const root = { source: 'offline', certificate: rootPem } as const;
  const direct = runbooks({ ...config, root });
  const policy = runbooks({ ...config, root, policyCas: [{ name: 'policy' }] });
  const signed = 'setup.sh --signed ';
  expect(direct['README.md']).not.toContain(signed);
  expect(direct['cluster-1/README.md']).toContain('bash dist/cluster-1/setup.sh --signed istioca-cluster-1.crt');
  expect(policy['README.md']).toContain('bash dist/root/setup.sh --signed pki-policy.crt');
  expect(policy['README.md']).toContain("The policy CAs' keys never leave Vault.");
  expect(policy['cluster-1/README.md']).not.toContain(signed);
});

test('a root that Vault generates is not made with openssl', () => {
  expect(runbooks({ ...config, root: { source: 'generate' } })['README.md']).not.toContain('openssl req');
  expect(runbooks(config)['README.md']).toContain('openssl req -x509');
});

test("the unsafe choices stand in front, in the common runbook and in the cluster's", () => {
  const books = runbooks(guide);
  const { warnings, clusters } = planMeshCa(guide);
  for (const [file, text] of Object.entries(books)) {
    const those = file === 'README.md' ? warnings : clusters[0]?.warnings;
    expect(text.split('\n').filter(line => line.startsWith('- `')).length).toBe(those?.length);
    expect(text.indexOf('## Warnings')).toBeLessThan(text.indexOf('## 1.'));
  }
  expect(books['cluster-1/README.md']).toContain('bash dist/cluster-1/setup.sh --exported-key istioca.key');
  expect(runbooks(config)['cluster-1/README.md']).not.toContain('## Warnings');
});

test('a secret ID that is delivered as a manifest is warned of and never shown', () => {
  const books = runbooks({ ...config, auth: 'appRole', secret: { delivery: 'manifest' } }, { 'cluster-1': 'the-secret-id' });
  expect(books['README.md']).toContain('do not commit this folder');
  expect(books['cluster-1/README.md']).toContain(
    'MESH_CA_SECRET_ID_CLUSTER_1=$(vault write -force -field=secret_id auth/approle/role/cert-manager-cluster-1/secret-id)',
  );
  expect(Object.values(books).join('')).not.toContain('the-secret-id');
});

describe('what brings the root to istio-csr', () => {
  const book = (istioCsr: MeshCaConfig['istioCsr'], certificate?: string) =>
    runbooks({ ...config, ...(certificate && { root: { certificate } }), istioCsr })['cluster-1/README.md']!;
  const commandsOf = (text: string) =>
    fences(section(text, '4. istio-csr'), 'sh').map(fence => fence.replaceAll(' \\\n  ', ' ').trim().split('\n').slice(0, 3));
  const k = 'kubectl --context cluster-1';
  const look = '| openssl x509 -noout -subject -fingerprint -sha256';
  const map = `${k} get configmap istio-root-ca -n cert-manager -o 'jsonpath={.data.ca\\.cert\\.pem}' ${look}`;
  const helm = expect.stringMatching(/^helm --kube-context cluster-1 upgrade --install cert-manager-istio-csr /) as string;
  const apply = `${k} apply -f dist/cluster-1/manifests/2-istio-csr`;

  test('a ConfigMap is applied where the root is known, and looked at', () => {
    expect(commandsOf(book({ rootCarrier: 'configMap' }, rootPem))).toEqual([[apply, map, helm]]);
    expect(commandsOf(book({ rootCarrier: 'configMap' }))[0]?.slice(0, 2)).toEqual([map, helm]);
  });

  test.each([
    ['with the certificate', true],
    ['that refers to what setup.sh has delivered', false],
  ])('a Bundle %s is applied when trust-manager is there, and waited for', (_what, known) => {
    const text = book({ rootCarrier: 'bundle', trustNamespace: 'trust' }, known ? rootPem : undefined);
    expect(commandsOf(text)).toEqual([
      [`${k} get deployments -A -l app.kubernetes.io/name=trust-manager -o 'jsonpath={.items[*].spec.template.spec.containers[*].args}'`],
      [
        'helm --kube-context cluster-1 upgrade --install trust-manager jetstack/trust-manager --namespace cert-manager --version v0.25.0 --set app.trust.namespace=trust --wait --timeout 5m',
      ],
      [apply, `${k} wait --for=condition=Synced bundles.trust.cert-manager.io/istio-root-ca --timeout=60s`, map],
    ]);
    expect(text).toContain('See: `--trust-namespace=trust`; else write that namespace as `istioCsr.trustNamespace`');
    expect(section(text, '1. Namespaces and cert-manager')).toContain('create namespace trust ');
    expect(text.includes('which refers to what setup.sh has delivered')).toBe(!known);
    expect(text.includes('`SourceNotFound`: setup.sh has not run')).toBe(!known);
  });

  test('nothing of trust-manager is in the runbook of another carrier', () => {
    expect(book({}, rootPem) + book({ rootCarrier: 'configMap' })).not.toMatch(/trust-manager|the Bundle|bundles/);
  });
});

describe('the way in', () => {
  const ways = {
    jwt: { auth: 'jwt' },
    'jwt, the keys fetched by Vault': { auth: 'jwt', jwt: { discoveryUrl: 'https://keys.example.com' } },
    kubernetes: { auth: 'kubernetes' },
    'kubernetes, Vault outside': {
      auth: 'kubernetes',
      kubernetes: { host: 'https://10.0.0.1:6443', reviewerTtl: '720h', serviceAccount: 'login' },
    },
    appRole: { auth: 'appRole' },
    'appRole, the Secret a manifest': { auth: 'appRole', secret: { delivery: 'manifest' } },
    'appRole, without an end': { auth: 'appRole', appRole: { secretIdTtl: '0' } },
  } as const satisfies Record<string, Partial<MeshCaConfig>>;
  const book = (way: keyof typeof ways) => runbooks({ ...config, ...ways[way] }, { 'cluster-1': 'x' })['cluster-1/README.md']!;
  const setup = 'bash dist/cluster-1/setup.sh';

  test.each<[way: keyof typeof ways, account: string]>([
    ['jwt', 'istio-system/vault-issuer'],
    ['jwt, the keys fetched by Vault', 'istio-system/vault-issuer'],
    ['kubernetes', 'istio-system/vault-issuer'],
    ['kubernetes, Vault outside', 'istio-system/login'],
  ])('of %s has no secret, and its service account is there before setup.sh logs in as it', (way, account) => {
    const text = section(book(way), '2. Vault: the intermediate CA and the way in');
    expect(text).toContain(
      `cert-manager logs in with a token of service account \`${account}\`, so there is no secret to carry. The account, and cert-manager's right to ask for its tokens:`,
    );
    expect(fences(text, 'sh').map(fence => fence.trim().split('\n'))).toEqual([
      ['kubectl --context cluster-1 apply -f dist/cluster-1/manifests/0-access'],
      [
        `${setup} --print-policy | vault policy write mesh-ca-setup-cluster-1 -`,
        'bash dist/cluster-1/setup.sh --print-policy --ca | vault policy write mesh-ca-setup-cluster-1-ca -',
        'vault token create -type=batch -policy=mesh-ca-setup-cluster-1 -policy=mesh-ca-setup-cluster-1-ca -ttl=1h',
      ],
      [`${setup} --plan`, setup],
    ]);
  });

  test.each<[way: keyof typeof ways, after: string[][]]>([
    ['appRole', []],
    ['appRole, without an end', []],
    [
      'appRole, the Secret a manifest',
      [
        [
          'MESH_CA_SECRET_ID_CLUSTER_1=$(vault write -force -field=secret_id auth/approle/role/cert-manager-cluster-1/secret-id)',
          'export MESH_CA_SECRET_ID_CLUSTER_1',
          'node_modules/.bin/mesh-ca synth --allow-plaintext-secret',
        ],
      ],
    ],
  ])('of %s has no service account', (way, after) => {
    const text = section(book(way), '2. Vault: the intermediate CA and the way in');
    expect(text).not.toMatch(/no secret|service account|0-access/);
    expect(fences(text, 'sh').map(fence => fence.trim().split('\n'))).toEqual([
      [
        `${setup} --print-policy | vault policy write mesh-ca-setup-cluster-1 -`,
        'bash dist/cluster-1/setup.sh --print-policy --ca | vault policy write mesh-ca-setup-cluster-1-ca -',
        'vault token create -type=batch -policy=mesh-ca-setup-cluster-1 -policy=mesh-ca-setup-cluster-1-ca -ttl=1h',
      ],
      [`${setup} --plan`, setup],
      ...after,
    ]);
  });

  const ends = 'and with it every renewal in the mesh';
  const bound =
    'The login is bound to the UID of the service account: after the account was deleted and applied again, by a GitOps tool for example, cert-manager cannot log in until the step `jwt/role` has run again';
  test.each<[way: keyof typeof ways, says: string, again: string]>([
    [
      'jwt',
      `There is no secret that expires. ${bound} (\`setup.sh --repair jwt/role\`). When the cluster's key for tokens of service accounts is to change, have the API server`,
      'jwt/config',
    ],
    [
      'jwt, the keys fetched by Vault',
      `There is no secret that expires, and Vault fetches the cluster's keys by itself. ${bound}:\n`,
      'jwt/role',
    ],
    ['kubernetes', 'There is no secret that ends: Vault asks the API server with its own service account.\n', ''],
    [
      'kubernetes, Vault outside',
      `The reviewer's token ends at most 720h after it was made, ${ends}; its end is an annotation of service account \`istio-system/login-reviewer\`. setup.sh replaces one that has less than a third left: run that step on a schedule, e.g. monthly:\n`,
      'kubernetes/config',
    ],
    [
      'appRole',
      `The secret ID ends after 8760h, ${ends}. setup.sh replaces one that has less than a third left: run the step on a schedule, e.g. monthly, with a token that can do nothing else.`,
      'cluster/secret-id',
    ],
    ['appRole, the Secret a manifest', `The secret ID ends after 8760h, ${ends}: make a new one as in step 2 well before.\n`, 'all'],
    ['appRole, without an end', 'The secret ID never ends, as the config asks for.\n', ''],
  ])('of %s is renewed as it needs', (way, says, again) => {
    const text = section(book(way), 'Later');
    expect(text.slice('Later\n\n'.length, 'Later\n\n'.length + says.length)).toBe(says);
    // a secret ID that the script delivers can be replaced at once, too.
    const rotates = way === 'appRole' || way === 'appRole, without an end';
    expect(fences(text, 'sh')).toEqual([
      ...(again === ''
        ? []
        : again === 'all'
          ? [`${setup}\n`]
          : [
              [
                `${setup} --print-policy --repair ${again} | vault policy write mesh-ca-setup-cluster-1-repair-${again.replace('/', '-')} -`,
                `vault token create -type=batch -policy=mesh-ca-setup-cluster-1-repair-${again.replace('/', '-')} -ttl=1h`,
                `${setup} --repair ${again}\n`,
              ].join('\n'),
            ]),
      ...(rotates ? ['bash dist/cluster-1/rotate-secret-id.sh\n'] : []),
      // for all of them.
      `${setup} --check\n`,
    ]);
    expect(text.includes('To replace it at once, e.g. because somebody has seen it')).toBe(rotates);
  });
});

describe('optional objects', () => {
  const book = (more: Partial<MeshCaConfig>) => runbooks({ ...config, ...more })['cluster-1/README.md']!;
  const section3 = (more: Partial<MeshCaConfig>) => section(book(more), '3. The Issuer');

  test("approver-policy comes before its policies, and cert-manager's own approver goes after they are Ready", () => {
    const text = section3({ certManager: { approverPolicy: true, version: 'v1.17.2' } });
    const policies = ['workloads', 'serving', 'istiod'].map(of => `certificaterequestpolicy/istio-system-vault-issuer-${of}`);
    const kubectl = 'kubectl --context cluster-1';
    expect(fences(text, 'sh').map(fence => fence.replaceAll(' \\\n ', '').trim().split('\n'))).toEqual([
      [
        'helm --kube-context cluster-1 upgrade --install cert-manager-approver-policy jetstack/cert-manager-approver-policy --namespace cert-manager --version v0.28.0 --wait --timeout 5m',
      ],
      [
        `${kubectl} apply -f dist/cluster-1/manifests/1-issuer`,
        `${kubectl} wait --for=condition=Ready issuer/vault-issuer -n istio-system --timeout=60s`,
        `${kubectl} get issuers vault-issuer -n istio-system -o wide`,
      ],
      [`${kubectl} wait --for=condition=Ready ${policies.join(' ')} --timeout=60s`, `${kubectl} get issuers,clusterissuers -A`],
      [
        'helm --kube-context cluster-1 upgrade cert-manager jetstack/cert-manager --namespace cert-manager --version v1.17.2 --reuse-values --set disableAutoApproval=true --wait --timeout 5m',
        `${kubectl} get deployments -n cert-manager -l app.kubernetes.io/name=cert-manager,app.kubernetes.io/component=controller -o 'jsonpath={.items[*].spec.template.spec.containers[*].args}'`,
      ],
    ]);
    expect(text).toContain('each other Issuer needs a policy of its own, or its certificates are renewed no more');
  });

  test('NetworkPolicies are applied with their stage, and what they close is said before', () => {
    const text = book({ networkPolicy: true });
    const four = section(text, '4. istio-csr');
    expect(fences(four, 'sh')[0]?.split('\n')[0]).toBe('kubectl --context cluster-1 apply -f dist/cluster-1/manifests/2-istio-csr');
    expect(section(text, '3. The Issuer')).toContain('closes the rest to it, e.g. port 80 for ACME');
    expect(four).toContain('closes its metrics, and pods on the network of their node');
  });

  test('without them nothing of them is said', () => {
    expect(book({})).not.toMatch(/approver|network-policy|networkpolicy|Denied/);
  });
});

test('an older chart of cert-manager is given its older name for its CRDs', () => {
  const text = (version: string) => runbooks({ ...config, certManager: { version } })['cluster-1/README.md'];
  expect(text('v1.14.7')).toContain('--set installCRDs=true');
  expect(text('v1.15.0')).toContain('--set crds.enabled=true');
});

test('code, text and cells are what they were, whatever they hold', () => {
  expect(code('a')).toBe('`a`');
  expect(code('a`b``c')).toBe('``` a`b``c ```');
  expect(code('a\nb')).toBe('`a b`');
  expect(plain('<b> *x* [l](u) `c` a|b')).toBe('\\<b\\> \\*x\\* \\[l\\](u) \\`c\\` a\\|b');
  expect(table(['a'], [['b|c']])).toEqual(['| a |', '| --- |', '| b\\|c |', '']);
});
