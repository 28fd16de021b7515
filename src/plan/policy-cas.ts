import { MeshCaConfig, PolicyCaConfig } from '../config/config';
import { Problem } from '../config/problem';
import { CaPlan, INTERMEDIATE_TTL, IssuerEnd, refuseKeyBits, RootPlan, rootEnd, rootSigner, signerOf } from './pki';
import { refuseUriDomains } from './name-constraints';
import { Settings } from './settings';
import { planSubject } from './subject';
import { hours, longest, seconds } from './ttl';
import { planUrls } from './urls';

/** A CA between the root and the clusters' intermediates. */
export interface PolicyCaPlan extends CaPlan {
  /** Name, and what its steps are named after. */
  readonly name: string;
}

/** How long a root lives of which the plan does not know it: ten years. */
const UNKNOWN_ROOT = '87600h';

/** Decides the policy CAs, from the root downwards: each is signed by the one before. */
export function planPolicyCas(
  { policyCas = [] }: Pick<MeshCaConfig, 'policyCas'>,
  settings: readonly Settings[],
  { root, rootSeconds, problems }: { readonly root: RootPlan; readonly rootSeconds?: number; readonly problems: Problem[] },
): PolicyCaPlan[] {
  const below = longest(settings.map(({ intermediate }) => intermediate?.ttl ?? INTERMEDIATE_TTL));
  const paths = settings.map(({ intermediate }) => intermediate?.maxPathLength ?? 0);
  const plans: PolicyCaPlan[] = [];
  policyCas.forEach((given, i) => {
    const refuse = (key: keyof PolicyCaConfig, message: string) =>
      problems.push({ path: ['policyCas', i, key], message: `'${key}' ${message}` });
    const issuer = plans.at(-1);
    const end = issuer === undefined ? rootEnd(root, rootSeconds) : endOfPolicyCa(issuer);
    const left = policyCas.length - i;
    const keyType = given.keyType ?? 'rsa';
    const plan: PolicyCaPlan = {
      name: given.name,
      mount: given.mount ?? `pki-${given.name}`,
      commonName: given.commonName ?? `${given.name} Mesh Policy CA`.slice(-64),
      subject: planSubject(given.subject),
      // the certificate of a root has a date, and a plan has no clock: its default follows from the config alone.
      ttl: given.ttl ?? between(issuer?.ttl ?? plannedRootTtl(root), below, left),
      key: 'internal',
      keyType,
      keyBits: given.keyBits ?? (keyType === 'rsa' ? 4096 : 384),
      maxPathLength: given.maxPathLength ?? pathLength(left, paths),
      permittedDnsDomains: given.permittedDnsDomains ?? [],
      permittedUriDomains: given.permittedUriDomains ?? [],
      urls: planUrls(given.urls),
      signer: issuer === undefined ? rootSigner(root) : signerOf(issuer.mount),
    };
    const wrong = refuseKeyBits(keyType, plan.keyBits);
    if (wrong) problems.push({ path: ['policyCas', i, 'keyBits'], message: wrong });
    const onlyOffline = refuseUriDomains(plan);
    if (onlyOffline !== undefined) refuse('permittedUriDomains', onlyOffline);
    refuseTtl(plan, given, { end, below, left, settings, refuse });
    refusePath(plan, { issuer, least: pathLength(left, paths), refuse });
    refuseNames(plan, { root, above: plans, refuse });
    plans.push(plan);
  });
  return plans;
}

type Refuse = (key: keyof PolicyCaConfig, message: string) => void;

/** When what a policy CA signs must have ended. */
export const endOfPolicyCa = ({ name, ttl }: PolicyCaPlan): IssuerEnd => ({
  seconds: seconds(ttl),
  ttl: hours(seconds(ttl) / 2),
  rule: `be less than that of its issuer, the policy CA "${name}" of "${ttl}"`,
  isStrict: true,
});

/** How many CAs stand below a policy CA, of which `left` are left to the end; -1: any number, where an intermediate has no bound. */
const pathLength = (left: number, paths: readonly number[]) => (paths.includes(-1) ? -1 : left + Math.max(...paths));

