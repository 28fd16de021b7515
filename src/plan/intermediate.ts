import { refuseUriDomains } from './name-constraints';
import { INTERMEDIATE_TTL, IntermediatePlan, IssuerEnd, refuseKeyBits, SignerPlan } from './pki';
import { Settings } from './settings';
import { planSubject } from './subject';
import { planTidy } from './tidy';
import { seconds } from './ttl';
import { planUrls } from './urls';

/** Decides a cluster's intermediate CA. */
export function planIntermediate(
  { name, intermediate = {}, istioCsr = {}, refuse }: Settings,
  { signer, end, commonNames }: { readonly signer?: SignerPlan; readonly end: IssuerEnd; readonly commonNames: readonly string[] },
): IntermediatePlan {
  const ttl = intermediate.ttl ?? INTERMEDIATE_TTL;
  const keyType = intermediate.keyType ?? 'rsa';
  const keyBits = intermediate.keyBits ?? (keyType === 'rsa' ? 3072 : 256);
  const number = intermediate.generation ?? 1;
  const reuseKey = intermediate.reuseKey ?? false;
  // a name of its own, so that nobody who builds a chain can take one for the other.
  const called = (suffix: string) => `${intermediate.commonName ?? `${name} Mesh Intermediate CA`}${suffix}`;
  const commonName = number === 1 ? called('').slice(-64) : called(` G${number}`).slice(-64);

  const wrong = refuseKeyBits(keyType, keyBits);
  if (wrong) refuse(['intermediate', 'keyBits'], wrong);
  if (number > 1 && intermediate.commonName !== undefined && called(` G${number}`).length > 64) {
    const right = JSON.stringify(intermediate.commonName.slice(0, 64 - ` G${number}`.length).trimEnd());
    const message = `'commonName' and " G${number}" of its generation must have at most 64 characters, e.g. ${right}`;
    refuse(['intermediate', 'commonName'], `${message}, got "${intermediate.commonName}"`);
  }
  if (reuseKey && number === 1) {
    refuse(['intermediate', 'reuseKey'], `'reuseKey' is for a generation after the first; remove it, or write generation: 2, got true`);
  } else if (reuseKey && intermediate.key === 'exported') {
    const message = `'reuseKey' takes a key that is in Vault, and Vault hands out new ones only; write false, or key: internal, got true`;
    refuse(['intermediate', 'reuseKey'], message);
  }
  if (number > 1 && istioCsr.rootFile === 'intermediate') {
    const message = `'generation' must be 1 where istioCsr.rootFile is "intermediate", since the workloads trust that one alone; write rootFile: root`;
    refuse(['intermediate', 'generation'], `${message}, got ${number}`);
  }
  if (intermediate.key === 'exported' && signer === undefined) {
    const message = `'key' must be "internal" where an offline root signs: Vault hands a key out once, and it waits for a signature; or write policyCas, got "exported"`;
    refuse(['intermediate', 'key'], message);
  }
  if (commonNames.includes(commonName)) {
    // a certificate whose issuer has its own name is taken for a self-signed one.
    const message = `'commonName' must not be that of a CA above it, e.g. "${name} Mesh Intermediate CA", got "${commonName}"`;
    refuse(['intermediate', 'commonName'], message);
  }

  // where it says none, refuseEarlyRoot finds what is written.
  if (intermediate.ttl !== undefined && (seconds(ttl) > end.seconds || (end.isStrict && seconds(ttl) === end.seconds))) {
    refuse(['intermediate', 'ttl'], `'ttl' must ${end.rule}, e.g. "${end.ttl}", got "${ttl}"`);
  }
  const notAfter = intermediate.notAfter === undefined ? undefined : beginOf(intermediate.notAfter);
  if (intermediate.notAfter !== undefined && notAfter === undefined) {
    refuse(['intermediate', 'notAfter'], `'notAfter' must be a day of the calendar, e.g. "2031-02-28", got "${intermediate.notAfter}"`);
  }
  const plan: IntermediatePlan = {
    mount: intermediate.mount ?? `istioca-${name}`,
    commonName,
    subject: planSubject(intermediate.subject),
    ttl,
    key: intermediate.key ?? 'internal',
    keyType,
    keyBits,
    maxPathLength: intermediate.maxPathLength ?? 0,
    permittedDnsDomains: intermediate.permittedDnsDomains ?? [],
    permittedUriDomains: intermediate.permittedUriDomains ?? [],
    urls: planUrls(intermediate.urls),
    tidy: planTidy(intermediate.tidy),
    signer,
    generation: { number, prefix: `${name}-g`, firstCommonName: called('').slice(-64), reuseKey },
    ...(notAfter !== undefined && { end: notAfter }),
  };
  const onlyOffline = refuseUriDomains(plan);
  if (onlyOffline !== undefined) refuse(['intermediate', 'permittedUriDomains'], `'permittedUriDomains' ${onlyOffline}`);
  return plan;
}

/** Seconds since 1970 when a day begins, in UTC; nothing where there is no such day: JavaScript takes February 30 for March 2. */
function beginOf(day: string): number | undefined {
  const time = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(day) ? time / 1000 : undefined;
}
