// What the guide ("Vault PKI Integration" of TSB 1.5) tells its reader to run and to apply: commands, paths and fields, as facts to compare with.

/** A command of the guide, in its order. */
export interface GuideCommand {
  /** The command as it has to be typed to work. */
  readonly run: string;

  /**
   * Whether it changes something in Vault; those are run on a real one.
   *
   * @default false
   */
  readonly vault?: boolean;
}

const vault = (run: string): GuideCommand => ({ run, vault: true });

/** Every command of the guide. Mended where the page's own cannot run: the policy's here-document and a lost backslash. */
export const commands: readonly GuideCommand[] = [
  { run: 'kubectl create namespace vault-demo' },
  { run: 'kubectl config set-context --current --namespace=vault-demo' },
  { run: "helm install vault hashicorp/vault --set='server.dev.enabled=true'" },
  vault('vault secrets enable pki'),
  vault('vault secrets tune -max-lease-ttl=87600h pki'),
  vault('vault write -format=json pki/config/ca pem_bundle="$(cat ca.crt ca.key)"'),
  vault('vault secrets enable --path istioca pki'),
  vault('vault secrets tune -max-lease-ttl=43800h istioca'),
  vault('vault write istioca/intermediate/generate/exported common_name="test-subordinate.tetrate.info" ttl=43800h'),
  vault('vault write pki/root/sign-intermediate csr=@istioca.csr format=pem_bundle ttl=43800h'),
  vault('vault write istioca/intermediate/set-signed certificate=@istioca.crt'),
  vault(
    'vault write istioca/roles/cluster-local allowed_domains="svc" allow_subdomains=true max_ttl="720h" require_cn=false allowed_uri_sans="spiffe://cluster.local/*"',
  ),
  vault('vault auth enable approle'),
  vault('vault policy write cert-manager - <<EOF\npath "istioca/sign/cluster-local" { capabilities = ["update"] }\nEOF'),
  vault('vault write auth/approle/role/cert-manager token_policies="cert-manager" token_ttl=1h token_max_ttl=4h'),
  { run: 'vault read auth/approle/role/cert-manager/role-id' },
  vault('vault write -force auth/approle/role/cert-manager/secret-id'),
  { run: 'kubectl apply -f vault-secret.yaml' },
  { run: 'kubectl apply -f vault-issuer.yaml' },
  { run: 'kubectl get issuers vault-issuer -n istio-system -o wide' },
  { run: 'kubectl create secret generic istio-root-ca --namespace cert-manager --from-file=ca.cert.pem=istio-ca.pem' },
  { run: 'helm upgrade cert-manager-istio-csr jetstack/cert-manager-istio-csr --install --namespace cert-manager' },
  { run: 'kubectl get pods -n cert-manager' },
  { run: 'kubectl get certificates -n istio-system' },
  { run: 'kubectl apply -f control-plane.yaml' },
  { run: 'kubectl create ns foo' },
  { run: 'kubectl label ns foo istio-injection=enabled' },
  { run: 'kubectl apply -f sleep.yaml -n foo' },
  { run: 'kubectl get pods -n foo' },
  { run: 'istioctl pc secret POD -n foo -o json' },
  { run: 'openssl x509 -in foo.crt -text -noout' },
  { run: 'openssl x509 -in root.crt -text -noout' },
];

/** The Helm values that the guide sets, by `--set`. */
export const helmSets: Readonly<Record<string, unknown>> = {
  'app.server.clusterID': 'cluster-1',
  'app.certmanager.issuer.name': 'vault-issuer',
  'app.tls.rootCAFile': '/var/run/secrets/istio-csr/ca.cert.pem',
  volumeMounts: [{ name: 'root-ca', mountPath: '/var/run/secrets/istio-csr' }],
  volumes: [{ name: 'root-ca', secret: { secretName: 'istio-root-ca' } }],
};

/** The guide's Secret, for a secret ID. */
export const secret = (secretId: string) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  type: 'Opaque',
  metadata: { name: 'cert-manager-vault-approle', namespace: 'istio-system' },
  data: { secretId: Buffer.from(secretId).toString('base64') },
});

/** The guide's Issuer, for an address and a role ID. */
export const issuer = (server: string, roleId: string) => ({
  apiVersion: 'cert-manager.io/v1',
  kind: 'Issuer',
  metadata: { name: 'vault-issuer', namespace: 'istio-system' },
  spec: {
    vault: {
      path: 'istioca/sign/cluster-local',
      server,
      auth: { appRole: { path: 'approle', roleId, secretRef: { name: 'cert-manager-vault-approle', key: 'secretId' } } },
    },
  },
});

const discovery = 'spec.template.spec.containers.[name:discovery]';
const field = (fieldPath: string) => ({ valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } });

/** The guide's ControlPlane. */
export const controlPlane = {
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
                { path: 'spec.values.global.caAddress', value: 'cert-manager-istio-csr.cert-manager.svc:443' },
                {
                  path: 'spec.components.pilot.k8s.env',
                  value: [
                    { name: 'POD_NAME', ...field('metadata.name') },
                    { name: 'POD_NAMESPACE', ...field('metadata.namespace') },
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
                        { path: `${discovery}.args[7]`, value: '--tlsCertFile=/etc/cert-manager/tls/tls.crt' },
                        { path: `${discovery}.args[8]`, value: '--tlsKeyFile=/etc/cert-manager/tls/tls.key' },
                        { path: `${discovery}.args[9]`, value: '--caCertFile=/etc/cert-manager/ca/root-cert.pem' },
                        {
                          path: `${discovery}.volumeMounts[6]`,
                          value: { mountPath: '/etc/cert-manager/tls', name: 'cert-manager', readOnly: true },
                        },
                        {
                          path: `${discovery}.volumeMounts[7]`,
                          value: { mountPath: '/etc/cert-manager/ca', name: 'ca-root-cert', readOnly: true },
                        },
                        { path: 'spec.template.spec.volumes[6]', value: { name: 'cert-manager', secret: { secretName: 'istiod-tls' } } },
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
};
