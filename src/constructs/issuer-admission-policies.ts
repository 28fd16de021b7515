import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingAdmissionPolicySpec,
} from '../../imports/admissionregistration.k8s.io';
import { AdmittedCertificate, GuardedBy } from '../plan/admission';
import { Checks, checkProps, line, list, matching, maybe, object, rule } from './check';
import { ADMINISTRATOR, cel, celObject, resources, SPEC_CHANGES, within } from './cel';
import { accountRef, name, namespace, withoutNamespace } from './common-checks';
import { noteReason } from './reason';
import { VaultIssuer } from './vault-issuer';

/** Properties of `IssuerAdmissionPolicies`. */
export interface IssuerAdmissionPoliciesProps {
  /** The Issuer to guard. Once the policies are in effect, only the spec that this construct has can be applied. */
  readonly issuer: VaultIssuer;

  /** User names that can create CertificateRequests for the Issuer, e.g. `system:serviceaccount:cert-manager:cert-manager`. */
  readonly requesters: readonly string[];

  /** User name that can request tokens of `serviceAccount`: cert-manager's. */
  readonly tokenRequester: string;

  /** The only Certificate that can use the Issuer. */
  readonly certificate: AdmittedCertificate;

  /**
   * The service account that cert-manager logs in to Vault as.
   *
   * @default - none: there are no policies about tokens, pods and token Secrets
   */
  readonly serviceAccount?: { readonly name: string; readonly namespace: string };

  /**
   * What the names of the policies begin with. Policies have no namespace, so the names must be unique in the cluster.
   *
   * @default - `NAMESPACE-ISSUER`
   */
  readonly prefix?: string;
}

const userName = line('system:serviceaccount:cert-manager:cert-manager');

const CHECKS: Checks<IssuerAdmissionPoliciesProps> = {
  issuer: rule("new VaultIssuer(this, 'issuer', props)", 'a VaultIssuer', value => value instanceof VaultIssuer),
  requesters: list(userName, 1),
  tokenRequester: userName,
  certificate: object<AdmittedCertificate>({
    names: list(name, 1),
    namespace,
    secretName: name,
    commonName: line('istiod.istio-system.svc'),
    dnsNames: list(matching(/^[A-Za-z0-9*_]([-A-Za-z0-9._*]{0,251}[A-Za-z0-9*])?$/, 'a DNS name', 'istiod.istio-system.svc')),
    uris: list(
      matching(/^[a-z][a-z0-9+.-]*:[^\s\p{Cc}]{1,2000}$/u, 'a URI', 'spiffe://cluster.local/ns/istio-system/sa/istiod-service-account'),
    ),
  }),
  serviceAccount: maybe(accountRef),
  prefix: maybe(name),
};

/** IssuerChart passes an `AdmissionPlan`, which also lists the names of the policies. */
const CHECKS_WITH_NAMES = { ...CHECKS, names: maybe(list(name)) };

/**
 * ValidatingAdmissionPolicies (Kubernetes 1.30 and later) that keep a user with write access to the Issuer's namespace from using the Issuer: they
 * bound who creates CertificateRequests, Certificates and Issuers, and who gets tokens of the Issuer's service account. Requests at other Issuers
 * are not affected. A user who can update ValidatingAdmissionPolicies could remove these, so is exempt from those about requests and tokens.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
 */
export class IssuerAdmissionPolicies extends Construct {
  /** Names of the policies and of their bindings. */
  public readonly names: readonly string[];

  constructor(scope: Construct, id: string, props: IssuerAdmissionPoliciesProps) {
    super(scope, id);

    checkProps(props, CHECKS_WITH_NAMES);
    const { issuer, serviceAccount } = props;
    const prefix = props.prefix ?? `${issuer.namespace ?? 'cluster'}-${issuer.name}`;
    const policies = [
      requests(props),
      signingRequests(props),
      certificates(props),
      issuers(props),
      ...(serviceAccount === undefined ? [] : accountPolicies(serviceAccount, props.tokenRequester)),
    ];
    this.names = policies.map(({ suffix }) => `${prefix}-${suffix}`);
    for (const { suffix, reason, spec } of policies) {
      const name = `${prefix}-${suffix}`;
      const policy = new Construct(this, suffix);
      withoutNamespace(new ValidatingAdmissionPolicy(policy, 'Resource', { metadata: { name }, spec: { failurePolicy: 'Fail', ...spec } }));
      noteReason(policy, ['spec'], reason);
      withoutNamespace(
        new ValidatingAdmissionPolicyBinding(new Construct(this, `${suffix}-binding`), 'Resource', {
          metadata: { name },
          spec: { policyName: name, validationActions: ['Deny'] },
        }),
      );
    }
  }
}

