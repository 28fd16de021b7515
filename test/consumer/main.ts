import { readFileSync } from 'node:fs';
import { App, Chart } from 'cdk8s';
import { ApproleSecret, ControlPlane, IstioCsrValues, IstioRootCa, TextFile, VaultIssuer, VaultScript, planMeshCa } from 'cdk8s-mesh-ca';

const app = new App({ outdir: 'out' });

// the constructs work without a plan …
const chart = new Chart(app, 'mesh-ca');
const rootCa = new IstioRootCa(chart, 'root-ca', { certificate: readFileSync('root.pem', 'utf8') });
const secret = new ApproleSecret(chart, 'secret', { secretId: process.env.SECRET_ID ?? '' });
const issuer = new VaultIssuer(chart, 'issuer', {
  server: 'https://vault.example.com:8200',
  path: 'istioca/sign/cluster-local',
  roleId: 'cluster-1.cert-manager',
  secretRef: secret.secretRef,
});
new IstioCsrValues(chart, 'values', {
  clusterId: 'cluster-1',
  issuer: issuer.name,
  rootSecret: rootCa,
  values: { 'app.tls.trustDomain': 'example.com' },
});
new ControlPlane(chart, 'control-plane', {
  caAddress: 'cert-manager-istio-csr.cert-manager.svc:443',
  overlay: 'wellKnown',
  trustDomain: 'example.com',
});

// … and the Vault script comes from one.
const plan = planMeshCa({
  vault: { server: 'https://vault.example.com:8200' },
  istioVersion: '1.22',
  clusters: [{ name: 'cluster-1' }],
});
new VaultScript(chart, 'root-script', { plan });
new VaultScript(chart, 'cluster-script', { plan, cluster: 'cluster-1' });

app.synth();
TextFile.writeAll(app);
