// What stands in a mount's description: the mark, and the evidence after it. Vault is played by two functions that keep one description.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const stand = `set -o errexit -o nounset -o pipefail
forget() { :; }
kept() { shift 2 && "$@"; }
get() { jq -n --arg table "$1" --rawfile held "$HELD" '{data: {("\\($table | sub("sys/"; ""))/mine/"): {description: $held}}}'; }
put() { jq -j .description >"$HELD.new" && mv "$HELD.new" "$HELD" && printf 'written to %s\\n' "$1"; }
`;

/** Runs words of the runtime on a mount with this description; prints what they print, and the description then. */
function on(description: string, ...commands: string[]): string[] {
  const HELD = join(mkdtempSync(join(tmpdir(), 'mesh-ca-mark-')), 'held');
  writeFileSync(HELD, description);
  const text = `${stand}${readFileSync('src/script/runtime/mark.sh', 'utf8')}\n${commands.join('\n')}`;
  const { stdout, stderr, status } = spawnSync('bash', ['-c', text], { encoding: 'utf8', env: { ...process.env, HELD } });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return [...stdout.replace(/\n$/, '').split('\n'), readFileSync(HELD, 'utf8')];
}

test.each<[description: string, rc: string]>([
  ['cdk8s-mesh-ca: CA of east', '0'],
  ['cdk8s-mesh-ca: CA of east [a=1]', '0'],
  ['', '1'],
  ['PKI of the platform team, not of cdk8s-mesh-ca: ask them', '1'],
  // evidence is no mark.
  ['[a=1]', '1'],
])('a mount described as %j is known by the mark alone', (description, rc) => {
  const ask = (table: string, mount: string) => `rc=0; is_marked ${table} ${mount} || rc=$?; echo "$rc"`;
  expect(on(description, ask('sys/mounts', 'mounts/mine'), ask('sys/auth', 'auth/mine'), ask('sys/auth', 'none'))).toEqual([
    rc,
    rc,
    '1',
    description,
  ]);
});

test.each<[before: string, after: string]>([
  ['cdk8s-mesh-ca: CA of east', 'cdk8s-mesh-ca: CA of east [b=2030-01-31T12:00:00Z c=3]'],
  ['cdk8s-mesh-ca: CA of east [z=0 b=1 a=1]', 'cdk8s-mesh-ca: CA of east [z=0 b=2030-01-31T12:00:00Z c=3]'],
  ['PKI of others [prod]', 'PKI of others [prod] [b=2030-01-31T12:00:00Z c=3]'],
  ['', '[b=2030-01-31T12:00:00Z c=3]'],
])('evidence stands after what the description of %j says, which stays as it is', (before, after) => {
  const mount = 'mounts/mine';
  expect(
    on(before, `record ${mount} b=2030-01-31T12:00:00Z c=3 a=`, `evidence_of ${mount} b`, `evidence_of ${mount} a`, `record ${mount} c=3`),
  ).toEqual([`written to sys/mounts/${mount}/tune`, '2030-01-31T12:00:00Z', '', after]);
});

test('evidence that is taken away leaves the description as it was', () => {
  expect(on('cdk8s-mesh-ca: CA of east', 'record mounts/mine a=1', 'record mounts/mine a=').at(-1)).toBe('cdk8s-mesh-ca: CA of east');
});
