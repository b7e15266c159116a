import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  elementsOf,
  FrameFault,
  membersAt,
  oneLine,
  outlineOf,
  readClientBody,
  readServerLine,
  refusedAnswer,
  slice,
  splice,
  splitServerBatch,
  textOf,
  withId,
  type Frame,
} from '../src/index.ts';

const single = (text: string): Frame => {
  const body = readClientBody(Buffer.from(text));
  assert.equal(body.kind, 'single');
  return (body as { frame: Frame }).frame;
};
const at = (frame: Frame, key: 'id' | 'progressToken' | 'requestId'): string | undefined =>
  frame[key] && Buffer.from(slice(frame.bytes, frame[key])).toString();
const refused = (text: string | Buffer, kind: 'malformed' | 'invalid'): FrameFault => {
  try {
    readClientBody(Buffer.from(text as string));
  } catch (error) {
    assert.ok(error instanceof FrameFault, String(error));
    assert.equal(error.kind, kind, `${String(text).slice(0, 80)}: ${error.message}`);
    return error;
  }
  throw new assert.AssertionError({ message: `accepted: ${String(text).slice(0, 80)}` });
};

test('ids keep their type and their bytes', () => {
  for (const id of ['0', '""', '"1"', '1', '9007199254740993', '-1.50e3', '"\\u0031"', '"é"']) {
    const frame = single(`{"jsonrpc":"2.0", "id" : ${id} ,"method":"tools/list"}`);
    assert.equal(frame.kind, 'request');
    assert.equal(at(frame, 'id'), id);
    assert.equal(withId(frame, Buffer.from('7')).toString(), `{"jsonrpc":"2.0", "id" : 7 ,"method":"tools/list"}`);
  }
});

test('what a client says nothing by is taken out, and everything else stays where it was', () => {
  for (const [written, left] of [
    ['{"_meta":null}', '{}'],
    ['{"a":1 , "_meta" : null }', '{"a":1}'],
    ['{"_meta":null, "a":1}', '{"a":1}'],
    ['{"a":1,"_meta":null,"b":2}', '{"a":1,"b":2}'],
    ['{"a":1,"_meta":{"progressToken":null}}', '{"a":1,"_meta":{}}'],
    ['{"_meta":{"x":"\\"","progress\\u0054oken":null},"a":1}', '{"_meta":{"x":"\\""},"a":1}'],
    ['{"_meta":{"progressToken":null,"x":null}}', '{"_meta":{"x":null}}'],
  ] as const) {
    const body = `{"jsonrpc":"2.0","method":"m","params":${written},"id":"last"}`;
    const { bytes, id, progressToken } = single(body);
    assert.equal(bytes.toString().replaceAll(' ', ''), `{"jsonrpc":"2.0","method":"m","params":${left},"id":"last"}`);
    assert.deepEqual([bytes.length, bytes.toString('utf8', id?.start, id?.end), progressToken], [body.length, '"last"', undefined]);
  }
});

test('the ids inside params are found', () => {
  const call = single(
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"_meta":{"progressToken":"no"}},"_meta":{"x":[1],"progressToken":"yes"}}}',
  );
  assert.equal(at(call, 'progressToken'), '"yes"');
  const without = single('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"progressToken":null}}}');
  assert.equal(at(without, 'progressToken'), undefined);
  const cancel = single('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"a","reason":"x"}}');
  assert.deepEqual([cancel.kind, at(cancel, 'requestId')], ['notification', '"a"']);
  const progress = readServerLine(
    Buffer.from('{"method":"notifications/progress","params":{"progress":1,"progressToken":5},"jsonrpc":"2.0"}'),
  );
  assert.equal(at(progress, 'progressToken'), '5');
});

test('responses of both kinds are read, with id 0 and extra members from servers', () => {
  assert.equal(single('{"jsonrpc":"2.0","id":0,"result":{}}').kind, 'response');
  assert.equal(readServerLine(Buffer.from('{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"},"extra":1}')).kind, 'response');
});

test('what is not JSON is malformed', () => {
  for (const text of [
    '',
    ' ',
    '{',
    '{"a":1,}',
    '[1,]',
    '01',
    '{"jsonrpc":"2.0"}x',
    '{"a":"\u0001"}',
    '{"a":tru}',
    "{'a':1}",
    '{"a":"\\x"}',
    '{"a":1e}',
    'nul',
    '\ufeff{}',
  ]) {
    refused(text, 'malformed');
  }
  for (const bytes of [
    [0x22, 0xff, 0x22],
    [0x22, 0xc0, 0x80, 0x22],
    [0x22, 0xed, 0xa0, 0x80, 0x22],
  ])
    refused(Buffer.from(bytes), 'malformed');
});

