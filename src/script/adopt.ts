import { ourPart } from '../plan/canary';
import { ClusterPlan } from '../plan/plan';
import { CarryScript } from './carry';
import { tokenPolicy } from './policy-text';
import { deploymentsOf, reaches, rootPlace, script } from './setup';
import { Step } from './step';
import { readsRoot } from './ca-steps';
import { checksOf } from './verify';

const DROP = 'take it out of root.alsoTrust in mesh-ca.yaml, synthesize';

/** What the mesh is checked for before istiod is switched, by the names of verify.sh's checks. */
const serving = (cluster: ClusterPlan) => [
  ...['root', 'issuer', 'istio-csr', 'istio-csr arguments', 'istio-csr root file', 'istiod certificate', 'istiod-tls'],
  `istio-ca-root-cert in ${cluster.istio.namespace}`,
  ...checksOf(cluster, ['istiod cluster ID', 'sidecar cluster ID', 'trust domain']),
];

/** Steps that move a running mesh from istiod's own CA to Vault, with a time in which both roots are trusted. */
export function adoptSteps(cluster: ClusterPlan): Step[] {
  const { istio, root, istioCsr } = cluster;
  const place = `${istio.namespace}/cacerts`;
  const switched = checksOf(cluster, ['istiod CA server', 'CA address']);
  return [
    {
      id: 'adopt/trust',
      title: `Have istiod hand out both roots, by Secret ${place}`,
      why: [
        `As ${istioCsr.rootCa.kind} ${istioCsr.rootCa.namespace}/${istioCsr.rootCa.name} has them, since istiod and istio-csr both write istio-ca-root-cert for a time. What signs stays the same:`,
        'where istiod has made its CA itself, its key goes from istio-ca-secret to cacerts through a pipe.',
      ],
      unless: ['handed_out'],
      run: [['hand_out']],
      needs: { look: readsRoot(root) },
    },
    {
      id: 'adopt/istiod',
      title: 'Restart istiod, which reads its roots once, at its start',
      unless: ['restarted'],
      run: [['restart']],
      needs: {},
    },
    {
      id: 'adopt/trusted',
      title: 'See both roots in istio-ca-root-cert of every namespace, and note the time',
      unless: ['trusted'],
      run: [['note_trusted']],
      needs: {},
    },
    {
      id: 'adopt/renewed',
      title: 'Wait until every workload certificate was renewed since then',
      why: ["A sidecar's ROOTCA is the end of the last answer to its own request: it learns of a root by nothing else."],
      unless: ['renewed'],
      run: [['refuse_early']],
      needs: {},
    },
    {
      id: 'adopt/istio-csr',
      title: 'See istio-csr serve, with both roots, in the trust domain and the cluster ID that the mesh has',
      unless: ['live', ...serving(cluster)],
      run: [['see', 'install istio-csr, by sections 3 and 4 of README.md']],
      needs: {},
    },
    {
      id: 'adopt/switch',
      title: 'See istiod sign no more, and note the time',
      unless: ['switched', ...switched],
      run: [['note_switched', ...switched]],
      needs: {},
    },
    {
      id: 'adopt/workloads',
      title: `See every sidecar ask ${istioCsr.caAddress}`,
      unless: ['moved'],
      run: [['refuse_unmoved']],
      needs: {},
    },
    {
      id: 'adopt/old-root',
      title: 'Wait until the last certificate below the old root has ended',
      unless: ['old_ended'],
      run: [['refuse_old_root']],
      needs: {},
    },
  ];
}

/** Steps that take back what `adopt/trust` has done. */
export function undoSteps({ istio }: ClusterPlan): Step[] {
  return [
    {
      id: 'undo/trust',
      title: `Put Secret ${istio.namespace}/cacerts back as it was, or take it away where there was none`,
      unless: ['put_back'],
      run: [['put_roots_back']],
      needs: {},
    },
    { id: 'undo/istiod', title: 'Restart istiod', unless: ['undone'], run: [['restart']], needs: {} },
    {
      id: 'undo/trusted',
      title: 'See the former roots in istio-ca-root-cert of every namespace, and forget the rest',
      unless: ['forgotten'],
      run: [['forget_adoption']],
      needs: {},
    },
  ];
}

/** The scripts that adopt a running mesh, and take it back; none where istio-csr hands out no root. */
export function adoptScripts(cluster: ClusterPlan): CarryScript[] {
  const { name, istioCsr } = cluster;
  if (istioCsr.rootFile !== 'root') return [];
  const held = istioCsr.rootCa.kind === 'Secret' ? 'root-in-secret.sh' : 'root-in-config-map.sh';
  const adopt = `Moves the running mesh of cluster ${name} from istiod's own CA to Vault: what can be checked by a program, and the waiting.`;
  const undo = `Takes back what adopt.sh has changed in cluster ${name}: istiod hands out what it did before.`;
  return [
    {
      file: 'adopt.sh',
      content: script(adopt, [], adoptSteps(cluster), ['kube.sh', held, 'mesh.sh', 'adopt.sh'], adoptConstants(cluster)),
      about: "moves a running mesh from istiod's own CA to Vault; a new mesh needs it not",
    },
    {
      file: 'adopt-undo.sh',
      content: script(undo, [], undoSteps(cluster), ['kube.sh', 'mesh.sh', 'adopt-undo.sh'], undoConstants(cluster)),
      about: 'takes back what adopt.sh has changed',
    },
  ];
}

function meshConstants(plan: ClusterPlan): Record<string, string> {
  const { name, context, vault, root, istio, istioCsr } = plan;
  return {
    cluster: name,
    context,
    ...reaches(vault),
    ...rootPlace(root),
    istio_namespace: istio.namespace,
    istiod_deployments: deploymentsOf(plan),
    ca_address: istioCsr.caAddress,
    our_part: ourPart(plan),
  };
}

function adoptConstants(cluster: ClusterPlan): Record<string, string> {
  const { root, istioCsr, istio } = cluster;
  const { kind, namespace, name, key, delivered } = istioCsr.rootCa;
  return {
    ...meshConstants(cluster),
    token_policy: tokenPolicy('adopt', cluster.name),
    also_trust: root.alsoTrust.join('').trim(),
    root_kind: kind,
    root_namespace: namespace,
    root_name: name,
    root_data_key: key,
    root_todo: delivered ? 'run setup.sh' : 'apply manifests/2-istio-csr',
    // setup.sh takes away what is on record as trusted, which a root is by a run that names it while every workload is handed it.
    drop_todo: delivered
      ? `run setup.sh, which has it on record; then ${DROP}, and run setup.sh again, which takes it out of ${delivered.kind} ${delivered.namespace}/${delivered.name}`
      : `${DROP}, and apply manifests/2-istio-csr`,
    switch_todo: `${istio.target.todo.split(',')[0]}, by section 5 of README.md`,
  };
}

function undoConstants(cluster: ClusterPlan): Record<string, string> {
  const { name, release, namespace } = cluster.istioCsr;
  return { ...meshConstants(cluster), csr: name, csr_release: release, csr_namespace: namespace };
}
