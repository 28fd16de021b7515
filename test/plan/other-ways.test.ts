// The ways in that a cluster's own tokens have no part in, or only a first one: a client's certificate, and an IAM role.
import { parse } from 'yaml';
import { clusterFiles } from '../../src/charts/cluster-files';
import { ClusterConfig, MeshCaConfig } from '../../src/config/config';
import { planMeshCa } from '../../src/plan/plan';
import { authSteps } from '../../src/script/auth-steps';
import { synthesize } from '../../src/synth';
import { otherRootPem, rootPem } from '../config/certificates';
import { problemsOf as refusals } from './problems';

const certificate: Partial<ClusterConfig> = {
  auth: 'clientCertificate',
  clientCertificate: { certificate: rootPem, allowedNames: ['cert-manager.example.com'] },
};
const aws: Partial<ClusterConfig> = {
  auth: 'aws',
  aws: { iamRoleArn: 'arn:aws:iam::123456789012:role/mesh/cert-manager', region: 'eu-central-1' },
};
const config = (...clusters: readonly Partial<ClusterConfig>[]): MeshCaConfig => ({
  vault: { server: 'https://vault.example.com:8200' },
  istioVersion: '1.22',
  clusters: clusters.map((one, i) => ({ name: `cluster-${i + 1}`, ...one })),
});
const planned = (one: Partial<ClusterConfig>) => planMeshCa(config(one)).clusters[0]!;
const token = {
  token_policies: ['cert-manager-cluster-1'],
  token_ttl: '10m',
  token_max_ttl: '10m',
  token_type: 'batch',
  token_no_default_policy: true,
  token_explicit_max_ttl: '0',
  token_period: '0',
  token_num_uses: 0,
  token_bound_cidrs: [],
};

const problemsOf = (wrong: MeshCaConfig): string[] => refusals(wrong).map(([path, message]) => `${path}: ${message}`);

test('a certificate: one CA, its names and nothing else that could widen it', () => {
  expect(planned(certificate).auth).toStrictEqual({
    method: 'clientCertificate',
    mount: 'cert-cluster-1',
    role: 'cert-manager',
    path: 'auth/cert-cluster-1/certs/cert-manager',
    secret: { name: 'cert-manager-vault-client', namespace: 'istio-system' },
    fields: {
      ...token,
      certificate: rootPem,
      allowed_names: ['cert-manager.example.com'],
      allowed_common_names: [],
      allowed_dns_sans: [],
      allowed_email_sans: [],
      allowed_uri_sans: [],
      allowed_organizational_units: [],
      required_extensions: [],
      allowed_metadata_extensions: [],
    },
  });
  expect(planned({ ...certificate, certManager: { issuerKind: 'ClusterIssuer', namespace: 'cm' } }).auth).toMatchObject({
    secret: { namespace: 'cm' },
  });
});

test('what clusters share is written once, above them', () => {
  const [one, two] = [{ clientCertificate: { allowedNames: ['one'] } }, { clientCertificate: { allowedNames: ['two'] } }];
  const { clusters } = planMeshCa({ ...config(one, two), auth: 'clientCertificate', clientCertificate: { certificate: rootPem } });
  expect(clusters.map(({ auth }) => auth.fields)).toMatchObject([
    { certificate: rootPem, allowed_names: ['one'] },
    { certificate: rootPem, allowed_names: ['two'] },
  ]);
});

test('an IAM role: Vault asks the STS that cert-manager signs for, about a login that was signed for this Vault', () => {
  expect(planned(aws).auth).toStrictEqual({
    method: 'aws',
    mount: 'aws-cluster-1',
    role: 'cert-manager',
    path: 'auth/aws-cluster-1/role/cert-manager',
    serviceAccount: { name: 'vault-issuer', namespace: 'istio-system' },
    audience: 'sts.amazonaws.com',
    iamRoleArn: 'arn:aws:iam::123456789012:role/mesh/cert-manager',
    region: 'eu-central-1',
    vaultHeaderValue: 'vault.example.com',
    client: {
      sts_endpoint: 'https://sts.eu-central-1.amazonaws.com',
      sts_region: 'eu-central-1',
      iam_server_id_header_value: 'vault.example.com',
      allowed_sts_header_values: [],
    },
    fields: {
      ...token,
      auth_type: 'iam',
      bound_iam_principal_arn: ['arn:aws:iam::123456789012:role/mesh/cert-manager'],
      resolve_aws_unique_ids: true,
      inferred_entity_type: '',
    },
  });
});

