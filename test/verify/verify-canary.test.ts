import { spawnSync } from 'node:child_process';
import { verifyScript } from '../../src/script/verify';
import { certificate } from '../fixtures/verify/certificates';
import { clusterOf, goodFacts } from '../fixtures/verify/mesh';
import { folder, goodLines, mesh, verify } from '../fixtures/verify/run';

const root = { certificate: mesh.root.pem };
const plan = clusterOf({ root, target: 'helm', istio: { canary: { revision: '1-24', istioVersion: '1.24' } } });
const names = ['istiod.istio-system.svc', 'istiod-1-24.istio-system.svc'];
const leaf = (name: string, dns: readonly string[]) =>
  certificate(folder, name, {
    subject: '/CN=istiod.istio-system.svc',
    by: mesh.intermediate,
    names: [...dns.map(one => `DNS:${one}`), 'URI:spiffe://cluster.local/ns/istio-system/sa/istiod-service-account'].join(','),
  });
const istiod = leaf('both', names);
const facts = { istiodChain: istiod.pem + mesh.intermediate.pem };
const told = goodFacts(plan, mesh);
const handOver = '(hand istiod-1-24.values.yml to helm, as README.md says, "The canary"';

/** The lines of the istiods' checks: those of the one in use, then those of the canary. */
const ofIstiods = (lines: readonly string[]) =>
  lines.filter(line => /^\S+ +(istiod (cluster ID|CA server)|trust domain|CA address|sidecar cluster ID)( of the canary)?: /.test(line));
const good = [
  'istiod cluster ID: CLUSTER_ID of istiod is "cluster-1"',
  'istiod CA server: ENABLE_CA_SERVER of istiod is "false"',
  'trust domain: the mesh config says "cluster.local"',
  'CA address: the injector says "cert-manager-istio-csr.cert-manager.svc:443"',
  'sidecar cluster ID: the injector says "cluster-1"',
  'istiod cluster ID of the canary: CLUSTER_ID of istiod-1-24 is "cluster-1"',
  'istiod CA server of the canary: ENABLE_CA_SERVER of istiod-1-24 is "false"',
  'trust domain of the canary: the mesh config says "cluster.local"',
  'CA address of the canary: the injector says "cert-manager-istio-csr.cert-manager.svc:443"',
  'sidecar cluster ID of the canary: the injector says "cluster-1"',
].map(line => `ok      ${line}`);

test('bash and shellcheck take the script of two istiods', () => {
  const shellcheck = spawnSync('shellcheck', ['--shell=bash', '-'], { input: verifyScript(plan), encoding: 'utf8' });
  expect(shellcheck).toMatchObject({ status: 0, stdout: '' });
});

test('two istiods that are as they were planned pass, each looked at, with one certificate for both', () => {
  const { code, lines, stderr } = verify({ plan, facts });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(ofIstiods(lines)).toEqual(good);
  expect(lines).toContain(
    `ok      istiod-tls: for ${names.join(', ')}, 2 certificates, the chain ends in the root; valid until ${istiod.ends}`,
  );
  expect(lines).toHaveLength(goodLines().length + 6);
});

describe('one line fails, and says what to do, where', () => {
  const wrong = (change: Parameters<typeof verify>[0]) => {
    const { code, lines } = verify({ plan, ...change, facts: { ...facts, ...change?.facts } });
    expect(code).toBe(1);
    return lines.filter(line => line.startsWith('FAIL'));
  };

  test('the canary signs by itself', () => {
    expect(wrong({ facts: { canary: { istiodEnv: told.istiodEnv.slice(0, 2) } } })).toEqual([
      `FAIL    istiod CA server of the canary: ENABLE_CA_SERVER of istiod-1-24 is "true", the plan says "false" ${handOver})`,
    ]);
  });

  test('the canary has another trust domain', () => {
    expect(wrong({ facts: { canary: { mesh: 'trustDomain: td\n' } } })).toEqual([
      `FAIL    trust domain of the canary: the mesh config says "td", the plan says "cluster.local" ${handOver}, or put trustDomain of mesh-ca.yaml right)`,
    ]);
  });

  test("the canary's sidecars ask another CA, or with another ID", () => {
    const injected = JSON.stringify({ global: { caAddress: 'istiod-1-24.istio-system.svc:15012' } });
    expect(wrong({ facts: { canary: { injected } } })).toEqual([
      `FAIL    CA address of the canary: the injector says "istiod-1-24.istio-system.svc:15012", the plan says "cert-manager-istio-csr.cert-manager.svc:443" ${handOver})`,
      `FAIL    sidecar cluster ID of the canary: the injector says "Kubernetes", the plan says "cluster-1" ${handOver})`,
    ]);
  });

  test('the one in use signs by itself, and the canary does not', () => {
    const { istiodEnv } = told;
    expect(wrong({ facts: { istiodEnv: istiodEnv.slice(0, 2), canary: { istiodEnv } } })).toEqual([
      'FAIL    istiod CA server: ENABLE_CA_SERVER of istiod is "true", the plan says "false" (hand istiod.values.yml to helm, as README.md says, section 5)',
    ]);
  });

  test('the canary is not there yet', () => {
    expect(wrong({ without: ['deployments.apps/istio-system/istiod-1-24'] })).toEqual(
      ['istiod cluster ID', 'istiod CA server'].map(
        check => `FAIL    ${check} of the canary: there is no deployments.apps istiod-1-24 in namespace istio-system ${handOver})`,
      ),
    );
  });

  test.each(names)('the certificate lacks %s', name => {
    const other = leaf(
      `without-${name}`,
      names.filter(one => one !== name),
    );
    const [line = '', ...more] = wrong({ facts: { istiodChain: other.pem + mesh.intermediate.pem } });
    expect(more).toEqual([]);
    expect(line).toContain(`, not for DNS:${name} (helm upgrade cert-manager-istio-csr with istio-csr.values.yml)`);
  });
});

test('a revision alone passes with its own DNS name: the plain one is the common name, as the chart of istio-csr asks for it', () => {
  const stable = leaf('stable', ['istiod-stable.istio-system.svc']);
  const { code } = verify({
    plan: clusterOf({ root, istio: { revision: 'stable' } }),
    facts: { istiodChain: stable.pem + mesh.intermediate.pem },
  });
  expect(code).toBe(0);
});
