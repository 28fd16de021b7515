import { partitionOf, stsOf } from './aws-partitions';
import { IssuerPlan } from './issuer';
import { TokenFields } from './login';
import { PolicyPlan } from './policy';
import { planServiceAccount, ServiceAccountPlan } from './service-account';
import { Settings } from './settings';
import { addressOf } from './vault';

/** The service account takes an IAM role, and Vault asks AWS who that is. */
export interface AwsPlan extends ServiceAccountPlan {
  /** Name of the way in. */
  readonly method: 'aws';

  /** The IAM role. */
  readonly iamRoleArn: string;

  /** Region whose STS is asked. */
  readonly region: string;

  /** What a login must be signed for. */
  readonly vaultHeaderValue: string;

  /** The client's fields, in Vault's words: whom it asks. */
  readonly client: {
    readonly sts_endpoint: string;
    readonly sts_region: string;
    readonly iam_server_id_header_value: string;
    readonly allowed_sts_header_values: readonly string[];
  };

  /** The role's fields, in Vault's words. */
  readonly fields: TokenFields & {
    readonly auth_type: string;
    readonly bound_iam_principal_arn: readonly string[];
    readonly resolve_aws_unique_ids: boolean;
    readonly inferred_entity_type: string;
  };
}

/** Decides the AWS auth method. */
export function planAws(
  settings: Settings,
  policy: PolicyPlan,
  { issuer, server }: { readonly issuer: IssuerPlan; readonly server: string },
): AwsPlan {
  const { name: cluster, aws = {}, refuse } = settings;
  const { iamRoleArn = '', region = '', mount, vaultHeaderValue = addressOf(server).host, resolveAwsUniqueIds = true, ...account } = aws;
  if (iamRoleArn === '') {
    refuse(
      ['aws', 'iamRoleArn'],
      `'iamRoleArn' is missing in 'aws', auth is "aws", add e.g. iamRoleArn: arn:aws:iam::123456789012:role/cert-manager-${cluster}`,
    );
  }
  if (region === '') refuse(['aws', 'region'], `'region' is missing in 'aws', auth is "aws", add e.g. region: eu-central-1`);
  const partition = partitionOf(region).id;
  if (iamRoleArn !== '' && region !== '' && iamRoleArn.split(':')[1] !== partition) {
    refuse(
      ['aws', 'region'],
      `'region' must be in the partition of 'iamRoleArn', which is ${iamRoleArn.split(':')[1]}; ${region} is in ${partition}: write another region, or the role as "${iamRoleArn.replace(/^arn:[^:]*/, `arn:${partition}`)}"`,
    );
  }
  if (!resolveAwsUniqueIds && iamRoleArn.split('/').length > 2) {
    // AWS names who asks without the role's path, and Vault then compares the two as text.
    refuse(
      ['aws', 'resolveAwsUniqueIds'],
      `'resolveAwsUniqueIds' must be true for a role with a path, or write one without, e.g. "${iamRoleArn.replace(/\/.*\//, '/')}", got "${iamRoleArn}"`,
    );
  }
  const { place, token } = planServiceAccount(mount ?? `aws-${cluster}`, account, policy, issuer);
  return {
    method: 'aws',
    ...place,
    // cert-manager asks for this one, whoever the Issuer is.
    audience: 'sts.amazonaws.com',
    iamRoleArn,
    region,
    vaultHeaderValue,
    // cert-manager signs for the regional STS, and Vault has to ask the one that was signed for.
    client: {
      sts_endpoint: stsOf(region),
      sts_region: region,
      iam_server_id_header_value: vaultHeaderValue,
      allowed_sts_header_values: [],
    },
    fields: {
      ...token,
      auth_type: 'iam',
      bound_iam_principal_arn: [iamRoleArn],
      resolve_aws_unique_ids: resolveAwsUniqueIds,
      inferred_entity_type: '',
    },
  };
}
