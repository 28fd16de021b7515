// What istio-csr's chart makes of its values: the container's flags and its image. The running Deployment is compared with both.
import { defaultOf, IstioCsrPlan, isOfChart } from './istio-csr';
import { isRecord, valueAt } from './settings';
import { compareVersions } from './version';

/** The flags that carry one value as it stands. A flag is written by the versions of the chart that have the value. */
const FLAGS: Readonly<Record<string, string>> = {
  '--log-level': 'app.logLevel',
  '--log-format': 'app.logFormat',
  '--metrics-port': 'app.metrics.port',
  '--readiness-probe-port': 'app.readinessProbe.port',
  '--readiness-probe-path': 'app.readinessProbe.path',
  '--certificate-namespace': 'app.certmanager.namespace',
  '--issuer-enabled': 'app.certmanager.issuer.enabled',
  '--issuer-name': 'app.certmanager.issuer.name',
  '--issuer-kind': 'app.certmanager.issuer.kind',
  '--issuer-group': 'app.certmanager.issuer.group',
  '--preserve-certificate-requests': 'app.certmanager.preserveCertificateRequests',
  '--certificate-request-additional-annotations': 'app.certmanager.additionalAnnotations',
  '--root-ca-configmap-name': 'app.controller.rootCAConfigMapName',
  '--root-ca-file': 'app.tls.rootCAFile',
  '--serving-certificate-dns-names': 'app.tls.certificateDNSNames',
  '--serving-certificate-duration': 'app.tls.certificateDuration',
  '--trust-domain': 'app.tls.trustDomain',
  '--cluster-id': 'app.server.clusterID',
  '--max-client-certificate-duration': 'app.server.maxCertificateDuration',
  '--serving-certificate-key-size': 'app.server.serving.certificateKeySize',
  '--serving-signature-algorithm': 'app.server.serving.signatureAlgorithm',
  '--enable-client-cert-authenticator': 'app.server.authenticators.enableClientCert',
  '--ca-trusted-node-accounts': 'app.server.caTrustedNodeAccounts',
  '--leader-election-namespace': 'app.controller.leaderElectionNamespace',
  '--configmap-namespace-selector': 'app.controller.configmapNamespaceSelector',
  '--disable-kubernetes-client-rate-limiter': 'app.controller.disableKubernetesClientRateLimiter',
};

/** The flags of the Certificate that istio-csr can make for istiod, which the chart writes from this version on. */
const ISTIOD_CERT_SINCE = 'v0.11.0';
const ISTIOD_CERT_FLAGS: Readonly<Record<string, string>> = {
  '--istiod-cert-namespace': 'app.istio.namespace',
  '--istiod-cert-duration': 'app.tls.istiodCertificateDuration',
  '--istiod-cert-renew-before': 'app.tls.istiodCertificateRenewBefore',
  '--istiod-cert-key-size': 'app.tls.istiodPrivateKeySize',
  '--istiod-cert-additional-dns-names': 'app.tls.istiodAdditionalDNSNames',
  '--istiod-cert-istio-revisions': 'app.istio.revisions',
};

/**
 * The flags of istio-csr's container, each with its values; a flag without a value is one that the chart leaves out or leaves empty.
 *
 * @param istioCsr what is decided for istio-csr
 */
export function istioCsrFlags(istioCsr: IstioCsrPlan): Record<string, string[]> {
  const { chartVersion, namespace } = istioCsr;
  const has = (version: string) => compareVersions(chartVersion, version) >= 0;
  const at = (key: string) => valueOf(istioCsr, key);
  const plain = (flags: Readonly<Record<string, string>>) =>
    Object.entries(flags)
      .filter(([, key]) => isOfChart(key, chartVersion))
      .map(([flag, key]): [string, string[]] => [flag, texts(at(key))]);
  return Object.fromEntries([
    ...plain(FLAGS),
    ['--serving-address', [`${String(at('app.server.serving.address'))}:${String(at('app.server.serving.port'))}`]],
    ...(has('v0.10.0')
      ? ([
          ['--runtime-issuance-config-map-name', texts(runtimeConfiguration(istioCsr))],
          ['--runtime-issuance-config-map-namespace', [namespace]],
        ] as const)
      : []),
    ...(has(ISTIOD_CERT_SINCE)
      ? ([
          ['--istiod-cert-enabled', [String(at('app.tls.istiodCertificateEnable') === 'dynamic')]],
          ['--istiod-cert-name', ['istiod-dynamic']],
          // an empty algorithm is that of the serving certificate.
          [
            '--istiod-cert-key-algorithm',
            texts([at('app.tls.istiodPrivateKeyAlgorithm'), at('app.server.serving.signatureAlgorithm')].find(Boolean)),
          ],
          ...plain(ISTIOD_CERT_FLAGS),
        ] as const)
      : []),
    ...(has('v0.12.0') ? ([['--istiod-cert-additional-annotations', texts(at('app.certmanager.additionalAnnotations'))]] as const) : []),
  ]) as Record<string, string[]>;
}

/** The image of istio-csr's container, e.g. `quay.io/jetstack/cert-manager-istio-csr:v0.17.0`. */
export function istioCsrImage(istioCsr: IstioCsrPlan): string {
  const at = (key: string) => texts(valueOf(istioCsr, key))[0];
  const [repository, registry, tag, digest] = ['image.repository', 'image.registry', 'image.tag', 'image.digest'].map(at);
  const composed = repository ?? [at('imageRegistry'), at('imageNamespace'), at('image.name')].filter(Boolean).join('/');
  const name = registry === undefined ? composed : `${registry}/${composed}`;
  if (digest === undefined) return `${name}:${tag ?? istioCsr.chartVersion}`;
  // older charts leave the tag out where there is a digest.
  return tag !== undefined && compareVersions(istioCsr.chartVersion, 'v0.16.0') >= 0 ? `${name}:${tag}@${digest}` : `${name}@${digest}`;
}

/** The ConfigMap that istio-csr takes another issuer from, as the chart names it. */
function runtimeConfiguration(istioCsr: IstioCsrPlan): unknown {
  const at = (key: string) => valueOf(istioCsr, key);
  return (
    [at('app.runtimeConfiguration.name'), at('app.runtimeIssuanceConfigMap')].find(Boolean) ??
    (at('app.runtimeConfiguration.create') === true ? istioCsr.name : undefined)
  );
}

/** A value of the chart: the plan's, the user's, or the chart's own. */
function valueOf({ values, extraValues, chartVersion }: IstioCsrPlan, key: string): unknown {
  return values[key] ?? valueAt(extraValues, key.split('.')) ?? defaultOf(key, chartVersion);
}

/** A value as the flag's values; the chart writes `[{ name, value }]` as `name=value`. */
function texts(value: unknown): string[] {
  return [value]
    .flat()
    .filter(one => one !== undefined && one !== null && one !== '')
    .map(one => (isRecord(one) ? `${String(one.name)}=${String(one.value)}` : String(one)));
}
