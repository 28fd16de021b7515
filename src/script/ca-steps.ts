import { CaPlan, RootPlan } from '../plan/pki';
import { seconds } from '../plan/ttl';
import { Capabilities, marked, Step } from './step';
import { disables, losesCa } from './undo';

/** Steps that make a CA on a mount of its own. `id` is what their names begin with, `what` what the mount is marked as. */
export function caSteps(id: string, what: string, ca: CaPlan, root: RootPlan): Step[] {
  return [...pkiMountSteps(id, what, ca.mount, ca.ttl, 'max_lease_ttl_is'), issueStep(id, ca, root)];
}

/** What the runtime has to know of the CAs that a script makes, by mount. */
export function caConstants(cas: readonly CaPlan[]): string {
  const of = ({ commonName, key, keyBits, maxPathLength, ttl, signer }: CaPlan) => ({
    common_name: commonName,
    key,
    key_bits: keyBits,
    max_path_length: maxPathLength,
    seconds: seconds(ttl),
    signer: signer.mount,
    sign_path: signer.signPath,
    sign: signFields({ ttl, maxPathLength }),
  });
  return JSON.stringify(Object.fromEntries(cas.map(ca => [ca.mount, of(ca)])), null, 2);
}

/** What reads the CA of a mount. */
export const readsCa = (mount: string): Capabilities => ({ [`${mount}/config/issuers`]: ['read'], [`${mount}/issuer/+`]: ['read'] });

/** How its issuer signs it, in Vault's words. */
function signFields({ ttl, maxPathLength }: Pick<CaPlan, 'ttl' | 'maxPathLength'>): Record<string, unknown> {
  return { format: 'pem_bundle', ttl, ...(maxPathLength === -1 ? {} : { max_path_length: maxPathLength }) };
}

/** Steps that make the mount of a CA. */
export function pkiMountSteps(
  id: string,
  what: string,
  mount: string,
  maxLeaseTtl: string,
  bound: 'mount_allows' | 'max_lease_ttl_is',
): Step[] {
  return [
    {
      id: `${id}/mount`,
      title: `Enable a PKI secrets engine at ${mount}`,
      unless: ['mount_is', mount, 'pki'],
      run: [['vault', 'secrets', 'enable', marked(what), `-path=${mount}`, 'pki']],
      needs: { look: { 'sys/mounts': ['read'] }, act: { [`sys/mounts/${mount}`]: ['create', 'update'] } },
      undo: disables(mount),
    },
    {
      id: `${id}/tune`,
      title: `Let ${mount} issue for ${bound === 'mount_allows' ? 'at least' : 'at most'} ${maxLeaseTtl}`,
      unless: [bound, mount, bound === 'mount_allows' ? String(seconds(maxLeaseTtl)) : maxLeaseTtl],
      run: [['vault', 'secrets', 'tune', `-max-lease-ttl=${maxLeaseTtl}`, mount]],
      needs: { look: { 'sys/mounts': ['read'] }, act: { [`sys/mounts/${mount}/tune`]: ['create', 'update'] } },
    },
  ];
}

function issueStep(id: string, ca: CaPlan, root: RootPlan): Step {
  const { mount, commonName, ttl, key, keyType, keyBits, signer } = ca;
  return {
    id: `${id}/issue`,
    title: `Issue the CA of ${mount} from the ${signer.mount === root.mount ? 'root ' : ''}CA in ${signer.mount}`,
    why: [
      'Key, signature and import are one step: a rerun never replaces a CA that a mesh trusts.',
      ...(key === 'internal' ? ['internal: the key never leaves Vault.'] : ['WARNING: exported: the key leaves Vault.']),
    ],
    fields: { common_name: commonName, ttl, key_type: keyType, key_bits: keyBits },
    unless: ['ca_present', mount],
    run: [['issue_ca', mount]],
    needs: {
      look: {
        ...readsCa(root.mount),
        ...readsCa(mount),
        [`${mount}/issuers`]: ['list'],
        [`${mount}/keys`]: ['list'],
        [`${mount}/roles`]: ['list'],
      },
      act: {
        [signer.signPath]: ['update'],
        [`${mount}/intermediate/generate/${key}`]: ['update'],
        [`${mount}/intermediate/set-signed`]: ['update'],
        [`${mount}/config/issuers`]: ['update'],
      },
    },
    undo: losesCa(mount),
  };
}
