import { ApiObject, Testing } from 'cdk8s';
import { ControlPlane } from '../../src/constructs/control-plane';
import { ControlPlanePatch } from '../../src/constructs/control-plane-patch';
import { ControlPlaneSettings } from '../../src/constructs/control-plane-spec';

const props: ControlPlaneSettings = { caAddress: 'cert-manager-istio-csr.cert-manager.svc:443', overlay: 'wellKnown' };

const tsb = {
  hub: 'registry.example.com/tsb',
  managementPlane: { host: 'tsb.example.com', port: 8443, clusterName: 'cluster-1', selfSigned: true },
  telemetryStore: { elastic: { host: 'elastic.example.com', port: 9200, protocol: 'https' as const, selfSigned: false, version: 7 } },
};

/** The whole object, where the fields of TSB are there; else the patch. */
function synth(changed: Partial<ControlPlaneSettings> & Partial<typeof tsb>): unknown {
  const chart = Testing.chart();
  const { hub, managementPlane, telemetryStore, ...settings } = { ...props, ...changed };
  if (hub === undefined || managementPlane === undefined || telemetryStore === undefined) {
    return [new ControlPlanePatch(chart, 'control-plane', { ...settings, clusterId: 'cluster-1' }).object];
  }
  new ControlPlane(chart, 'control-plane', { ...settings, hub, managementPlane, telemetryStore });
  const objects: unknown = Testing.synth(chart);
  return objects;
}

const address = { path: 'spec.values.global.caAddress', value: 'cert-manager-istio-csr.cert-manager.svc:443' };
const noCa = { path: 'spec.values.pilot.env.ENABLE_CA_SERVER', value: 'false' };

test('wellKnown: the volume that istiod has is made required', () => {
  expect(synth({})).toStrictEqual([
    {
      apiVersion: 'install.tetrate.io/v1alpha1',
      kind: 'ControlPlane',
      metadata: { name: 'controlplane', namespace: 'istio-system' },
      spec: {
        components: {
          internalCertProvider: { certManager: { managed: 'EXTERNAL' } },
          istio: {
            kubeSpec: {
              overlays: [
                {
                  apiVersion: 'install.istio.io/v1alpha1',
                  kind: 'IstioOperator',
                  name: 'tsb-istiocontrolplane',
                  patches: [
                    address,
                    noCa,
                    {
                      path: 'spec.components.pilot.k8s.overlays',
                      value: [
                        {
                          apiVersion: 'apps/v1',
                          kind: 'Deployment',
                          name: 'istiod',
                          patches: [{ path: 'spec.template.spec.volumes.[name:istio-csr-dns-cert].secret.optional', value: false }],
                        },
                      ],
                    },
                  ],
                },
              ],
            },
          },
        },
      },
    },
  ]);
});

test('append: flags and volumes go to the end, and everything can be named', () => {
  expect(
    synth({
      ...tsb,
      overlay: 'append',
      deployment: 'istiod-v1',
      istioOperator: 'xcp-iop-v1',
      trustDomain: 'example.com',
      name: 'a',
      namespace: 'b',
    }),
  ).toStrictEqual([
    {
      apiVersion: 'install.tetrate.io/v1alpha1',
      kind: 'ControlPlane',
      metadata: { name: 'a', namespace: 'b' },
      spec: {
        ...tsb,
        components: {
          internalCertProvider: { certManager: { managed: 'EXTERNAL' } },
          istio: {
            trustDomain: 'example.com',
            kubeSpec: {
              overlays: [
                {
                  apiVersion: 'install.istio.io/v1alpha1',
                  kind: 'IstioOperator',
                  name: 'xcp-iop-v1',
                  patches: [
                    address,
                    noCa,
                    {
                      path: 'spec.components.pilot.k8s.overlays',
                      value: [
                        {
                          apiVersion: 'apps/v1',
                          kind: 'Deployment',
                          name: 'istiod-v1',
                          patches: [
                            {
                              path: 'spec.template.spec.containers.[name:discovery].args[-1]',
                              value: '--tlsCertFile=/etc/cert-manager/tls/tls.crt',
                            },
                            {
                              path: 'spec.template.spec.containers.[name:discovery].args[-1]',
                              value: '--tlsKeyFile=/etc/cert-manager/tls/tls.key',
                            },
                            {
                              path: 'spec.template.spec.containers.[name:discovery].args[-1]',
                              value: '--caCertFile=/etc/cert-manager/ca/root-cert.pem',
                            },
                            {
                              path: 'spec.template.spec.containers.[name:discovery].volumeMounts[-1]',
                              value: { mountPath: '/etc/cert-manager/tls', name: 'cert-manager', readOnly: true },
                            },
                            {
                              path: 'spec.template.spec.containers.[name:discovery].volumeMounts[-1]',
                              value: { mountPath: '/etc/cert-manager/ca', name: 'ca-root-cert', readOnly: true },
                            },
                            {
                              path: 'spec.template.spec.volumes[-1]',
                              value: { name: 'cert-manager', secret: { secretName: 'istiod-tls' } },
                            },
                            {
                              path: 'spec.template.spec.volumes[-1]',
                              value: { configMap: { defaultMode: 420, name: 'istio-ca-root-cert' }, name: 'ca-root-cert' },
                            },
                          ],
                        },
                      ],
                    },
                  ],
                },
              ],
            },
          },
        },
      },
    },
  ]);
});

