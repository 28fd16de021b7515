import { AppRolePlan } from '../plan/app-role';
import { words } from '../script/bash';
import { code, MESH_CA, shell } from './markdown';
import { ClusterContext, repairLines } from './parts';

/** What there is to do for the secret ID beside setup.sh. */
export function secretDelivery(context: ClusterContext): string[] {
  const { auth } = context.cluster;
  if (auth.method !== 'appRole') return [];
  const { secret } = auth;
  switch (secret.delivery) {
    case 'script':
      return [];
    case 'manifest':
      return manifest(auth);
    case 'wrapped':
      return wrapped(context, secret.wrapTtl);
    case 'externalSecret':
    case 'externalSecretGenerator':
      return external(context, auth);
    case 'sealedSecret':
      return sealed(context, auth, secret.ciphertext);
    case 'sops':
      return sops(context, auth, secret.ageRecipient);
  }
}

function manifest({ path, secret }: AppRolePlan): string[] {
  return [
    `The secret ID is delivered as a manifest, so the trial waits for it. Make one now that the AppRole is there, synthesize again, and run setup.sh once more after step 3:`,
    '',
    ...shell(
      `${secret.variable}=$(${words(['vault', 'write', '-force', '-field=secret_id', `${path}/secret-id`])})`,
      `export ${secret.variable}`,
      words([MESH_CA, 'synth', '--allow-plaintext-secret']),
    ),
  ];
}

function wrapped({ at }: ClusterContext, wrapTtl: string): string[] {
  return [
    `setup.sh prints a wrapping token and its accessor, and never sees the secret ID. Hand the token to the one who runs the cluster: it serves once, for ${wrapTtl}. Keep the accessor. The other one needs no login to Vault; the script asks for the token:`,
    '',
    ...shell(words(['bash', at('unwrap-secret-id.sh')])),
    'See: `signed, verified to the root: a workload`. A run that was stopped can be run again with the same token. Should it say that Vault does not know the token any more, or that it was made elsewhere, destroy the secret ID by its accessor, with the command that setup.sh printed, and run setup.sh again for another token. Where no run was stopped and the time was not up, somebody else may have that secret ID: look into the audit log of Vault for who unwrapped it.',
    '',
  ];
}

function external({ kube }: ClusterContext, { secret }: AppRolePlan): string[] {
  if (!('store' in secret)) return [];
  const { store, name, namespace } = secret;
  const account = code(`${store.serviceAccount.namespace}/${store.serviceAccount.name}`);
  const makes =
    secret.delivery === 'externalSecret'
      ? `reads the secret ID at ${code(`${secret.kv.mount}/${secret.kv.path}`)}, where setup.sh has put it`
      : 'has Vault make a secret ID at each refresh; those before end by themselves';
  return [
    `The External Secrets operator (with ${code('external-secrets.io/v1')}) must run in the cluster. It ${makes}. It logs in at Vault's auth method ${code(store.mount)} (${store.auth}) as service account ${account}, whose tokens have the audience ${code(store.audience)}; setup.sh has written the role ${code(store.role)} there, and no more than it needs. Such a login would do for cert-manager too: ${code(`auth: ${store.auth}`)} needs no secret ID at all.`,
    '',
    'After step 3:',
    '',
    ...shell(kube('wait', '--for=condition=Ready', `externalsecret/${name}`, '-n', namespace, '--timeout=60s')),
    ...(secret.delivery === 'externalSecret' ? [] : ['Then run setup.sh once more: its trial waits for the Secret.', '']),
  ];
}

/** Makes a secret ID and prints it into a pipe; never into a file. */
const makeSecretId = ({ path }: AppRolePlan) => words(['vault', 'write', '-force', '-field=secret_id', `${path}/secret-id`]);

function destroyOld({ path }: AppRolePlan): string[] {
  return [
    'Once that has worked, destroy the secret IDs that were made before, as the first command lists them:',
    '',
    ...shell(
      words(['vault', 'list', `${path}/secret-id`]),
      `${words(['vault', 'write', `${path}/secret-id-accessor/destroy`])} secret_id_accessor="$ACCESSOR"`,
    ),
  ];
}

