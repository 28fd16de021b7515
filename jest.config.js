/** What both kinds of test share: swc compiles, `tsc` type-checks apart. */
const shared = {
  rootDir: __dirname,
  testEnvironment: 'node',
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' }, sourceMaps: 'inline' },
    ],
  },
  modulePathIgnorePatterns: ['<rootDir>/lib/', '<rootDir>/dist/', '<rootDir>/test/consumer/', '<rootDir>/stubs/'],
};

/**
 * `unit` needs no program but node and bash. `verify` runs verify.sh with stand-ins for kubectl and istioctl, has ShellCheck read every
 * script, and wants openssl, jq and shellcheck. `live` runs the real servers, and `bench` measures them: by hand alone.
 *
 * @type {import('jest').Config}
 */
module.exports = {
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['<rootDir>/test/**/*.test.ts'],
      testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/live/', '<rootDir>/test/verify/'],
    },
    { ...shared, displayName: 'verify', testMatch: ['<rootDir>/test/verify/**/*.test.ts'] },
    { ...shared, displayName: 'live', testMatch: ['<rootDir>/test/live/**/*.test.ts'] },
    { ...shared, displayName: 'bench', testMatch: ['<rootDir>/test/bench/*.bench.ts'] },
  ],
  testSequencer: '<rootDir>/test/sequencer.js',
  testTimeout: 30_000,
  collectCoverageFrom: ['src/**/*.ts'],
};
