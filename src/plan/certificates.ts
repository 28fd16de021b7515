import { KeyType, refuseKeyBits } from './pki';
import { Settings } from './settings';
import { longest, seconds } from './ttl';
import { compareVersions } from './version';

/** The certificates that the mesh asks for. */
export interface CertificatesPlan {
  /** The longest lifetime of a workload's certificate. */
  readonly workloadTtl: string;

  /** Lifetime of istiod's certificate. */
  readonly istiodTtl: string;

  /** Lifetime of istio-csr's serving certificate. */
  readonly servingTtl: string;

  /** The longest of the three. */
  readonly maxTtl: string;

  /** Key type. */
  readonly keyType: KeyType;

  /** Bits of the key. */
  readonly keyBits: number;

  /** What a sidecar has to be told to ask for such a key, and for so long (`proxyMetadata`); empty: it does so by itself. */
  readonly proxyMetadata: Readonly<Record<string, string>>;
}

/** What Istio's agent and ztunnel ask for unless SECRET_TTL says otherwise, in seconds; istio-csr grants no more than what is asked for. */
const ASKED = 24 * 3600;

/** The shortest certificate of a workload and of istio-csr's server, in seconds: ours, so that a renewal can fail for some minutes. */
const SHORTEST = 600;

/** Decides the lifetimes and keys of the mesh's certificates. */
export function planCertificates({ certificates = {}, ambient = false, refuse }: Settings): CertificatesPlan {
  const { workloadTtl = '1h', istiodTtl = '1h', servingTtl = '1h', keyType = ambient ? 'ec' : 'rsa' } = certificates;
  const keyBits = certificates.keyBits ?? (keyType === 'rsa' ? 2048 : 256);
  if (seconds(istiodTtl) < 3600) {
    refuse(
      ['certificates', 'istiodTtl'],
      `'istiodTtl' must be at least "1h", cert-manager refuses a Certificate of less, got "${istiodTtl}"`,
    );
  }
  // these two are CertificateRequests, which cert-manager takes of any length.
  for (const [key, ttl] of Object.entries({ workloadTtl, servingTtl })) {
    if (seconds(ttl) >= SHORTEST) continue;
    refuse(
      ['certificates', key],
      `'${key}' must be at least "10m": it is renewed at half of that, and what fails is tried again in the other half, got "${ttl}"`,
    );
  }
  if (ambient && seconds(workloadTtl) > ASKED) {
    refuse(
      ['certificates', 'workloadTtl'],
      `'workloadTtl' must be at most "24h" with ambient, which ztunnels ask for, got "${workloadTtl}"`,
    );
  }
  const wrong = refuseKeyBits(keyType, keyBits);
  if (wrong) refuse(['certificates', 'keyBits'], wrong);
  else if (ambient && !(keyType === 'ec' && keyBits === 256)) {
    // read in ztunnel's source: it has no setting for it.
    const key = keyType === 'ec' ? 'keyBits' : 'keyType';
    refuse(
      ['certificates', key],
      `ztunnels make EC keys of 256 bits alone, and the PKI role signs one kind: write ${key}: ${key === 'keyType' ? 'ec' : '256'}, got ${certificates[key] ?? keyType}`,
    );
  }
  return {
    workloadTtl,
    istiodTtl,
    servingTtl,
    maxTtl: longest([workloadTtl, istiodTtl, servingTtl]),
    keyType,
    keyBits,
    proxyMetadata: { ...keyMetadata(keyType, keyBits), ...(seconds(workloadTtl) > ASKED && { SECRET_TTL: workloadTtl }) },
  };
}

/** The variables of Istio's agent that say which key it makes. Without them that is RSA 2048, which the PKI role of another one refuses. */
function keyMetadata(keyType: KeyType, keyBits: number): Record<string, string> {
  if (keyType === 'ec') return { ECC_SIGNATURE_ALGORITHM: 'ECDSA', ...(keyBits === 384 && { ECC_CURVE: 'P384' }) };
  return keyBits === 2048 ? {} : { WORKLOAD_RSA_KEY_SIZE: String(keyBits) };
}

/** The first Istio whose agent knows a variable (change notes of 1.15 and 1.18); the others are older than all that is planned for. */
const VARIABLES_SINCE: Readonly<Record<string, string>> = { WORKLOAD_RSA_KEY_SIZE: '1.15', ECC_CURVE: '1.18' };

/** Refuses keys that the sidecars of an istiod would not make: they would make their own instead, which the PKI role does not sign. */
export function refuseOldSidecars({ refuse }: Settings, { proxyMetadata, keyBits }: CertificatesPlan, versions: readonly string[]): void {
  for (const name of Object.keys(proxyMetadata)) {
    const since = VARIABLES_SINCE[name];
    const old = since === undefined ? undefined : versions.find(version => compareVersions(version, since) < 0);
    if (old === undefined) continue;
    const right = name === 'ECC_CURVE' ? 256 : 2048;
    refuse(
      ['certificates', 'keyBits'],
      `'keyBits' ${keyBits} needs sidecars of Istio ${since} or later, which know ${name}, got Istio ${old}; write ${right}`,
    );
  }
}