// the regions and hosts are those of aws-sdk-go-v2's partitions.json.
const partitions = [
  ['aws', 'eu-central-1', 'https://sts.eu-central-1.amazonaws.com'],
  ['aws', 'ap-southeast-1', 'https://sts.ap-southeast-1.amazonaws.com'],
  ['aws', 'us-east-1', 'https://sts.us-east-1.amazonaws.com'],
  ['aws', 'il-central-1', 'https://sts.il-central-1.amazonaws.com'],
  ['aws-cn', 'cn-north-1', 'https://sts.cn-north-1.amazonaws.com.cn'],
  ['aws-cn', 'cn-northwest-1', 'https://sts.cn-northwest-1.amazonaws.com.cn'],
  ['aws-us-gov', 'us-gov-west-1', 'https://sts.us-gov-west-1.amazonaws.com'],
  ['aws-us-gov', 'us-gov-east-1', 'https://sts.us-gov-east-1.amazonaws.com'],
  ['aws-eusc', 'eusc-de-east-1', 'https://sts.eusc-de-east-1.amazonaws.eu'],
  ['aws-iso', 'us-iso-east-1', 'https://sts.us-iso-east-1.c2s.ic.gov'],
  ['aws-iso-b', 'us-isob-east-1', 'https://sts.us-isob-east-1.sc2s.sgov.gov'],
  ['aws-iso-e', 'eu-isoe-west-1', 'https://sts.eu-isoe-west-1.cloud.adc-e.uk'],
  ['aws-iso-f', 'us-isof-south-1', 'https://sts.us-isof-south-1.csp.hci.ic.gov'],
] as const;

describe.each(partitions)('in partition %s, region %s', (partition, region, sts) => {
  const inRegion = (arn: string) => ({ ...aws, aws: { ...aws.aws, region, iamRoleArn: `arn:${arn}:iam::123456789012:role/cert-manager` } });

  test('Vault asks the STS of that region', () => {
    expect(planned(inRegion(partition)).auth).toMatchObject({ client: { sts_endpoint: sts, sts_region: region } });
  });

  test('a role of another partition is refused', () => {
    const other = partition === 'aws' ? 'aws-cn' : 'aws';
    expect(() => planned(inRegion(other))).toThrow(
      `'region' must be in the partition of 'iamRoleArn', which is ${other}; ${region} is in ${partition}: write another region, or the role as "arn:${partition}:iam::123456789012:role/cert-manager"`,
    );
  });

  test('a warning says where cert-manager signs for another host', () => {
    const warned = planned(inRegion(partition)).warnings.filter(({ key }) => key === 'aws.region');
    expect(warned.map(({ message }) => message.includes(`while the STS of this partition is ${sts};`))).toEqual(
      sts.endsWith('.amazonaws.com') ? [] : [true],
    );
  });
});

test.each([
  [
    'clientCertificate',
    certificate,
    { clientCertificate: { mountPath: '/v1/auth/cert-cluster-1', name: 'cert-manager', secretName: 'cert-manager-vault-client' } },
    ['issuer.yaml'],
  ],
  [
    'aws',
    aws,
    {
      aws: {
        mountPath: 'auth/aws-cluster-1',
        role: 'cert-manager',
        region: 'eu-central-1',
        iamRoleArn: 'arn:aws:iam::123456789012:role/mesh/cert-manager',
        vaultHeaderValue: 'vault.example.com',
        serviceAccountRef: { name: 'vault-issuer' },
      },
    },
    ['service-account.yaml', 'issuer.yaml'],
  ],
] as const)('%s: the Issuer says so, and no manifest holds a secret', (_method, one, auth, names) => {
  const files = clusterFiles(planned(one)).filter(({ path }) => /manifests\/[01]/.test(path));
  expect(files.map(({ path }) => path.split('/').at(-1))).toEqual(names);
  const issuer = parse(files.at(-1)!.content) as { spec: { vault: { auth: unknown } } };
  expect(issuer.spec.vault.auth).toStrictEqual(auth);
  expect(files.map(({ content }) => content).join()).not.toMatch(/kind: Secret\n/);
});

test('the steps of each write what was decided, at the mount of the cluster', () => {
  expect(authSteps(planned(certificate)).map(({ id, unless }) => [id, unless])).toEqual([
    ['cert/mount', ['auth_is', 'cert-cluster-1', 'cert']],
    ['cert/role', ['same_fields', 'auth/cert-cluster-1/certs/cert-manager']],
  ]);
  expect(authSteps(planned(aws)).map(({ id, unless }) => [id, unless])).toEqual([
    ['aws/mount', ['auth_is', 'aws-cluster-1', 'aws']],
    ['aws/config', ['same_fields', 'auth/aws-cluster-1/config/client']],
    ['aws/role', ['same_fields', 'auth/aws-cluster-1/role/cert-manager']],
  ]);
});

