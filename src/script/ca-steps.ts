import { CaPlan, RootPlan, SignerPlan } from '../plan/pki';
import { subjectText } from '../plan/subject';
import { seconds } from '../plan/ttl';
import { hasUrls, UrlsFields } from '../plan/urls';
import { asSent, Capabilities, fieldsAt, markOf, request, Request, Sends, Step } from './step';
import { disables, losesCa } from './undo';

/** Steps that make a CA on a mount of its own. `id` is what their names begin with, `what` what the mount is marked as. */
export function caSteps(id: string, what: string, ca: CaPlan, root: RootPlan): Step[] {
  const { signer } = ca;
  const issue = signer === undefined ? offlineSteps(id, ca, root) : [issueStep(id, { ...ca, signer }, root)];
  return [...pkiMountSteps(id, what, ca.mount, ca.ttl, 'max_lease_ttl_is'), urlsStep(id, ca), ...tidySteps(id, ca), ...issue];
}

/** The step that sets what a mount writes into the certificates that it signs. It comes before the mount signs anything. */
export function urlsStep(id: string, { mount, urls }: { readonly mount: string; readonly urls: UrlsFields }): Step {
  return {
    id: `${id}/urls`,
    title: hasUrls(urls)
      ? `Have ${mount} write the planned URLs into what it signs`
      : `Have ${mount} write no URLs of CAs, CRLs and OCSP into what it signs`,
    why: hasUrls(urls)
      ? ['Vault answers there without a login. Whoever checks revocation refuses a good certificate where he does not reach them.']
      : [
          'None is planned: Envoy and istiod check no revocation by them, and a client that does and does not reach Vault would refuse',
          'every certificate. A leaf ends within hours; a CA is taken away by emergency.sh.',
        ],
    ...fieldsAt(`${mount}/config/urls`, { ...urls }),
  };
}

/** The step that lets Vault remove what it keeps of certificates that have ended. */
function tidySteps(id: string, { mount, tidy }: CaPlan): Step[] {
  if (tidy === undefined) return [];
  const what = 'what it keeps of certificates and revocations';
  return [
    {
      id: `${id}/tidy`,
      title: tidy.enabled ? `Have Vault remove from ${mount} ${what}, 72 hours after their end` : `Have Vault keep in ${mount} ${what}`,
      why: [
        'The planned PKI role stores none unless it says so, so this is for revoked ones, and for what another role would store.',
        'Issuers stay: issuer/retire removes one with its key. Root and policy CAs keep their few: the record of which CAs were signed.',
      ],
      ...fieldsAt(`${mount}/config/auto-tidy`, { ...tidy }),
    },
  ];
}

/** What the runtime has to know of the CAs that a script makes. */
export function caConstants(cas: readonly CaPlan[]): string {
  const of = ({
    mount,
    commonName,
    subject,
    key,
    keyType,
    keyBits,
    maxPathLength,
    permittedDnsDomains,
    permittedUriDomains,
    ttl,
    signer,
    generation,
  }: CaPlan) => ({
    mount,
    common_name: commonName,
    subject: subjectText(subject),
    key,
    key_name: keyName({ generation }),
    key_type: keyType,
    key_bits: keyBits,
    max_path_length: maxPathLength,
    seconds: seconds(ttl),
    // none: an offline root signs it.
    signer: signer?.mount ?? '',
    signer_ref: signer?.issuer ?? '',
    sign_path: signer?.signPath ?? '',
    // as OpenSSL writes them.
    permitted: [...permittedDnsDomains.map(domain => `DNS:${domain}`), ...permittedUriDomains.map(domain => `URI:${domain}`)]
      .sort()
      .join(','),
    sign: asSent(signFields({ commonName, ttl, maxPathLength, subject, permittedDnsDomains })),
  });
  return JSON.stringify(cas.map(of), null, 2);
}

/** What reads the root, where it is in Vault. */
export const readsRoot = ({ mount }: RootPlan) => (mount === undefined ? {} : readsCa(mount));

/** What reads the CA of a mount. */
export const readsCa = (mount: string): Capabilities => ({ [`${mount}/config/issuers`]: ['read'], [`${mount}/issuer/+`]: ['read'] });

/** What sees which settings of a mount let more in than the plan. */
export const readsSettings = (mount: string): Capabilities => ({
  'sys/mounts': ['read'],
  ...Object.fromEntries(['acme', 'est', 'crl'].map(name => [`${mount}/config/${name}`, ['read']])),
});

