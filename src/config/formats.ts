/** What a string of the config must look like. The schema's patterns and the error messages both come from here. */
export interface Format {
  /** Pattern of the whole value, as JSON Schema and JavaScript read it. */
  readonly pattern: string;

  /** What it is, in words that follow "must be". */
  readonly says: string;

  /** A right value. */
  readonly example: string;
}

const label = '[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?';
const octet = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
const hostLabel = '[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?';
const labelName = '[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?';

const TRUST_DOMAIN = '^(?=.{1,253}$)[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?(\\.[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?)*$';

/** The formats by the name that a `@format` in config.ts uses. */
export const formats: Readonly<Record<string, Format>> = {
  url: {
    pattern: `^(?=.{1,500}$)https?://(${hostLabel}(\\.${hostLabel})*|\\[[0-9A-Fa-f:]+\\])(:[0-9]{1,5})?$`,
    says: 'the address of a server, without a path',
    example: 'https://vault.example.com:8200',
  },
  pkiUrl: {
    // Vault takes a comma for two of them. Of its templates the one is let through that needs no further setting of the mount.
    pattern: `^(?=.{1,500}$)https?://(${hostLabel}(\\.${hostLabel})*|\\[[0-9A-Fa-f:]+\\])(:[0-9]{1,5})?(/([A-Za-z0-9._~-]+|\\{\\{issuer_id\\}\\}))+$`,
    says: 'a URL with a path',
    example: 'http://vault.example.com:8200/v1/pki/issuer/{{issuer_id}}/crl/der',
  },
  issuerUrl: {
    pattern: `^(?=.{1,500}$)https?://${hostLabel}(\\.${hostLabel})*(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?$`,
    says: 'the address of an OIDC issuer',
    example: 'https://kubernetes.default.svc.cluster.local',
  },
  cidr: {
    pattern: `^(${octet}(\\.${octet}){3}/([0-9]|[12][0-9]|3[0-2])|(?=[0-9A-Fa-f:]*::|([0-9A-Fa-f]+:){7})[0-9A-Fa-f:]{2,39}/([0-9]{1,2}|1[01][0-9]|12[0-8]))$`,
    says: 'a range of addresses with its length',
    example: '10.0.0.0/8',
  },
  pem: { pattern: '^[^\\u0000]+$', says: 'the path of a PEM file, or PEM text', example: 'root.pem' },
  mount: {
    pattern: '^(?!(sys|auth|identity|cubbyhole|audit|token)(/|$))[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}){0,3}$',
    says: "the path of a mount, without slashes at its ends and none of Vault's own",
    example: 'istioca',
  },
  issuerRef: {
    pattern: '^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,126}[A-Za-z0-9_])?$',
    says: 'the name or the ID of an issuer',
    example: 'corporate-root',
  },
  vaultNamespace: {
    // Vault keeps these names for itself.
    pattern:
      '^(?!(root|sys|audit|auth|cubbyhole|identity)(/|$))[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}(/(?!(root|sys|audit|auth|cubbyhole|identity)(/|$))[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}){0,7}$',
    says: "the path of a namespace, without slashes at its ends and none of Vault's own",
    example: 'admin/mesh',
  },
  vaultPath: {
    pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}){0,7}$',
    says: 'a path below a mount of Vault, without slashes at its ends',
    example: 'mesh-ca/cluster-1/secret-id',
  },
  vaultName: {
    pattern: '^[a-z0-9]([a-z0-9_.-]{0,126}[a-z0-9])?$',
    says: 'a name in Vault, in lower case',
    example: 'cluster-local',
  },
  roleId: {
    pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,253}$',
    says: 'a role ID of letters, digits, ".", "_" and "-"',
    example: 'cluster-1.cert-manager',
  },
  duration: { pattern: '^[1-9][0-9]{0,6}[hms]$', says: 'a duration in hours, minutes or seconds', example: '720h' },
  date: {
    pattern: '^2[0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$',
    says: 'a day, as YEAR-MONTH-DAY',
    example: '2031-11-25',
  },
  durationOrZero: {
    pattern: '^(0|[1-9][0-9]{0,6}[hms])$',
    says: 'a duration in hours, minutes or seconds, or "0" for no end',
    example: '8760h',
  },
  commonName: {
    // X.509 allows 64 characters (RFC 5280, ub-common-name); control characters would only serve to deceive a reader.
    // so do changes of direction, and spaces at the ends, which X.509 does not compare.
    pattern: '^(?! )[^\\p{C}\\p{Zl}\\p{Zp}]{1,64}(?<! )$',
    says: 'a common name of 1 to 64 characters, without control characters or spaces at its ends',
    example: 'Mesh Intermediate CA',
  },
  subjectField: {
    // as a common name.
    pattern: '^(?! )[^\\p{C}\\p{Zl}\\p{Zp}]{1,64}(?<! )$',
    says: 'a text of 1 to 64 characters, without control characters or spaces at its ends',
    example: 'Example Ltd',
  },
  country: { pattern: '^[A-Z]{2}$', says: 'the two capital letters of a country', example: 'DE' },
  postalCode: {
    pattern: '^[A-Za-z0-9]([A-Za-z0-9 -]{0,14}[A-Za-z0-9])?$',
    says: 'a postal code of at most 16 characters',
    example: '10115',
  },
  certificateName: {
    // a `*` would let further names in, and Vault takes a comma for two names.
    pattern: '^(?! )[^\\p{C}\\p{Zl}\\p{Zp}*,]{1,253}(?<! )$',
    says: 'one name of a certificate, without "*" and ","',
    example: 'cert-manager.cluster-1.example.com',
  },
  iamRoleArn: {
    pattern: '^arn:aws(-cn|-us-gov|-eusc|-iso(-[bef])?)?:iam::[0-9]{12}:role(/[A-Za-z0-9+=.@_-]{1,64}){1,8}$',
    says: 'the ARN of an IAM role',
    example: 'arn:aws:iam::123456789012:role/cert-manager',
  },
  awsRegion: { pattern: '^[a-z]{2,4}(-[a-z]{2,12}){1,3}-[0-9]{1,2}$', says: 'a region of AWS', example: 'eu-central-1' },
  trustDomain: { pattern: TRUST_DOMAIN, says: 'a trust domain in lower case', example: 'cluster.local' },
  trustDomainAlias: { pattern: TRUST_DOMAIN, says: 'another trust domain, in lower case', example: 'old.example.com' },
  istioVersion: { pattern: '^1\\.[0-9]{1,2}(\\.[0-9]{1,2})?$', says: 'a version of Istio, in quotes', example: '1.22' },
  tsbVersion: {
    pattern: '^v?1\\.[0-9]{1,2}\\.[0-9]{1,2}$',
    says: 'a whole version of Tetrate Service Bridge, in quotes',
    example: '1.12.0',
  },
  certManagerVersion: { pattern: '^v?[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}$', says: 'a whole version of cert-manager', example: 'v1.21.2' },
  version: { pattern: '^v?[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}$', says: 'a whole version', example: 'v0.17.0' },
  dnsLabel: { pattern: `^${label}$`, says: 'a DNS label: lower case letters, digits and "-", at most 63', example: 'cluster-1' },
  dnsName: { pattern: `^(?=.{1,253}$)${label}(\\.${label})*$`, says: 'a DNS name in lower case', example: 'vault-issuer' },
  dnsDomain: { pattern: `^(?=.{1,253}$)${label}(\\.${label})*$`, says: 'a DNS domain in lower case', example: 'svc' },
  uriDomain: {
    pattern: '^(?=.{1,253}$)\\.?[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?(\\.[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?)*$',
    says: 'a trust domain in lower case, or "." and a domain for those below it',
    example: 'cluster.local',
  },
  dataKey: { pattern: '^[A-Za-z0-9_][-._A-Za-z0-9]{0,252}$', says: 'a key of letters, digits, "-", "_" and "."', example: 'secretId' },
  sealed: {
    // longer than the base64 of a secret ID, which somebody might take for it; a key of RSA alone makes it 340 and more.
    pattern: '^[A-Za-z0-9+/]{100,8190}={0,2}$',
    says: 'what "kubeseal --raw" prints, in base64',
    example: 'AgBy3i4OJSWK+PiTySYZZA9rO43cGDEqAgBy3i4OJSWK+PiTySYZZA9rO43cGDEqAgBy3i4OJSWK+PiTySYZZA9rO43cGDEqAgBy3i4O',
  },
  ageRecipient: {
    pattern: '^age1[02-9ac-hj-np-z]{58}$',
    says: 'a public key of age',
    example: 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p',
  },
  context: { pattern: '^[A-Za-z0-9_][-A-Za-z0-9_.:/@+]{0,252}$', says: 'the name of a context in the kubeconfig', example: 'cluster-1' },
  clusterId: {
    pattern: '^[A-Za-z0-9]([-A-Za-z0-9_.]{0,251}[A-Za-z0-9])?$',
    says: 'a cluster ID of letters, digits, "-", "_" and "."',
    example: 'cluster-1',
  },
  apiVersion: {
    pattern: `^(${label}(\\.${label})*/)?v[0-9]{1,2}((alpha|beta)[0-9]{1,2})?$`,
    says: 'the API version of an object',
    example: 'apps/v1',
  },
  objectKind: { pattern: '^[A-Z][A-Za-z0-9]{0,62}$', says: 'the kind of an object', example: 'HorizontalPodAutoscaler' },
  objectName: {
    pattern: '^[a-z0-9]([-a-z0-9.:]{0,251}[a-z0-9])?$',
    says: 'the name of an object in Kubernetes',
    example: 'istiod',
  },
  patchPath: {
    pattern: '^(?! )[^\\p{C}\\p{Zl}\\p{Zp}]{1,500}(?<! )$',
    says: "a path of Istio's patch engine",
    example: 'spec.template.spec.priorityClassName',
  },
  host: {
    pattern: `^(?=.{1,253}$)(${hostLabel}(\\.${hostLabel})*|[0-9A-Fa-f:]*:[0-9A-Fa-f:]+)$`,
    says: 'a host name or an IP address',
    example: 'tsb.example.com',
  },
  kubernetesLabel: {
    pattern: `^((?=.{1,253}/)${label}(\\.${label})*/)?${labelName}=(${labelName})?$`,
    says: 'a label of Kubernetes, KEY=VALUE',
    example: 'release=kube-prometheus-stack',
  },
  imageHub: {
    pattern: `^(?=.{1,500}$)${hostLabel}(\\.${hostLabel})*(:[0-9]{1,5})?(/[a-z0-9]([a-z0-9._-]{0,126}[a-z0-9])?)*$`,
    says: 'the registry and path of images',
    example: 'registry.example.com/tsb',
  },
};

/** The pattern of a format, to try a value with. */
export function patternOf(format: string): RegExp {
  const { pattern } = formats[format] ?? {};
  if (pattern === undefined) throw new Error(`src/config/formats.ts has no format ${JSON.stringify(format)}`);
  return new RegExp(pattern, 'u');
}
