import { RootConfig } from '../config/config';
import { Problem } from '../config/problem';
import { refuseOtherSources, RootSource } from './root-source';
import { Settings } from './settings';
import { planSubject, SubjectFields } from './subject';
import { TidyFields } from './tidy';
import { hours, longest, seconds } from './ttl';
import { planUrls, UrlsFields } from './urls';

/** The root CA. */
export interface RootPlan {
  /**
   * Mount of the PKI secrets engine.
   *
   * @default - none: an offline root is not in Vault
   */
  readonly mount?: string;

  /** Whether it is imported from PEM files, generated in Vault, there already, or not in Vault at all. */
  readonly source: RootSource;

  /** Which issuer of the mount it is: a name, an ID, or "default". */
  readonly issuer: string;

  /**
   * PEM text of the root certificate, where it is known before the script runs.
   *
   * @default - it is known when the script has run
   */
  readonly certificate?: string;

  /** PEM texts of further roots that the workloads trust. */
  readonly alsoTrust: readonly string[];

  /** The mount's longest lifetime. */
  readonly maxLeaseTtl: string;

  /** What its mount writes into the CAs below it, where we make the mount. */
  readonly urls: UrlsFields;

  /** What Vault generates it with. */
  readonly generate: {
    readonly commonName: string;
    readonly subject: SubjectFields;
    readonly ttl: string;
    readonly keyType: KeyType;
    readonly keyBits: number;
    readonly permittedDnsDomains: readonly string[];
  };
}

/** A CA that the scripts make, on a mount of its own: a policy CA, or a cluster's intermediate. */
export interface CaPlan {
  /** Mount of the PKI secrets engine. */
  readonly mount: string;

  /** Common name. */
  readonly commonName: string;

  /** More fields of its name. */
  readonly subject: SubjectFields;

  /** Lifetime. */
  readonly ttl: string;

  /** Whether its key can leave Vault. */
  readonly key: 'internal' | 'exported';

  /** Key type. */
  readonly keyType: KeyType;

  /** Bits of the key. */
  readonly keyBits: number;

  /** How many CAs may stand below it; -1: any number. */
  readonly maxPathLength: number;

  /** DNS domains that it may sign; none: any. */
  readonly permittedDnsDomains: readonly string[];

  /** Trust domains whose SPIFFE IDs it may sign; none: any. Only an offline root can say so. */
  readonly permittedUriDomains: readonly string[];

  /** What its mount writes into what it signs. */
  readonly urls: UrlsFields;

  /**
   * What Vault removes from its mount by itself.
   *
   * @default - nothing
   */
  readonly tidy?: TidyFields;

  /**
   * What signs it in Vault.
   *
   * @default - an offline root, by hand
   */
  readonly signer?: SignerPlan;

  /**
   * Which of the mount's own CAs it is.
   *
   * @default - the mount has one CA
   */
  readonly generation?: GenerationPlan;
}

/** A cluster's intermediate CA. */
export interface IntermediatePlan extends CaPlan {
  /** Which of the mount's own CAs it is. */
  readonly generation: GenerationPlan;

  /**
   * Seconds since 1970 when it ends.
   *
   * @default - not known: Vault decides when it signs
   */
  readonly end?: number;
}

/** When what follows an intermediate must have begun, in seconds before its end: well, so that a failure leaves time, and at the latest. */
export const intermediateDue = ({ ttl }: Pick<IntermediatePlan, 'ttl'>, leafTtl: string) => ({
  well: Math.floor(seconds(ttl) / 3),
  // a certificate must end before its issuer.
  latest: seconds(leafTtl) + 86_400,
});

/** One of the CAs that follow each other on a mount, as issuers beside each other. */
export interface GenerationPlan {
  /** Its number, from 1. */
  readonly number: number;

  /** What the issuers of the mount are called in Vault, before the number, e.g. `cluster-1-g`. */
  readonly prefix: string;

  /** Common name of the first. */
  readonly firstCommonName: string;

  /** Whether it takes the key of the one before. */
  readonly reuseKey: boolean;
}

/** A CA that signs one of ours. */
export interface SignerPlan {
  /** Its mount. */
  readonly mount: string;

  /** Which issuer of the mount it is: a name, an ID, or "default". */
  readonly issuer: string;

  /** Where Vault signs with it, e.g. `pki/root/sign-intermediate`. */
  readonly signPath: string;
}

/** An issuer of a mount as what signs a CA. */
export const signerOf = (mount: string, issuer = 'default'): SignerPlan => ({
  mount,
  issuer,
  signPath: issuer === 'default' ? `${mount}/root/sign-intermediate` : `${mount}/issuer/${issuer}/sign-intermediate`,
});

/** The root as what signs a CA; none where it is not in Vault. */
export const rootSigner = ({ mount, issuer }: RootPlan) => (mount === undefined ? undefined : signerOf(mount, issuer));

/** Key types, in Vault's words. */
export type KeyType = 'rsa' | 'ec';

const sizes = { rsa: [2048, 3072, 4096], ec: [256, 384] } as const;

/** Why a key size does not fit its type, or nothing. */
export function refuseKeyBits(keyType: KeyType, keyBits: number): string | undefined {
  const fits: readonly number[] = sizes[keyType];
  return fits.includes(keyBits) ? undefined : `'keyBits' must be ${listed(fits)} for keyType "${keyType}", e.g. ${fits[0]}, got ${keyBits}`;
}

