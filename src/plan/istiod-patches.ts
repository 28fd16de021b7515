import type { OverlayMode } from './istio';
import type { Patch } from './patch-engine';

/** Changes to one object that istiod's chart renders, as an entry of `k8s.overlays`. */
export interface Overlay {
  /**
   * API version; Istio's engine does not look at it.
   *
   * @default - none
   */
  readonly apiVersion?: string;

  /** Kind of the object. */
  readonly kind: string;

  /** Name of the object. */
  readonly name: string;

  /** The changes, in order. */
  readonly patches: readonly Patch[];
}

/** Our changes to istiod's Deployment, by overlay mode. */
export function istiodPatches(mode: OverlayMode): Patch[] {
  switch (mode) {
    case 'guide':
      return certificatePatches(7, 6, 6);
    case 'append':
      return certificatePatches(-1, -1, -1);
    case 'wellKnown':
      return [REQUIRED];
  }
}

/** From Istio 1.16 on the chart mounts the certificate by itself, but as optional. */
const REQUIRED: Patch = { path: 'spec.template.spec.volumes.[name:istio-csr-dns-cert].secret.optional', value: false };

/** Flags of istiod that name its certificate. */
export const CERTIFICATE_FLAGS = ['--tlsCertFile', '--tlsKeyFile', '--caCertFile'] as const;

/** Flags and volumes with the certificate. A start of -1 appends, another one counts up from there. */
function certificatePatches(args: number, mounts: number, volumes: number): Patch[] {
  const pod = 'spec.template.spec';
  const discovery = `${pod}.containers.[name:discovery]`;
  const [certificate, key, ca] = CERTIFICATE_FLAGS;
  const at = (list: string, start: number, values: readonly unknown[]) =>
    values.map((value, i) => ({ path: `${list}[${start === -1 ? -1 : start + i}]`, value }));
  return [
    ...at(`${discovery}.args`, args, [
      `${certificate}=/etc/cert-manager/tls/tls.crt`,
      `${key}=/etc/cert-manager/tls/tls.key`,
      `${ca}=/etc/cert-manager/ca/root-cert.pem`,
    ]),
    ...at(`${discovery}.volumeMounts`, mounts, [
      { mountPath: '/etc/cert-manager/tls', name: 'cert-manager', readOnly: true },
      { mountPath: '/etc/cert-manager/ca', name: 'ca-root-cert', readOnly: true },
    ]),
    ...at(`${pod}.volumes`, volumes, [
      { name: 'cert-manager', secret: { secretName: 'istiod-tls' } },
      { configMap: { defaultMode: 420, name: 'istio-ca-root-cert' }, name: 'ca-root-cert' },
    ]),
  ];
}
