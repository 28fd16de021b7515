import { ApiObject, Chart, JsonPatch } from 'cdk8s';
import { Construct } from 'constructs';
import { OverlayConfig, PatchConfig } from '../config/overlay';
import { isPlan } from '../plan/is-plan';
import { anything, Check, line, list, matching, maybe, object, record, rule, text } from './check';

/** Name of most objects in Kubernetes. */
export const name = text('dnsName');

/** Name of a namespace. */
export const namespace = text('dnsLabel');

/** A Secret or a ConfigMap by its name, and a key there. */
export const keyRef = object<{ name: string; key: string }>({ name, key: text('dataKey') });

/** A service account by its name and namespace. */
export const accountRef = object<{ name: string; namespace: string }>({ name, namespace });

/** A service account by its name. */
export const nameRef = object<{ name: string }>({ name });

/** Addresses in CIDR notation. */
export const cidrs = list(text('cidr'), 1);

/** Lines of a comment. */
export const header = maybe(list(line('east')));

/** Path of a text file. */
export const filePath: Check = rule(
  '"cluster-1/setup.sh"',
  'a path below the output directory',
  value =>
    typeof value === 'string' &&
    /^[^/\\\p{Cc}\p{Cs}]+(\/[^/\\\p{Cc}\p{Cs}]+)*$/u.test(value) &&
    value.split('/').every(part => part !== '.' && part !== '..'),
);

/** Path of a part of an object: no program that reads a folder of manifests may take it for a whole one. */
export const patchPath: Check = rule(
  '"cluster-1/control-plane.patch"',
  'a path below the output directory that does not end in .yaml, .yml or .json, since "kubectl apply -R" would take the file for a whole object',
  value => filePath.problems(value, '').length === 0 && !/\.(ya?ml|json)$/i.test(String(value)),
);

/** Variables of sidecars. */
export const proxyMetadata = record(
  rule('"ECDSA"', 'text without line breaks', value => typeof value === 'string' && /^[^\p{Cc}\p{Cs}]{0,1000}$/u.test(value)),
  "{ ECC_SIGNATURE_ALGORITHM: 'ECDSA' }",
  matching(/^[A-Za-z_][A-Za-z0-9_]{0,100}$/, 'an object whose keys are names of variables', 'ECC_SIGNATURE_ALGORITHM'),
);

/** Changes of what istiod's chart renders. */
export const overlays = list(
  object<OverlayConfig>({
    apiVersion: maybe(text('apiVersion')),
    kind: text('objectKind'),
    name: text('objectName'),
    patches: list(object<PatchConfig>({ path: text('patchPath'), value: maybe(anything) }), 1),
  }),
);

/** Where workloads send their requests to. */
export const caAddress: Check = rule('"cert-manager-istio-csr.cert-manager.svc:443"', 'a host and a port', value => {
  if (typeof value !== 'string') return false;
  const [host, number] = value.split(/:(?=\d{1,5}$)/);
  return text('host').problems(host, '').length === 0 && Number(number) >= 1 && Number(number) <= 65535;
});

/** The namespace that a construct's objects are in: its own property, else that of the Chart, else a default. */
export const namespaceOf = (scope: Construct, given: string | undefined, fallback: string) =>
  given ?? Chart.of(scope).namespace ?? fallback;

/** Takes the namespace of the Chart from an object that belongs to none. */
export function withoutNamespace(object: ApiObject): void {
  if (object.metadata.namespace !== undefined) object.addJsonPatch(JsonPatch.remove('/metadata/namespace'));
}

/** What `planMeshCa` returns: a config has neither of these. */
export const plan: Check = rule('planMeshCa(config)', 'what planMeshCa returns', isPlan);
