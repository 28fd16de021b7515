import { readFileSync } from 'node:fs';
import { App, Chart } from 'cdk8s';
import {
  ControlPlane,
  IssuerServiceAccount,
  IstioCsrValues,
  IstioRootCa,
  TextFile,
  VaultIssuer,
  VaultScript,
  planMeshCa,
} from 'cdk8s-mesh-ca';

const app = new App({ outdir: 'out' });

// the constructs work without a plan …
const chart = new Chart(app, 'mesh-ca');
const rootCa = new IstioRootCa(chart, 'root-ca', { certificate: readFileSync('root.pem', 'utf8') });
const { serviceAccountRef } = new IssuerServiceAccount(chart, 'service-account');
const issuer = new VaultIssuer(chart, 'issuer', {
  server: 'https://vault.example.com:8200',
  path: 'istioca/sign/cluster-local',
  auth: { kubernetes: { mountPath: '/v1/auth/jwt-cluster-1', role: 'cert-manager', serviceAccountRef } },
});
new IstioCsrValues(chart, 'values', {
  clusterId: 'cluster-1',
  issuer: issuer.name,
  rootCa,
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
