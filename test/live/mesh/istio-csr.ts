// Plays istio-csr, whose program cannot be had here: what its chart applies, what it asks of cert-manager, and what it answers to a sidecar.
import { parse } from 'yaml';
import type { ClusterPlan } from '../../../src/plan/plan';
import { type Kube, ok, until } from '../harness';
import { certificates, verifyChain } from './certificates';

/** A Helm value, by its path, e.g. `app.tls.trustDomain`. */
export type HelmValue = (path: string, chartDefault?: unknown) => unknown;

/** Looks into a Helm values file. A value that is neither there nor the chart's own is an error. */
export function helmValues(yaml: string): HelmValue {
  const values: unknown = parse(yaml);
  return (path, chartDefault) => {
    const found = path.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], values) ?? chartDefault;
    if (found === undefined) throw new Error(`the values have no ${path}`);
    return found;
  };
}

const issuerRef = (value: HelmValue) => ({
  name: value('app.certmanager.issuer.name'),
  kind: value('app.certmanager.issuer.kind'),
  group: value('app.certmanager.issuer.group'),
});

/** istiod's Certificate, as the chart's template makes it of the values (deploy/charts/istio-csr/templates/certificate.yaml). */
export function istiodCertificate(value: HelmValue) {
  const namespace = String(value('app.istio.namespace', 'istio-system'));
  const dnsNames = (value('app.istio.revisions', ['default']) as string[]).map(
    revision => `istiod${revision === 'default' ? '' : `-${revision}`}.${namespace}.svc`,
  );
  // an empty algorithm is that of the serving certificate.
  const algorithm = value('app.tls.istiodPrivateKeyAlgorithm', '') || value('app.server.serving.signatureAlgorithm', 'RSA');
  return {
    apiVersion: 'cert-manager.io/v1',
    kind: 'Certificate',
    metadata: { name: 'istiod', namespace },
    spec: {
      commonName: `istiod.${namespace}.svc`,
      dnsNames,
      uris: [`spiffe://${String(value('app.tls.trustDomain'))}/ns/${namespace}/sa/istiod-service-account`],
      secretName: 'istiod-tls',
      duration: value('app.tls.istiodCertificateDuration'),
      renewBefore: value('app.tls.istiodCertificateRenewBefore'),
      privateKey: { rotationPolicy: 'Always', algorithm, size: value('app.tls.istiodPrivateKeySize', 2048) },
      revisionHistoryLimit: 1,
      issuerRef: issuerRef(value),
    },
  };
}

/** What became of a CertificateRequest. */
export interface Signed {
  readonly reason: string;
  readonly message: string;
  /** Leaf and intermediate; nothing where it failed. */
  readonly certificate: string;
  readonly ca: string;
}

interface RequestStatus {
  readonly certificate?: string;
  readonly ca?: string;
  readonly conditions?: readonly { type: string; status: string; reason: string; message: string }[];
}

/** Asks cert-manager for a certificate as istio-csr does, and waits until it is signed or has failed. */
export async function askCertManager(kube: Kube, value: HelmValue, csr: string): Promise<Signed> {
  const path = `/apis/cert-manager.io/v1/namespaces/${String(value('app.certmanager.namespace'))}/certificaterequests`;
  const spec = {
    request: base64(csr),
    duration: value('app.server.maxCertificateDuration', '1h'),
    isCA: false,
    usages: ['client auth', 'server auth'],
    issuerRef: issuerRef(value),
  };
  const metadata = { generateName: 'istio-csr-', annotations: { 'istio.cert-manager.io/identities': 'played-by-a-test' } };
  const request = { apiVersion: 'cert-manager.io/v1', kind: 'CertificateRequest', metadata, spec };
  const { status, body } = await kube.request('POST', `${path}?fieldValidation=Strict`, request);
  if (status !== 201) throw new Error(`the API server answers ${status}: ${JSON.stringify(body)}`);
  const { name } = (body as { metadata: { name: string } }).metadata;
  return until(`CertificateRequest ${name} to be decided`, async () => {
    const found = (await kube.request('GET', `${path}/${name}`)).body as { status?: RequestStatus };
    const ready = found.status?.conditions?.find(({ type }) => type === 'Ready');
    if (ready?.status !== 'True' && ready?.reason !== 'Failed') throw new Error(JSON.stringify(found.status ?? 'no status'));
    const { certificate = '', ca = '' } = found.status ?? {};
    return { reason: ready.reason, message: ready.message, certificate: unbase64(certificate), ca: unbase64(ca) };
  });
}

/** The root file: what the Secret holds that the pod mounts. */
export async function rootFileOf(kube: Kube, { istioCsr: { rootCa, namespace } }: ClusterPlan): Promise<string> {
  const secret = (await kube.get(['secret', rootCa.name, '-n', namespace])) as { data: Record<string, string> } | undefined;
  if (!secret) throw new Error(`there is no Secret ${namespace}/${rootCa.name}`);
  return unbase64(secret.data[rootCa.key] ?? '');
}

/** Answers a sidecar: leaf, intermediates, and as last part the whole root file, which the sidecar takes as ROOTCA. */
export async function answer({ certificate }: Signed, rootFile: string): Promise<{ readonly chain: string; readonly rootCa: string }> {
  const chain = certificates(certificate).join('');
  // istio-csr's own condition, as Go reads a pool of roots: a chain may end in any certificate of the root file, self-signed or not.
  ok(await verifyChain(chain, rootFile, ['-partial_chain']));
  return { chain: chain + rootFile, rootCa: rootFile };
}

export const base64 = (text: string) => Buffer.from(text).toString('base64');
export const unbase64 = (text: string) => Buffer.from(text, 'base64').toString();
