import { RootConfig } from '../config/config';
import { Problem } from '../config/problem';

/** Where the root comes from. */
export type RootSource = NonNullable<RootConfig['source']>;

/** What each source is, and which keys it has no use for. */
const sources = {
  import: ['this one is imported', ['issuer', 'commonName', 'subject', 'ttl', 'keyType', 'keyBits', 'permittedDnsDomains']],
  generate: ['Vault generates this one', ['issuer']],
  existing: [
    'this one is in Vault already',
    ['maxLeaseTtl', 'urls', 'commonName', 'subject', 'ttl', 'keyType', 'keyBits', 'permittedDnsDomains'],
  ],
  offline: [
    'this one is not in Vault',
    ['mount', 'issuer', 'maxLeaseTtl', 'urls', 'commonName', 'subject', 'ttl', 'keyType', 'keyBits', 'permittedDnsDomains'],
  ],
} as const;

/** What the keys belong to that not every source takes. */
const belongs = { issuer: 'existing', mount: 'import', maxLeaseTtl: 'import', urls: 'import' } as const;

/** Refuses the keys that a source has no use for, and an offline root that nobody knows. */
export function refuseOtherSources(root: RootConfig, source: RootSource, problems: Problem[]): void {
  const [what, without] = sources[source];
  for (const key of without) {
    if (root[key] === undefined) continue;
    const right = key in belongs ? belongs[key as keyof typeof belongs] : 'generate';
    const whose = { existing: 'that Vault has already', import: 'whose mount we make', generate: 'that Vault generates' }[right];
    problems.push({
      path: ['root', key],
      message: `'${key}' is of a root ${whose}, and ${what}; remove it, or write source: ${right}, got ${JSON.stringify(root[key])}`,
    });
  }
  if (source !== 'offline') return;
  if (root.certificate === undefined) {
    problems.push({
      path: ['root', 'source'],
      message: `'source' "offline" needs the root certificate, e.g. certificate: root.pem, got none`,
    });
  }
}
