/** Owns the list of verbs, and what kinds of them there are. Loads nothing. */

/** They take the options of `flags.ts`. */
const ROLES = ['run', 'edge', 'worker', 'config', 'doctor', 'warm'] as const;
/** What an operator asks; all of them answer with `--format json` too. */
const OPERATIONS = ['sessions', 'workers', 'servers', 'limits', 'doctor', 'warm'] as const;
/** What is asked as a client asks it; these have `--format json`, too. */
const ASKING = ['demo', 'tools', 'call'] as const;
const OTHERS = ['run', 'edge', 'worker', 'config', 'init', 'health', 'nats', 'client', 'completion'] as const;
export const VERBS = [...OTHERS, ...ASKING, ...OPERATIONS] as const;

export type Role = (typeof ROLES)[number];
export type Operation = (typeof OPERATIONS)[number];
export type Verb = (typeof VERBS)[number];

export function isVerb(word: string | undefined): word is Verb {
  return VERBS.includes(word as Verb);
}

export function isOperation(word: string | undefined): word is Operation {
  return OPERATIONS.includes(word as Operation);
}

export function isRole(verb: Verb): verb is Role {
  return ROLES.includes(verb as Role);
}

/** Whether its answer, and its failure, may be asked for as JSON. */
export function hasJson(word: string | undefined): boolean {
  return isOperation(word) || ASKING.includes(word as (typeof ASKING)[number]);
}
