/**
 * Owns the request headers of the stateless era that repeat what the body says, so that a proxy need not read it:
 * which must be there, how their values are written, and which arguments of a tool they carry. Pure.
 * Source: 2026-07-28 basic/transports/streamable-http (Standard and custom request headers), SEP-2243.
 */
import { CausewayError } from './errors.ts';
import { isLookalike } from './member-rules.ts';
import { membersAt } from './members.ts';
import { isObject } from './meta.ts';
import type { Span } from './splice.ts';

/** The member of `params` that `Mcp-Name` repeats, by method. */
const NAMED_BY: Readonly<Record<string, 'name' | 'uri' | 'taskId'>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};

export const nameMemberOf = (method: string): 'name' | 'uri' | 'taskId' | undefined =>
  Object.hasOwn(NAMED_BY, method) ? NAMED_BY[method] : undefined;

const SENTINEL = /^=\?base64\?(.*)\?=$/s;
/** Padded, as RFC 4648 §4 writes it. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const DECIMAL = /^-?\d+(\.\d+)?$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** What the names of headers that repeat an argument begin with, in lower case. */
export const PARAM_HEADER = 'mcp-param-';

/** Whether a header's name is one under which an argument may be repeated. */
export const isParamHeader = (name: string): boolean =>
  name.toLowerCase().startsWith(PARAM_HEADER) && TOKEN.test(name.slice(PARAM_HEADER.length));

/** The text that a header's value stands for; `undefined` if it cannot be decoded. */
export function decodeHeader(value: string): string | undefined {
  const text = trim(value);
  const encoded = SENTINEL.exec(text)?.[1];
  if (encoded === undefined) return text;
  if (!BASE64.test(encoded)) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.toString('base64') !== encoded) return undefined;
  const decoded = bytes.toString();
  return Buffer.from(decoded).equals(bytes) ? decoded : undefined;
}

/** Without the blanks and tabs around it that are no part of a value (RFC 9110 §5.5). */
export const trim = (value: string): string =>
  isBlank(value, 0) || isBlank(value, value.length - 1) ? value.replace(/^[ \t]+/, '').replace(/[ \t]+$/, '') : value;

function isBlank(value: string, at: number): boolean {
  const code = value.charCodeAt(at);
  return code === 0x20 || code === 0x09;
}

/** `header` says something else than the body, or nothing. */
export function mismatch(header: string, problem: string): CausewayError {
  return new CausewayError('request.header_mismatch', { message: `Header mismatch: ${header}: ${problem}`, facts: { header } });
}

/** One argument of a tool that a header repeats. */
export interface HeaderArgument {
  /** Names of the properties from the arguments' root on. */
  readonly path: readonly string[];
  /** As declared, without `Mcp-Param-`. */
  readonly header: string;
  readonly numeric: boolean;
}

/**
 * Asserts that what a header repeats of the arguments at `span` is the same to every parser: another might take the first of
 * two members of one name, or one whose name differs in case. Throws `request.header_mismatch`.
 */
export function refuseAmbiguous(declared: readonly HeaderArgument[], bytes: Buffer, span: Span): void {
  for (const { path, header } of declared) {
    let at: Span | undefined = span;
    for (const key of path) {
      if (bytes[at.start] !== OPEN_OBJECT) break;
      const members = membersAt(bytes, at.start);
      if (!members || [...members.of.keys()].some((other) => isLookalike(other, [key])))
        throw mismatch(`Mcp-Param-${header}`, `the body has more than one ${key} on the way to the argument ${path.join('.')}`);
      at = members.of.get(key);
      if (!at) break;
    }
  }
}

const OPEN_OBJECT = 0x7b;
const TYPES: ReadonlySet<unknown> = new Set(['string', 'boolean', 'integer', 'number']);
const MAX_DEPTH = 32;

/** What a tool's input schema declares; none where a declaration breaks the rules: its clients leave that tool out. */
export function headerArguments(schema: unknown): readonly HeaderArgument[] {
  const found: HeaderArgument[] = [];
  const names = new Set<string>();
  const visit = (node: unknown, path: readonly string[]): boolean => {
    if (!isObject(node) || path.length > MAX_DEPTH) return true;
    const { 'x-mcp-header': header, type, properties } = node;
    if (header !== undefined) {
      if (typeof header !== 'string' || !TOKEN.test(header) || path.length === 0 || !TYPES.has(type)) return false;
      if (names.size === names.add(header.toLowerCase()).size) return false;
      found.push({ path, header, numeric: type === 'integer' || type === 'number' });
    }
    return !isObject(properties) || Object.entries(properties).every(([key, child]) => visit(child, [...path, key]));
  };
  return visit(schema, []) ? found : [];
}

/** Asserts that every declared argument which is there is repeated. `headers` by lower-case name, without `mcp-param-`. Throws `request.header_mismatch`. */
export function checkHeaderArguments(
  declared: readonly HeaderArgument[],
  values: unknown,
  headers: Readonly<Record<string, string>>,
): void {
  for (const { path, header, numeric } of declared) {
    const value = path.reduce<unknown>((node, key) => (isObject(node) && Object.hasOwn(node, key) ? node[key] : undefined), values);
    const text = asText(value);
    if (text === undefined) continue;
    const name = `Mcp-Param-${header}`;
    const given = Object.hasOwn(headers, header.toLowerCase()) ? headers[header.toLowerCase()] : undefined;
    if (given === undefined) throw mismatch(name, `is missing, and the body has the argument ${path.join('.')}`);
    const decoded = decodeHeader(given);
    if (decoded === undefined) throw mismatch(name, 'is not valid Base64');
    const equal = numeric && typeof value === 'number' && DECIMAL.test(decoded) ? Number(decoded) === value : decoded === text;
    if (!equal) throw mismatch(name, `is not what the body has as the argument ${path.join('.')}`);
  }
}

/** A value as a header would carry it; `undefined` where none is expected. */
function asText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  if (typeof value !== 'number') return undefined;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : String(value);
}
