export type * from './config/config';
export type { Checked, CheckOptions } from './config/check';
export { loadConfig } from './config/load';
export type { LoadedConfig, LoadOptions } from './config/load';
export { ConfigError } from './config/problem';
export type { Position, Problem } from './config/problem';
export { planMeshCa } from './plan/plan';
export type { ClusterPlan, MeshCaPlan } from './plan/plan';
export type { SecretKey, VaultPlan } from './plan/vault';
export type { OverlayMode } from './plan/istio';
export type { Overlay } from './plan/istiod-patches';
export type { Patch } from './plan/patch-engine';
export type { Warning } from './plan/warnings';
export { ApproleSecret } from './constructs/approle-secret';
export type { ApproleSecretProps } from './constructs/approle-secret';
export { CertManagerNetworkPolicy } from './constructs/cert-manager-network-policy';
export type { CertManagerNetworkPolicyProps } from './constructs/cert-manager-network-policy';
export { ControlPlane } from './constructs/control-plane';
export type { ControlPlaneProps } from './constructs/control-plane';
export { ControlPlanePatch } from './constructs/control-plane-patch';
export type { ControlPlanePatchProps } from './constructs/control-plane-patch';
export type { ControlPlaneIstiod, ControlPlaneSettings } from './constructs/control-plane-spec';
export { IstioCsrNetworkPolicy } from './constructs/istio-csr-network-policy';
export type { IstioCsrNetworkPolicyProps } from './constructs/istio-csr-network-policy';
export { IstioCsrValues } from './constructs/istio-csr-values';
export type { IstioCsrValuesProps } from './constructs/istio-csr-values';
export { IstioOperator } from './constructs/istio-operator';
export type { IstioOperatorProps } from './constructs/istio-operator';
export { IstiodValues, ZtunnelValues } from './constructs/values-file';
export type { IstiodValuesProps, ZtunnelValuesProps } from './constructs/values-file';
export type { IstiodSettingsProps } from './constructs/istiod-settings';
export { SailIstioPatch, SailZTunnelPatch } from './constructs/sail-patches';
export type { SailIstioPatchProps, SailZTunnelPatchProps } from './constructs/sail-patches';
export type { PatchFileProps } from './constructs/patch-file';
export type { ZtunnelSettingsProps } from './constructs/ztunnel-settings';
export { IstioRootCa } from './constructs/istio-root-ca';
export type { IstioRootCaOfConfigMap, IstioRootCaPlace, IstioRootCaProps, IstioRootCaWithCertificate } from './constructs/istio-root-ca';
export type { RootCarrier, RootCaRef } from './plan/root-ca';
export { RequestPolicy } from './constructs/request-policy';
export type { RequestPolicyProps } from './constructs/request-policy';
export { MeshRules } from './constructs/mesh-rules';
export type { MeshAlert, MeshRulesProps } from './constructs/mesh-rules';
export { SampleWorkload } from './constructs/sample-workload';
export type { SampleWorkloadProps } from './constructs/sample-workload';
export { SealedSecretId } from './constructs/sealed-secret-id';
export type { SealedSecretIdProps } from './constructs/sealed-secret-id';
export { TextFile } from './constructs/text-file';
export type { TextFileProps } from './constructs/text-file';
export { ExternalSecretId } from './constructs/external-secret-id';
export type { ExternalSecretIdProps } from './constructs/external-secret-id';
export { IssuerAdmissionPolicies } from './constructs/issuer-admission-policies';
export type { IssuerAdmissionPoliciesProps } from './constructs/issuer-admission-policies';
export type { AdmittedCertificate } from './plan/admission';
export { IssuerServiceAccount } from './constructs/issuer-service-account';
export type { IssuerServiceAccountProps } from './constructs/issuer-service-account';
export { TokenReviewer } from './constructs/token-reviewer';
export type { TokenReviewerProps } from './constructs/token-reviewer';
export { VaultIssuer } from './constructs/vault-issuer';
export type {
  VaultAppRoleAuth,
  VaultAuth,
  VaultAwsAuth,
  VaultClientCertificateAuth,
  VaultIssuerProps,
  VaultSecretKey,
  VaultServiceAccountAuth,
} from './constructs/vault-issuer';
export { VaultScript } from './constructs/vault-script';
export type { VaultScriptProps } from './constructs/vault-script';
export { clusterFiles } from './charts/cluster-files';
export type { ClusterFilesOptions } from './charts/cluster-files';
export type { OutputFile } from './output';
export { synthesize } from './synth';
export type { SynthesizeOptions } from './synth';