test("guide: the page's own patches, and nothing else", () => {
  expect(synth({ overlay: 'guide' })).toStrictEqual([
    {
      apiVersion: 'install.tetrate.io/v1alpha1',
      kind: 'ControlPlane',
      metadata: { name: 'controlplane', namespace: 'istio-system' },
      spec: {
        components: {
          istio: {
            kubeSpec: {
              overlays: [
                {
                  apiVersion: 'install.istio.io/v1alpha1',
                  kind: 'IstioOperator',
                  name: 'tsb-istiocontrolplane',
                  patches: [
                    address,
                    {
                      path: 'spec.components.pilot.k8s.env',
                      value: [
                        { name: 'POD_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
                        { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } } },
                        { name: 'ENABLE_CA_SERVER', value: 'false' },
                      ],
                    },
                    {
                      path: 'spec.components.pilot.k8s.overlays',
                      value: [
                        {
                          apiVersion: 'apps/v1',
                          kind: 'Deployment',
                          name: 'istiod',
                          patches: [
                            {
                              path: 'spec.template.spec.containers.[name:discovery].args[7]',
                              value: '--tlsCertFile=/etc/cert-manager/tls/tls.crt',
                            },
                            {
                              path: 'spec.template.spec.containers.[name:discovery].args[8]',
                              value: '--tlsKeyFile=/etc/cert-manager/tls/tls.key',
                            },
                            {
                              path: 'spec.template.spec.containers.[name:discovery].args[9]',
                              value: '--caCertFile=/etc/cert-manager/ca/root-cert.pem',
                            },
                            {
                              path: 'spec.template.spec.containers.[name:discovery].volumeMounts[6]',
                              value: { mountPath: '/etc/cert-manager/tls', name: 'cert-manager', readOnly: true },
                            },
                            {
                              path: 'spec.template.spec.containers.[name:discovery].volumeMounts[7]',
                              value: { mountPath: '/etc/cert-manager/ca', name: 'ca-root-cert', readOnly: true },
                            },
                            {
                              path: 'spec.template.spec.volumes[6]',
                              value: { name: 'cert-manager', secret: { secretName: 'istiod-tls' } },
                            },
                            {
                              path: 'spec.template.spec.volumes[7]',
                              value: { configMap: { defaultMode: 420, name: 'istio-ca-root-cert' }, name: 'ca-root-cert' },
                            },
                          ],
                        },
                      ],
                    },
                  ],
                },
              ],
            },
          },
        },
      },
    },
  ]);
});

test('the whole object can be patched by cdk8s', () => {
  expect(ApiObject.of(new ControlPlane(Testing.chart(), 'b', { ...props, ...tsb })).kind).toBe('ControlPlane');
});

test.each(['cert-manager-istio-csr.cert-manager.svc', 'https://a:443', 'a b:443', ':443', 'a:'])(
  'fails if the CA address is %j',
  caAddress => {
    expect(() => synth({ caAddress })).toThrow(
      new Error(`'caAddress' must be a host and a port, e.g. "cert-manager-istio-csr.cert-manager.svc:443", got "${caAddress}"`),
    );
  },
);

test('fails if a field that TSB requires is missing from a whole object', () => {
  // @ts-expect-error two fields are missing.
  expect(() => new ControlPlane(Testing.chart(), 'a', { ...props, hub: tsb.hub })).toThrow(
    new Error(
      [
        `'managementPlane' is missing, add e.g. managementPlane: { host: "tsb.example.com", port: 443, clusterName: "cluster-1" }`,
        `'telemetryStore' is missing, add e.g. telemetryStore: { elastic: { host: "tsb.example.com", port: 9200 } }`,
      ].join('\n'),
    ),
  );
});
