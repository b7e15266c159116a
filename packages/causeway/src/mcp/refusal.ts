/** Owns what becomes of a command whose request was not answered: words and exit code, by who can act (docs/errors.md). Pure. */
import { EXIT, Failure } from '../failure.ts';
import { tlsHints } from '../http-question.ts';
import type { Attempt } from './client.ts';

/** `about` begins the message: what was asked, or whom. */
export function refusalOf(attempt: Exclude<Attempt, { readonly kind: 'answered' }>, about: string): Failure {
  const { kind, text, status = 0, data = {} } = attempt;
  const said = `${about}${status === 0 ? ' does not answer' : ''}: ${text}`;
  const message = kind === 'unknown' ? `${said.replace(/\.$/, '')}; nobody knows whether it ran` : said;
  const ours = data.source === 'causeway' ? data.reason : undefined;
  const url = URL.parse(about);
  const hints = [
    ...(status === 0 && url !== null ? tlsHints(url, text) : []),
    ...(status === 401 ? ['give a key that its clients have: --api-key KEY'] : []),
    ...(data.nearest === undefined ? [] : [`did you mean "${data.nearest}"?`]),
    ...(Array.isArray(data.stderr) ? data.stderr.map((line) => `| ${line}`) : []),
  ];
  return new Failure(exitCodeOf(status, ours), message, hints, ours);
}

function exitCodeOf(status: number, reason: string | undefined): number {
  if (status === 401 || status === 403) return EXIT.auth;
  if (status === 429) return EXIT.limit;
  switch (reason?.split('.')[0]) {
    case 'limit':
      return EXIT.limit;
    case 'cluster':
      return EXIT.unreachable;
    case 'server':
      return reason === 'server.unknown' ? EXIT.usage : EXIT.child;
    case 'request':
      return reason === 'request.session_unknown' ? EXIT.unexpected : EXIT.usage;
    case undefined:
      break;
    default:
      return EXIT.unexpected;
  }
  // Of somebody else: an error of the server itself, or of what stands in front of it.
  if (status === 200) return EXIT.child;
  return status >= 400 && status < 500 ? EXIT.usage : EXIT.unreachable;
}
