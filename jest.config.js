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
 * `unit` needs no program but node, bash and openssl; `live` runs the real servers and wants `--runInBand`.
 *
 * @type {import('jest').Config}
 */
module.exports = {
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['<rootDir>/test/**/*.test.ts'],
      testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/live/'],
    },
    { ...shared, displayName: 'live', testMatch: ['<rootDir>/test/live/**/*.test.ts'] },
  ],
  testTimeout: 30_000,
  collectCoverageFrom: ['src/**/*.ts'],
};
