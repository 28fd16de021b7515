import { ClusterPlan } from '../plan/plan';

/** The unsafe choices whose key begins so, a line each. */
export const warningLines = ({ warnings }: ClusterPlan, prefix: string) =>
  warnings.filter(({ key }) => key.startsWith(prefix)).map(({ key, message }) => `WARNING: ${key}: ${message}`);
