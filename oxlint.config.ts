/**
 * Owns the lint rules: correctness, the shape of the code (no default export, no `any`, bounded files and
 * functions), and "one door per dependency": a third-party module is imported under one path only, so that
 * replacing it touches one folder. The direction between our own packages is kept by the tags in turbo.json.
 */
import { defineConfig } from 'oxlint';

/** Module, `*` for a whole scope → the only place in `src` that may import it. */
const doors: readonly (readonly [module: string, door: string])[] = [
  ['fastify', 'services/edge/src/http/**'],
  ['jose', 'services/edge/src/access/tokens.ts'],
  ['execa', 'services/worker/src/child/**'],
  ['@nats-io/*', 'packages/cluster/src/nats/**'],
  ['pino', 'packages/runtime/src/**'],
  ['@opentelemetry/*', 'packages/runtime/src/**'],
  ['pino-pretty', 'packages/runtime/src/**'],
  ['zod', 'packages/config/src/**'],
  ['yaml', 'packages/config/src/**'],
  ['jsonc-parser', 'packages/config/src/**'],
  ['parse-duration', 'packages/config/src/**'],
  ['string-argv', 'packages/config/src/**'],
  ['commander', 'packages/causeway/src/**'],
  ['eventsource-parser', 'packages/causeway/src/mcp/**'],
];

/** Never in `src`: clients, servers and transports of the SDKs belong to tests. */
const forbidden = ['@modelcontextprotocol/*', 'testcontainers', 'fast-check'];

/** What is loaded in another way (packages/runtime/src/http.ts); its types are free. */
const loaded = {
  regex: '^(node:)?http$',
  message: 'Take it from @causeway/runtime: the import loads 13 MiB more.',
  allowTypeImports: true,
};

/** The module itself and every path below it, but no file of ours that bears its name. */
const specifiers = (module: string): string => `^${module.endsWith('/*') ? module.slice(0, -1) : `${module}(/|$)`}`;

/** What a file behind the doors of `open` may not import. */
function closed(open: readonly string[]): ['error', { patterns: { regex: string; message: string; allowTypeImports?: boolean }[] }] {
  const shut = doors.filter(([module]) => !open.includes(module));
  return [
    'error',
    {
      patterns: [
        ...shut.map(([module, door]) => ({ regex: specifiers(module), message: `Only ${door} may import ${module}.` })),
        loaded,
        ...forbidden.map((module) => ({ regex: specifiers(module), message: `Only tests may import ${module}.` })),
      ],
    },
  ];
}

const src = ['packages/*/src/**', 'services/*/src/**'];

export default defineConfig({
  options: { typeAware: true, denyWarnings: true, reportUnusedDisableDirectives: 'error' },
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'node', 'promise'],
  categories: { correctness: 'error', suspicious: 'error' },
  ignorePatterns: ['**/node_modules', '**/dist', '.cache'],
  rules: {
    'import/no-default-export': 'error',
    'import/no-cycle': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    'typescript/consistent-type-imports': 'error',
    // Brands and parsed bytes are asserted at the border, where they were checked.
    'typescript/no-unsafe-type-assertion': 'off',
    'typescript/consistent-return': 'off',
    'import/no-named-as-default': 'off',
    'import/no-named-as-default-member': 'off',
    'unicorn/consistent-function-scoping': 'off',
    // `_meta` is MCP's own name.
    'no-underscore-dangle': 'off',
    // `[...live]` in a loop is a snapshot of a collection that the loop changes.
    'unicorn/no-useless-spread': 'off',
    'no-unmodified-loop-condition': 'off',
    'typescript/no-this-alias': 'off',
    'typescript/no-unnecessary-type-arguments': 'off',
    'promise/always-return': 'off',
    'no-shadow': 'off',
  },
  overrides: [
    {
      files: src,
      rules: {
        'max-lines': ['error', { max: 250 }],
        'max-lines-per-function': ['error', { max: 70 }],
        'no-restricted-imports': closed([]),
        'no-console': 'error',
      },
    },
    ...[...new Set(doors.map(([, door]) => door))].map((door) => ({
      files: [door],
      rules: { 'no-restricted-imports': closed(doors.filter(([, at]) => at === door).map(([module]) => module)) },
    })),
    {
      files: ['packages/*/test/**', 'services/*/test/**', 'test/**'],
      rules: {
        'typescript/unbound-method': 'off',
        'unicorn/no-thenable': 'off',
        'typescript/no-floating-promises': [
          'error',
          { allowForKnownSafeCalls: [{ from: 'package', name: ['test', 'it', 'describe', 'suite'], package: 'node:test' }] },
        ],
      },
    },
    { files: ['*.config.ts'], rules: { 'import/no-default-export': 'off' } },
  ],
});
