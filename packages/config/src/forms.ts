/** Owns the forms that settings share: durations, sizes, counts, ports, paths, each read from what a user would write. */
import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { durationMs, isLoopback, sizeBytes } from './units.ts';

export const duration = z.union([z.string(), z.number()], 'a duration: 30s, 5m, 250ms, or seconds').transform((value, context) => {
  const ms = durationMs(value);
  if (ms !== undefined) return ms;
  context.addIssue(`not a duration: ${JSON.stringify(value)} (30s, 5m, 1h30m, 250ms, or seconds; at most 24d)`);
  return z.NEVER;
});

/** For what 0 would not switch off, but make useless. */
export const timeSpan = duration.refine((ms) => ms > 0, 'must be above 0 (at most 24d)');

export const size = z.union([z.string(), z.number()], 'a size: 4MiB, 64kB, or bytes').transform((value, context) => {
  const bytes = sizeBytes(value);
  if (bytes !== undefined && bytes > 0) return bytes;
  context.addIssue(`not a size: ${JSON.stringify(value)} (4MiB, 64kB, or bytes)`);
  return z.NEVER;
});

const whole = (least: 0 | 1) =>
  z.union([z.number(), z.string()], 'a whole number').transform((value, context) => {
    const number = typeof value === 'number' ? value : /^\d+$/.test(value) ? Number(value) : Number.NaN;
    if (Number.isSafeInteger(number) && number >= least) return number;
    context.addIssue(`not a whole number ${least === 0 ? 'from 0 on' : 'above 0'}: ${JSON.stringify(value)}`);
    return z.NEVER;
  });

export const count = whole(1);
export const countOrNone = whole(0);

export const port = z.union([z.number(), z.string()], 'a port').transform((value, context) => {
  const number = typeof value === 'number' ? value : /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isInteger(number) && number >= 0 && number < 65_536) return number;
  context.addIssue(`not a port: ${JSON.stringify(value)} (0 to 65535; 0 is any free port)`);
  return z.NEVER;
});

export const text = z.string().min(1, 'must not be empty');
export const texts = z.array(text);
/** For arguments and variables, which are text to the child whatever they look like. */
export const scalar = z.union([z.string(), z.number(), z.boolean()], 'text').transform(String);
export const urlPath = text.regex(/^\/[^?#\s]*$/, 'must be a path that begins with "/"');
/** A slash at its end says nothing. */
export const routePath = urlPath.transform((path) => path.replace(/(?<=.)\/+$/, ''));
/** What a request can carry as a key. */
export const key = text.regex(/^[\x21-\x7e]+$/, 'must be visible ASCII without blanks');
export const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'not a header name');
/** They say where an answer ends. */
const FRAMING = /^(?:content-length|transfer-encoding)$/i;
export const header = z.record(
  headerName.refine((name) => !FRAMING.test(name), 'is set by the bridge itself'),
  z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'holds characters that a header cannot carry'),
);

/** What a browser says in Origin, or what it is to match. */
const ORIGIN = /^(?:\*|null|[a-z][a-z0-9+.-]*:\/\/[^/?#\s]*)$/i;

function isPattern(written: string): boolean {
  try {
    return /^\/.+\/$/.test(written) && new RegExp(written.slice(1, -1), 'i') instanceof RegExp;
  } catch {
    return false;
  }
}

const origin = text.superRefine((written, context) => {
  if (!ORIGIN.test(written) && !isPattern(written))
    context.addIssue(
      `not an origin: ${JSON.stringify(written)} (https://a.example, https://a.example:8443, * for every one, or /a regular expression/)`,
    );
});
export const origins = z.array(origin);

const HOST = /^(?:\*|\[[0-9a-f:.]+\]|[^:/@*[\]\s]+)(?::\d{1,5})?$/i;

export const hosts = z.array(
  text.superRefine((written, context) => {
    if (!HOST.test(written) && isIP(written) === 0)
      context.addIssue(`not a host: ${JSON.stringify(written)} (mcp.example.com, mcp.example.com:8443, or * for every one)`);
  }),
);

const NATS_HOST = /^(?:[\w.-]+|\[[0-9a-f:.]+\])$/i;

function isNatsServer(written: string): boolean {
  const url = URL.parse(written.includes('://') ? written : `nats://${written}`);
  if (url === null || !['nats:', 'tls:'].includes(url.protocol)) return false;
  return NATS_HOST.test(url.hostname) && ['', '/'].includes(url.pathname) && url.search === '' && url.hash === '';
}

function isDecodable(text: string): boolean {
  try {
    return decodeURIComponent(text) !== undefined;
  } catch {
    return false;
  }
}

/** In the place of a secret. */
export const MASK = '********';

/** The address of a NATS server with the mask in place of what it logs in with; that may have any characters, and no scheme before it. */
export function masked(url: string): string {
  return url.replace(/^([a-z]+:\/\/)?.*@/is, (_, scheme = '') => `${scheme}${MASK}@`);
}

/** In the place of an address: a NATS server that `causeway run` starts for itself. */
export const OWN_NATS = 'auto';

export const natsServer = text.superRefine((written, context) => {
  if (isNatsServer(written) && !isDecodable(/^(?:[a-z]+:\/\/)?(.*)@/is.exec(written)?.[1] ?? ''))
    context.addIssue('what stands before the @ of a NATS server is written as in a URL: a "%" of its own is "%25"');
  else if (written !== OWN_NATS && !isNatsServer(written))
    context.addIssue(`not a NATS server: ${JSON.stringify(masked(written))} (nats://host:4222, tls://host:4222, host:4222, or auto)`);
});

export const httpUrl = text.refine((value) => /^https?:\/\//.test(value) && URL.canParse(value), 'must be an http or https URL');

/** Where machines of clouds tell their secrets to whoever asks from there (BAR S41). */
const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet('169.254.0.0', 16, 'ipv4');
LINK_LOCAL.addSubnet('fe80::', 10, 'ipv6');
LINK_LOCAL.addAddress('fd00:ec2::254', 'ipv6');

/** An address that the bridge itself asks for keys: others on the way could give it theirs, so it is https but on this machine. */
export const issuerUrl = text.superRefine((value, context) => {
  const url = URL.parse(value);
  const host = url?.hostname.replace(/^\[|\]$/g, '') ?? '';
  const family = isIP(host) === 6 ? 'ipv6' : 'ipv4';
  if (url === null || !/^https?:$/.test(url.protocol)) context.addIssue(`not a URL: ${JSON.stringify(value)} (https://idp.example)`);
  else if (url.username !== '' || url.password !== '' || url.hash !== '') context.addIssue('must be a URL without a login and without "#"');
  else if (url.protocol === 'http:' && !isLoopback(host))
    context.addIssue('must be https: others on the way could give the bridge keys of their own');
  else if (isIP(host) !== 0 && LINK_LOCAL.check(host, family)) context.addIssue('is an address that no identity provider has');
});