test('the id of what is not JSON is not told', () => {
  for (const text of ['{"jsonrpc":"2.0","id":01,"method":"ping"}', '{"jsonrpc":"2.0","id":1,"method":"ping"', '{"id":"a",}'])
    assert.equal(refused(text, 'malformed').id, undefined);
});

test('the id of an answer is not told: it is one of the server’s, and may be that of another request of its client', () => {
  for (const rest of ['"result":{},"extra":1', '"error":{"code":1,"message":"no"},"result":1', '"result":{"__proto__":1}'])
    for (const text of [`{"jsonrpc":"2.0","id":1,${rest}}`, `{${rest},"jsonrpc":"2.0","id":1}`])
      assert.equal(refused(text, 'invalid').id, undefined, text);
});

test('what is JSON but no message is invalid', () => {
  for (const text of ['42', '"x"', 'null', '[]', '[[]]', '[1]', '{}', '{"jsonrpc":"1.0","id":1,"method":"a"}', '{"jsonrpc":"2.0","id":1}'])
    refused(text, 'invalid');
  for (const rest of [
    '"id":{},"method":"a"',
    '"id":[1],"method":"a"',
    '"id":true,"method":"a"',
    '"id":null,"method":"a"',
    '"id":1,"method":5',
    '"id":1,"method":"a","params":[1]',
    '"id":1,"method":"a","result":{}',
    '"id":1,"result":{},"error":{}',
  ]) {
    refused(`{"jsonrpc":"2.0",${rest}}`, 'invalid');
  }
});

test('smuggled keys are refused and the id is still told', () => {
  for (const rest of [
    '"method":"tools/list","Method":"tools/call"',
    '"method":"tools/list","method":"tools/call"',
    '"method":"tools/list","meth\\u006fd":"tools/call"',
    '"method":"tools/call","params":{"name":"a","Name":"b"}',
    '"method":"tools/call","params":{"name":"a","name\\u0000":"b"}',
    '"method":"tools/call","param\u017f":{}',
    '"method":"tools/call","params":{"argument\u017f":{}}',
    '"method":"tasks/get","params":{"taskId":"a","taskid":"b"}',
    '"method":"logging/setLevel","params":{"level":"a","Level":"b"}',
    '"method":"subscriptions/listen","params":{"notifications":{},"notification\u017f":{}}',
    '"method":"tools/call","params":{"name":"a","_meta":{"progressToken":1,"ProgressToken":2}}',
    '"method":"tools/call","params":{"name":"a","_meta":{"progressToken\\u0000":2}}',
    '"method":"tools/call","params":{"name":"a","_meta":{"io.modelcontextprotocol/protocolversion":"2026-07-28"}}',
    '"method":"a","params":{"x":{"__proto__":{}}}',
    '"method":"a","params":{"x":{"\\u005f_proto__":{}}}',
    '"method":"a","params":{"x":{"constructor":{"a":1,"prototype":{}}}}',
  ]) {
    assert.equal(refused(`{"jsonrpc":"2.0","id":"q",${rest}}`, 'invalid').id, '"q"');
  }
  single('{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":{"constructor":"Robert","prototype":1}}}');
});

test('depth, keys and batch length are bounded', () => {
  const nested = (depth: number): string => `{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":${'['.repeat(depth)}${']'.repeat(depth)}}}`;
  single(nested(60));
  refused(nested(70), 'invalid');
  refused('['.repeat(100_000), 'invalid');
  refused(`{"jsonrpc":"2.0","id":1,"method":"a","params":{${Array.from({ length: 10_001 }, (_, key) => `"${key}":1`).join()}}}`, 'invalid');
  const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
  assert.equal((readClientBody(Buffer.from(`[${Array(100).fill(ping).join()}]`)) as unknown as { frames: unknown[] }).frames.length, 100);
  refused(`[${Array(101).fill(ping).join()}]`, 'invalid');
});

test('what a server nests deep is read, without a stack, up to a bound', () => {
  const answer = (depth: number): Buffer => {
    const half = depth / 2;
    return Buffer.from(`{"jsonrpc":"2.0","id":1,"result":${'{"a":['.repeat(half)}1${']}'.repeat(half)}}`);
  };
  for (const depth of [100, 1_000, 9_998]) assert.equal(readServerLine(answer(depth)).kind, 'response', String(depth));
  for (const depth of [10_000, 1_000_000]) assert.throws(() => readServerLine(answer(depth)), FrameFault);
  for (const tail of ['', '}', '}}', ']}']) {
    assert.throws(() => readServerLine(Buffer.from(`{"jsonrpc":"2.0","id":1,"result":{"a":[{"b":[1,{}${tail}`)), FrameFault, tail);
  }
});

