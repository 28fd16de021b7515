import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  {
    ignores: [
      'lib/',
      'dist/',
      'coverage/',
      'node_modules/',
      '**/node_modules/',
      'imports/cert-manager.io.ts',
      'src/config/validator.generated.ts',
      // type-checked against the packed package, by its own test.
      'test/consumer/',
      'test/testbed/kube/',
      'test/testbed/vault/',
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error', noInlineConfig: true } },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-assertions': ['error', { assertionStyle: 'as' }],
      // numbers and booleans stand in messages and arguments as they are.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // `_name` leaves a key out of a rest.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // control characters in patterns are the point of them here.
      'no-control-regex': 'off',
    },
  },
  {
    files: ['src/**/*.ts', 'imports/**/*.ts'],
    rules: {
      // their types are known beside the tests; `npm run build` knows Node's alone.
      'no-restricted-globals': ['error', 'jest', 'describe', 'test', 'it', 'expect', 'beforeAll', 'beforeEach', 'afterAll', 'afterEach'],
    },
  },
  {
    files: ['src/constructs/**/*.ts', 'src/charts/**/*.ts', 'test/**/*.ts'],
    // a construct is made for its effect on the tree.
    rules: { 'no-new': 'off' },
  },
  { files: ['test/**/*.ts'], rules: { '@typescript-eslint/no-non-null-assertion': 'off' } },
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: {
      globals: {
        console: 'readonly',
        process: 'readonly',
        module: 'writable',
        require: 'readonly',
        __dirname: 'readonly',
        URL: 'readonly',
        Buffer: 'readonly',
        performance: 'readonly',
        setTimeout: 'readonly',
      },
    },
  },
);
