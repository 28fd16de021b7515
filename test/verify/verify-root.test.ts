import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { certificate } from '../fixtures/verify/certificates';
import { clusterOf } from '../fixtures/verify/mesh';
import { different, folder, goodLines, mesh, other, verify, WORKLOAD } from '../fixtures/verify/run';

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

  test.each(['CERTIFICATE', 'X509 CERTIFICATE', 'TRUSTED CERTIFICATE'])(
    'beside a foreign CA is not enough: the mesh would trust what that one signs (as %s)',
    name => {
      const foreign = other.pem.replaceAll(' CERTIFICATE-', ` ${name}-`);
      const { code, lines } = verify({ facts: { csrRoot: foreign + mesh.root.pem } });
      expect(different(lines)).toEqual([
        `FAIL    istio-csr root file: ca.cert.pem of Secret istio-root-ca holds the root and more, which is trusted as much: CN=Other Root, a root, SHA-256 ${other.print} (remove it, or, in a rotation, name it in root.alsoTrust; apply manifests/2-istio-csr, or delete the Secret and run setup.sh)`,
      ]);
      expect(code).toBe(1);
    },
  );

  test('twice is the root', () => {
    expect(verify({ facts: { csrRoot: mesh.root.pem + mesh.root.pem } })).toMatchObject({
      code: 0,
      lines: expect.arrayContaining(goodLines()) as unknown,
    });
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

describe('two roots, in a rotation,', () => {
  const both = mesh.root.pem + other.pem;
  const everywhere = { facts: { csrRoot: both, rootMaps: { 'istio-system': both, foo: both } }, trusted: both };

  test.each([
    ['the config', { plan: clusterOf({ root: { certificate: mesh.root.pem, alsoTrust: [other.pem] } }) }],
    ['--root', { plan: clusterOf(), args: [...WORKLOAD, '--root', 'given.pem'], files: { 'given.pem': both } }],
    ['./root.pem', { plan: clusterOf(), files: { 'root.pem': both } }],
  ])('are in order where %s names both', (_, named) => {
    const { code, lines } = verify({ ...everywhere, ...named });
    expect(lines.filter(line => line.includes(`is the root, SHA-256 ${mesh.root.print} and ${other.print}`))).toHaveLength(4);
    expect([code, lines.at(-1)]).toEqual([0, '18 ok, 0 failed, 0 unknown']);
  });

  test('are both wanted, and the one that is not there is named', () => {
    const { code, lines } = verify({
      ...everywhere,
      plan: clusterOf({ root: { certificate: mesh.root.pem, alsoTrust: [other.pem] } }),
      trusted: mesh.root.pem,
    });
    expect(lines.filter(line => line.startsWith('FAIL'))).toEqual([
      `FAIL    workload ROOTCA: the sidecar's ROOTCA is not the root CN=Other Root, SHA-256 ${other.print}: it is CN=Test Root, a root, SHA-256 ${mesh.root.print} (istio-csr gives its root file on renewal: put it right, then delete the pod)`,
    ]);
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
