import { ClusterPlan, MeshCaPlan } from '../plan/plan';
import { RootPlan } from '../plan/pki';
import { authSteps } from './auth-steps';
import { aboutPermitted, caSteps, permitted, pkiMountSteps, readsRoot, readsSettings, urlsStep } from './ca-steps';
import { deliverySteps } from './delivery-steps';
import { policyPath, policyText } from './policy-text';
import { generationSteps, markedAs, roleFields } from './generation-steps';
import { Capabilities, fieldsAt, recording, request, Step } from './step';
import { deletes, losesCa, removes } from './undo';

export { policyText };
import { trialCommands } from './trial';

/** What a root's steps follow from. */
type RootParts = Pick<MeshCaPlan, 'root' | 'policyCas'> & Partial<Pick<MeshCaPlan, 'clusters'>>;

/** Steps that bring the root CA into Vault, or look at it, and those that make the policy CAs below it. */
export function rootSteps({ root, policyCas, clusters = [] }: RootParts): Step[] {
  const [first, ...others] = rootCaSteps(root);
  const write: Step = {
    id: 'root/write',
    title: 'Write the public certificate to ./root.pem',
    why: ['root.certificate of mesh-ca.yaml may name it from then on.'],
    unless: ['root_written'],
    run: [['write_root']],
    needs: {},
    undo: {
      title: 'Remove ./root.pem',
      why: ['Another root that is made here would be held against it.'],
      unless: ['root_pem_gone'],
      run: [['remove_root_pem']],
      needs: { look: readsRoot(root) },
    },
  };
  const look = { ...seesSigned({ root, policyCas, clusters }), ...first?.needs.look };
  return [
    ...(first === undefined ? [] : [{ ...first, needs: { ...first.needs, look } }]),
    ...others,
    ...(root.certificate === undefined ? [write] : []),
    ...policyCas.flatMap(ca => caSteps(ca.name, `policy CA ${ca.name}`, ca, root)),
  ];
}

/** The mounts of the planned CAs below the root: whatever else those have signed is unknown. */
export const plannedMounts = ({ policyCas, clusters }: Pick<MeshCaPlan, 'policyCas' | 'clusters'>): string[] => [
  ...new Set([...policyCas.map(({ mount }) => mount), ...clusters.map(({ intermediate }) => intermediate.mount)]),
];

/** What sees which CAs the planned mounts have signed. */
function seesSigned({ root, ...plan }: Pick<MeshCaPlan, 'root' | 'policyCas' | 'clusters'>): Capabilities {
  const mounts = [...(root.mount === undefined ? [] : [root.mount]), ...plannedMounts(plan)];
  const paths = mounts.map((mount): Capabilities => ({
    [`${mount}/certs`]: ['list'],
    [`${mount}/cert/+`]: ['read'],
    [`${mount}/issuers`]: ['list'],
    [`${mount}/issuer/+`]: ['read'],
  }));
  return paths.reduce((all, one) => ({ ...all, ...one }), { 'sys/mounts': ['read'] });
}

function rootCaSteps(root: RootPlan): Step[] {
  const { source, mount, generate } = root;
  if (mount === undefined || source === 'existing') {
    return [
      {
        id: 'root/check',
        title: mount === undefined ? 'Check the root CA of the config, which is not in Vault' : `Check the root CA in ${mount}`,
        why: [mount === undefined ? 'What it has to sign is signed by hand.' : 'It was there before, so it is read and never written.'],
        unless: ['root_fits'],
        run: [['refuse_root']],
        needs: mount === undefined ? {} : { look: { ...readsRoot(root), 'sys/mounts': ['read'] } },
      },
    ];
  }
  const looks: Capabilities = {
    ...readsRoot(root),
    [`${mount}/issuers`]: ['list'],
    [`${mount}/keys`]: ['list'],
    [`${mount}/roles`]: ['list'],
    ...readsSettings(mount),
  };
  // the mount may be there already, and serve others: it is never made to allow less.
  // after the root is there: Vault would write them into the root's own certificate too, which nobody revokes.
  const urls = ownUrlsStep(mount, root);
  const mountSteps = pkiMountSteps('root', 'the root CA', mount, root.maxLeaseTtl, 'mount_allows');
  if (source === 'import') {
    return [
      ...mountSteps,
      {
        id: 'root/import',
        title: `Import the root CA into ${mount}`,
        why: ['The key goes to Vault through a pipe. A mount that holds another CA ends the script.'],
        unless: ['root_present'],
        run: [['import_root']],
        needs: { look: looks, act: { [`${mount}/config/ca`]: ['update'] }, sends: { [`${mount}/config/ca`]: [{ pem_bundle: [] }] } },
        grantsIdentity: true,
        undo: losesCa(mount),
      },
      urls,
    ];
  }
  const path = `${mount}/root/generate/internal`;
  const fields = {
    common_name: generate.commonName,
    ...generate.subject,
    ttl: generate.ttl,
    key_type: generate.keyType,
    key_bits: generate.keyBits,
    ...permitted(generate.permittedDnsDomains),
  };
  return [
    ...mountSteps,
    {
      id: 'root/generate',
      title: `Generate the root CA in ${mount}`,
      why: ['internal: the key never leaves Vault.', ...aboutPermitted(generate.permittedDnsDomains)],
      fields,
      unless: ['root_present'],
      run: [['generate_root']],
      needs: { look: looks, act: { [path]: ['update'] }, sends: { [path]: [{ ...request(fields), issuer_name: ['mesh-ca-root'] }] } },
      grantsIdentity: true,
      undo: losesCa(mount),
    },
    urls,
  ];
}

