/**
 * The official clients of both generations against real servers through the bridge: every answer is the same
 * as over direct stdio, field for field.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openCauseway, type Causeway } from '../harness/processes.ts';
import { assertSame, hear, type Heard } from './play.ts';
import { openPlay, type Play } from './scripts.ts';
import { overNext, overSse, overStdio, overStreamable } from './speakers.ts';

for (const name of ['everything', 'filesystem', 'memory', 'sequential-thinking'] as const) {
  describe(name, () => {
    const stack = new AsyncDisposableStack();
    let play: Play;
    let bridge: Causeway;
    let direct: Heard;

    before(async () => {
      play = stack.use(await openPlay(name));
      const { args, env } = play;
      bridge = stack.use(await openCauseway('run', { servers: { [name]: { command: process.execPath, args, env } } }));
      direct = await hear(play, () => overStdio(process.execPath, args, env));
    });
    after(() => stack.disposeAsync());

    it('the 1.x client over Streamable HTTP hears what stdio says', async () => {
      assertSame(play, await hear(play, () => overStreamable(bridge.url(name))), direct);
    });

    it('the 1.x client over HTTP+SSE hears what stdio says', async () => {
      assertSame(play, await hear(play, () => overSse(bridge.url(name, 'sse'))), direct);
    });

    for (const mode of ['legacy', 'auto', '2026-07-28'] as const) {
      it(`the 2.x client in the mode ${mode} hears what stdio says`, async () => {
        const heard = await hear(play, () => overNext(bridge.url(name), undefined, mode));
        assert.equal(heard.modern, mode !== 'legacy');
        assertSame(play, heard, direct);
      });
    }
  });
}
