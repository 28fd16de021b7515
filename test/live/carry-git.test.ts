// secret.delivery: sealedSecret and sops. The commands are those of the runbook, run as they stand there on a real Vault; sops and
// age are real; kubeseal is played: a stand-in keeps what it is given on standard input and prints a text for it. The SealedSecret goes to the real API server
// with a CRD that this test writes by itself, from the documented shape: Sealed Secrets' own is not to be had here.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { clusterFiles } from '../../src/charts/cluster-files';
import { type SecretConfig } from '../../src/config/config';
import { synthesize } from '../../src/synth';
import { carryConfig, type CarryWorld, makeReadyWorld } from './carry';
import { buildPrograms, ok, run, tempDir, until } from './harness';
import { programsBefore, startServers } from './world';

const { kube, devVault } = startServers();
const sealed = `AgBy3i4OJSWK+PiTySYZZA9rO43cGDEq${'A'.repeat(600)}==`;

const text = { type: 'string' };
const texts = { type: 'object', additionalProperties: text };
const meta = { type: 'object', properties: { name: text, namespace: text, labels: texts, annotations: texts } };
const template = { type: 'object', properties: { type: text, immutable: { type: 'boolean' }, data: texts, metadata: meta } };
const spec = { type: 'object', required: ['encryptedData'], properties: { encryptedData: texts, template } };
const crd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'sealedsecrets.bitnami.com' },
  spec: {
    group: 'bitnami.com',
    names: { kind: 'SealedSecret', plural: 'sealedsecrets', singular: 'sealedsecret', listKind: 'SealedSecretList' },
    scope: 'Namespaced',
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', required: ['spec'], properties: { spec } } },
      },
    ],
  },
};

test('the API server takes the SealedSecret, and refuses an unknown field', async () => {
  await kube().apply(JSON.stringify(crd));
  const established = ['wait', '--for=condition=Established', '--timeout=60s', 'crd/sealedsecrets.bitnami.com'];
  await until('the CRD', async () => (await kube().kubectl(established)).code === 0);
  const vault = await devVault();
  const one = await makeReadyWorld(carryConfig({ delivery: 'sealedSecret', ciphertext: sealed }), vault, kube());
  const manifest = clusterFiles(one.cluster).find(({ path }) => path.endsWith('sealed-secret.yaml'))!.content;
  await kube().apply(manifest);
  await expect(kube().apply(manifest.replace('encryptedData', 'encryptedDatas'))).rejects.toThrow(/unknown field|strict decoding/);
  await expect(kube().apply(manifest.replace('template', 'templates'))).rejects.toThrow(/unknown field|strict decoding/);
});

/** The shell text of a runbook that holds a word. */
function commandsWith(one: CarryWorld, word: string): string {
  const readme = synthesize(one.plan).find(({ path }) => path === 'cluster-1/README.md')!.content;
  const fences = [...readme.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, body = '']) => body);
  return fences.find(body => body.includes(word)) ?? `false # no ${word}`;
}

/** Runs it with a stand-in that writes its arguments and its input to files. */
async function runWith(one: CarryWorld, program: string, word: string) {
  const [ARGV, INPUT] = ['argv', 'input'].map(name => join(one.folder, name)) as [string, string];
  const bin = programsBefore({ [program]: 'printf "%s\\n" "$@" >"$ARGV"; cat >"$INPUT"; echo encrypted' }, {});
  const env = { ...one.env, ARGV, INPUT, PATH: `${bin}:${one.env.PATH ?? ''}` };
  const stdout = ok(await run('bash', ['-euo', 'pipefail', '-c', commandsWith(one, word)], { cwd: one.folder, env }));
  return { stdout, argv: readFileSync(ARGV, 'utf8').trim().split('\n'), input: readFileSync(INPUT, 'utf8') };
}

const world = async (secret: SecretConfig) => makeReadyWorld(carryConfig(secret), await devVault(), kube());

test("the runbook's kubeseal command gets the secret ID by its standard input alone, and prints no plain text", async () => {
  const one = await world({ delivery: 'sealedSecret' });
  expect(one.first).toContain('not tried: istio-system/cert-manager-vault-approle is not in the cluster yet');
  expect(clusterFiles(one.cluster).map(({ path }) => path)).not.toContain('cluster-1/manifests/1-issuer/sealed-secret.yaml');
  const { stdout, argv, input } = await runWith(one, 'kubeseal', 'kubeseal');
  expect([stdout, await one.login(input)]).toEqual(['encrypted\n', 200]);
  expect(argv.join(' ')).toBe(
    '--context cluster-1 --raw --scope strict --namespace istio-system --name cert-manager-vault-approle --from-file=/dev/stdin',
  );
});

describe('sops and age, the real ones', () => {
  /** The runbook's fence of YAML that says what is encrypted for whom. */
  const rulesOf = (one: CarryWorld) => {
    const readme = synthesize(one.plan).find(({ path }) => path === 'cluster-1/README.md')!.content;
    return /^```yaml\n(creation_rules:\n[^]*?)^```$/m.exec(readme)?.[1] ?? '';
  };

  test("the runbook's commands encrypt the very Secret that the Issuer reads, for one key alone, and give it back; then setup.sh tries it", async () => {
    const tools = await buildPrograms(['sops', 'age-keygen']);
    const keys = tempDir('age');
    const recipients: string[] = [];
    for (const name of ['own.txt', 'other.txt']) {
      ok(await run(tools['age-keygen'], ['-o', join(keys, name)]));
      recipients.push(ok(await run(tools['age-keygen'], ['-y', join(keys, name)])).trim());
    }
    const one = await world({ delivery: 'sops', ageRecipient: recipients[0]!, key: 'id' });
    const shell = (text: string, key?: string) =>
      run('bash', ['-euo', 'pipefail', '-c', text], {
        cwd: one.folder,
        env: { ...one.env, PATH: `${dirname(tools.sops)}:${one.env.PATH ?? ''}`, SOPS_AGE_KEY_FILE: key && join(keys, key) },
      });
    writeFileSync(join(one.folder, '.sops.yaml'), rulesOf(one));

    // no private key is needed to encrypt.
    expect(await shell(commandsWith(one, '--encrypt'))).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const text = readFileSync(join(one.folder, 'secrets/cluster-1.enc.yaml'), 'utf8');
    const sealed = parse(text) as {
      metadata: Record<string, unknown>;
      data: Record<string, string>;
      sops: { age: { recipient: string }[] };
    };
    expect(sealed.metadata).toMatchObject({ name: 'cert-manager-vault-approle', namespace: 'istio-system' });
    expect(sealed.data).toEqual({ id: expect.stringMatching(/^ENC\[AES256_GCM,/) as string });
    expect(sealed.sops.age.map(({ recipient }) => recipient)).toEqual([recipients[0]]);

    const decrypt = commandsWith(one, '--decrypt');
    const other = await shell(decrypt, 'other.txt');
    expect(other.code).not.toBe(0);
    expect(other.stderr).toContain('Failed to get the data key');
    expect(ok(await shell(decrypt, 'own.txt'))).toContain('secret/cert-manager-vault-approle created');
    const secret = (await kube().get(['secret', 'cert-manager-vault-approle', '-n', 'istio-system'])) as { data: { id: string } };
    const secretId = Buffer.from(secret.data.id, 'base64').toString();
    expect(await one.login(secretId)).toBe(200);
    expect(text).not.toContain(secretId);
    expect(text).not.toContain(secret.data.id);
    expect(ok(await one.script('cluster-1'))).toContain('11 trials passed');
  });
});
