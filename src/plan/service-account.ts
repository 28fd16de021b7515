import { ServiceAccountConfig } from '../config/config';
import { AuthMount, TokenFields, tokenFields } from './login';
import { IssuerPlan } from './issuer';
import { PolicyPlan } from './policy';
import { Settings } from './settings';
import { seconds } from './ttl';

/** Login with a token of a service account, which cert-manager asks for anew at each login. */
export interface ServiceAccountPlan extends AuthMount {
  /** The service account. It lies beside the Issuer, or a ClusterIssuer's Secrets. */
  readonly serviceAccount: { readonly name: string; readonly namespace: string };

  /** Audience of its tokens, as cert-manager asks for it. */
  readonly audience: string;
}

/** Vault checks the token with the cluster's public keys. */
export interface JwtPlan extends ServiceAccountPlan {
  /** Name of the way in. */
  readonly method: 'jwt';

  /**
   * Issuer of the tokens.
   *
   * @default - as the API server says, when the script runs
   */
  readonly issuer?: string;

  /**
   * Where Vault fetches the keys.
   *
   * @default - the script hands them over
   */
  readonly discoveryUrl?: string;

  /** The role's fields, in Vault's words. */
  readonly fields: TokenFields & ReturnType<typeof jwtBounds>;
}

/** Vault asks the cluster's API server about the token. */
export interface KubernetesPlan extends ServiceAccountPlan {
  /** Name of the way in. */
  readonly method: 'kubernetes';

  /**
   * The API server as a Vault outside the cluster reaches it.
   *
   * @default - Vault runs in the cluster
   */
  readonly host?: string;

  /** Lifetime of the reviewer's token, where Vault runs outside. */
  readonly reviewerTtl: string;

  /** The service account that the reviewer's token is of. */
  readonly reviewer: { readonly name: string; readonly namespace: string };

  /** The role's fields, in Vault's words. */
  readonly fields: TokenFields & ReturnType<typeof kubernetesBounds>;
}

/** Whose tokens a login role takes, and for which audience. */
interface Bounds {
  readonly serviceAccount: { readonly name: string; readonly namespace: string };
  readonly audience: string;
}

/** The fields that bind a role of the JWT auth method to one service account and one audience. */
export const jwtBounds = ({ serviceAccount: { name, namespace }, audience }: Bounds) => ({
  role_type: 'jwt',
  user_claim: 'sub',
  bound_audiences: [audience],
  bound_subject: `system:serviceaccount:${namespace}:${name}`,
  bound_claims_type: 'string',
  claim_mappings: {},
  groups_claim: '',
  user_claim_json_pointer: false,
  // 0 is Vault's own: 150 s for the lifetime, 60 s for the clock. A large value would let an expired token in.
  expiration_leeway: 0,
  not_before_leeway: 0,
  clock_skew_leeway: 0,
  // it would write the token's claims to the log.
  verbose_oidc_logging: false,
});

/** The fields that bind a role of the Kubernetes auth method to one service account and one audience. */
export const kubernetesBounds = ({ serviceAccount: { name, namespace }, audience }: Bounds) => ({
  bound_service_account_names: [name],
  bound_service_account_namespaces: [namespace],
  audience,
  alias_name_source: 'serviceaccount_uid',
});

/** Decides the JWT auth method. */
export function planJwt(settings: Settings, policy: PolicyPlan, issuer: IssuerPlan): JwtPlan {
  const { name: cluster, jwt = {} } = settings;
  const mount = jwt.mount ?? `jwt-${cluster}`;
  const { place, token } = planServiceAccount(mount, jwt, policy, issuer);
  refuseHttp(settings, 'jwt', 'discoveryUrl', jwt.discoveryUrl);
  return {
    method: 'jwt',
    ...place,
    issuer: jwt.issuer,
    discoveryUrl: jwt.discoveryUrl,
    fields: { ...token, ...jwtBounds(place) },
  };
}

/** Decides the Kubernetes auth method. */
export function planKubernetes(settings: Settings, policy: PolicyPlan, issuer: IssuerPlan): KubernetesPlan {
  const { name: cluster, kubernetes = {}, refuse } = settings;
  const { host, reviewerTtl } = kubernetes;
  refuseHttp(settings, 'kubernetes', 'host', host);
  if (reviewerTtl !== undefined && host === undefined) {
    refuse(
      ['kubernetes', 'reviewerTtl'],
      `'reviewerTtl' is of a Vault outside the cluster; remove it, or write the API server's address as host`,
    );
  } else if (reviewerTtl !== undefined && seconds(reviewerTtl) < 600) {
    refuse(
      ['kubernetes', 'reviewerTtl'],
      `'reviewerTtl' must be at least "10m", the API server refuses less, e.g. "8760h", got "${reviewerTtl}"`,
    );
  }
  const mount = kubernetes.mount ?? `kubernetes-${cluster}`;
  const { place, token } = planServiceAccount(mount, kubernetes, policy, issuer);
  const { name, namespace } = place.serviceAccount;
  return {
    method: 'kubernetes',
    ...place,
    host,
    reviewerTtl: reviewerTtl ?? '8760h',
    reviewer: { name: `${name}-reviewer`, namespace },
    fields: { ...token, ...kubernetesBounds(place) },
  };
}

/** Refuses an address whose answers anybody on the way could change. */
function refuseHttp({ refuse }: Settings, group: string, key: string, address: string | undefined): void {
  if (!address?.startsWith('http:')) return;
  refuse(
    [group, key],
    `'${key}' must begin with https://, whoever answers there can log in, e.g. "${address.replace('http:', 'https:')}", got "${address}"`,
  );
}

/** Decides what every login with a service account has. */
export function planServiceAccount(
  mount: string,
  { serviceAccount = 'vault-issuer', tokenTtl = '10m' }: ServiceAccountConfig,
  policy: PolicyPlan,
  issuer: IssuerPlan,
): { place: ServiceAccountPlan; token: TokenFields } {
  const role = 'cert-manager';
  return {
    place: {
      mount,
      role,
      path: `auth/${mount}/role/${role}`,
      serviceAccount: { name: serviceAccount, namespace: issuer.namespace },
      audience: issuer.audience,
    },
    token: tokenFields(policy, { ttl: tokenTtl, maxTtl: tokenTtl, type: 'batch' }),
  };
}