/** As for the CAs below, but that a mount which others may use too stays as it is. */
function ownUrlsStep(mount: string, root: RootPlan): Step {
  const { needs, ...step } = urlsStep('root', { mount, urls: root.urls });
  const [, path = ''] = step.unless ?? [];
  return { ...step, unless: ['own_mount_has', mount, path], needs: { ...needs, look: { ...needs.look, 'sys/mounts': ['read'] } } };
}

/** Steps that make a cluster's intermediate CA, cert-manager's way in, and try both. */
export function clusterSteps(cluster: ClusterPlan): Step[] {
  const { intermediate, root } = cluster;
  return [
    ...caSteps('intermediate', markedAs(cluster), intermediate, root),
    closable(cluster, {
      id: 'role/write',
      grantsIdentity: true,
      title: `Write the PKI role ${cluster.role.path}`,
      why: [
        cluster.role.exact
          ? "It signs istiod's and istio-csr's own names and the workloads' SPIFFE IDs, and nothing else."
          : 'WARNING: it signs more than the mesh asks for, see the warnings above.',
      ],
      ...roleFields(cluster),
      undo: removes(cluster.role.path, `the PKI role ${cluster.role.path}`, ['Then nothing more is signed at it, whoever asks.']),
    }),
    ...generationSteps(cluster),
    closable(cluster, {
      id: 'policy/write',
      grantsIdentity: true,
      title: `Write the policy ${cluster.policy.name}`,
      why: ['cert-manager may ask for a signature, and nothing else.'],
      ...fieldsAt(policyPath(cluster.policy), { policy: policyText(cluster.policy.rules) }),
      undo: removes(policyPath(cluster.policy), `the policy ${cluster.policy.name}`, [
        'A batch token cannot be revoked; without its policy it may do nothing.',
      ]),
    }),
    ...authSteps(cluster).map(step => (step.undo?.unless?.[1] === cluster.auth.path ? closable(cluster, step) : step)),
    ...rootFileSteps(cluster),
    ...trustSteps(cluster),
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

/** A step that emergency.sh takes back: it reads first whether that was recorded, and removes the record where --reopen says so. */
function closable(cluster: ClusterPlan, { needs, ...step }: Step): Step {
  const { act, sends } = recording(cluster.intermediate.mount, markedAs(cluster));
  return {
    ...step,
    needs: { look: { ...needs.look, 'sys/mounts': ['read'] }, act: { ...needs.act, ...act }, sends: { ...needs.sends, ...sends } },
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
      undo: deletes(delivered),
    },
  ];
}

/** What a change of the root waits for. Who trusts the intermediate alone has no root to change. */
function trustSteps({ name, istioCsr: { rootFile }, root, intermediate: { mount } }: ClusterPlan): Step[] {
  if (rootFile !== 'root') return [];
  return [
    {
      id: 'cluster/trust',
      title: 'Record in Vault from when on every workload trusts what istio-csr hands out',
      why: [
        'A workload learns a root with its next certificate, so that is after the longest lifetime of one.',
        ...(root.alsoTrust.length > 0
          ? ['No root signs before every cluster has this on record, and none goes before its last certificate has ended.']
          : []),
      ],
      unless: ['trust_recorded'],
      run: [['record_trust']],
      needs: { look: { 'sys/mounts': ['read'] }, ...recording(mount, markedAs({ name })) },
    },
  ];
}