/** How its issuer signs it, in Vault's words. The name stands here too, so that a policy can require it: Vault would take it from the CSR. */
function signFields({
  commonName,
  ttl,
  maxPathLength,
  subject,
  permittedDnsDomains,
}: Pick<CaPlan, 'commonName' | 'ttl' | 'maxPathLength' | 'subject' | 'permittedDnsDomains'>): Record<string, unknown> {
  const path = maxPathLength === -1 ? {} : { max_path_length: maxPathLength };
  return { format: 'pem_bundle', common_name: commonName, ttl, ...subject, ...permitted(permittedDnsDomains), ...path };
}

/** DNS domains that a CA may sign, in Vault's words. */
export const permitted = (domains: readonly string[]) => (domains.length === 0 ? {} : { permitted_dns_domains: domains });

/** What a reader should know of a CA that may sign some DNS domains alone. */
export const aboutPermitted = (domains: readonly string[], uriDomains: readonly string[] = []) => [
  ...(domains.length === 0
    ? []
    : [
        `Of DNS names it may sign ${domains.join(', ')} and what is below alone. ${uriDomains.length === 0 ? 'SPIFFE IDs and IP addresses' : 'IP addresses'} pass all the same.`,
      ]),
  ...(uriDomains.length === 0 ? [] : [`Of SPIFFE IDs it may sign those of the trust domains ${uriDomains.join(', ')} alone.`]),
];

/** Steps that make the mount of a CA. */
export function pkiMountSteps(
  id: string,
  what: string,
  mount: string,
  maxLeaseTtl: string,
  bound: 'mount_allows' | 'max_lease_ttl_is',
): Step[] {
  const enable = { type: 'pki', description: markOf(what) };
  const tune = { max_lease_ttl: maxLeaseTtl };
  const [path, tunePath] = [`sys/mounts/${mount}`, `sys/mounts/${mount}/tune`];
  return [
    {
      id: `${id}/mount`,
      title: `Enable a PKI secrets engine at ${mount}`,
      fields: enable,
      unless: ['mount_is', mount, 'pki'],
      run: [['write_fields', path]],
      needs: { look: { 'sys/mounts': ['read'] }, act: { [path]: ['create', 'update'] }, sends: { [path]: [request(enable)] } },
      grantsIdentity: true,
      undo: disables(mount),
    },
    {
      id: `${id}/tune`,
      title: `Let ${mount} issue for ${bound === 'mount_allows' ? 'at least' : 'at most'} ${maxLeaseTtl}`,
      fields: tune,
      unless: [bound, mount, bound === 'mount_allows' ? String(seconds(maxLeaseTtl)) : maxLeaseTtl],
      run: [['write_fields', tunePath]],
      needs: { look: { 'sys/mounts': ['read'] }, act: { [tunePath]: ['create', 'update'] }, sends: { [tunePath]: [request(tune)] } },
    },
  ];
}

/** What Vault makes the key and the request with. */
const requestFields = ({ commonName, subject, ttl, keyType, keyBits }: CaPlan) => ({
  common_name: commonName,
  ...subject,
  ttl,
  key_type: keyType,
  key_bits: keyBits,
});

/** What sees whether a CA is there, and what else its mount can sign with. */
const looksAt = ({ mount, signer }: CaPlan, root: RootPlan): Capabilities => ({
  ...readsRoot(root),
  ...(signer === undefined ? {} : readsCa(signer.mount)),
  ...readsCa(mount),
  [`${mount}/issuers`]: ['list'],
  [`${mount}/keys`]: ['list'],
  [`${mount}/roles`]: ['list'],
  ...readsSettings(mount),
});

/** What makes a new key and its request; another request of a key that is there, where the plan reuses one or an offline root signs. */
const requests = (ca: CaPlan): Capabilities => ({
  ...naming(ca).act,
  ...makesKey(ca),
});
const makesKey = ({ mount, key, generation, signer }: CaPlan): Capabilities => ({
  [`${mount}/intermediate/generate/${key}`]: ['update'],
  ...(key === 'internal' ? { [`${mount}/key/${keyName({ generation })}`]: ['read'] } : {}),
  ...(signer === undefined ? { [`${mount}/key/+`]: ['read'] } : {}),
  ...(signer === undefined || generation?.reuseKey ? { [`${mount}/intermediate/generate/existing`]: ['update'] } : {}),
});

/** What the request for a CA sends. Which key is there already is known only at run time. */
function requestSends(ca: CaPlan): Sends {
  const { mount, key } = ca;
  const generate = `${mount}/intermediate/generate`;
  const made = request(requestFields(ca));
  if (key !== 'internal') return { [`${generate}/${key}`]: [made] };
  const existing = Object.fromEntries(Object.entries(made).filter(([name]) => name !== 'key_type' && name !== 'key_bits'));
  return {
    [`${generate}/internal`]: [{ ...made, key_name: [keyName(ca), `${keyName(ca)}-*`] }],
    [`${generate}/existing`]: [{ ...existing, key_ref: [] }],
    ...naming(ca).sends,
  };
}

