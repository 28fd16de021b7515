// What sidecars are told of their key, through Istio's own patch engine and real istioctl. Nothing is started.
import { parse } from 'yaml';
import { planMeshCa } from '../../src/plan/plan';
import { synthesize } from '../../src/synth';
import { objectsOf } from './mesh/dist';
import { render } from './mesh/tetrate';
import { configs } from './world';

jest.setTimeout(60_000);

test.each([
  ['rsa', undefined, {}],
  ['rsa', 3072, { WORKLOAD_RSA_KEY_SIZE: '3072' }],
  ['ec', undefined, { ECC_SIGNATURE_ALGORITHM: 'ECDSA' }],
  ['ec', 384, { ECC_SIGNATURE_ALGORITHM: 'ECDSA', ECC_CURVE: 'P384' }],
] as const)("the mesh's defaultConfig says %s %s to each sidecar, and keeps TSB's own variable", async (keyType, keyBits, wanted) => {
  const files = synthesize(planMeshCa({ ...configs.recommended, certificates: { keyType, keyBits } }));
  const [controlPlane] = objectsOf(files.find(({ path }) => path.endsWith('control-plane.partial.yaml'))?.content ?? '');
  const { data } = (await render(controlPlane)).get('ConfigMap/istio') as unknown as { data: { mesh: string } };
  const mesh = parse(data.mesh) as { defaultConfig: { proxyMetadata: Record<string, string> } };
  expect(mesh.defaultConfig.proxyMetadata).toEqual({ TSB: 'yes', ...wanted });
});
