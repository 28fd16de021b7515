import { AppRolePlan } from '../plan/app-role';
import { words } from '../script/bash';
import { code, shell } from './markdown';
import { ClusterContext } from './parts';

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
  }
}

function manifest({ path, secret }: AppRolePlan): string[] {
  return [
    `The secret ID is delivered as a manifest, so the trial waits for it. Make one now that the AppRole is there, synthesize again, and run setup.sh once more after step 3:`,
    '',
    ...shell(
      `${secret.variable}=$(${words(['vault', 'write', '-force', '-field=secret_id', `${path}/secret-id`])})`,
      `export ${secret.variable}`,
      words(['npx', 'mesh-ca', 'synth', '--allow-plaintext-secret']),
    ),
  ];
}

function wrapped({ at }: ClusterContext, wrapTtl: string): string[] {
  return [
    `setup.sh prints a wrapping token and its accessor, and never sees the secret ID. Hand the token to the one who runs the cluster: it serves once, for ${wrapTtl}. Keep the accessor. The other one needs no login to Vault; the script asks for the token:`,
    '',
    ...shell(words(['bash', at('unwrap-secret-id.sh')])),
    'See: `signed, verified to the root: a workload`. Should it say that the token was unwrapped before, or was made elsewhere, and nobody of you did that, somebody else may have a secret ID that works: destroy it by its accessor, with the command that setup.sh printed, look into the audit log of Vault for who unwrapped it, and run setup.sh again.',
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

/** How the secret ID is renewed: the text, and whether setup.sh is to be run for it. */
export function secretRenewal({ cluster: { auth }, at }: ClusterContext): [text: string[], again: boolean] {
  if (auth.method !== 'appRole') return [[], false];
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
  if (ttl === '0') return [['The secret ID never ends, as the config asks for.', '', ...rotation], false];
  const ends = `The secret ID ends after ${ttl}, and with it every renewal in the mesh`;
  const onSchedule =
    'setup.sh replaces one that has less than a third left: run it on a schedule, e.g. monthly. It changes nothing else that is as planned.';
  switch (secret.delivery) {
    case 'script':
      return [[...rotation, `${ends}. ${onSchedule}`, ''], true];
    case 'externalSecret':
      return [[`${ends}. ${onSchedule} The operator reads the new one within ${secret.refreshInterval}.`, ''], true];
    case 'externalSecretGenerator':
      return [[`Each secret ID ends after ${ttl}; the operator has another one made every ${secret.refreshInterval}.`, ''], false];
    case 'wrapped':
      return [
        [`${ends}. setup.sh makes another one where less than a third is left, for the other one to fetch: run it well before.`, ''],
        true,
      ];
    case 'manifest':
      return [[`${ends}: make a new one as in step 2 well before.`, ''], true];
  }
}
