// Plays Tetrate Service Bridge, of which nothing is public: a CRD of the ControlPlane made from our own types, and the IstioOperator
// that TSB's operator makes and patches. The patches are applied by Istio's own engine, as TSB's operator does it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type InterfaceDeclaration, Project, SyntaxKind, type Type } from 'ts-morph';
import { buildPrograms, ok, run, tempDir } from '../harness';
import { type KubeObject, objectsOf } from './dist';

/** A structural schema, as a CRD has it. */
type Schema = Readonly<Record<string, unknown>>;

/** The ControlPlane's CRD, from imports/install.tetrate.io.ts: whatever our types do not know is an unknown field to the API server. */
export function controlPlaneCrd(): unknown {
  const source = new Project({ tsConfigFilePath: 'tsconfig.json', skipAddingFilesFromTsConfig: true }).addSourceFileAtPath(
    'imports/install.tetrate.io.ts',
  );
  const spec = schemaOfInterface(source.getInterfaceOrThrow('ControlPlaneSpec'));
  const names = { kind: 'ControlPlane', listKind: 'ControlPlaneList', plural: 'controlplanes', singular: 'controlplane' };
  const schema = { openAPIV3Schema: { type: 'object', required: ['spec'], properties: { spec } } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'controlplanes.install.tetrate.io' },
    spec: {
      group: 'install.tetrate.io',
      scope: 'Namespaced',
      names,
      versions: [{ name: 'v1alpha1', served: true, storage: true, schema }],
    },
  };
}

function schemaOfInterface(declared: InterfaceDeclaration): Schema {
  const properties = declared.getProperties();
  return {
    type: 'object',
    required: properties.filter(property => !property.hasQuestionToken()).map(property => property.getName()),
    properties: Object.fromEntries(properties.map(property => [property.getName(), schemaOf(property.getType())])),
  };
}

function schemaOf(declaredType: Type): Schema {
  const type = declaredType.isUnknown() ? declaredType : declaredType.getNonNullableType();
  const item = type.getArrayElementType();
  if (item) return { type: 'array', items: schemaOf(item) };
  // first: TypeScript turns an unknown that is not null into {}.
  if (type.isUnknown()) return { 'x-kubernetes-preserve-unknown-fields': true };
  // before the unions: a boolean is one.
  if (type.isBoolean()) return { type: 'boolean' };
  if (type.isUnion()) return { type: 'string', enum: type.getUnionTypes().map(one => one.getLiteralValueOrThrow()) };
  if (type.isString()) return { type: 'string' };
  if (type.isNumber()) return { type: 'integer' };
  const declared = type.getSymbolOrThrow().getDeclarations()[0]?.asKind(SyntaxKind.InterfaceDeclaration);
  if (!declared) throw new Error(`no schema for ${type.getText()}`);
  return schemaOfInterface(declared);
}

/** A ControlPlane that is there already, with settings of its own. */
export const controlPlaneOfTsb = {
  apiVersion: 'install.tetrate.io/v1alpha1',
  kind: 'ControlPlane',
  metadata: { name: 'controlplane', namespace: 'istio-system' },
  spec: {
    hub: 'registry.example/tsb',
    managementPlane: { host: 'tsb.example.com', port: 8443, clusterName: 'cluster-1' },
    telemetryStore: { elastic: { host: 'elastic.example.com', port: 9200, version: 7 } },
    components: { istio: { tsbVersion: '1.12.0' } },
  },
};

/** A variable of TSB's own: an overlay that replaces the list loses it. */
export const TSB_VARIABLE = { name: 'TSB_OWN_SETTING', value: 'kept' };

/** How TSB names its IstioOperator: with isolation boundaries there is one a revision. */
export interface TsbOperator {
  readonly name: string;
  readonly revision?: string;
}

/** The IstioOperator that TSB's operator makes, as far as it can be told from outside. */
export function istioOperatorOfTsb({ name, revision }: TsbOperator): unknown {
  return {
    apiVersion: 'install.istio.io/v1alpha1',
    kind: 'IstioOperator',
    metadata: { name, namespace: 'istio-system' },
    spec: {
      profile: 'minimal',
      revision,
      hub: 'registry.example/tsb',
      tag: '1.22.6-tsb',
      meshConfig: { trustDomain: 'cluster.local', accessLogFile: '/dev/stdout', defaultConfig: { proxyMetadata: { TSB: 'yes' } } },
      components: {
        pilot: {
          k8s: {
            env: [TSB_VARIABLE],
            resources: { requests: { cpu: '200m', memory: '512Mi' } },
            priorityClassName: 'system-cluster-critical',
          },
        },
      },
      values: { global: { multiCluster: { clusterName: 'cluster-1' }, meshID: 'mesh1' } },
    },
  };
}

/** What istioctl renders, by `Kind/name`. */
export type Rendered = ReadonlyMap<string, KubeObject>;

/** Renders the IstioOperator with real istioctl; where a ControlPlane is given, with the patches that it has for this operator. */
export async function render(controlPlane?: KubeObject, operatorOf: TsbOperator = { name: 'tsb-istiocontrolplane' }): Promise<Rendered> {
  const { patch, istioctl } = await buildPrograms(['patch', 'istioctl']);
  const folder = tempDir('render');
  const [operator, patches, patched] = ['operator', 'patches', 'patched'].map(name => join(folder, `${name}.yaml`)) as [
    string,
    string,
    string,
  ];
  // JSON, as Istio reads YAML 1.1 and our library writes 1.2.
  writeFileSync(operator, JSON.stringify(istioOperatorOfTsb(operatorOf)));
  writeFileSync(patches, JSON.stringify(controlPlane ? patchesOf(controlPlane, operatorOf) : []));
  writeFileSync(patched, ok(await run(patch, [operator, patches])));
  // istioctl ends with 0 where an overlay of a Deployment fails, and says nothing: only what it renders tells.
  const objects = objectsOf(ok(await run(istioctl, ['manifest', 'generate', '-f', patched])));
  return new Map(objects.map(object => [`${object.kind}/${object.metadata.name}`, object]));
}

function patchesOf({ spec }: KubeObject, operator: TsbOperator): unknown {
  const { components } = spec as unknown as {
    components: { istio: { kubeSpec: { overlays: { kind: string; name: string; patches: unknown }[] } } };
  };
  const found = components.istio.kubeSpec.overlays.filter(({ kind, name }) => kind === 'IstioOperator' && name === operator.name);
  if (found.length !== 1) throw new Error(`the ControlPlane has ${found.length} overlays for TSB's IstioOperator`);
  return found[0]?.patches;
}
