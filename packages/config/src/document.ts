/**
 * Owns turning the text of a YAML or JSON file into plain data that remembers where everything stood.
 * Keeps: JSON may have comments and trailing commas; a key given twice is a fault, and the first is read all the same; numbers in an unusual
 * notation stay text, so that `1.10` in an environment is not read as 1.1; objects have no prototype.
 */
import { parseTree, getNodeValue, findNodeAtLocation, printParseErrorCode, type Node, type ParseError } from 'jsonc-parser';
import { LineCounter, isMap, isNode, isPair, isScalar, parseDocument as parseYaml, visit, type Document as YamlDocument } from 'yaml';
import { pathText, type Fault, type Path } from './faults.ts';

export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface Document {
  /** As the user named it. */
  readonly file: string;
  /** `undefined` where the text could not be read as a whole. */
  readonly value: unknown;
  readonly faults: readonly Fault[];
  /** Where the value at `path` stands, or the key itself; of the nearest ancestor when it stands nowhere. */
  place(path: Path, part?: 'key' | 'value'): Place | undefined;
}

/** A fault of what stands at `path`. */
export function faultAt(document: Document, path: Path, text: string, part: 'key' | 'value' = 'value'): Fault {
  return { where: document.file, ...document.place(path, part), path: pathText(path), text };
}

export function parseDocument(file: string, text: string): Document {
  const clean = text.startsWith('\uFEFF') ? text.slice(1) : text;
  return /\.(?:json|jsonc)$/i.test(file) ? jsonDocument(file, clean) : yamlDocument(file, clean);
}

function jsonDocument(file: string, text: string): Document {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true, disallowComments: false });
  const lines = new LineCounter();
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines.addNewLine(at + 1);
  lines.lineStarts.unshift(0);
  const at = (offset: number): Place => ({ line: lines.linePos(offset).line, column: lines.linePos(offset).col });
  const faults = errors.map((error): Fault => ({
    where: file,
    ...at(error.offset),
    path: '',
    text: `not valid JSON: ${words(printParseErrorCode(error.error))}`,
  }));
  if (root === undefined) faults.push({ where: file, line: 1, column: 1, path: '', text: 'the file is empty' });
  else
    for (const { key, property, object } of duplicates(root).toArray()) {
      faults.push({ where: file, ...at(key.offset), path: '', text: givenTwice(key.value) });
      object.children!.splice(object.children!.indexOf(property), 1);
    }
  return {
    file,
    value: root === undefined || errors.length > 0 ? undefined : getNodeValue(root),
    faults,
    place(path, part = 'value') {
      for (let length = path.length; root !== undefined && length >= 0; length -= 1) {
        const node = findNodeAtLocation(root, [...path.slice(0, length)]);
        if (node === undefined) continue;
        const key = length === path.length && part === 'key' && node.parent?.type === 'property' ? node.parent.children?.[0] : undefined;
        return at((key ?? node).offset);
      }
      return undefined;
    },
  };
}

/** `CommaExpected` → `comma expected`. */
function words(code: string): string {
  return code.replaceAll(/(?!^)[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();
}

interface Twice {
  readonly key: Node;
  readonly property: Node;
  readonly object: Node;
}

function* duplicates(object: Node): Generator<Twice> {
  const seen = new Set<unknown>();
  for (const property of object.children ?? []) {
    const key = property.type === 'property' ? property.children?.[0] : undefined;
    if (key !== undefined && seen.has(key.value)) yield { key, property, object };
    if (key !== undefined) seen.add(key.value);
    yield* duplicates(property);
  }
}

function yamlDocument(file: string, text: string): Document {
  const lineCounter = new LineCounter();
  const parsed = parseYaml(text, { lineCounter, prettyErrors: false, uniqueKeys: true, strict: true });
  const at = (offset: number): Place => ({ line: lineCounter.linePos(offset).line || 1, column: lineCounter.linePos(offset).col || 1 });
  // A variable between braces or brackets looks like more braces: what else is wrong in that line follows from it.
  const isVariable = (error: { readonly pos: readonly [number, number] }): boolean => text.startsWith('${', error.pos[0] - 1);
  const lines = new Set(parsed.errors.filter(isVariable).map(({ pos }) => at(pos[0]).line));
  const faults = parsed.errors.flatMap((error): Fault[] => {
    const place = { where: file, ...at(error.pos[0]), path: '' };
    if (isVariable(error)) return [{ ...place, text: 'between braces or brackets YAML wants a variable in quotes: "${NAME}"' }];
    if (error.code === 'DUPLICATE_KEY') return [{ ...place, text: givenTwice(takeOut(parsed, error.pos[0])) }];
    return lines.has(place.line) ? [] : [{ ...place, text: `not valid YAML: ${unquoted(error.message)}` }];
  });
  const readable = parsed.errors.every(({ code }) => code === 'DUPLICATE_KEY');
  visit(parsed, {
    Scalar(_key, node) {
      if (typeof node.value === 'number' && node.source !== undefined && String(node.value) !== node.source) node.value = node.source;
    },
  });
  let value: unknown;
  try {
    value = readable ? parsed.toJS({ maxAliasCount: 100 }) : undefined;
  } catch (error) {
    faults.push({ where: file, line: 1, column: 1, path: '', text: `not valid YAML: ${unquoted((error as Error).message)}` });
  }
  return {
    file,
    value: bare(value),
    faults,
    place(path, part = 'value') {
      for (let length = path.length; length >= 0; length -= 1) {
        const parent = length === 0 ? undefined : parsed.getIn(path.slice(0, length - 1), true);
        const pair = isMap(parent)
          ? parent.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(path[length - 1]))
          : undefined;
        const wanted =
          pair !== undefined && part === 'key' && length === path.length
            ? pair.key
            : length === 0
              ? parsed.contents
              : parsed.getIn(path.slice(0, length), true);
        if (isNode(wanted) && wanted.range) return at(wanted.range[0]);
        if (pair !== undefined && isNode(pair.key) && pair.key.range) return at(pair.key.range[0]);
      }
      return undefined;
    },
  };
}

/** Takes out what stands under the key that begins at `offset`; returns that key. */
function takeOut(document: YamlDocument, offset: number): unknown {
  let found: unknown;
  visit(document, {
    Pair(_key, { key }) {
      if (!isScalar(key) || key.range?.[0] !== offset) return undefined;
      found = key.value;
      return visit.REMOVE;
    },
  });
  return found;
}

function givenTwice(key: unknown): string {
  return `the key ${JSON.stringify(key)} is given twice`;
}

/** What the parser says, without what it quotes of the text: that may be a password which begins with `*`. */
function unquoted(message: string): string {
  return message.replace(/: .*| \\.*/s, '');
}

/** The same data in objects without a prototype. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.create(null) as Record<string, unknown>;
  for (const key of Object.keys(value)) copy[key] = bare((value as Record<string, unknown>)[key]);
  return copy;
}