/** The part of an Issuer's spec that names the Secret of a login. */
interface IssuerSpec {
  readonly vault?: {
    readonly auth?: {
      readonly appRole?: { readonly secretRef?: { readonly name?: string } };
      readonly clientCertificate?: { readonly secretName?: string };
    };
  };
}

interface Policy {
  readonly suffix: GuardedBy;
  /** A comment in the manifest. */
  readonly reason: string;
  readonly spec: Omit<ValidatingAdmissionPolicySpec, 'failurePolicy'>;
}

/** Whether `object.spec.issuerRef` is the Issuer. cert-manager takes an empty kind for Issuer and an empty group for its own. */
function isOurIssuer({ name, kind }: VaultIssuer) {
  const kinds = kind === 'Issuer' ? ['Issuer', ''] : [kind];
  return {
    name: 'uses-the-issuer',
    expression: [
      `object.spec.issuerRef.name == ${cel(name)}`,
      `object.spec.issuerRef.?kind.orValue("") in ${cel(kinds)}`,
      'object.spec.issuerRef.?group.orValue("") in ["cert-manager.io", ""]',
    ].join(' && '),
  };
}

function requests({ issuer, requesters }: IssuerAdmissionPoliciesProps): Policy {
  return {
    suffix: 'requests',
    reason: 'a CertificateRequest gets any name that the PKI role signs, so only istio-csr and cert-manager create one',
    spec: {
      matchConstraints: { ...within(issuer.namespace), ...resources('cert-manager.io', ['certificaterequests']) },
      matchConditions: [isOurIssuer(issuer), SPEC_CHANGES],
      variables: [ADMINISTRATOR],
      validations: [
        {
          expression: `request.userInfo.username in ${cel(requesters)} || variables.isAdministrator`,
          message: `only istio-csr and cert-manager can create CertificateRequests for ${issuer.kind} ${issuer.name}`,
        },
      ],
    },
  };
}

/** cert-manager signs Kubernetes' own CertificateSigningRequests too, where its experimental controllers are on. */
function signingRequests({ issuer: { kind, name, namespace } }: IssuerAdmissionPoliciesProps): Policy {
  const signer = namespace === undefined ? `clusterissuers.cert-manager.io/${name}` : `issuers.cert-manager.io/${namespace}.${name}`;
  return {
    suffix: 'signing-requests',
    reason: 'the mesh creates no CertificateSigningRequests; cert-manager signs them only with its experimental controllers',
    spec: {
      matchConstraints: resources('certificates.k8s.io', ['certificatesigningrequests'], ['CREATE']),
      matchConditions: [{ name: 'uses-the-issuer', expression: `object.spec.signerName == ${cel(signer)}` }],
      variables: [ADMINISTRATOR],
      validations: [
        { expression: 'variables.isAdministrator', message: `nobody can create CertificateSigningRequests for ${kind} ${name}` },
      ],
    },
  };
}

function certificates({ issuer, certificate }: IssuerAdmissionPoliciesProps): Policy {
  const { names, namespace, secretName, commonName, dnsNames, uris } = certificate;
  const only = (field: string, allowed: readonly string[]) => `object.spec.?${field}.orValue([]).all(one, one in ${cel(allowed)})`;
  const planned = [
    `object.metadata.namespace == ${cel(namespace)}`,
    `object.metadata.name in ${cel(names)}`,
    `object.spec.secretName == ${cel(secretName)}`,
    `object.spec.?commonName.orValue("") in ${cel([commonName, ''])}`,
    only('dnsNames', dnsNames),
    only('uris', uris),
    ...['ipAddresses', 'emailAddresses', 'otherNames'].map(field => `object.spec.?${field}.orValue([]).size() == 0`),
    'object.spec.?literalSubject.orValue("") == ""',
    'object.spec.?isCA.orValue(false) == false',
  ].join(' && ');
  return {
    suffix: 'certificates',
    reason: "cert-manager creates requests for whatever a Certificate, an Ingress or a Gateway names, so the only Certificate is istiod's",
    spec: {
      matchConstraints: { ...within(issuer.namespace), ...resources('cert-manager.io', ['certificates']) },
      matchConditions: [isOurIssuer(issuer), SPEC_CHANGES],
      variables: [ADMINISTRATOR],
      validations: [
        {
          expression: `(${planned}) || variables.isAdministrator`,
          message: `the only Certificate at ${issuer.kind} ${issuer.name} is ${namespace}/${names[0]} with the planned names`,
        },
      ],
    },
  };
}

