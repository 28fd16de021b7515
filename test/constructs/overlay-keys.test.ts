import { App, Chart, Testing } from 'cdk8s';
import { ControlPlane } from '../../src/constructs/control-plane';

test.each(['wellKnown', 'append', 'guide'] as const)('sidecars are told of their key by a patch of its own, in the mode %s', overlay => {
  const patches = (proxyMetadata?: Record<string, string>) => {
    const chart = new Chart(new App(), 'chart');
    new ControlPlane(chart, 'control-plane', { caAddress: 'a.b.svc:443', overlay, proxyMetadata });
    const [object] = Testing.synth(chart) as {
      spec: { components: { istio: { kubeSpec: { overlays: { patches: { path: string }[] }[] } } } };
    }[];
    return object?.spec.components.istio.kubeSpec.overlays[0]?.patches ?? [];
  };
  const without = patches();
  expect(without.filter(({ path }) => path.includes('proxyMetadata'))).toEqual([]);
  expect(patches({ ECC_SIGNATURE_ALGORITHM: 'ECDSA', ECC_CURVE: 'P384' })).toEqual([
    ...without,
    { path: 'spec.meshConfig.defaultConfig.proxyMetadata.ECC_SIGNATURE_ALGORITHM', value: 'ECDSA' },
    { path: 'spec.meshConfig.defaultConfig.proxyMetadata.ECC_CURVE', value: 'P384' },
  ]);
});
