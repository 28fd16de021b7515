import type { OverlayMode } from './istio';
import { LayoutList, LISTS } from './layout';
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

/** Flags, mounts and volumes with istiod's certificate and the root. */
export const CERTIFICATE = {
  args: [
    `${CERTIFICATE_FLAGS[0]}=/etc/cert-manager/tls/tls.crt`,
    `${CERTIFICATE_FLAGS[1]}=/etc/cert-manager/tls/tls.key`,
    `${CERTIFICATE_FLAGS[2]}=/etc/cert-manager/ca/root-cert.pem`,
  ],
  volumeMounts: [
    { mountPath: '/etc/cert-manager/tls', name: 'cert-manager', readOnly: true },
    { mountPath: '/etc/cert-manager/ca', name: 'ca-root-cert', readOnly: true },
  ],
  volumes: [
    { name: 'cert-manager', secret: { secretName: 'istiod-tls' } },
    { configMap: { defaultMode: 420, name: 'istio-ca-root-cert' }, name: 'ca-root-cert' },
  ],
};

/** Paths of the lists that they go into, which hold whatever else is in the pod. */
export const listPaths: Readonly<Record<LayoutList, string>> = {
  args: 'spec.template.spec.containers.[name:discovery].args',
  volumeMounts: 'spec.template.spec.containers.[name:discovery].volumeMounts',
  volumes: 'spec.template.spec.volumes',
};

/** The same as patches. A start of -1 appends, another one counts up from there. */
function certificatePatches(...starts: readonly [args: number, volumeMounts: number, volumes: number]): Patch[] {
  return LISTS.flatMap((list, n) =>
    CERTIFICATE[list].map((value, i): Patch => ({ path: `${listPaths[list]}[${starts[n] === -1 ? -1 : (starts[n] ?? 0) + i}]`, value })),
  );
}
