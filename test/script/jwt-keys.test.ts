// What setup.sh says of a cluster whose provider changes the keys of its tokens.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ROTATING_ISSUERS } from '../../src/plan/token-keys';

test.each([
  ['https://oidc.eks.eu-central-1.amazonaws.com/id/A', 1],
  ['https://container.googleapis.com/v1/projects/p/locations/l/clusters/c', 1],
  ['https://westeurope.oic.prod-aks.azure.com/a/b/', 1],
  ['https://kubernetes.default.svc.cluster.local', 0],
  ['https://example.com/* https://container.googleapis.com/', 0],
])('%s: %d warnings, with the line that helps', (issuer, count) => {
  const text = `${readFileSync('src/script/runtime/jwt-keys.sh', 'utf8')}\nset -eu\nnote() { printf '%s\\n' "$*"; }\nreport_rotation "$1"`;
  const env = { ...process.env, rotating_issuers: ROTATING_ISSUERS.join(' ') };
  const { stdout, stderr, status } = spawnSync('bash', ['-c', text, 'bash', issuer], { encoding: 'utf8', env });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  expect(stdout.split('\n').filter(line => line.endsWith(`write jwt.discoveryUrl: ${issuer} in the config`))).toHaveLength(count);
});
