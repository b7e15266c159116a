/**
 * Owns what a client is told when its session goes on with a new child: a warning in the log, and that every list may
 * have changed, each where the server has declared that it says such things (DECISIONS 7).
 */
import type { SessionRecord } from '@causeway/cluster';
import { capabilitiesIn, LISTS, notificationOf } from '@causeway/protocol';
import type { SessionParts } from './parts.ts';

const TEXT = 'The MCP server of this session was started anew, because its former host was lost. What it kept in memory is gone.';

export function announceRestart({ streams }: SessionParts, { initialize }: SessionRecord): void {
  const say = (method: string, params?: object): void =>
    streams.standalone.append(notificationOf(method, params && JSON.stringify(params)), false);
  const declares = capabilitiesIn(initialize.result);
  if (declares('logging')) say('notifications/message', { level: 'warning', logger: 'causeway', data: TEXT });
  for (const list of LISTS) if (declares(list, 'listChanged')) say(`notifications/${list}/list_changed`);
}

/** Whether a new child can be told what the former one knew: a session that never shook hands ends with its owner. */
export function isRecoverable({ initialize, revision }: SessionRecord): boolean {
  return revision !== '' && initialize.params !== '';
}
