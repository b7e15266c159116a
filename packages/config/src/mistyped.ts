/**
 * Owns the question which variables were meant for Causeway and miss it: a mistyped one sets nothing, and nothing says so.
 * Keeps: a name that is near to none of ours is somebody else's (Kubernetes sets `CAUSEWAY_SERVICE_HOST` and the like for
 * a service of that name) and passed over.
 */
import { allPaths, ruledName, variablesOf } from './settings.ts';
import { nearest } from './suggest.ts';

const PREFIX = 'CAUSEWAY_';
/** Ours, but no settings: where the file is, the mark of a child, which nats-server to start. */
const OTHERS = ['CAUSEWAY_CONFIG', 'CAUSEWAY_CHILD', 'CAUSEWAY_NATS_SERVER'];

/** One line each, for people. */
export function mistypedVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const paths = allPaths();
  const known = [...OTHERS, ...paths.flatMap(variablesOf)].filter((name) => name.startsWith(PREFIX));
  const others = Object.keys(env).filter((name) => name.startsWith(PREFIX) && !known.includes(name) && env[name] !== '');
  const words = known.map((name) => name.slice(PREFIX.length));
  return others.flatMap((name) => {
    const path = paths.find((one) => ruledName(one) === name);
    if (path !== undefined) return [told(name, variablesOf(path)[0], path)];
    const near = nearest(name.slice(PREFIX.length), words);
    return near === undefined ? [] : [told(name, `${PREFIX}${near}`)];
  });
}

function told(name: string, meant: string | undefined, path?: string): string {
  return meant === undefined ? `${name} sets nothing: ${path} can only be set in a file` : `${name} sets nothing; did you mean ${meant}?`;
}
