/** Calls that reach a scripted server with a handshake, and the rounds in which that asks their client. */
import { settle } from '../pool/pool-world.ts';
import type { Message, ScriptedChild } from '../era/scripted-child.ts';
import type { AskOptions, StatelessWorld } from './stateless-world.ts';

export const FORM = { elicitation: {} };
export const ALL = { elicitation: {}, sampling: {}, roots: {} };

export interface Asked {
  readonly child: ScriptedChild;
  /** The server's view of the call. */
  readonly call: Message;
  readonly stream: string;
}

/** A call that has reached its child. */
export async function begin(world: StatelessWorld, options: AskOptions, id: number | string = 1, nth = 1): Promise<Asked> {
  const stream = world.ask(id, options);
  const child = await world.nursery.nth(nth);
  await settle();
  const call = child.take().find(({ method }) => method === 'tools/call')!;
  return { child, call, stream };
}

export function elicit(child: ScriptedChild, id: number | string): void {
  child.say({ id, method: 'elicitation/create', params: { message: 'Name?', requestedSchema: { type: 'object' } } });
}

export interface Required {
  readonly inputRequests: Readonly<Record<string, { readonly method: string }>>;
  readonly requestState: string;
}

export const required = (world: StatelessWorld, stream: string): Required => world.answer(stream).result as unknown as Required;

/** A call that waits for its client, with one elicitation under the server's id 0. */
export async function parked(
  world: StatelessWorld,
  options: AskOptions = { capabilities: FORM },
): Promise<Asked & { readonly state: string; readonly key: string }> {
  const asked = await begin(world, options);
  elicit(asked.child, 0);
  world.time.advance(20);
  const { requestState, inputRequests } = required(world, asked.stream);
  return { ...asked, state: requestState, key: Object.keys(inputRequests)[0]! };
}

export const reply = (state: string, responses: object, more: AskOptions = {}): AskOptions => ({
  capabilities: FORM,
  state,
  params: { name: 'ask', arguments: {}, inputResponses: responses },
  ...more,
});
