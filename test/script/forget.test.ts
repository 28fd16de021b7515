// What a run reads of Vault once, and what it reads again after it has written.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import runtime from '../../src/script/runtime.json';

const setup = runtime['setup.sh'];
/** A function of the runtime, as it stands there. */
const functionOf = (name: string) => new RegExp(`^${name}\\(\\) \\{[^]*?(?:^\\}| \\})$`, 'm').exec(setup)?.[0] ?? '';

const kept = [
  'read.sys,mounts',
  'evidence.istioca-east',
  'read.istioca-east,config,issuers',
  'list.istioca-east,roles',
  'root.pki',
  'read.pki,config,issuers',
  'read.team,pki,config,issuers',
  'read.sys,auth',
  'read.auth,jwt-east,role,cert-manager',
  'read.auth,approle,role,a',
  'logins.auth,approle,role',
  'read.sys,policies,acl,a',
];

test.each<[words: string, forgotten: readonly string[]]>([
  ['read pki/issuer/a', []],
  ['list pki/issuers', []],
  ['write -format=json sys/capabilities-self -', []],
  ['write -format=json istioca-east/roles/a -', ['evidence.istioca-east', 'read.istioca-east,config,issuers', 'list.istioca-east,roles']],
  ['patch -format=json istioca-east/issuer/a -', ['evidence.istioca-east', 'read.istioca-east,config,issuers', 'list.istioca-east,roles']],
  ['delete istioca-east/key/a', ['evidence.istioca-east', 'read.istioca-east,config,issuers', 'list.istioca-east,roles']],
  ['write -format=json pki/root/sign-intermediate -', ['root.pki', 'read.pki,config,issuers']],
  ['write -format=json team/pki/root/sign-intermediate -', ['read.team,pki,config,issuers']],
  ['write -format=json sys/mounts/pki/tune -', ['read.sys,mounts', 'evidence.istioca-east']],
  ['write -format=json sys/mounts/team/pki -', ['read.sys,mounts', 'evidence.istioca-east', 'read.team,pki,config,issuers']],
  ['write -format=json auth/approle/role/b -', ['read.auth,approle,role,a', 'logins.auth,approle,role']],
  [
    'write -format=json sys/auth/jwt-east/tune -',
    ['read.sys,auth', 'read.auth,jwt-east,role,cert-manager', 'read.auth,approle,role,a', 'logins.auth,approle,role'],
  ],
  ['write -format=json sys/policies/acl/a -', ['read.sys,policies,acl,a']],
  ['secrets disable istioca-east', kept],
])('after `vault %s` that is read again which it can have changed', (words, forgotten) => {
  const work = mkdtempSync(join(tmpdir(), 'mesh-ca-forget-'));
  for (const name of kept) writeFileSync(join(work, `known.${name}`), 'x');
  const texts = ['vault', 'forget', 'forget_files', 'forget_below'].map(functionOf);
  expect(texts).not.toContain('');
  const text = `set -eu\nwork=$1 cli=true\nwith_plain_errors() { "$@"; }\n${texts.join('\n')}\nvault ${words}`;
  const { status, stderr } = spawnSync('bash', ['-c', text, 'bash', work], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const left = new Set(readdirSync(work).map(name => name.replace(/^known\./, '')));
  expect(kept.filter(name => !left.has(name))).toEqual(kept.filter(name => forgotten.includes(name)));
});
