import { spawnSync } from 'node:child_process';
import { verifyScript } from '../../src/script/verify';
import { clusterOf } from '../fixtures/verify/mesh';
import { verify } from '../fixtures/verify/run';

const [reader] = /^trust_domain_of\(\) \{\n.*?^\}\n/ms.exec(verifyScript(clusterOf())) ?? [];

describe('the trust domain of the mesh config', () => {
  test.each([
    ['at the top', 'trustDomain: td', 'value td'],
    ['in quotes, with a comment', '# c\n---\n"trustDomain":  "td"  # c\r\n', 'value td'],
    ['in single quotes, all of it set in', "\n    # c\n    trustDomain: 'td'\n    rootNamespace: x", 'value td'],
    ['not at all', 'rootNamespace: x', 'unset'],
    ['not where it is deeper', 'a:\n- trustDomain: x\n- b\nc: |\n  trustDomain: x\ntrustDomainAliases: [x]\n', 'unset'],
    ['twice', 'trustDomain: td\ntrustDomain: td', 'unclear'],
    ['in flow style', '{trustDomain: td}', 'unclear'],
    ['through an anchor', '<<: *a\nrootNamespace: x', 'unclear'],
    ['as an alias', 'trustDomain: *a', 'unclear'],
    ['with an escape', 'trustDomain: "t\\x64"', 'unclear'],
    ['as a block', 'trustDomain: |\n  td', 'unclear'],
    ['in a second document', 'a: b\n---\ntrustDomain: x', 'unclear'],
  ])('%s', (_, input, expected) => {
    const { stdout } = spawnSync('bash', ['-c', `${reader}trust_domain_of`], { input, encoding: 'utf8' });
    expect(stdout).toBe(`${expected}\n`);
  });

  test.each([
    [
      'as JSON',
      JSON.stringify({ a: { trustDomain: 'x' }, trustDomain: 'cluster.local' }),
      'ok      trust domain: the mesh config says "cluster.local"',
    ],
    ['not at all, which is "cluster.local"', 'rootNamespace: x', 'ok      trust domain: the mesh config says "cluster.local"'],
    [
      'in a way that only a YAML program reads',
      '{trustDomain: cluster.local}',
      'unknown trust domain: trustDomain cannot be read from ConfigMap istio without a YAML program',
    ],
  ])('%s', (_, text, line) => {
    expect(verify({ facts: { mesh: text }, args: [] }).lines[10]).toBe(line);
  });
});
