import { seconds } from '../plan/ttl';
import { words } from '../script/bash';
import { code, shell, yaml } from './markdown';
import { ClusterContext } from './parts';

const day = 86_400;

/** How the intermediate is rotated, and when that must have begun. */
export function rotation({ cluster, at }: ClusterContext): string[] {
  const { intermediate, role, certificates, istioCsr } = cluster;
  const { mount, ttl, commonName, generation } = intermediate;
  const [now, next] = [`${generation.prefix}${generation.number}`, `${generation.prefix}${generation.number + 1}`];
  const setup = (...args: readonly string[]) => words(['bash', at('setup.sh'), ...args]);
  const lookAtEnd = `${words(['vault', 'read', '-field=certificate', `${mount}/issuer/default`])} | openssl x509 -noout -subject -enddate`;
  const begin = [
    '## The next intermediate',
    '',
    `The intermediate ${code(commonName)} lives ${ttl}. Vault refuses to sign what would outlive it, so the next one must sign ${certificates.maxTtl} before its end; begin when a third of its time is left, ${Math.floor(seconds(ttl) / 3 / day)} days before. When that is:`,
    '',
    ...shell(lookAtEnd),
    `Write that day, here and after each rotation; the alerts of its end and dist/timeline.md count from it:`,
    '',
    ...yaml('intermediate:', '  notAfter: "2031-11-25"'),
  ];
  if (istioCsr.rootFile === 'intermediate') {
    return [
      ...begin,
      `The workloads trust the intermediate itself (${code('istioCsr.rootFile: intermediate')}), so it cannot be replaced under them. Write ${code('rootFile: root')} first, and wait until each workload has renewed its certificate.`,
      '',
    ];
  }
  return [
    ...begin,
    `1. In mesh-ca.yaml, write the next number for this cluster, and synthesize:`,
    '',
    ...yaml('intermediate:', `  generation: ${generation.number + 1}`),
    `   A new key comes with it. To keep the key and have only the certificate made anew, write ${code('reuseKey: true')} beside it; not if the key may have leaked.`,
    '',
    '2. Look, then do:',
    '',
    ...shell(setup('--plan'), setup()),
    `   See: in the plan, ${code('intermediate/issue')} and ${code('issuer/default')} are to do. Then ${code(`signed by ${next}, verified to the root: a workload`)}, the trial at the end, and ${code(`${now} is kept: certificates under it can live until …`)}: that is the time of the move, by Vault's clock, the ${role.fields.max_ttl} that the role allows, and ten minutes. Workloads take the new one with their next certificate; nothing is restarted.`,
    '',
    `3. The way back, until step 4: write ${code(`generation: ${generation.number}`)} again, synthesize, and run setup.sh; the default moves back, and ${code(next)} is the one that is kept.`,
    '',
    '4. After that time, remove the old one and its key. Before, it is refused, and says until when:',
    '',
    ...shell(setup('--retire')),
    `   See: ${code(`removed: the CA ${now}`)}. Its key goes too, unless ${code(next)} has the same.`,
    '',
  ];
}
