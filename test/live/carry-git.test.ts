// secret.delivery: sealedSecret and sops. The commands are those of the runbook, run as they stand there on a real Vault; kubeseal and sops
// are played: a stand-in keeps what it is given on standard input and prints a text for it. The SealedSecret goes to the real API server
// with a CRD that this test writes by itself, from the documented shape: Sealed Secrets' own is not to be had here.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { clusterFiles } from '../../src/charts/cluster-files';
import { type SecretConfig } from '../../src/config/config';
import { synthesize } from '../../src/synth';
import { carryConfig, type CarryWorld, makeReadyWorld } from './carry';
import { ok, run, until } from './harness';
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

test("the runbook's sops command encrypts the very Secret that the Issuer reads; then setup.sh tries it", async () => {
  const one = await world({ delivery: 'sops', ageRecipient: 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p', key: 'id' });
  const { stdout, input, argv } = await runWith(one, 'sops', '--encrypt');
  const secret = parse(input) as { metadata: Record<string, unknown>; data: Record<string, string> };
  const secretId = Buffer.from(secret.data.id ?? '', 'base64').toString();
  expect([stdout, await one.login(secretId)]).toEqual(['', 200]);
  expect(secret.metadata).toMatchObject({ name: 'cert-manager-vault-approle', namespace: 'istio-system' });
  expect(readFileSync(join(one.folder, 'secrets/cluster-1.enc.yaml'), 'utf8')).toBe('encrypted\n');
  expect(argv).toContain('secrets/cluster-1.enc.yaml');
  // as sops --decrypt gives it back.
  writeFileSync(join(one.folder, 'secret.yaml'), input);
  await kube().apply(input);
  expect(ok(await one.script('cluster-1'))).toContain('10 trials passed');
});
