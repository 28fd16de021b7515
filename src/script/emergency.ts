import { AuthPlan } from '../plan/auth';
import { SignerPlan } from '../plan/pki';
import { ClusterPlan } from '../plan/plan';
import { longest, seconds } from '../plan/ttl';
import { words } from './bash';
import { readsCa } from './ca-steps';
import { closingLines, closings } from './closings';
import { tokenPolicy } from './policy-text';
import { markedAs } from './generation-steps';
import { loginConstants, seesLogins } from './auth-steps';
import { reaches, rootPlace, script } from './setup';
import { recording, Step } from './step';

/** One thing that emergency.sh closes. */
export interface Emergency {
  /** Its name on the command line. */
  readonly name: 'block-login' | 'block-role' | 'revoke-intermediate';

  /** What it closes, for the help. */
  readonly about: string;

  /** What it does, beside what each of them does to the mesh; said before it is done. */
  readonly effects: readonly string[];

  /** What opens it again; the last line. */
  readonly next: string;

  /** What it does. */
  readonly steps: readonly Step[];
}

/** A Certificate whose renewal failed meanwhile is not asked for again in time, for an istiod that lives an hour. */
const askAtOnce =
  'Then have cert-manager ask for what failed meanwhile: by itself it waits an hour, and istiod may have no certificate before that. README.md beside this script has the line';

/** What a cluster's emergency.sh can close. */
export function emergencies(cluster: ClusterPlan): Emergency[] {
  const { name, auth, role, policy, intermediate } = cluster;
  const { mount, signer } = intermediate;
  const setup = `bash dist/${name}/setup.sh`;
  const closed = closings(cluster);
  const token = longestToken(auth);
  // where the login is closed, the others that are there are named.
  const seesOthers = ({ needs, ...step }: Step): Step =>
    step.unless?.[1] === auth.path ? { ...step, needs: { ...needs, look: { ...needs.look, ...seesLogins(auth) } } } : { ...step, needs };
  return [
    {
      name: 'block-login',
      about: "cert-manager's way in: nobody logs in as it any more, and the tokens that it has are worth nothing",
      effects: [
        `cert-manager's login (${auth.path}) and its policy (${policy.name}) are removed: no new login, and a token that was given out before may do nothing, from the first moment on.`,
        'A request for a certificate stays pending meanwhile: cert-manager tries a failed login again.',
        notUndone,
      ],
      next: `closed. ${newLogin(cluster)}To open it again: ${setup} --reopen. A token of a login before this lives for up to ${token} and gets its rights back then: wait that long where one may be stolen`,
      steps: [...closed['block-login'].map(seesOthers), recordStep(cluster, 'block-login')],
    },
    {
      name: 'block-role',
      about: `the PKI role ${role.path}: nothing more is signed at it, whoever asks`,
      effects: [
        `${role.path} is removed: each request at ${role.signPath} is an error from now on. The CA stays, and signs at other roles of ${mount}, where there are any.`,
        'Each request for a certificate that is made meanwhile fails for good: cert-manager asks anew for its own Certificates, istio-csr for a workload that asks again.',
        notUndone,
      ],
      next: `closed. To open it again: ${setup} --repair role/write --reopen. ${askAtOnce}`,
      steps: [...closed['block-role'], recordStep(cluster, 'block-role')],
    },
    {
      name: 'revoke-intermediate',
      about: `one CA of ${mount}: it signs nothing more, for good. --generation N or --issuer ID says which, where there are several`,
      effects: [
        `Vault revokes the CA on its own mount ${mount}${signer ? `, and its certificate in the list (CRL) of the mount that signed it, ${signer.mount}` : '. The list (CRL) of the offline root is not in Vault: revoke the certificate there too'}. It cannot be undone.`,
        'Revoking cuts nobody off: with istio-csr no proxy of the mesh is given a CRL. A person who has stolen the key of this CA can go on signing what the mesh trusts: against that, only another root helps, in every cluster that shares this one.',
      ],
      next: `revoked. Where it was the CA that signs, the way on is another one beside it: raise intermediate.generation of ${name} in mesh-ca.yaml, with a key of its own (without intermediate.reuseKey), synthesize, and ${setup}. ${askAtOnce}`,
      steps: revokeSteps(cluster),
    },
  ];
}

/** A scheduled run of setup.sh must not open again what a person has closed. */
const notUndone = 'setup.sh does not open it again until it is run with --reopen: the description of the mount records that it is closed.';

/** Vault itself does not ask whether a service account still exists: its UID in the login role is what shuts out the tokens of an old one. */
function newLogin({ name, context, auth }: ClusterPlan): string {
  if (auth.method !== 'jwt') return '';
  const { namespace, name: account } = auth.serviceAccount;
  const remove = words(['kubectl', '--context', context, 'delete', 'serviceaccount', account, '-n', namespace]);
  const apply = words(['kubectl', '--context', context, 'apply', '-f', `dist/${name}/manifests/0-access`]);
  return `A stolen token of the service account can be valid for a year: before you open it again, make the account anew, and setup.sh binds the login to the new one: ${remove} && ${apply}. `;
}

