import { readFileSync } from 'node:fs';
import { parse, parseAllDocuments } from 'yaml';
import { clusterFiles } from '../src/charts/cluster-files';
import { MeshCaConfig } from '../src/config/config';
import { planMeshCa } from '../src/plan/plan';
import table from '../src/plan/tables/istio-csr-values.json';
import { compareVersions } from '../src/plan/version';
import * as guide from './guide-page';

const config = parse(readFileSync('examples/guide/mesh-ca.yaml', 'utf8')) as MeshCaConfig;

function files(more: Partial<MeshCaConfig> = {}, secretId?: string): Map<string, unknown[]> {
  const [cluster] = planMeshCa({ ...config, ...more }).clusters;
  return new Map(
    clusterFiles(cluster!, { secretId }).map(({ path, content }) => [
      path,
      parseAllDocuments(content).map(document => document.toJS() as unknown),
    ]),
  );
}

test("the guide's config asks the same of istio-csr's chart, whatever the chart's defaults say already", () => {
  const version = config.clusters[0]!.istioCsr!.chartVersion!;
  const defaults = chartDefaults(version);
  const [ours] = files().get('cluster-1/istio-csr.values.yml') as [Record<string, unknown>];
  expect({ ...defaults, ...flat(ours) }).toEqual({ ...defaults, ...guide.helmSets });
});

test("the guide's config gives the guide's Issuer; the role ID is decided here instead of read from Vault", () => {
  expect(files().get('cluster-1/manifests/1-issuer/issuer.yaml')).toEqual([
    guide.issuer('https://vault.example.com:8200', 'cluster-1.cert-manager'),
  ]);
});

test("the guide's config gives the guide's ControlPlane, and nothing else in it", () => {
  expect(files().get('cluster-1/control-plane.partial.yaml')).toEqual([guide.controlPlane]);
});

test("the guide's config, its secret delivered as a manifest, gives the guide's Secret", () => {
  const found = files({ secret: { delivery: 'manifest' } }, 'a-secret-id').get('cluster-1/manifests/1-issuer/secret.yaml') as [
    { stringData?: Record<string, string> },
  ];
  const { stringData, ...rest } = found[0];
  // in plain text or in base64: the API server keeps the same.
  const encoded = stringData && { data: Object.fromEntries(Object.entries(stringData).map(([key, value]) => [key, btoa(value)])) };
  expect({ ...rest, ...encoded }).toEqual(guide.secret('a-secret-id'));
});

test('every unsafe choice of the guide is warned of, once', () => {
  expect(planMeshCa(config).warnings.map(({ key }) => key)).toEqual([
    'root.source',
    'intermediate.key',
    'intermediate.maxPathLength',
    'intermediate.tidy',
    'role.hosts',
    'role.spiffeIds',
    'role.maxTtl',
    'role.storeCertificates',
    'appRole.tokenType',
    'appRole.secretIdTtl',
    'istioCsr.rootFile',
    'istioCsr.disableKubernetesClientRateLimiter',
    'istio.overlay',
  ]);
});

/** The chart's defaults at a version, by dotted key: the last that changed until then. */
function chartDefaults(version: string): Record<string, unknown> {
  const facts = Object.entries(table as Record<string, { since: string; lastSeen?: string; default: Record<string, unknown> }>);
  return Object.fromEntries(
    facts
      .filter(
        ([, { since, lastSeen }]) =>
          compareVersions(since, version) <= 0 && (lastSeen === undefined || compareVersions(version, lastSeen) <= 0),
      )
      .map(([key, { default: byVersion }]) => {
        const [last] = Object.entries(byVersion)
          .filter(([from]) => compareVersions(from, version) <= 0)
          .sort(([a], [b]) => compareVersions(b, a));
        return [key, last?.[1]];
      }),
  );
}

/** Values by dotted key, as `--set` writes them. */
function flat(value: Record<string, unknown>, above = ''): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, child]) =>
      typeof child === 'object' && child !== null && !Array.isArray(child)
        ? Object.entries(flat(child as Record<string, unknown>, `${above}${key}.`))
        : [[`${above}${key}`, child]],
    ),
  );
}
