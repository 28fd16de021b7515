import { intermediateDue } from '../plan/pki';
import { words } from '../script/bash';
import { tokenPolicy } from '../script/policy-text';
import { code, shell, yaml } from './markdown';
import { ClusterContext, leastToken } from './parts';

const day = 86_400;

/** How the intermediate is rotated, and when that must have begun. */
export function rotation({ cluster, at }: ClusterContext): string[] {
  const { intermediate, certificates, istioCsr } = cluster;
  const { mount, ttl, commonName, generation } = intermediate;
  const lookAtEnd = `${words(['vault', 'read', '-field=certificate', `${mount}/issuer/default`])} | openssl x509 -noout -subject -enddate`;
  const begin = [
    '## The next intermediate',
    '',
    `The intermediate ${code(commonName)} lives ${ttl}. Vault refuses to sign what would outlive it, so the next one must sign ${certificates.maxTtl} before its end; begin when a third of its time is left, ${Math.floor(intermediateDue(intermediate, certificates.maxTtl).well / day)} days before. When that is:`,
    '',
    ...shell(lookAtEnd),
    `Write that day in the form that is shown; ${cluster.monitoring === undefined ? 'dist/timeline.md counts' : 'the alerts of its end (apply manifests/4-monitoring again) and dist/timeline.md count'} from it:`,
    '',
    ...ofCluster(cluster, 'notAfter: "YEAR-MONTH-DAY"'),
  ];
  if (istioCsr.rootFile === 'intermediate') {
    return [
      ...begin,
      `The workloads trust the intermediate itself (${code('istioCsr.rootFile: intermediate')}), so it cannot be replaced under them. Write ${code('rootFile: root')} first, and wait until each workload has renewed its certificate.`,
      '',
    ];
  }
  const { number } = generation;
  const next = [
    ...ofCluster(cluster, `generation: ${number + 1}`),
    `Take ${code('notAfter')} out with it, where it stands there: it is the day of the present one. setup.sh says that of the next one, to be written then.`,
    '',
    `A new key comes with it. To keep the key and have only the certificate made anew, write ${code('reuseKey: true')} beside it; not if the key may have leaked.`,
    '',
  ];
  const write = 'In mesh-ca.yaml, write the next number for this cluster, and synthesize:';
  if (number === 1) return [...begin, write, '', ...next, ...change(cluster, at('setup.sh'), 2)];
  return [
    ...begin,
    `**This config has generation ${number}.** Until the one before it is removed, this is the change to it:`,
    '',
    ...change(cluster, at('setup.sh'), number),
    `**The one after it**, once ${code(`${generation.prefix}${number - 1}`)} is gone. ${write}`,
    '',
    ...next,
    `Then read on in this section: by then it is about the change to generation ${number + 1}.`,
    '',
  ];
}

/** A setting of this cluster's intermediate. */
const ofCluster = ({ name }: ClusterContext['cluster'], setting: string) =>
  yaml('clusters:', `  - name: ${name}`, '    intermediate:', `      ${setting}`);

/** The change to a generation that is in the config: the same text before and after it is written there. */
function change({ name, vault, intermediate: { generation }, role }: ClusterContext['cluster'], script: string, to: number): string[] {
  const [now, next] = [`${generation.prefix}${to - 1}`, `${generation.prefix}${to}`];
  const setup = (...args: readonly string[]) => words(['bash', script, ...args]);
  return [
    `1. Look, then do. The token needs both policies of the new script, as in section 2 (${code('--print-policy')} and ${code('--print-policy --ca')}):`,
    '',
    ...shell(setup('--plan'), setup()),
    `   See: in the plan, ${code('intermediate/issue')} and ${code('issuer/default')} are to do. Then ${code(`signed by ${next}, verified to the root: a workload`)}, the trial at the end, and ${code(`${now} is kept: certificates under it can live until …`)}: that is the time of the move, by Vault's clock, the ${role.fields.max_ttl} that the role allows, and ten minutes. Workloads take the new one with their next certificate; nothing is restarted.`,
    '',
    `2. The way back, until step 3, and not to one that was revoked: write ${code(`generation: ${to - 1}`)} again, synthesize, and run setup.sh; the default moves back, and ${code(next)} is the one that is kept.`,
    '',
    `3. After that time, remove the old one and its key. Before, it is refused, and says until when. The first two lines are an administrator's, for a token that may do that too:`,
    '',
    ...shell(...leastToken(script, tokenPolicy('setup', name), vault, ['retire']), setup('--retire')),
    `   See: ${code(`removed: the CA ${now}`)}. Its key goes too, unless another issuer has it, which is named then.`,
    '',
  ];
}