/** The step that records what a command has closed, after it has closed it. */
function recordStep(cluster: ClusterPlan, name: string): Step {
  const { mount } = cluster.intermediate;
  return {
    id: `${name}/record`,
    title: `Record in the description of ${mount} that it is closed`,
    why: ['Last, so that nothing delays the closing. setup.sh reads it.'],
    unless: ['closing_recorded', mount, name],
    run: [['record_closing', mount, name]],
    needs: { look: { 'sys/mounts': ['read'] }, ...recording(mount, markedAs(cluster)) },
  };
}

/** Steps that revoke a CA of a cluster. */
function revokeSteps({ intermediate: { mount, signer } }: ClusterPlan): Step[] {
  return [
    {
      id: 'issuer/revoke',
      title: `Revoke the CA in ${mount}`,
      why: ['First, since it is what ends the signing.'],
      unless: ['issuer_revoked', mount],
      run: [['revoke_issuer', mount]],
      needs: { look: { ...readsCa(mount), [`${mount}/issuers`]: ['list'] }, act: { [`${mount}/issuer/+/revoke`]: ['update'] } },
    },
    ...(signer ? [revokeCertificateStep(mount, signer)] : []),
  ];
}

function revokeCertificateStep(mount: string, { mount: signer, issuer }: SignerPlan): Step {
  return {
    id: 'certificate/revoke',
    title: `Put its certificate into the list of what ${signer} has revoked`,
    why: ['For those who look at a CRL, and for the record: the mesh does not.'],
    unless: ['certificate_revoked', signer, issuer],
    run: [['revoke_certificate', signer, issuer]],
    needs: {
      look: {
        ...readsCa(mount),
        ...readsCa(signer),
        [`${signer}/issuers`]: ['list'],
        [`${signer}/cert/+`]: ['read'],
        'sys/mounts': ['read'],
      },
      act: { [`${signer}/revoke`]: ['update'] },
    },
  };
}

/** What goes on, and what stops when, whichever it is. */
export function livesOn({ certificates: { workloadTtl, istiodTtl, servingTtl }, role }: ClusterPlan): string[] {
  const last = longest([workloadTtl, istiodTtl, servingTtl, role.fields.max_ttl]);
  return [
    `What is signed goes on to its end: a workload's certificate for up to ${workloadTtl}, istiod's ${istiodTtl}, istio-csr's own ${servingTtl}. Nothing is cut off before.`,
    `Nothing is renewed, and a pod that starts gets no certificate. A workload asks for its next one at half of its time: the first certificates end about ${half(workloadTtl)} from now, the last ${last} from now, and with them the mesh.`,
  ];
}

/** Half of a duration, in words that need no reckoning. */
function half(ttl: string): string {
  const minutes = Math.floor(seconds(ttl) / 120);
  return minutes % 60 === 0 ? `${minutes / 60}h` : `${minutes}m`;
}

/** How long a token of a login lives at most. */
const longestToken = ({ fields: { token_type: type, token_ttl: ttl, token_max_ttl: max } }: AuthPlan) =>
  // a batch token is not renewed.
  type === 'batch' ? ttl : longest([ttl, max]);

/** The script that closes one thing at once. */
export function emergencyScript(cluster: ClusterPlan): string {
  const { intermediate } = cluster;
  const all = emergencies(cluster);
  const names = all.map(({ name }) => name);
  return script(
    `Closes what an attacker may use of cluster ${cluster.name}, one thing by one command: ${names.join(', ')}.`,
    [],
    all.flatMap(({ steps }) => steps),
    ['mark.sh', 'undo.sh', 'each.sh', 'logins.sh', 'emergency.sh'],
    {
      cluster: cluster.name,
      ...reaches(cluster.vault),
      ...rootPlace(cluster.root),
      token_policy: tokenPolicy('emergency', cluster.name),
      ...loginConstants(cluster),
      intermediate_mount: intermediate.mount,
      common_name: intermediate.commonName,
      generation: String(intermediate.generation.number),
      issuer_prefix: intermediate.generation.prefix,
      first_common_name: intermediate.generation.firstCommonName,
      options_usage: ` [--yes NAME] [--generation N | --issuer ID] ${names.join(' | ')}`,
      options_help: [
        `  --yes NAME          the name of the cluster, ${cluster.name}, which is asked for at a terminal otherwise`,
        '  --generation N      the generation of the CA that revoke-intermediate revokes; needed where the mount holds several',
        '  --issuer ID         the same, by the ID of the issuer in Vault',
        '',
        ...all.map(({ name, about }) => `  ${name.padEnd(19)} ${about}`),
        '',
      ].join('\n'),
      closes: closingLines(Object.fromEntries(all.map(({ name, steps }) => [name, steps]))),
      effects: JSON.stringify(
        Object.fromEntries(all.map(({ name, effects, next }) => [name, { effects: [...effects, ...livesOn(cluster)], next }])),
        null,
        2,
      ),
    },
  );
}
