import { X509Certificate } from 'node:crypto';
import { MADE_BY, OutputFile } from '../output';
import { AuthPlan } from '../plan/auth';
import { ClusterPlan, MeshCaPlan } from '../plan/plan';
import { intermediateDue } from '../plan/pki';
import { days, seconds } from '../plan/ttl';
import { code, table } from './markdown';
import { POLICY_CA_CHANGE } from './policy-cas';

const DAY = 86_400;

/** What ends when, and by when what follows it must have begun. A plan has no clock: what a script makes is counted from then. */
export function timeline(plan: MeshCaPlan): OutputFile {
  const { clusters } = plan;
  const content = [
    '# What ends when',
    '',
    `<!-- ${MADE_BY} -->`,
    '',
    'Days are counted from when a script made it; each run of a setup.sh prints the end of the CA that it finds. What is not begun in time ends every connection of the mesh at once: an issuer near its end signs shorter certificates or none. Put the third column into a calendar.',
    '',
    ...table(
      ['what', 'ends', 'what follows it must have begun', 'how'],
      [...rootRows(plan), ...policyCaRows(plan), ...clusters.flatMap(clusterRows)],
    ),
    'Begun at the latest: a certificate must end before its issuer, so the next CA must sign by then. Begun well: when two thirds of a lifetime are over, so that a failure leaves time.',
    '',
  ].join('\n');
  return { path: 'timeline.md', content, kind: 'doc', about: 'what ends when, and by when what follows it must have begun' };
}

const date = (time: number) => new Date(time * 1000).toISOString().slice(0, 10);

/** The root. It is known to the day where its certificate is. */
function rootRows({ root, policyCas, clusters }: MeshCaPlan): string[][] {
  const intermediate = policyCas[0] ? seconds(policyCas[0].ttl) : longestIntermediate(clusters);
  const leaf = Math.max(...clusters.map(one => seconds(one.certificates.maxTtl)));
  const how = 'README.md, section 6';
  if (root.certificate !== undefined) {
    const { validFrom, validTo, subject } = new X509Certificate(root.certificate);
    const [from, end] = [Date.parse(validFrom) / 1000, Date.parse(validTo) / 1000];
    const last = end - intermediate;
    const begun = `by ${date(Math.max(last, from))}: a later CA below it cannot live as long as planned. At the latest by ${date(end - 2 * leaf - DAY)}`;
    return [[`the root ${code(subject.replaceAll('\n', ', '))}`, date(end), begun, how]];
  }
  if (root.source !== 'generate') {
    return [
      ['the root', 'as its certificate says', `${days(intermediate)} before that: a later CA below it cannot live as long as planned`, how],
    ];
  }
  const ttl = seconds(root.generate.ttl);
  return [
    [
      'the root',
      `${days(ttl)} after it was made`,
      `${days(ttl - intermediate)} after it was made: a later CA below it cannot live as long as planned`,
      how,
    ],
  ];
}

/** The policy CAs: each has to outlive what is made below it. */
function policyCaRows({ policyCas, clusters }: MeshCaPlan): string[][] {
  return policyCas.map(({ name, ttl, mount }, i) => {
    const below = policyCas[i + 1];
    const last = seconds(ttl) - (below ? seconds(below.ttl) : longestIntermediate(clusters));
    return [
      `the policy CA ${code(name)} in ${code(mount)}`,
      `${days(seconds(ttl))} after it was made`,
      `${days(last)} after it was made: a later CA below it cannot live as long as planned`,
      `another ${code('mount')} for it, and a higher ${code('intermediate.generation')} for each cluster: README.md, "${POLICY_CA_CHANGE}"`,
    ];
  });
}

const longestIntermediate = (clusters: readonly ClusterPlan[]) => Math.max(...clusters.map(one => seconds(one.intermediate.ttl)));

/** A cluster's CA, its way in, and what it signs. */
function clusterRows(cluster: ClusterPlan): string[][] {
  const { name, intermediate, certificates, auth } = cluster;
  const ttl = seconds(intermediate.ttl);
  const at = code(`${name}/README.md`);
  const { well, latest } = intermediateDue(intermediate, certificates.maxTtl);
  const { end } = intermediate;
  const [ends, begun] =
    end === undefined
      ? [`${days(ttl)} after it was made`, `${days(Math.floor((ttl * 2) / 3))} after it was made. At the latest ${days(ttl - latest)}`]
      : [date(end), `by ${date(end - well)}. At the latest by ${date(end - latest)}`];
  return [
    [`${name}: its CA ${code(intermediate.commonName)}`, ends, begun, `${at}, ${code('intermediate.generation')}`],
    ...authRows(auth).map(([what, ends, begun]) => [`${name}: ${what}`, ends, begun, at]),
    [
      `${name}: certificates of workloads, istiod and istio-csr`,
      `${certificates.maxTtl} after each was signed, at the most`,
      'at half of it',
      'by themselves',
    ],
  ];
}

/** What a way in has that ends. */
function authRows(auth: AuthPlan): [what: string, ends: string, begun: string][] {
  if (auth.method === 'appRole') {
    const ttl = seconds(auth.fields.secret_id_ttl);
    return ttl === 0 ? [] : [['the secret ID', `${days(ttl)} after it was made`, `${days(Math.floor((ttl * 2) / 3))} after it was made`]];
  }
  if (auth.method === 'kubernetes' && auth.host !== undefined) {
    const ttl = seconds(auth.reviewerTtl);
    return [["the reviewer's token", `${days(ttl)} after it was made`, `${days(Math.floor((ttl * 2) / 3))} after it was made`]];
  }
  if (auth.method === 'clientCertificate') {
    return [[`the certificate in Secret ${code(auth.secret.name)}`, 'as its issuer says', 'as its issuer says']];
  }
  return [];
}
