import { spawnSync } from 'node:child_process';
import * as path from 'node:path';

test("the Issuer's types are those of cert-manager's CRD", () => {
  const { status, stderr } = spawnSync(process.execPath, [path.join(__dirname, '../../scripts/import-crds.mjs'), '--check'], {
    encoding: 'utf8',
  });
  expect({ status, drift: stderr.includes('is not what the CRD gives') }).toEqual({ status: 0, drift: false });
});