test('the runbook says what has to be there first, and that only cert-manager itself can try an IAM role', () => {
  const runbook = (one: Partial<ClusterConfig>) =>
    synthesize(planMeshCa(config(one))).find(({ path }) => path === 'cluster-1/README.md')!.content;
  expect(runbook(certificate)).toContain(
    "kubectl --context cluster-1 get secret cert-manager-vault-client -n istio-system -o 'jsonpath={.data.tls\\.crt}' | base64 -d | openssl x509",
  );
  expect(runbook(certificate)).toContain('signed, verified to the root: a workload');
  expect(runbook(aws)).toContain('with subject `system:serviceaccount:istio-system:vault-issuer` and audience `sts.amazonaws.com`');
  expect(runbook(aws)).toContain('      not tried: …');
  expect(runbook(aws)).not.toContain('trials passed');
});

describe('fails if', () => {
  test('the settings are missing', () => {
    expect(problemsOf(config({ auth: 'clientCertificate' }, { auth: 'aws' }))).toEqual([
      `clusters.0.clientCertificate.certificate: 'certificate' is missing in 'clientCertificate', auth is "clientCertificate", add e.g. certificate: clients-ca.pem`,
      `clusters.0.clientCertificate.allowedNames: 'allowedNames' is missing in 'clientCertificate', every certificate of the CA would log in, add e.g. allowedNames: [cert-manager.cluster-1.example.com]`,
      `clusters.1.aws.iamRoleArn: 'iamRoleArn' is missing in 'aws', auth is "aws", add e.g. iamRoleArn: arn:aws:iam::123456789012:role/cert-manager-cluster-2`,
      `clusters.1.aws.region: 'region' is missing in 'aws', auth is "aws", add e.g. region: eu-central-1`,
    ]);
  });

  test('cert-manager does not know the way yet', () => {
    const [one, two] = [
      { ...certificate, certManager: { version: 'v1.15.9' } },
      { ...aws, certManager: { version: 'v1.20.1' } },
    ];
    expect(problemsOf(config(one, two))).toEqual([
      `clusters.0.certManager.version: 'version' must be at least "v1.16.0" for auth: clientCertificate (clientCertificate), e.g. "v1.21.2", got "v1.15.9"; or write auth: appRole`,
      `clusters.1.certManager.version: 'version' must be at least "v1.21.0" for auth: aws (aws), e.g. "v1.21.2", got "v1.20.1"; or write auth: appRole`,
    ]);
  });

  test('there is no TLS to show a certificate in', () => {
    expect(problemsOf({ ...config(certificate), vault: { server: 'http://vault:8200' } })).toEqual([
      `clusters.0.auth: 'auth' must not be "clientCertificate" without TLS, write vault.server with https://, e.g. "https://vault.example.com:8200", got "http://vault:8200"`,
    ]);
  });

  test('what logs in would log in for two clusters', () => {
    const mine = { ...certificate, clientCertificate: { certificate: rootPem, allowedNames: ['a', 'CERT-manager.example.com'] } };
    expect(problemsOf(config(certificate, mine, aws, aws))).toEqual([
      'clusters.1.clientCertificate.allowedNames: each cluster needs names of its own under one CA, e.g. [cert-manager.cluster-2.example.com], got "a", "CERT-manager.example.com", and "cluster-1" has one of them',
      'clusters.3.aws.iamRoleArn: each cluster needs its own IAM role, e.g. "arn:aws:iam::123456789012:role/mesh/cert-manager-cluster-4", got one that "cluster-3" has',
    ]);
    const other = { ...certificate, clientCertificate: { certificate: otherRootPem, allowedNames: ['cert-manager.example.com'] } };
    expect(problemsOf(config(certificate, other))).toEqual([]);
  });

  test('the CA of the clients is no CA, whether it stands above the clusters or in one', () => {
    const allowedNames = ['a'];
    const bad = { certificate: 'clients.pem', allowedNames };
    expect(problemsOf({ ...config({ auth: 'clientCertificate' }), clientCertificate: bad })).toEqual([
      `clientCertificate.certificate: 'certificate' must be PEM text in TypeScript, e.g. readFileSync("root.pem", "utf8"), got "clients.pem"`,
    ]);
    expect(problemsOf(config({ auth: 'clientCertificate', clientCertificate: bad }))).toEqual([
      `clusters.0.clientCertificate.certificate: 'certificate' must be PEM text in TypeScript, e.g. readFileSync("root.pem", "utf8"), got "clients.pem"`,
    ]);
  });

  test('a role with a path is compared as text, which AWS writes without it', () => {
    const text = { ...aws, aws: { ...aws.aws!, resolveAwsUniqueIds: false } };
    expect(problemsOf(config(text))).toEqual([
      `clusters.0.aws.resolveAwsUniqueIds: 'resolveAwsUniqueIds' must be true for a role with a path, or write one without, e.g. "arn:aws:iam::123456789012:role/cert-manager", got "arn:aws:iam::123456789012:role/mesh/cert-manager"`,
    ]);
  });
});
