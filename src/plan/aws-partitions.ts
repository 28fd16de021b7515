/** A partition of AWS: regions with names, accounts and hosts of their own. */
export interface AwsPartition {
  /** The second part of an ARN, e.g. `aws-cn`. */
  readonly id: string;

  /** What the name of each of its regions begins with. */
  readonly regions: string;

  /** The end of its host names, e.g. `amazonaws.com.cn`. */
  readonly hosts: string;
}

/** The partition of every region that no other partition names. */
const COMMERCIAL: AwsPartition = { id: 'aws', regions: '', hosts: 'amazonaws.com' };

/**
 * The other partitions, as AWS's SDK for Go has them (aws-sdk-go-v2 v1.42.0, internal/endpoints/awsrulesfn/partitions.json).
 */
const OTHERS: readonly AwsPartition[] = [
  { id: 'aws-cn', regions: 'cn-', hosts: 'amazonaws.com.cn' },
  { id: 'aws-us-gov', regions: 'us-gov-', hosts: 'amazonaws.com' },
  { id: 'aws-eusc', regions: 'eusc-', hosts: 'amazonaws.eu' },
  { id: 'aws-iso', regions: 'us-iso-', hosts: 'c2s.ic.gov' },
  { id: 'aws-iso-b', regions: 'us-isob-', hosts: 'sc2s.sgov.gov' },
  { id: 'aws-iso-e', regions: 'eu-isoe-', hosts: 'cloud.adc-e.uk' },
  { id: 'aws-iso-f', regions: 'us-isof-', hosts: 'csp.hci.ic.gov' },
];

/** The partition that a region belongs to. */
export const partitionOf = (region: string): AwsPartition => OTHERS.find(({ regions }) => region.startsWith(regions)) ?? COMMERCIAL;

/** The address of a region's STS, e.g. `https://sts.eu-central-1.amazonaws.com`. */
export const stsOf = (region: string) => `https://sts.${region}.${partitionOf(region).hosts}`;

/**
 * Whether cert-manager signs its login for another host than the region's STS: up to v1.21.2 at least, `sts.REGION.amazonaws.com` stands in
 * its source (`generateAWSLoginData`).
 */
export const isSignedForAnotherHost = (region: string) => partitionOf(region).hosts !== COMMERCIAL.hosts;
