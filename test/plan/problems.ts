import { type MeshCaConfig } from '../../src/config/config';
import { type Checked } from '../../src/config/check';
import { ConfigError } from '../../src/config/problem';
import { planMeshCa } from '../../src/plan/plan';

/** What a config is refused for, and where; nothing where it is right. */
export function problemsOf(config: MeshCaConfig, checked?: Checked): [path: string, message: string][] {
  try {
    planMeshCa(config, checked);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, message }) => [path.join('.'), message]);
    throw error;
  }
  return [];
}
