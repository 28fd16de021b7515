import { App, Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { IstioOperator } from '../constructs/istio-operator';
import { IstiodSettingsProps } from '../constructs/istiod-settings';
import { SailIstio, SailZTunnel } from '../constructs/sail-istio';
import { IstiodValues, ZtunnelValues } from '../constructs/values-file';
import { MADE_BY, OutputFile } from '../output';
import { CHART } from '../plan/istio-csr';
import { ClusterPlan } from '../plan/plan';
import { ControlPlaneChart } from './control-plane-chart';
import { warningLines } from './warning-lines';

/** Writes a construct's objects. */
type Manifest = (path: string, about: string, construct: Construct, header: readonly string[]) => OutputFile;

/** Third and last stage: what makes istiod and the workloads turn to istio-csr. */
export function istiodFiles(app: App, cluster: ClusterPlan, manifest: Manifest): OutputFile[] {
  const { file, name: target, waits } = cluster.istio.target;
  if (target === 'tsb') return [controlPlaneFile(app, cluster, manifest)];
  const { deployment, namespace, ambient, overlay } = cluster.istio;
  const { overlays } = cluster.istiod;
  const chart = new Chart(app, '3-istiod');
  const settings = { ...settingsOf(cluster), overlay: overlay === 'append' ? overlay : ('wellKnown' as const) };
  const text = (path: string, kind: OutputFile['kind'], about: string, content: string): OutputFile => ({
    path: `${cluster.name}/${path}`,
    content,
    kind,
    cluster: cluster.name,
    about,
  });
  const about = 'istiod and the workloads turn to istio-csr; hand it over last, as the runbook says';
  const header = (more: readonly string[] = []) => [MADE_BY, ...lastHeader(cluster, 'Hand it over', more)];
  const ztunnel = ['The ztunnels: they ask istio-csr. Hand it over after istiod has it.'];
  switch (target) {
    case 'istioOperator': {
      const { file: part } = new IstioOperator(chart, 'istio-operator', {
        ...settings,
        deployment,
        namespace,
        ambient,
        overlays,
        header: header(),
      });
      return [text(file, 'istio-operator', about, part.text)];
    }
    case 'helm': {
      const values = new IstiodValues(chart, 'istiod', { ...settings, waits, header: header(GATEWAYS) });
      const files = [text(file, 'helm-values', about, values.file.text)];
      if (!ambient) return files;
      const { file: part } = new ZtunnelValues(chart, 'ztunnel', { ...settings, header: [MADE_BY, ...ztunnel] });
      return [...files, text(part.path, 'helm-values', 'the ztunnels turn to istio-csr', part.text)];
    }
    case 'sail':
      return [
        manifest(
          file,
          'a part of the Istio object: merge it last, as the runbook says; never apply it',
          new SailIstio(chart, 'istio', { ...settings, waits }),
          lastHeader(cluster, 'Merge it', ['It is a PARTIAL: version and namespace of the Istio object stay as they are there.']),
        ),
        ...(ambient
          ? [
              manifest(
                'ztunnel.partial.yaml',
                'a part of the ZTunnel object: merge it after that of istiod',
                new SailZTunnel(chart, 'ztunnel', settings),
                ztunnel,
              ),
            ]
          : []),
      ];
  }
}

/** Gateways of the gateway chart have no address of their own. */
const GATEWAYS = ['The gateway chart needs none of it: its pods are injected, by what istiod has from here.'];

function settingsOf({ clusterId, trustDomain, istioCsr, istio, istiod, certificates }: ClusterPlan): Omit<IstiodSettingsProps, 'overlay'> {
  const { revision, trustDomainAliases } = istio;
  return {
    caAddress: istioCsr.caAddress,
    clusterId,
    trustDomain,
    trustDomainAliases,
    revision,
    proxyMetadata: certificates.proxyMetadata,
    values: istiod.values,
  };
}

/** When it is its turn, and what more there is to say. */
function lastHeader(cluster: ClusterPlan, verb: string, more: readonly string[]): string[] {
  const { context, istio, istioCsr } = cluster;
  return [
    `${verb} last: istio-csr must be serving, and Certificate ${istio.namespace}/istiod must be Ready:`,
    `  kubectl --context ${context} -n ${istioCsr.namespace} rollout status deployment/${CHART}`,
    `  kubectl --context ${context} -n ${istio.namespace} wait --for=condition=Ready certificate/istiod`,
    ...(istio.target.waits ? [] : ['istiod reads its certificate once, at start: one that has started before is to be restarted.']),
    ...more,
    ...warningLines(cluster, 'istio.'),
  ];
}

function controlPlaneFile(app: App, cluster: ClusterPlan, manifest: Manifest): OutputFile {
  const { controlPlane } = new ControlPlaneChart(app, '3-control-plane', cluster);
  const { file } = cluster.istio.target;
  // what lies below manifests/ is applied as it is, by people and by Argo CD and Flux; a part of an object must not be.
  const about = controlPlane.partial
    ? 'a part of the ControlPlane: merge it last, as the runbook says; never apply it'
    : 'istiod and the workloads turn to istio-csr; apply it last';
  const header = controlPlane.partial ? lastHeader(cluster, 'Merge it', partialHeader(cluster)) : lastHeader(cluster, 'Apply', []);
  return manifest(file, about, controlPlane, header);
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
