/** Owns what is said of an option that there is not: what was probably meant. Loads for that only when somebody mistyped. */
import { EXIT, Failure } from './failure.ts';

/** What `parseArgs` has refused, in words for people. */
export async function optionFailure(refusal: unknown, options: object, usage: string): Promise<Failure> {
  const { message } = refusal as Error;
  const names = Object.keys(options).map((name) => `--${name}`);
  return new Failure(EXIT.usage, message.split('. ')[0]!, [...(await meantOption(message, names)), usage]);
}

/** Hints for what `parseArgs` has refused, or for an option: the nearest of `names` where one is near. */
export async function meantOption(refusal: string, names: readonly string[]): Promise<string[]> {
  const [, name] = /^[Uu]nknown option '-{1,2}([^']+)'/.exec(refusal) ?? [];
  const guess = name === undefined ? undefined : await meant(`--${name}`, names);
  return guess === undefined ? [] : [`did you mean ${guess}?`];
}

export async function meant(word: string, candidates: readonly string[]): Promise<string | undefined> {
  const { nearest } = await import('@causeway/config');
  return nearest(word, candidates);
}
