import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { interpolate, type Scope } from '../src/interpolate.ts';

const scope = (env: Record<string, string> = {}): Scope => ({
  env,
  folder: '/work/space',
  home: '/home/u',
  read: (file) => {
    if (file === '/run/secrets/x') return 's3cret\n';
    throw new Error('no');
  },
});

function expand(text: string, env: Record<string, string> = {}): { text: string; faults: string[] } {
  const faults: string[] = [];
  return { text: interpolate(text, scope(env), (fault) => faults.push(fault)), faults };
}

test('every form expands', () => {
  const env = { A: 'a', EMPTY: '', CAUSEWAY_INPUT_MY_KEY: 'k' };
  const table: [string, string][] = [
    ['${A}', 'a'],
    ['x${A}y${A}', 'xaya'],
    ['${env:A}', 'a'],
    ['${B:-d}', 'd'],
    ['${env:B:-d}', 'd'],
    ['${EMPTY:-d}', 'd'],
    ['${EMPTY}', ''],
    ['${B:-}', ''],
    ['${B:-a:-b}', 'a:-b'],
    ['${workspaceFolder}/x', '/work/space/x'],
    ['${workspaceFolderBasename}', 'space'],
    ['${userHome}', '/home/u'],
    ['${input:my-key}', 'k'],
    ['${file:/run/secrets/x}', 's3cret'],
    ['$${A}', '${A}'],
    ['$$${A}', '$${A}'],
    ['$A $ {A} $', '$A $ {A} $'],
    ['', ''],
  ];
  for (const [text, result] of table) assert.deepEqual(expand(text, env), { text: result, faults: [] }, text);
});

test('where nobody knows a home directory, only what asks for it is a fault', () => {
  const faults: string[] = [];
  const homeless = { ...scope({ A: 'a' }), home: undefined };
  assert.equal(
    interpolate('${A} ${userHome}', homeless, (fault) => faults.push(fault)),
    'a ${userHome}',
  );
  assert.deepEqual(faults, ['${userHome} is not known: this user has none, and HOME is not set']);
});

test('what cannot be expanded is a fault, never silently left', () => {
  for (const [text, fault] of [
    ['${NOPE}', /variable NOPE is not set/],
    ['${env:NOPE}', /variable NOPE is not set/],
    ['${input:id x}', /set CAUSEWAY_INPUT_ID_X/],
    ['${file:/nope}', /cannot be read/],
    ['${command:x}', /not understood/],
    ['${}', /not understood/],
    ['${A', /not closed/],
    ['${A:-${B}}', /never nested/],
    ['${constructor}', /variable constructor is not set/],
    ['${__proto__}', /variable __proto__ is not set/],
  ] as const) {
    const { faults } = expand(text);
    assert.match(faults.join('\n'), fault, text);
  }
});

test('escaping any text and expanding it gives the text back', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('$', '{', '}', 'a', ':', '-', '\n', 'é') }), (text) => {
      assert.deepEqual(expand(text.replaceAll('${', () => '$${')), { text, faults: [] });
    }),
  );
});

test('a value is never looked at again, whatever it holds', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('$', '{', '}', 'A', 'B', '&', '`', "'") }), fc.string(), (value, around) => {
      const plain = around.replaceAll('$', '').replaceAll('{', '');
      assert.deepEqual(expand(`${plain}\${A}${plain}`, { A: value, B: 'never' }), { text: plain + value + plain, faults: [] });
    }),
  );
});
