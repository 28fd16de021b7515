import { ClusterPlan } from '../plan/plan';
import { seconds } from '../plan/ttl';
import { readsCa, setsDefault } from './ca-steps';
import { fieldsAt, recording, Step } from './step';
import { trialWorkload } from './trial';

/** Steps that let the planned one of a mount's own CAs sign, and take away those that nothing needs any more. */
export function generationSteps(cluster: ClusterPlan): Step[] {
  const { intermediate, role } = cluster;
  const { mount } = intermediate;
  const recorded = recording(mount, markedAs(cluster));
  const look = { ...readsCa(mount), [`${mount}/issuers`]: ['list'], 'sys/mounts': ['read'] } as const;
  return [
    {
      id: 'issuer/default',
      title: `Let the CA of generation ${intermediate.generation.number} sign at ${mount}`,
      why: [
        'Tried first, then moved, then recorded in the description of the mount: until when certificates under the one before can live,',
        "by Vault's own time. Recorded too late does no harm.",
      ],
      unless: ['default_is_planned'],
      run: [['move_default', trialWorkload(cluster)]],
      needs: {
        look,
        act: {
          [`${mount}/issuer/+/sign/${role.name}`]: ['update'],
          [`${mount}/config/issuers`]: ['update'],
          ...recorded.act,
        },
        sends: {
          // the CSR's own names count, within the role.
          [`${mount}/issuer/+/sign/${role.name}`]: [
            {
              csr: [],
              common_name: [''],
              alt_names: [''],
              ip_sans: [''],
              uri_sans: [trialWorkload(cluster).replace(/^URI:/, '')],
              ttl: [cluster.certificates.workloadTtl],
              exclude_cn_from_sans: ['true'],
            },
          ],
          [`${mount}/config/issuers`]: [setsDefault],
          ...recorded.sends,
        },
      },
      grantsIdentity: true,
      undo: {
        title: `Remove what is recorded in the description of ${mount}`,
        unless: ['nothing_recorded', mount],
        run: [['forget_record', mount]],
        needs: {
          look: { 'sys/mounts': ['read'] },
          act: recorded.act,
          // what a mount that was there before is called without the evidence, is not known here.
          sends: { [`sys/mounts/${mount}/tune`]: [{ description: [] }] },
        },
      },
    },
    {
      id: 'issuer/retire',
      title: `Remove the CAs of other generations from ${mount}, once the last certificate under them has ended`,
      why: ['Only with --retire. Until then the way back is to set intermediate.generation back.'],
      unless: ['retired'],
      run: [['retire_issuers']],
      needs: {
        look,
        act: {
          [`${mount}/issuer/+`]: ['delete'],
          [`${mount}/key/+`]: ['delete'],
          [`${mount}/config/keys`]: ['update'],
          ...recorded.act,
        },
        sends: { [`${mount}/config/keys`]: [{ default: [] }], ...recorded.sends },
      },
    },
  ];
}

/** What the mount of a cluster's CA is marked as. */
export const markedAs = ({ name }: Pick<ClusterPlan, 'name'>) => `CA of ${name}`;

/** The PKI role's fields. A role that signed for longer than planned is remembered: what it signed lives on. */
export function roleFields({ name, role, intermediate }: ClusterPlan): Pick<Step, 'fields' | 'unless' | 'run' | 'needs'> {
  const { needs, ...step } = fieldsAt(role.path, { ...role.fields });
  const { act, sends } = recording(intermediate.mount, markedAs({ name }));
  return {
    ...step,
    run: [['note_longer_leaves'], ['write_role', role.path]],
    needs: { ...needs, act: { ...needs.act, ...act }, sends: { ...needs.sends, ...sends } },
  };
}

/** What the runtime has to know of them. */
export function generationConstants({ intermediate: { generation, end }, role, monitoring }: ClusterPlan): Record<string, string> {
  return {
    generation: String(generation.number),
    issuer_prefix: generation.prefix,
    first_common_name: generation.firstCommonName,
    reuse_key: String(generation.reuseKey),
    // what the alerts and the timeline take for its end; none: they know of none.
    config_end: end === undefined ? '' : new Date(end * 1000).toISOString().slice(0, 10),
    watched: String(monitoring !== undefined),
    leaf_seconds: String(seconds(role.fields.max_ttl)),
  };
}
