import { compareVersions } from '../../src/plan/version';

test.each([
  ['1.9', '1.10'],
  ['v0.9.0', 'v0.17.0'],
  ['1.22', '1.22.1'],
])('%s comes before %s', (a, b) => {
  expect(compareVersions(a, b)).toBeLessThan(0);
  expect(compareVersions(b, a)).toBeGreaterThan(0);
});

test('a missing part and a leading v make no difference', () => {
  expect(compareVersions('v1.22', '1.22.0')).toBe(0);
});
