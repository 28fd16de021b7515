import { MEASURED, round } from '../plan/load';
import { ClusterPlan } from '../plan/plan';
import { code, table } from './markdown';

/** What the mesh asks of its CA, against what that can do. */
export function loadSection({ load, certificates }: ClusterPlan): string[] {
  const { signRate, measured, mesh } = load;
  if (mesh === undefined) return [];
  const { workloads, namespaces } = mesh;
  const seconds = (value: number) =>
    value < 120 ? `${Math.ceil(value)} s` : value % 3600 === 0 && value >= 7200 ? `${value / 3600}h` : `${Math.ceil(value / 60)} minutes`;
  const where = measured
    ? `measured: istio-csr with one replica, Vault in dev mode, RSA 2048, all on two cores${signRate === MEASURED.limited ? ", with istio-csr's rate limiter" : ''}. ${certificates.keyType === 'ec' ? 'With EC keys it was not measured. ' : ''}Measure your own, and write it as ${code('signRate')}`
    : `${code('signRate')} of the config`;
  return [
    '## The load',
    '',
    `An estimate for ${workloads} workloads in ${namespaces} namespaces, and ${signRate} signatures a second (${where}):`,
    '',
    ...table(
      ['what', 'how much', 'bound'],
      [
        [
          `while nothing happens: each renews after ${seconds(mesh.renewalSeconds)}`,
          `${round(mesh.steadyRate)} signatures a second, ${mesh.signaturesPerDay} a day`,
          `${round(signRate / 2)} a second: half of what can be signed`,
        ],
        [
          'a restart of all at once',
          `${seconds(mesh.restartSeconds)} until the last has its certificate`,
          `${seconds(mesh.restartBound)}: a quarter of a certificate's life`,
        ],
        [
          "leases that stay in Vault, the guide's way in brings one a signature",
          `${mesh.leasesPerDay} a day`,
          `the guide's: ${mesh.signaturesPerDay}`,
        ],
        [
          "certificates that stay in Vault, the guide's PKI role keeps each",
          `${mesh.storedPerDay} a day`,
          `the guide's: ${mesh.signaturesPerDay}`,
        ],
      ],
    ),
    'Both bounds are one: workloads that started together renew together, at half of their life, so one such wave can fail as a whole and the next one still ends in time. What asks for more is refused at synth. Pods that start wait for their certificate, and are not Ready before.',
    '',
  ];
}
