import { Checked, checkConfig } from '../config/check';
import { MeshCaConfig } from '../config/config';
import { readObject } from '../config/object';
import { ConfigError, Problem } from '../config/problem';
import { AdmissionPlan, planAdmission } from './admission';
import { planRequestPolicies, RequestPolicyPlan } from './approval';
import { AuthPlan, planAuth, refuseUnusedAuth } from './auth';
import { CertificatesPlan, planCertificates, refuseOldSidecars } from './certificates';
import { IssuerPlan, planIssuer } from './issuer';
import { planIstios } from './canary';
import { IstioPlan, refuseForZtunnels } from './istio';
import { IstioCsrPlan, planIstioCsr, sizedFor } from './istio-csr';
import { IstiodPlan, planIstiod } from './istiod';
import { LoadPlan, planLoad } from './load';
import { ISSUER_METRIC, MonitoringPlan, planMonitoring } from './monitoring';
import { refuseNamesOutside } from './name-constraints';
import { NetworkPlan, planNetwork } from './network';
import { planIntermediate } from './intermediate';
import { IntermediatePlan, IssuerEnd, planRoot, refuseEarlyRoot, rootEnd, RootPlan, rootSigner, signerOf } from './pki';
import { endOfPolicyCa, planPolicyCas, PolicyCaPlan } from './policy-cas';
import { PolicyPlan, planPolicy } from './policy';
import { RolePlan, planRole } from './role';
import { refuseSharedNames } from './rules';
import { Settings, settingsOf } from './settings';
import { VaultPlan, planVault, refuseOldIssuer } from './vault';
import { CertManagerSize, sizeCertManager } from './sizing';
import { planTsb, TsbPlan } from './tsb';
import { compareVersions } from './version';
import { istioWarnings, sharedWarnings, Warning, warningsOf } from './warnings';

/** Everything that is decided. After it nothing decides, everything renders. */
export interface MeshCaPlan {
  /** The root CA that all clusters share. */
  readonly root: RootPlan;

  /** The CAs between the root and the clusters' intermediates, from the root downwards. */
  readonly policyCas: readonly PolicyCaPlan[];

  /** The Vault server. */
  readonly vault: VaultPlan;

  /** The clusters, in the config's order. */
  readonly clusters: readonly ClusterPlan[];

  /** Every unsafe choice of the config, in its order. */
  readonly warnings: readonly Warning[];
}

/** What is decided for one cluster. */
export interface ClusterPlan {
  /** Name, and the folder of its files in dist/. */
  readonly name: string;

  /** Context in the kubeconfig. */
  readonly context: string;

  /** The mesh's ID of the cluster. */
  readonly clusterId: string;

  /** Trust domain. */
  readonly trustDomain: string;

  /** The Vault server. */
  readonly vault: VaultPlan;

  /** The root CA. */
  readonly root: RootPlan;

  /** The certificates that the mesh asks for. */
  readonly certificates: CertificatesPlan;

  /** The intermediate CA. */
  readonly intermediate: IntermediatePlan;

  /** The PKI role. */
  readonly role: RolePlan;

  /** The policy. */
  readonly policy: PolicyPlan;

  /** cert-manager's way in. */
  readonly auth: AuthPlan;

  /** The Issuer. */
  readonly issuer: IssuerPlan;

  /** cert-manager's namespace, its own service account, its chart version, and its flags where it needs others than its own. */
  readonly certManager: {
    readonly namespace: string;
    readonly serviceAccount: string;
    readonly version: string;
    readonly size?: CertManagerSize;
  };

  /** What the mesh asks of its CA. */
  readonly load: LoadPlan;

  /**
   * Metrics and alerts.
   *
   * @default - there are none
   */
  readonly monitoring?: MonitoringPlan;

  /** istio-csr. */
  readonly istioCsr: IstioCsrPlan;

  /** The istiod in use, and what configures it. */
  readonly istio: IstioPlan;

  /** The istiods with what the user adds to them himself: the one in use, then the canary where there is one. */
  readonly istiods: readonly IstiodPlan[];

  /** What approver-policy lets through; empty: cert-manager approves each request by itself. */
  readonly requestPolicies: readonly RequestPolicyPlan[];

  /**
   * What ValidatingAdmissionPolicies allow.
   *
   * @default - there are none
   */
  readonly admission?: AdmissionPlan;

  /**
   * What NetworkPolicies are made of.
   *
   * @default - there are none
   */
  readonly network?: NetworkPlan;

  /**
   * The fields that a whole ControlPlane needs; none: the output is a partial one.
   *
   * @default - the output is a partial ControlPlane
   */
  readonly tsb?: TsbPlan;

  /** This cluster's unsafe choices. */
  readonly warnings: readonly Warning[];
}