/** What names the issuers of a mount, once there are several generations, and leaves the default where it is. */
function naming({ mount, generation }: CaPlan): { readonly act: Capabilities; readonly sends: Sends } {
  if ((generation?.number ?? 1) === 1) return { act: {}, sends: {} };
  return {
    act: { [`${mount}/issuer/+`]: ['patch'], [`${mount}/config/issuers`]: ['update'] },
    sends: {
      [`${mount}/issuer/+`]: [{ issuer_name: [`${generation?.prefix ?? ''}*`] }],
      [`${mount}/config/issuers`]: [setsDefault],
    },
  };
}

/** Sets the default issuer, whose ID is known only at run time. */
export const setsDefault: Request = { default: [], default_follows_latest_issuer: [false] };

/** Name of the key in its mount. Vault gives a name once: where it is taken, the script adds a random suffix. */
const keyName = ({ generation }: Pick<CaPlan, 'generation'>) =>
  (generation?.number ?? 1) === 1 ? 'mesh-ca' : `mesh-ca-${generation?.number}`;

/** The key and the request, then the certificate that an offline root has signed. */
function offlineSteps(id: string, ca: CaPlan, root: RootPlan): Step[] {
  const { mount } = ca;
  return [
    {
      id: `${id}/request`,
      title: `Make the key of ${mount}, and write what the offline root has to sign beside the config`,
      why: [
        'internal: the key never leaves Vault. The request beside the config names it, so each run finds the same key until it is signed.',
      ],
      fields: requestFields(ca),
      unless: ['requested', mount],
      run: [['write_request', mount]],
      needs: { look: { ...looksAt(ca, root), [`${mount}/key/+`]: ['read'] }, act: requests(ca), sends: requestSends(ca) },
      grantsIdentity: true,
    },
    {
      id: `${id}/issue`,
      title: `Take in the CA of ${mount} that the offline root has signed`,
      why: [
        'What does not fit the key, the name, the path length, the dates or the root is refused. A CA that is there is never replaced.',
        ...aboutPermitted(ca.permittedDnsDomains, ca.permittedUriDomains),
      ],
      fields: requestFields(ca),
      unless: ['ca_present', mount],
      run: [['take_signed', mount]],
      needs: {
        look: looksAt(ca, root),
        act: { ...requests(ca), ...imports(ca) },
        sends: { ...requestSends(ca), ...importSends(ca) },
      },
      grantsIdentity: true,
      undo: losesCa(mount),
    },
  ];
}

/** What takes a signed CA in. */
const imports = ({ mount }: CaPlan): Capabilities => ({
  [`${mount}/intermediate/set-signed`]: ['update'],
  [`${mount}/config/issuers`]: ['update'],
});

/** What it sends: certificates alone, since Vault takes no key there. */
const importSends = (ca: CaPlan): Sends => ({
  [`${ca.mount}/intermediate/set-signed`]: [{ certificate: [] }],
  [`${ca.mount}/config/issuers`]: [{ default: [] }, ...(naming(ca).sends[`${ca.mount}/config/issuers`] ?? [])],
});

function issueStep(id: string, ca: CaPlan & { readonly signer: SignerPlan }, root: RootPlan): Step {
  const { mount, key, signer } = ca;
  return {
    id: `${id}/issue`,
    title: `Issue the CA of ${mount}${ca.generation && ca.generation.number > 1 ? `, generation ${ca.generation.number},` : ''} from the ${signer.mount === root.mount ? 'root ' : ''}CA in ${signer.mount}`,
    why: [
      'Key, signature and import are one step: a rerun never replaces a CA that a mesh trusts.',
      ...(key === 'internal' ? ['internal: the key never leaves Vault.'] : ['WARNING: exported: the key leaves Vault.']),
      ...aboutPermitted(ca.permittedDnsDomains),
    ],
    fields: requestFields(ca),
    unless: ['ca_present', mount],
    run: [['issue_ca', mount]],
    needs: {
      look: looksAt(ca, root),
      act: { [signer.signPath]: ['update'], ...requests(ca), ...imports(ca) },
      sends: { [signer.signPath]: [{ csr: [], ...request(signFields(ca)) }], ...requestSends(ca), ...importSends(ca) },
    },
    grantsIdentity: true,
    undo: losesCa(mount),
  };
}