function issuers({ issuer, serviceAccount }: IssuerAdmissionPoliciesProps): Policy {
  const { kind, name, namespace } = issuer;
  const resource = `${kind.toLowerCase()}s`;
  const { spec } = ApiObject.of(issuer.node.findChild('Resource')).toJson() as { spec: unknown };
  const isPlanned = `request.resource.resource == ${cel(resource)} && object.metadata.name == ${cel(name)}`;
  const account = cel(serviceAccount?.name ?? '');
  const uses = [
    ...['kubernetes', 'aws'].map(way => `object.spec.?vault.?auth.?${way}.?serviceAccountRef.?name.orValue("") == ${account}`),
    `object.spec.?acme.?solvers.orValue([]).exists(one, one.?dns01.?route53.?auth.?kubernetes.?serviceAccountRef.?name.orValue("") == ${account})`,
  ];
  // the Secret that cert-manager logs in with, where it does so without a service account.
  const { appRole, clientCertificate } = (spec as IssuerSpec).vault?.auth ?? {};
  const secret = cel(appRole?.secretRef?.name ?? clientCertificate?.secretName ?? '');
  const sends = ['appRole.?secretRef.?name', 'clientCertificate.?secretName', 'tokenSecretRef.?name'].map(
    way => `object.spec.?vault.?auth.?${way}.orValue("") == ${secret}`,
  );
  const conditions = [`(${isPlanned})`, ...(serviceAccount === undefined ? sends : uses)];
  return {
    suffix: 'issuers',
    reason: "another Issuer could have cert-manager send this one's login to a server of its own, or use it at the real Vault",
    spec: {
      matchConstraints: {
        ...within(serviceAccount?.namespace ?? namespace),
        ...resources('cert-manager.io', kind === 'Issuer' ? ['issuers'] : ['clusterissuers', 'issuers']),
      },
      matchConditions: [{ name: 'is-or-imitates-the-issuer', expression: conditions.join(' || ') }, SPEC_CHANGES],
      variables: [ADMINISTRATOR],
      validations: [
        {
          expression: `(${isPlanned} && object.spec == ${celObject(spec)}) || variables.isAdministrator`,
          message: `only ${kind} ${name} as planned${serviceAccount === undefined ? '' : ` can use service account ${serviceAccount.name}`}`,
        },
      ],
    },
  };
}

/** The service account's tokens log in to Vault: cert-manager gets them, and nobody else by any of the ways to one. */
function accountPolicies({ name, namespace }: { readonly name: string; readonly namespace: string }, tokenRequester: string): Policy[] {
  const annotation = '"kubernetes.io/service-account.name"';
  return [
    {
      suffix: 'tokens',
      reason: 'a token logs in to Vault; the kubelet gets none either, so a pod that runs as the account has no token',
      spec: {
        matchConstraints: { ...within(namespace), ...resources('', ['serviceaccounts/token'], ['CREATE']) },
        matchConditions: [{ name: 'of-the-service-account', expression: `request.name == ${cel(name)}` }],
        variables: [ADMINISTRATOR],
        validations: [
          {
            expression: `request.userInfo.username == ${cel(tokenRequester)} || variables.isAdministrator`,
            message: `only cert-manager can request tokens of service account ${name}`,
          },
        ],
      },
    },
    {
      suffix: 'pods',
      reason: 'nothing has to run as the account, so this holds for administrators too',
      spec: {
        matchConstraints: { ...within(namespace), ...resources('', ['pods'], ['CREATE']) },
        validations: [
          {
            expression: `object.spec.?serviceAccountName.orValue("") != ${cel(name)}`,
            message: `no pod can run as service account ${name}`,
          },
        ],
      },
    },
    {
      suffix: 'token-secrets',
      reason: 'Kubernetes writes a token without an expiry into such a Secret; this holds for administrators too',
      spec: {
        matchConstraints: { ...within(namespace), ...resources('', ['secrets']) },
        matchConditions: [
          { name: 'holds-a-token', expression: 'object.?type.orValue("") == "kubernetes.io/service-account-token"' },
          {
            name: 'account-changes',
            expression: `request.operation == "CREATE" || oldObject.metadata.?annotations[${annotation}] != object.metadata.?annotations[${annotation}]`,
          },
        ],
        validations: [
          {
            expression: `object.metadata.?annotations[${annotation}].orValue("") != ${cel(name)}`,
            message: `no Secret can hold a token of service account ${name}`,
          },
        ],
      },
    },
  ];
}