const plannedRootTtl = ({ source, generate, maxLeaseTtl }: RootPlan) =>
  source === 'generate' ? generate.ttl : source === 'import' ? maxLeaseTtl : UNKNOWN_ROOT;

/** A lifetime between two, of which `left` have still to follow above the lower one; at least an hour. */
function between(upper: string, lower: string, left: number): string {
  const [most, least] = [seconds(upper), seconds(lower)];
  return hours(most > least ? most - (most - least) / (left + 1) : least);
}

function refuseTtl(
  { ttl }: PolicyCaPlan,
  given: PolicyCaConfig,
  {
    end,
    below,
    left,
    settings,
    refuse,
  }: {
    readonly end: IssuerEnd;
    readonly below: string;
    readonly left: number;
    readonly settings: readonly Settings[];
    readonly refuse: Refuse;
  },
): void {
  const got = given.ttl === undefined ? `none, so "${ttl}"` : `"${ttl}"`;
  const right = between(`${Math.min(end.seconds, seconds(UNKNOWN_ROOT))}s`, below, left);
  if (seconds(ttl) >= end.seconds) {
    const rule = end.isStrict || end.isCertificate ? end.rule : end.rule.replace('be at most', 'be less than');
    refuse('ttl', `must ${rule}, e.g. "${right}", got ${got}`);
    return;
  }
  const isUnwritten = settings.some(({ intermediate }) => intermediate?.ttl === undefined);
  if (given.ttl !== undefined && isUnwritten && seconds(ttl) <= seconds(below)) {
    refuse(
      'ttl',
      `must be more than that of the CAs below it, which live "${below}", e.g. "${right}", got ${got}; or write intermediate: { ttl: "${hours(seconds(ttl) / 2)}" }`,
    );
  }
}

function refusePath(
  { maxPathLength }: PolicyCaPlan,
  { issuer, least, refuse }: { readonly issuer: PolicyCaPlan | undefined; readonly least: number; readonly refuse: Refuse },
): void {
  if (maxPathLength !== -1 && (least === -1 || maxPathLength < least)) {
    const why = least === -1 ? 'an intermediate below it has no bound' : `${least} ${least === 1 ? 'CA stands' : 'CAs stand'} below it`;
    refuse('maxPathLength', `must be at least ${least}, as ${why}, got ${maxPathLength}`);
  } else if (issuer && issuer.maxPathLength !== -1 && (maxPathLength === -1 || maxPathLength >= issuer.maxPathLength)) {
    refuse(
      'maxPathLength',
      `must be less than that of its issuer, the policy CA "${issuer.name}" of ${issuer.maxPathLength}, e.g. ${least}, got ${maxPathLength}`,
    );
  }
}

function refuseNames(
  { name, mount, commonName }: PolicyCaPlan,
  { root, above, refuse }: { readonly root: RootPlan; readonly above: readonly PolicyCaPlan[]; readonly refuse: Refuse },
): void {
  if (name === 'root') refuse('name', `must not be "root", whose steps have that name, e.g. "policy", got "root"`);
  if (above.some(other => other.name === name))
    refuse('name', `must be another one for each policy CA, e.g. "${name}-2", got "${name}" twice`);
  const others = [...(root.mount === undefined ? [] : [root.mount]), ...above.map(other => other.mount)];
  const near = others.find(other => overlaps(other, mount));
  // a second one of the same name has the same mount; one error says it.
  if (near !== undefined && !above.some(other => other.name === name)) {
    refuse('mount', `must be a mount of its own, e.g. "pki-${name}", got "${mount}" beside "${near}"`);
  }
  const names = [...(root.source === 'generate' ? [root.generate.commonName] : []), ...above.map(other => other.commonName)];
  if (names.includes(commonName) && !above.some(other => other.name === name)) {
    // a certificate whose issuer has its own name is taken for a self-signed one.
    refuse('commonName', `must not be that of a CA above it, e.g. "${name} Mesh Policy CA", got "${commonName}"`);
  }
}

/** Vault has no mount below another one. */
export const overlaps = (a: string, b: string) => a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
