import { ApiObject, Testing } from 'cdk8s';
import { ControlPlane, ControlPlaneProps } from '../../src/constructs/control-plane';

const props: ControlPlaneProps = { caAddress: 'cert-manager-istio-csr.cert-manager.svc:443', overlay: 'wellKnown' };

const tsb = {
  hub: 'registry.example.com/tsb',
  managementPlane: { host: 'tsb.example.com', port: 8443, clusterName: 'cluster-1', selfSigned: true },
  telemetryStore: { elastic: { host: 'elastic.example.com', port: 9200, protocol: 'https' as const, selfSigned: false, version: 7 } },
};

function synth(changed: Partial<ControlPlaneProps>): unknown {
  const chart = Testing.chart();
  new ControlPlane(chart, 'control-plane', { ...props, ...changed });
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

test('it says whether it is a partial one, and can be patched', () => {
  const chart = Testing.chart();
  expect(new ControlPlane(chart, 'a', props).partial).toBe(true);
  const whole = new ControlPlane(chart, 'b', { ...props, ...tsb });
  expect(whole.partial).toBe(false);
  expect(ApiObject.of(whole).kind).toBe('ControlPlane');
});

test.each(['cert-manager-istio-csr.cert-manager.svc', 'https://a:443', 'a b:443', ':443', 'a:'])(
  'fails if the CA address is %j',
  caAddress => {
    expect(() => synth({ caAddress })).toThrow(
      new Error(`'caAddress' must be a host and a port, e.g. "cert-manager-istio-csr.cert-manager.svc:443", got "${caAddress}"`),
    );
  },
);

test('fails if only some of the fields that TSB requires are set', () => {
  expect(() => synth({ hub: tsb.hub })).toThrow(
    new Error(`'hub', 'managementPlane' and 'telemetryStore' come together, got none of 'managementPlane', 'telemetryStore'`),
  );
  expect(() => synth({ ...tsb, telemetryStore: undefined })).toThrow(
    new Error(`'hub', 'managementPlane' and 'telemetryStore' come together, got none of 'telemetryStore'`),
  );
});