const listed = (values: readonly number[]) => `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;

/** Decides the root CA. */
export function planRoot(root: RootConfig, problems: Problem[]): RootPlan {
  const maxLeaseTtl = root.maxLeaseTtl ?? '87600h';
  const ttl = root.ttl ?? maxLeaseTtl;
  const keyType = root.keyType ?? 'rsa';
  const keyBits = root.keyBits ?? (keyType === 'rsa' ? 4096 : 384);
  const source = root.source ?? 'import';

  const wrong = refuseKeyBits(keyType, keyBits);
  if (wrong) problems.push({ path: ['root', 'keyBits'], message: wrong });
  if (seconds(ttl) > seconds(maxLeaseTtl)) {
    problems.push({
      path: ['root', 'ttl'],
      message: `'ttl' must be at most the mount's maxLeaseTtl, e.g. "${maxLeaseTtl}", got "${ttl}"`,
    });
  }
  (root.alsoTrust ?? []).forEach((pem, i) => {
    if (root.certificate === undefined || !pem.includes(root.certificate)) return;
    problems.push({
      path: ['root', 'alsoTrust', i],
      message: `'alsoTrust' must name other roots than root.certificate, which is trusted anyway; remove it`,
    });
  });
  refuseOtherSources(root, source, problems);
  return {
    mount: source === 'offline' ? undefined : (root.mount ?? 'pki'),
    source,
    issuer: root.issuer ?? 'default',
    certificate: root.certificate,
    alsoTrust: root.alsoTrust ?? [],
    maxLeaseTtl,
    urls: planUrls(root.urls),
    generate: {
      commonName: root.commonName ?? 'Mesh Root CA',
      subject: planSubject(root.subject),
      ttl,
      keyType,
      keyBits,
      permittedDnsDomains: root.permittedDnsDomains ?? [],
    },
  };
}

/** Lifetime of an intermediate that says none. */
export const INTERMEDIATE_TTL = '43800h';

/** When what an issuer signs must have ended. */
export interface IssuerEnd {
  /** Seconds from now. */
  readonly seconds: number;

  /** A right lifetime. */
  readonly ttl: string;

  /** What a lifetime must be, in words. */
  readonly rule: string;

  /**
   * Whether it is the end of a certificate that is known.
   *
   * @default false
   */
  readonly isCertificate?: boolean;

  /**
   * Whether it must have ended before: what is signed is made later than its issuer.
   *
   * @default false
   */
  readonly isStrict?: boolean;
}

/** What no CA below the root may outlive: Vault cuts what does without a word, or refuses it when the script is half through. */
export function rootEnd({ source, generate, maxLeaseTtl }: RootPlan, rootSeconds = Infinity): IssuerEnd {
  const isGenerated = source === 'generate' && seconds(generate.ttl) <= seconds(maxLeaseTtl);
  const [ttl, issuer] = isGenerated ? [generate.ttl, 'the root'] : [maxLeaseTtl, "the root mount's maxLeaseTtl"];
  // of a root that is not ours to make, the certificate alone says it.
  const bound = source === 'existing' || source === 'offline' ? Infinity : seconds(ttl);
  if (bound <= rootSeconds) return { seconds: bound, ttl, rule: `be at most that of its issuer, ${issuer}` };
  const left = rootSeconds >= 3600 ? hours(rootSeconds) : `${Math.max(rootSeconds, 1)}s`;
  return { seconds: rootSeconds, ttl: left, rule: 'end before the root certificate does', isCertificate: true };
}

/** Refuses a root that ends before an intermediate of which no lifetime is written: then the root's is what was written. */
export function refuseEarlyRoot(
  given: RootConfig,
  settings: readonly Settings[],
  { root, rootSeconds, problems }: { readonly root: RootPlan; readonly rootSeconds?: number; readonly problems: Problem[] },
): void {
  const end = rootEnd(root, rootSeconds);
  const unwritten = settings.filter(({ intermediate }) => intermediate?.ttl === undefined);
  if (unwritten.length === 0 || end.seconds >= seconds(INTERMEDIATE_TTL)) return;

  const below = unwritten.flatMap(({ certificates: { workloadTtl, istiodTtl, servingTtl } = {}, role }) =>
    [workloadTtl, istiodTtl, servingTtl, role?.maxTtl].filter(ttl => ttl !== undefined),
  );
  const isLongEnough = end.seconds >= seconds(longest(['1h', ...below]));
  const or = isLongEnough ? `; or write intermediate: { ttl: "${end.ttl}" }` : '';
  const refuse = (key: string, message: string) => problems.push({ path: ['root', key], message: `'${key}' must ${message}${or}` });
  if (end.isCertificate)
    refuse('certificate', `end after the intermediates, which live "${INTERMEDIATE_TTL}", got one that lives "${end.ttl}"`);
  else {
    for (const key of ['ttl', 'maxLeaseTtl'] as const) {
      const ttl = key === 'ttl' && root.source === 'import' ? undefined : given[key];
      if (ttl === undefined || seconds(ttl) >= seconds(INTERMEDIATE_TTL)) continue;
      refuse(key, `be at least that of the intermediates, e.g. "${INTERMEDIATE_TTL}", got "${ttl}"`);
    }
  }
}