/**
 * Decides every name, path, lifetime and key type, once.
 *
 * @param config the config; PEM stands in it as text. No date of a certificate is looked at, since a plan has no clock
 * @param checked what `loadConfig` knows of a config that it has checked; none: the config is checked here
 * @throws ConfigError with every problem at once: what breaks the schema, and where the config contradicts itself
 */
export function planMeshCa(config: MeshCaConfig, checked?: Checked): MeshCaPlan {
  // a function that lists are mapped by is called with an index, which must not pass for a check.
  if (typeof checked !== 'object') return checkConfig(readObject(config), { plan: planMeshCa }).plan;
  const { rootSeconds } = checked;
  const problems: Problem[] = [];
  const settings = settingsOf(config, problems);
  const vault = planVault(config.vault, problems);
  const root = planRoot(config.root ?? {}, problems);
  refuseEarlyRoot(config.root ?? {}, settings, { root, rootSeconds, problems });
  for (const one of settings) refuseOldIssuer(one, config.vault);
  const policyCas = planPolicyCas(config, settings, { root, rootSeconds, problems });
  const last = policyCas.at(-1);
  const end = last === undefined ? rootEnd(root, rootSeconds) : endOfPolicyCa(last);
  const clusters = settings.map(cluster => planCluster(cluster, { vault, root, policyCas, end }));
  refuseSharedNames(clusters, settings, { root, policyCas });
  refuseNamesOutside(config, clusters, settings, { root, problems });
  refuseUnusedAuth(settings);
  if (problems.length > 0) throw new ConfigError(problems);
  const warnings = [...sharedWarnings(config, policyCas), ...clusters.flatMap(cluster => cluster.warnings)];
  return freeze({ root, policyCas, vault, clusters, warnings });
}

function planCluster(
  settings: Settings,
  { vault, root, policyCas, end }: Pick<MeshCaPlan, 'vault' | 'root' | 'policyCas'> & { readonly end: IssuerEnd },
): ClusterPlan {
  const { name } = settings;
  const clusterId = settings.clusterId ?? name;
  const trustDomain = settings.trustDomain ?? 'cluster.local';
  const certificates = planCertificates(settings);
  const above = policyCas.at(-1);
  const intermediate = planIntermediate(settings, {
    signer: above === undefined ? rootSigner(root) : signerOf(above.mount),
    end,
    commonNames: [...(root.source === 'generate' ? [root.generate.commonName] : []), ...policyCas.map(({ commonName }) => commonName)],
  });
  const planned = planIstios(settings);
  const istios = planned.map(one => one.istio);
  const { istio } = planned[0];
  for (const one of istios) refuseForZtunnels(settings, one, root.alsoTrust);
  refuseOldSidecars(
    settings,
    certificates,
    istios.map(({ version }) => version),
  );
  const certManager = {
    namespace: settings.certManager?.namespace ?? 'cert-manager',
    serviceAccount: settings.certManager?.serviceAccount ?? 'cert-manager',
    version: settings.certManager?.version ?? 'v1.21.2',
  };
  const context = settings.context ?? name;
  const issuer = planIssuer(settings, { istio, certManager });
  const istioCsr = planIstioCsr(settings, { clusterId, trustDomain, certificates, istio, istios, issuer, root });
  const role = planRole(settings, {
    trustDomain,
    certificates,
    intermediate,
    dnsNames: istioCsr.askedNames,
    istioNamespace: istio.namespace,
  });
  const policy = planPolicy(settings, role);
  const auth = planAuth(settings, policy, issuer, vault);
  const hasIssuerMetric = compareVersions(certManager.version, ISSUER_METRIC) >= 0;
  const load = planLoad(settings, { certificates, auth, role });
  const requestPolicies = planRequestPolicies(settings, { trustDomain, certificates, role, issuer, istio, istioCsr, certManager });
  return {
    name,
    context,
    clusterId,
    trustDomain,
    vault,
    root,
    certificates,
    intermediate,
    role,
    policy,
    auth,
    issuer,
    certManager: { ...certManager, size: sizeCertManager(load, certManager.version) },
    load,
    monitoring: planMonitoring(settings, {
      name,
      context,
      root,
      policyCas,
      intermediate,
      certificates,
      istio,
      istioCsr,
      issuer,
      load,
      hasIssuerMetric,
    }),
    istioCsr: sizedFor(load, istioCsr),
    istio,
    istiods: planned.map(one =>
      planIstiod(one.settings, {
        istio: one.istio,
        caAddress: istioCsr.caAddress,
        istiodNames: istioCsr.istiodCertificate.dnsNames,
        trustDomain,
        clusterId,
        certificates,
      }),
    ),
    requestPolicies,
    admission: planAdmission(settings, { trustDomain, auth, issuer, istio, istioCsr, certManager }),
    network: planNetwork(settings, vault),
    tsb: planTsb(settings, istios),
    warnings: [...warningsOf(settings, { certificates }), ...istioWarnings(planned)],
  };
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(freeze);
  }
  return value;
}
