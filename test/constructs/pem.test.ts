import { certificatesOf } from '../../src/constructs/pem';
import { intermediatePem, keyPem, rootPem } from '../config/certificates';

const refusal = (got: string) =>
  new Error(`'certificate' must hold PEM blocks of type CERTIFICATE only, e.g. "-----BEGIN CERTIFICATE-----…", got ${got}`);

test('the certificates are taken, what stands around them is not', () => {
  const text = `Certificate:\r\n  Data\r\n${rootPem.replaceAll('\n', '\r\n')}\n# two\n${intermediatePem}the end`;
  expect(certificatesOf('certificate', text).join('')).toBe(rootPem + intermediatePem);
});

test.each([
  ['there is none', 'root.pem', 'none'],
  ['there is a private key', rootPem + keyPem, 'a private key'],
  ['the private key is cut off', `${rootPem}-----BEGIN RSA PRIVATE KEY-----\nMIIE`, 'a private key'],
  ['a certificate is cut off', rootPem.slice(0, 200), 'none'],
  ['the second certificate is cut off', rootPem + rootPem.slice(0, 200), 'a block without its end'],
  ['there is a request', rootPem.replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST'), 'a block of type CERTIFICATE REQUEST'],
  ['one cannot be read', rootPem + rootPem.replace('MII', 'AAA'), 'one that cannot be read, block 2'],
])('fails if %s', (_, pem, got) => {
  expect(() => certificatesOf('certificate', pem)).toThrow(refusal(got));
});
