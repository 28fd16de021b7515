import { Testing } from 'cdk8s';
import { ControlPlanePatch } from '../../src/constructs/control-plane-patch';

test.each(['wellKnown', 'append', 'guide'] as const)('sidecars are told of their key by a patch of its own, in the mode %s', overlay => {
  const patches = (proxyMetadata?: Record<string, string>) => {
    const settings = { clusterId: 'a', caAddress: 'a.b.svc:443', overlay, proxyMetadata };
    const { object } = new ControlPlanePatch(Testing.chart(), 'control-plane', settings);
    const { spec } = object as { spec: { components: { istio: { kubeSpec: { overlays: { patches: { path: string }[] }[] } } } } };
    return spec.components.istio.kubeSpec.overlays[0]?.patches ?? [];
  };
  const without = patches();
  expect(without.filter(({ path }) => path.includes('proxyMetadata'))).toEqual([]);
  expect(patches({ ECC_SIGNATURE_ALGORITHM: 'ECDSA', ECC_CURVE: 'P384' })).toEqual([
    ...without,
    { path: 'spec.meshConfig.defaultConfig.proxyMetadata.ECC_SIGNATURE_ALGORITHM', value: 'ECDSA' },
    { path: 'spec.meshConfig.defaultConfig.proxyMetadata.ECC_CURVE', value: 'P384' },
  ]);
});
