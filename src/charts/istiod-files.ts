import { App, Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { ControlPlanePatch } from '../constructs/control-plane-patch';
import { IstioOperator } from '../constructs/istio-operator';
import { IstiodSettingsProps } from '../constructs/istiod-settings';
import { SailIstioPatch, SailZTunnelPatch } from '../constructs/sail-patches';
import { TextFile } from '../constructs/text-file';
import { IstiodValues, ZtunnelValues } from '../constructs/values-file';
import { MADE_BY, OutputFile } from '../output';
import { IstioPlan } from '../plan/istio';
import { IstiodPlan } from '../plan/istiod';
import { ClusterPlan } from '../plan/plan';
import { ControlPlaneChart } from './control-plane-chart';
import { warningLines } from './warning-lines';

/** Writes a construct's objects. */
type Manifest = (path: string, about: string, construct: Construct, header: readonly string[]) => OutputFile;

/** Third and last stage: what makes istiod and the workloads turn to istio-csr. */
export function istiodFiles(app: App, cluster: ClusterPlan, manifest: Manifest): OutputFile[] {
  const { istio } = cluster;
  // one object holds the overlays of both istiods.
  if (istio.target.name === 'tsb') return [controlPlaneFile(app, cluster, manifest)];
  const chart = new Chart(app, '3-istiod');
  return [...cluster.istiods.map(one => istiodFile(chart, cluster, one)), ...ztunnelFiles(chart, cluster)];
}

/** What configures an istiod. */
function istiodFile(chart: Chart, cluster: ClusterPlan, istiod: IstiodPlan): OutputFile {
  const { file, name: target, waits } = istiod.istio.target;
  const { deployment, namespace, ambient, isCanary, suffix, sailIstio } = istiod.istio;
  const settings = settingsOf(cluster, istiod);
  const about = isCanary
    ? `the canary, ${deployment}, turns to istio-csr; hand it over with it, as the runbook says`
    : 'istiod and the workloads turn to istio-csr; hand it over last, as the runbook says';
  const id = (name: string) => (isCanary ? `${name}${suffix}` : name);
  const header = (more: readonly string[] = []) => [MADE_BY, ...lastHeader(cluster, istiod.istio, 'Hand it over', more)];
  if (target === 'istioOperator') {
    const { overlays } = istiod;
    const own = { name: id('mesh-ca'), path: file, deployment, namespace, ambient, overlays, header: header() };
    return text(cluster, new IstioOperator(chart, id('istio-operator'), { ...settings, ...own }), 'istio-operator', about);
  }
  if (target === 'helm') {
    const values = new IstiodValues(chart, id('istiod'), { ...settings, waits, path: file, header: header(GATEWAYS) });
    return text(cluster, values, 'helm-values', about);
  }
  const { name, version } = sailIstio;
  const part = new SailIstioPatch(chart, id('istio'), {
    ...settings,
    waits,
    name,
    version,
    header: [
      MADE_BY,
      ...lastHeader(cluster, istiod.istio, 'Merge it', [
        version === undefined
          ? 'It is a PARTIAL: version and namespace of the Istio object stay as they are there.'
          : `It is a PARTIAL: the namespace of the Istio object stays as it is there. Of its version the operator makes the revision ${istiod.istio.revision}.`,
      ]),
    ],
  });
  return {
    ...text(
      cluster,
      part,
      'manifest',
      isCanary
        ? `a part of the Istio object: merged, it starts the canary, ${deployment}; never apply it`
        : 'a part of the Istio object: merge it last, as the runbook says; never apply it',
    ),
    path: `${cluster.name}/${file}`,
  };
}

/** The ztunnels, of which there is one set, whatever the istiods: files of their own where the chart is. */
function ztunnelFiles(chart: Chart, cluster: ClusterPlan): OutputFile[] {
  const [inUse] = cluster.istiods;
  if (!cluster.istio.ambient || inUse === undefined) return [];
  const settings = { caAddress: cluster.istioCsr.caAddress, clusterId: cluster.clusterId };
  const header = ['The ztunnels: they ask istio-csr. Hand it over after istiod has it.'];
  switch (cluster.istio.target.name) {
    case 'helm': {
      const values = new ZtunnelValues(chart, 'ztunnel', { ...settings, header: [MADE_BY, ...header] });
      return [{ ...text(cluster, values, 'helm-values', 'the ztunnels turn to istio-csr'), path: `${cluster.name}/ztunnel.values.yml` }];
    }
    case 'sail': {
      const part = new SailZTunnelPatch(chart, 'ztunnel', { ...settings, header: [MADE_BY, ...header] });
      const about = 'a part of the ZTunnel object: merge it after that of istiod';
      return [{ ...text(cluster, part, 'manifest', about), path: `${cluster.name}/ztunnel.partial.yaml` }];
    }
    default:
      return [];
  }
}

function text({ name }: ClusterPlan, { file }: { readonly file: TextFile }, kind: OutputFile['kind'], about: string): OutputFile {
  return { path: `${name}/${file.path}`, content: file.text, kind, cluster: name, about };
}

/** Gateways of the gateway chart have no address of their own. */
const GATEWAYS = ['The gateway chart needs none of it: its pods are injected, by what istiod has from here.'];

function settingsOf(
  { clusterId, trustDomain, istioCsr, certificates }: ClusterPlan,
  { istio: { revision, trustDomainAliases, overlay }, values }: IstiodPlan,
): IstiodSettingsProps {
  return {
    caAddress: istioCsr.caAddress,
    clusterId,
    trustDomain,
    trustDomainAliases,
    revision,
    proxyMetadata: certificates.proxyMetadata,
    values,
    overlay: overlay === 'append' ? overlay : 'wellKnown',
  };
}

/** When it is its turn, and what more there is to say. */
function lastHeader(cluster: ClusterPlan, istio: IstioPlan, verb: string, more: readonly string[]): string[] {
  const { context, istioCsr } = cluster;
  return [
    ...(istio.isCanary ? [`The canary, ${istio.deployment}, beside ${cluster.istio.deployment}.`] : []),
    `${verb} last: istio-csr must be serving, and Certificate ${istio.namespace}/istiod must be Ready:`,
    `  kubectl --context ${context} -n ${istioCsr.namespace} rollout status deployment/${istioCsr.name}`,
    `  kubectl --context ${context} -n ${istio.namespace} wait --for=condition=Ready certificate/istiod`,
    ...(istio.target.waits ? [] : ['istiod looks for its certificate only at its start: one that has started before is to be restarted.']),
    ...more,
    ...warningLines(cluster, 'istio.'),
  ];
}

function controlPlaneFile(app: App, cluster: ClusterPlan, manifest: Manifest): OutputFile {
  const patchHeader = [MADE_BY, ...lastHeader(cluster, cluster.istio, 'Merge it', partialHeader(cluster))];
  const { controlPlane } = new ControlPlaneChart(app, '3-control-plane', cluster, patchHeader);
  const { file } = cluster.istio.target;
  // what lies below manifests/ is applied as it is, by people and by Argo CD and Flux; a part of an object must not be.
  if (controlPlane instanceof ControlPlanePatch) {
    const about = 'a part of the ControlPlane: merge it last, as the runbook says; never apply it';
    return { ...text(cluster, controlPlane, 'manifest', about), path: `${cluster.name}/${file}` };
  }
  return manifest(
    file,
    'istiod and the workloads turn to istio-csr; apply it last',
    controlPlane,
    lastHeader(cluster, cluster.istio, 'Apply', []),
  );
}

function partialHeader({ context, istio }: ClusterPlan): string[] {
  return [
    `A PARTIAL of ControlPlane ${istio.namespace}/${istio.controlPlane}: the fields that TSB requires are not in the config (tsb). Merge it into the one`,
    'that is there; any "kubectl apply", --server-side too, may remove what this file does not name:',
    `  kubectl --context ${context} patch controlplane ${istio.controlPlane} -n ${istio.namespace} --type=merge --patch-file=${istio.target.file}`,
    'It replaces the list of overlays as a whole, and in it that of istiod: what stands there already belongs into istio.values and istio.overlays of',
    'mesh-ca.yaml, where it is looked at and comes out below, ahead of ours; overlays of anything else go into this file by hand.',
  ];
}
