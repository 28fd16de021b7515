import { longest, seconds } from '../../src/plan/ttl';

test.each([
  ['1h', 3600],
  ['90m', 5400],
  ['30s', 30],
  ['0', 0],
])('%s is %d seconds', (duration, expected) => {
  expect(seconds(duration)).toBe(expected);
});

test('the longest is returned as it was written', () => {
  expect(longest(['1h', '90m', '3600s'])).toBe('90m');
});

test('of equals the first is returned', () => {
  expect(longest(['1h', '60m'])).toBe('1h');
});
