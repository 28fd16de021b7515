import { ClusterPlan } from '../plan/plan';
import { IntermediatePlan, RootPlan } from '../plan/pki';
import { PolicyPlan } from '../plan/policy';
import { seconds } from '../plan/ttl';
import { authSteps } from './auth-steps';
import { deliverySteps } from './delivery-steps';
import { policyText } from './policy-text';
import { Capabilities, fieldsAt, marked, Step } from './step';

export { policyText };
import { trialCommands } from './trial';

/** Steps that bring the root CA into Vault. */
export function rootSteps(root: RootPlan): Step[] {
  const { mount, generate } = root;
  const ca: Step =
    root.source === 'import'
      ? {
          id: 'root/import',
          title: `Import the root CA into ${mount}`,
          why: ['The key goes to Vault through a pipe. A mount that holds another CA ends the script.'],
          unless: ['root_present'],
          run: [['import_root']],
          needs: { look: readsCa(mount), act: { [`${mount}/config/ca`]: ['update'] } },
        }
      : {
          id: 'root/generate',
          title: `Generate the root CA in ${mount}`,
          why: ['internal: the key never leaves Vault.'],
          fields: { common_name: generate.commonName, ttl: generate.ttl, key_type: generate.keyType, key_bits: generate.keyBits },
          unless: ['root_present'],
          run: [['generate_root']],
          needs: { look: readsCa(mount), act: { [`${mount}/root/generate/internal`]: ['update'] } },
        };
  const write: Step = {
    id: 'root/write',
    title: 'Write the public certificate to ./root.pem',
    why: ['root.certificate of mesh-ca.yaml may name it from then on.'],
    unless: ['root_written'],
    run: [['write_root']],
    needs: {},
  };
  // the mount may be there already, and serve others: it is never made to allow less.
  return [
    ...pkiMountSteps('root', 'the root CA', mount, root.maxLeaseTtl, 'mount_allows'),
    ca,
    ...(root.certificate === undefined ? [write] : []),
  ];
}

/** Steps that make a cluster's intermediate CA, cert-manager's way in, and try both. */
export function clusterSteps(cluster: ClusterPlan): Step[] {
  const { intermediate } = cluster;
  return [
    ...pkiMountSteps('intermediate', `CA of ${cluster.name}`, intermediate.mount, intermediate.ttl, 'max_lease_ttl_is'),
    issueStep(cluster),
    {
      id: 'role/write',
      title: `Write the PKI role ${cluster.role.path}`,
      why: [
        cluster.role.exact
          ? "It signs istiod's and istio-csr's own names and the workloads' SPIFFE IDs, and nothing else."
          : 'WARNING: it signs more than the mesh asks for, see the warnings above.',
      ],
      ...fieldsAt(cluster.role.path, { ...cluster.role.fields }),
    },
    {
      id: 'policy/write',
      title: `Write the policy ${cluster.policy.name}`,
      why: ['cert-manager may ask for a signature, and nothing else.'],
      ...fieldsAt(policyPath(cluster.policy), { policy: policyText(cluster.policy.rules) }),
    },
    ...authSteps(cluster),
    ...rootFileSteps(cluster),
    ...deliverySteps(cluster),
    {
      id: 'trial',
      title: `Try it as cert-manager and istio-csr will: log in, sign at ${cluster.role.signPath}`,
      why: [
        'An Issuer that says Ready proves one login at some time; only a signature proves the rest.',
        'Words: the names in the CSR; for a refusal, what its message must say.',
      ],
      run: trialCommands(cluster),
      needs: {},
    },
  ];
}

/** How the root signs the intermediate, in Vault's words. */
export function signFields({ ttl, maxPathLength }: IntermediatePlan): Record<string, unknown> {
  return { format: 'pem_bundle', ttl, ...(maxPathLength === -1 ? {} : { max_path_length: maxPathLength }) };
}

/** Where Vault keeps a policy. */
export const policyPath = ({ name }: PolicyPlan) => `sys/policies/acl/${name}`;

/** What reads the CA of a mount. */
export const readsCa = (mount: string): Capabilities => ({ [`${mount}/config/issuers`]: ['read'], [`${mount}/issuer/+`]: ['read'] });

function pkiMountSteps(id: string, what: string, mount: string, maxLeaseTtl: string, bound: 'mount_allows' | 'max_lease_ttl_is'): Step[] {
  return [
    {
      id: `${id}/mount`,
      title: `Enable a PKI secrets engine at ${mount}`,
      unless: ['mount_is', mount, 'pki'],
      run: [['vault', 'secrets', 'enable', marked(what), `-path=${mount}`, 'pki']],
      needs: { look: { 'sys/mounts': ['read'] }, act: { [`sys/mounts/${mount}`]: ['create', 'update'] } },
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

function issueStep({ root, intermediate }: ClusterPlan): Step {
  const { mount, commonName, ttl, key, keyType, keyBits } = intermediate;
  return {
    id: 'intermediate/issue',
    title: `Issue the CA of ${mount} from the root CA in ${root.mount}`,
    why: [
      'Key, signature and import are one step: a rerun never replaces a CA that a mesh trusts.',
      ...(key === 'internal' ? ['internal: the key never leaves Vault.'] : ['WARNING: exported: the key leaves Vault.']),
    ],
    fields: { common_name: commonName, ttl, key_type: keyType, key_bits: keyBits },
    unless: ['intermediate_present'],
    run: [['issue_intermediate']],
    needs: {
      look: {
        ...readsCa(root.mount),
        ...readsCa(mount),
        [`${mount}/issuers`]: ['list'],
        [`${mount}/keys`]: ['list'],
        [`${mount}/roles`]: ['list'],
      },
      act: {
        [`${root.mount}/root/sign-intermediate`]: ['update'],
        [`${mount}/intermediate/generate/${key}`]: ['update'],
        [`${mount}/intermediate/set-signed`]: ['update'],
        [`${mount}/config/issuers`]: ['update'],
      },
    },
  };
}

function rootFileSteps({ istioCsr: { rootFile, rootCa } }: ClusterPlan): Step[] {
  const { carrier, delivered } = rootCa;
  if (delivered === undefined) return [];
  return [
    {
      id: 'cluster/root-ca',
      title: `Deliver the ${rootFile} certificate to ${delivered.kind} ${delivered.namespace}/${delivered.name}`,
      ...(carrier === 'bundle' ? { why: [`The Bundle ${rootCa.name} of manifests/2-istio-csr refers to it.`] } : {}),
      unless: ['root_delivered'],
      run: [['deliver_root']],
      needs: {},
    },
  ];
}
