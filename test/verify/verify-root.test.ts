import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { certificate } from '../fixtures/verify/certificates';
import { clusterOf } from '../fixtures/verify/mesh';
import { different, folder, mesh, other, verify, WORKLOAD } from '../fixtures/verify/run';

describe('the root', () => {
  test.each([
    ['./root.pem', []],
    ['--root', ['--root', 'given.pem']],
  ])('comes from %s where the config does not know it', (_, args) => {
    const files = { [args[1] ?? 'root.pem']: mesh.root.pem };
    const { code, lines } = verify({ plan: clusterOf(), args: [...WORKLOAD, ...args], files });
    expect([code, lines[0]]).toEqual([0, expect.stringContaining(`ok      root: CN=Test Root of ${args[1] ?? './root.pem'}, ends`)]);
  });

  test('of --root that is another than that of the config fails', () => {
    const { code, lines } = verify({ args: [...WORKLOAD, '--root', 'given.pem'], files: { 'given.pem': other.pem } });
    expect(different(lines)).toEqual([
      `FAIL    root: the root of given.pem is CN=Other Root, a root, SHA-256 ${other.print}, that of the config has SHA-256 ${mesh.root.print} (find out which one is right; the config is used)`,
    ]);
    expect(code).toBe(1);
  });

  test('must be a root', () => {
    const { code, lines } = verify({ plan: clusterOf(), args: ['--root', 'given.pem'], files: { 'given.pem': mesh.intermediate.pem } });
    expect(lines[0]).toMatch(/^FAIL {4}root: the root of given.pem is not fit to end a chain: unable to get (local )?issuer certificate/);
    expect(code).toBe(1);
  });

  test('in a bundle is enough, and what is with it is said', () => {
    const { code, lines } = verify({ facts: { csrRoot: other.pem + mesh.root.pem } });
    expect(different(lines)).toEqual([
      `ok      istio-csr root file: ca.cert.pem of Secret istio-root-ca is the root, SHA-256 ${mesh.root.print}; it also holds CN=Other Root, a root, SHA-256 ${other.print}`,
    ]);
    expect(code).toBe(0);
  });

  test('that the machine trusts is no root of the mesh', () => {
    const leaf = certificate(folder, 'trusted', { subject: '/', by: other, names: 'URI:spiffe://cluster.local/ns/foo/sa/sleep' });
    const SSL_CERT_DIR = mkdtempSync(join(folder, 'trusted-'));
    const hash = execFileSync('openssl', ['x509', '-in', other.certFile, '-noout', '-hash'], { encoding: 'utf8' }).trim();
    copyFileSync(other.certFile, join(SSL_CERT_DIR, `${hash}.0`));
    const { code, lines } = verify({ chain: leaf.pem, env: { SSL_CERT_DIR, SSL_CERT_FILE: other.certFile } });
    expect(different(lines)).toEqual([expect.stringContaining('FAIL    workload chain: leaf first, the chain does not end in the root')]);
    expect(code).toBe(1);
  });
});

test.each([2, 3, 4])('a chain of %i certificates is taken apart, its last one whatever it is', length => {
  const { workload, intermediate, root } = mesh;
  const chain = [workload.pem, intermediate.pem, root.pem, other.pem].slice(0, length).join('');
  const { code, lines } = verify({ chain: chain.replaceAll('\n', '\r\n') });
  expect(lines[14]).toBe(
    `ok      workload chain: leaf first, ${length} certificates, the chain ends in the root; valid until ${workload.ends}`,
  );
  expect(code).toBe(0);
});

test('the intermediate as root file, which the guide gives, is named as that', () => {
  const guide = clusterOf({ root: { certificate: mesh.root.pem }, istioCsr: { rootFile: 'intermediate' } });
  const { intermediate, root } = mesh;
  const facts = { csrRoot: intermediate.pem, rootMaps: { 'istio-system': intermediate.pem, foo: intermediate.pem } };
  const { code, lines } = verify({ plan: guide, facts, trusted: intermediate.pem });
  const is = `is not the root CN=Test Root, SHA-256 ${root.print}: it is CN=Test Intermediate, an intermediate below CN=Test Root, SHA-256 ${intermediate.print}`;
  const todo = '(mesh-ca.yaml says istioCsr.rootFile: intermediate, as the guide does; write root)';
  expect(different(lines)).toEqual([
    `FAIL    istio-csr root file: ca.cert.pem of Secret istio-root-ca ${is} ${todo}`,
    `FAIL    istio-ca-root-cert in istio-system: root-cert.pem ${is} ${todo}`,
    `FAIL    istio-ca-root-cert in foo: root-cert.pem ${is} ${todo}`,
    `FAIL    workload ROOTCA: the sidecar's ROOTCA ${is} ${todo}`,
  ]);
  expect(code).toBe(1);
});