test('a key in which a raw control character stands beside an escape is no JSON, not the end of the reader', () => {
  const line = Buffer.from('{"jsonrpc":"2.0","x\\n\ty":1,"id":1,"result":{}}');
  assert.throws(() => readServerLine(line), { name: 'FrameFault', kind: 'malformed' });
  assert.throws(() => readServerLine(Buffer.from('{"jsonrpc":"2.0","method":"x\\n\ty"}')), { name: 'FrameFault', kind: 'malformed' });
  assert.equal(refusedAnswer(line), undefined);
  assert.equal(outlineOf(line, {}), undefined);
  assert.equal(membersAt(line), undefined);
});

test('many keys and long ones are read in time that grows with them, not with their square', () => {
  const keys = (count: number): string => Array.from({ length: count }, (_, n) => `"k${n}":0`).join(',');
  assert.equal(readServerLine(Buffer.from(`{"jsonrpc":"2.0","method":"a","params":{${keys(10_000)}}}`)).kind, 'notification');
  const line = Buffer.from(`{"jsonrpc":"2.0","method":"a","params":{${keys(1_000_000)}}}`);
  // By the square either would take hours.
  assert.throws(() => readServerLine(line), { name: 'FrameFault', kind: 'invalid', message: /10000 keys in one object/ });
  assert.equal(readServerLine(Buffer.from(`{"jsonrpc":"2.0","id":1,"result":{"a":{${keys(1_000_000)}}}}`)).kind, 'response');
  const marks = '\u0301\u0316'.repeat(1_000_000);
  assert.equal(readClientBody(Buffer.from(`{"jsonrpc":"2.0","method":"a","params":{"${marks}":1}}`)).kind, 'single');
});

test('long arrays are refused or let be before their elements are gathered; what is nested in a line is looked at once', () => {
  const ones = (count: number): string => `[${'1,'.repeat(count)}1]`;
  assert.throws(() => readClientBody(Buffer.from(ones(1_000_000))), { name: 'FrameFault', kind: 'invalid', message: /100 elements/ });
  assert.equal(splitServerBatch(Buffer.from(ones(5_000_000))), undefined);
  assert.equal(refusedAnswer(Buffer.from(`{"result":${'['.repeat(5_000_000)}`)), undefined);
  const tool = `{"name":"t","description":"${'d'.repeat(100)}"}`;
  const line = Buffer.from(`{"tools":[${Array.from({ length: 9_000 }, () => tool).join(',')}],"rest":"${'y'.repeat(15_000_000)}"}`);
  const tools = elementsOf(line, membersAt(line), 'tools');
  assert.equal(tools.length, 9_000);
  // Each by a scanner of its own: by elements times the length of the line it would take minutes.
  for (const { start } of tools) assert.equal(textOf(line, membersAt(line, start), 'name'), 't');
  const more = Buffer.from(`{"tools":[${'{},'.repeat(10_000)}{}]}`);
  assert.deepEqual(elementsOf(more, membersAt(more), 'tools'), []);
});

test('a key that occurs twice is refused among few and among many', () => {
  for (const count of [2, 15, 16, 17, 200]) {
    const keys = Array.from({ length: count }, (_, n) => `"k${n}":0`);
    assert.equal(readServerLine(Buffer.from(`{"jsonrpc":"2.0","method":"a","params":{${keys.join(',')}}}`)).kind, 'notification');
    for (const twice of [keys[0]!, keys.at(-1)!]) {
      const params = [...keys, twice].join(',');
      assert.throws(() => readServerLine(Buffer.from(`{"jsonrpc":"2.0","method":"a","params":{${params}}}`)), { kind: 'invalid' });
    }
  }
});

