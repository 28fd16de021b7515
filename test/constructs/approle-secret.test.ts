import { ApiObject, Testing } from 'cdk8s';
import { ApproleSecret } from '../../src/constructs/approle-secret';

test('minimal', () => {
  const chart = Testing.chart();
  const secret = new ApproleSecret(chart, 'secret', { secretId: 'a18a7f36-c1a8' });

  expect(Testing.synth(chart)).toStrictEqual([
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'cert-manager-vault-approle', namespace: 'istio-system' },
      type: 'Opaque',
      data: { secretId: 'YTE4YTdmMzYtYzFhOA==' },
    },
  ]);
  expect(secret.secretRef).toEqual({ name: 'cert-manager-vault-approle', key: 'secretId' });
});

test('names can be chosen', () => {
  const chart = Testing.chart();
  const secret = new ApproleSecret(chart, 'secret', { secretId: 'a', name: 'b', namespace: 'c', key: 'd' });

  expect(Testing.synth(chart)).toStrictEqual([
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'b', namespace: 'c' }, type: 'Opaque', data: { d: 'YQ==' } },
  ]);
  expect(secret.secretRef).toEqual({ name: 'b', key: 'd' });
  expect(ApiObject.of(secret).kind).toBe('Secret');
});

test.each(['', 'a18a7f36\n', ' a18a7f36', 'a18a 7f36'])('fails if the secret ID is %j, and does not repeat it', secretId => {
  expect(() => new ApproleSecret(Testing.chart(), 'secret', { secretId })).toThrow(
    new Error(
      `'secretId' must be a secret ID as Vault prints it, without spaces or line breaks, e.g. a UUID, got ${secretId.length} characters that are not`,
    ),
  );
});
