import { readFileSync } from 'node:fs';
import { App, Chart } from 'cdk8s';
import { ControlPlanePatch, IssuerServiceAccount, IstioCsrValues, IstioRootCa, VaultIssuer, VaultScript, planMeshCa } from 'cdk8s-mesh-ca';

const certificate = readFileSync('root.pem', 'utf8');

// the plan decides every name, path and trust domain once …
const plan = planMeshCa({
  vault: { server: 'https://vault.example.com:8200' },
  root: { certificate },
  trustDomain: 'example.com',
  istioVersion: '1.22',
  clusters: [{ name: 'cluster-1' }, { name: 'cluster-2' }],
});

// … and the constructs and the scripts take them from the plan.
const app = new App({ outdir: 'out' });
for (const cluster of plan.clusters) {
  const { name, clusterId, trustDomain, vault, role, auth, issuer, istio, istioCsr } = cluster;
  if (auth.method !== 'jwt') throw new Error(`this example is for auth: jwt, got ${auth.method}`);
  const chart = new Chart(app, name);
  const rootCa = new IstioRootCa(chart, 'root-ca', { certificate, namespace: istioCsr.namespace });
  const { serviceAccountRef } = new IssuerServiceAccount(chart, 'service-account', auth.serviceAccount);
  new VaultIssuer(chart, 'issuer', {
    server: vault.server,
    path: role.signPath,
    auth: { kubernetes: { mountPath: `/v1/auth/${auth.mount}`, role: auth.role, serviceAccountRef } },
    name: issuer.name,
    namespace: istio.namespace,
  });
  new IstioCsrValues(chart, 'values', { clusterId, issuer: issuer.name, rootCa, values: istioCsr.values });
  new ControlPlanePatch(chart, 'control-plane', { clusterId, caAddress: istioCsr.caAddress, overlay: istio.overlay, trustDomain });
  new VaultScript(chart, 'setup', { plan, cluster: name });
}
new VaultScript(app, 'root-setup', { plan });

app.synth();