test('a refused line tells the request that it was meant to answer, and a line of a log none', () => {
  const found = (line: string | Buffer): string | undefined => {
    const bytes = Buffer.from(line as string);
    assert.throws(() => readServerLine(bytes), FrameFault);
    const id = refusedAnswer(bytes);
    return id && Buffer.from(slice(bytes, id)).toString();
  };
  const deep = '['.repeat(20_000) + ']'.repeat(20_000);
  for (const line of [
    `{"jsonrpc":"2.0","id":7,"result":${deep}}`,
    `{"jsonrpc":"2.0","result":${deep},"id":7}`,
    '{"jsonrpc":"2.0","id":7,"result":{},"result":{}}',
    '{"jsonrpc":"2.0","id":7,"result":{"x":NaN}}',
    '{"jsonrpc":"2.0","id":7,"result":{},"error":{}}',
    '{"jsonrpc":"1.0","id":7,"result":{}}',
    '{"id":7,"result":{}}',
    '\ufeff{"jsonrpc":"2.0","id":7,"result":{}}',
    '{"jsonrpc":"2.0","id":7,"result":{"cut',
    '{"jsonrpc":"2.0","id":7}',
  ]) {
    assert.equal(found(line), '7', line.slice(0, 60));
  }
  assert.equal(found(Buffer.from([...Buffer.from('{"jsonrpc":"2.0","id":7,"result":"'), 0xe9, ...Buffer.from('"}')])), '7');
  for (const line of [
    '{"level":30,"id":7,"msg":"working"}',
    '{"level":50,"id":7,"error":"it failed"}',
    '{"jsonrpc":"2.0","id":7',
    '{"jsonrpc":"2.0","id":7,"note":"working"}',
    '{"id":7}',
    '{"jsonrpc":"2.0","id":7,"method":5,"result":{}}',
    '[{"jsonrpc":"2.0","id":7,"result":{}}]',
    'id 7 done',
    '7',
    '',
  ]) {
    assert.equal(found(line), undefined, line);
  }
});

test('the scanner accepts exactly what JSON.parse accepts', () => {
  const json = fc.json({ maxDepth: 5 });
  const damaged = fc.tuple(json, fc.nat(), fc.string({ minLength: 0, maxLength: 2, unit: 'grapheme-ascii' })).map(([text, where, junk]) => {
    const cut = where % (text.length + 1);
    return text.slice(0, cut) + junk + text.slice(cut + (where % 2));
  });
  fc.assert(
    fc.property(fc.oneof(json, damaged), (value) => {
      const line = `{"jsonrpc":"2.0","id":1,"result":${value}}`;
      let expected = line.isWellFormed();
      try {
        const keys = JSON.parse(line) as Record<string, unknown>;
        expected &&= Object.hasOwn(keys, 'result') && keys['jsonrpc'] === '2.0' && Object.keys(keys).length === 3;
      } catch {
        expected = false;
      }
      let found = true;
      try {
        readServerLine(Buffer.from(line));
      } catch (error) {
        assert.ok(error instanceof FrameFault);
        found = false;
      }
      assert.equal(found, expected, line);
    }),
    { numRuns: 2000 },
  );
});

test('long strings are scanned as short ones are, with quotes, escapes and control characters anywhere', () => {
  const long = (at: number, what: string): Buffer =>
    Buffer.from(`{"jsonrpc":"2.0","id":1,"result":"${'x'.repeat(at)}${what}${'y'.repeat(300)}","z":"${'w'.repeat(200)}"}`);
  for (const at of [0, 1, 62, 63, 64, 65, 500]) {
    for (const what of ['', '\\n', '\\\\', '\\"', '\\u00e9\\n', 'é', '\t'])
      assert.equal(readServerLine(long(at, what)).kind, 'response', `${at} ${what}`);
    for (const what of ['"', '\\x', '\\']) assert.throws(() => readServerLine(long(at, what)), FrameFault, `${at} ${what}`);
    refused(`{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":"${'x'.repeat(at)}\t"}}`, 'malformed');
  }
});

test('splice replaces spans of any order and leaves the rest alone', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.uint8Array({ maxLength: 9 }), fc.uint8Array({ maxLength: 9 })), {
        maxLength: 6,
      }),
      (pieces) => {
        const before: Uint8Array[] = [];
        const after: Uint8Array[] = [];
        const edits: { span: { start: number; end: number }; bytes: Uint8Array }[] = [];
        let offset = 0;
        for (const [keep, old, fresh] of pieces) {
          edits.unshift({ span: { start: offset + keep.length, end: offset + keep.length + old.length }, bytes: fresh });
          offset += keep.length + old.length;
          before.push(keep, old);
          after.push(keep, fresh);
        }
        assert.deepEqual(splice(Buffer.concat(before), edits), Buffer.concat(after));
      },
    ),
  );
});

test('a message becomes one line, and server batches fall apart into messages', () => {
  assert.equal(oneLine(Buffer.from('{"a":\r1,\n"b":"\\n"}')).toString(), '{"a": 1, "b":"\\n"}');
  assert.deepEqual(splitServerBatch(Buffer.from('[{"a":1}, {"b":[2]}]'))?.map(String), ['{"a":1}', '{"b":[2]}']);
  for (const text of ['{}', '', '[1,', '[1]x', '['.repeat(20_000) + ']'.repeat(20_000)])
    assert.equal(splitServerBatch(Buffer.from(text)), undefined);
});