function sealed({ cluster, at, kube }: ClusterContext, auth: AppRolePlan, ciphertext: string | undefined): string[] {
  const { name, namespace } = auth.secret;
  const seal = ['kubeseal', '--context', cluster.context, '--raw', '--scope', 'strict', '--namespace', namespace, '--name', name];
  return [
    `The Sealed Secrets controller must run in the cluster. ${ciphertext === undefined ? `${code('secret.ciphertext')} is not set yet, so there is no SealedSecret in these files` : `${code(at('manifests/1-issuer/sealed-secret.yaml'))} holds the secret ID, encrypted for this name and namespace`}. This makes a secret ID and encrypts it; the plain one goes through the pipe only:`,
    '',
    ...shell(`${makeSecretId(auth)} \\\n  | ${words([...seal, '--from-file=/dev/stdin'])}`),
    `See: one line of base64, no secret. Write it as ${code('secret.ciphertext')} of this cluster, synthesize again, and apply step 3:`,
    '',
    ...shell(words([MESH_CA, 'synth']), kube('get', 'sealedsecret', name, '-n', namespace)),
    'See, after step 3: `SYNCED  True`. Then run setup.sh once more: its trial waits for the Secret.',
    '',
    ...destroyOld(auth),
  ];
}

function sops({ cluster, kube }: ClusterContext, auth: AppRolePlan, recipient: string): string[] {
  const { name, namespace, key } = auth.secret;
  // beside dist/, which is replaced as a whole at each synthesis.
  const file = `secrets/${cluster.name}.enc.yaml`;
  const create = ['create', 'secret', 'generic', name, '-n', namespace, `--from-file=${key}=/dev/stdin`, '--dry-run=client', '-o', 'yaml'];
  const encrypt = ['sops', '--encrypt', '--filename-override', file, '--input-type', 'yaml', '--output-type', 'yaml', '/dev/stdin'];
  return [
    `The secret ID lies in Git, encrypted for the age key ${code(recipient)}. ${code('.sops.yaml')} beside mesh-ca.yaml says so; where there is one, add the rule:`,
    '',
    '```yaml',
    'creation_rules:',
    '  - path_regex: ^secrets/.*\\.enc\\.yaml$',
    '    encrypted_regex: ^(data|stringData)$',
    `    age: ${recipient}`,
    '```',
    '',
    'This makes a secret ID and encrypts it; the plain one goes through the pipes only:',
    '',
    ...shell('mkdir -p secrets', `${makeSecretId(auth)} \\\n  | ${kube(...create)} \\\n  | ${words(encrypt)} > ${words([file])}`),
    `See: ${code('ENC[AES256_GCM,…]')} below ${code('data')}. Commit the file; Flux decrypts it by itself (${code('decryption.provider: sops')}). By hand, where the private key is at hand:`,
    '',
    ...shell(`${words(['sops', '--decrypt', file])} | ${kube('apply', '-f', '-')}`),
    'Then run setup.sh once more: its trial waits for the Secret.',
    '',
    ...destroyOld(auth),
  ];
}

/** How the secret ID is renewed: the text, and what setup.sh is to be run for: one of its steps, or all of it. */
export function secretRenewal(context: ClusterContext): [text: string[], again?: string] {
  const {
    cluster: { auth },
    at,
  } = context;
  if (auth.method !== 'appRole') return [[]];
  const { fields, secret } = auth;
  const ttl = fields.secret_id_ttl;
  const rotation =
    secret.delivery === 'script'
      ? [
          'To replace it at once, e.g. because somebody has seen it, and destroy the one before as soon as the new one is proved:',
          '',
          ...shell(words(['bash', at('rotate-secret-id.sh')])),
        ]
      : [];
  if (ttl === '0') return [['The secret ID never ends, as the config asks for.', '', ...rotation]];
  const ends = `The secret ID ends after ${ttl}, and with it every renewal in the mesh`;
  const onSchedule =
    'setup.sh replaces one that has less than a third left: run the step on a schedule, e.g. monthly, with a token that can do nothing else.';
  switch (secret.delivery) {
    case 'script':
      return [[`${ends}. ${onSchedule}`, '', ...repairLines(context, 'cluster/secret-id'), ...rotation]];
    case 'externalSecret':
      return [[`${ends}. ${onSchedule} The operator reads the new one within ${secret.refreshInterval}.`, ''], 'cluster/secret-id'];
    case 'externalSecretGenerator':
      return [[`Each secret ID ends after ${ttl}; the operator has another one made every ${secret.refreshInterval}.`, '']];
    case 'wrapped':
      return [
        [`${ends}. setup.sh makes another one where less than a third is left, for the other one to fetch: run the step well before.`, ''],
        'cluster/secret-id',
      ];
    case 'manifest':
    case 'sealedSecret':
    case 'sops':
      return [[`${ends}: make a new one as in step 2 well before.`, ''], 'all'];
  }
}
