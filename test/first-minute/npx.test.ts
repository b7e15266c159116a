/** `npx causeway` told to stop, or killed: npx passes nothing on, and nothing is left all the same. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { livingWith, noneWith, openLifeline } from '../harness/children.ts';
import { MARK } from '../harness/processes.ts';
import { hello } from '../harness/speak.ts';
import { within } from '../harness/within.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const HOSTILE = fileURLToPath(new URL('../fixtures/hostile.mjs', import.meta.url));

describe('npx', () => {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`${signal} of npx ends the bridge and its children`, async () => {
      await using life = await openLifeline();
      const mark = `npx-${signal}-${process.pid}`;
      const words = ['--no-install', 'causeway', 'run', '--port', '0', '--admin-port', 'off', '-e', `LIFELINE=${life.env['LIFELINE']}`];
      const npx = spawn('npx', [...words, '--', process.execPath, HOSTILE], {
        cwd: ROOT,
        env: { ...process.env, [MARK]: mark },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        let said = '';
        const listening = new Promise<string>((resolve) =>
          npx.stdout.setEncoding('utf8').on('data', (part: string) => {
            said += part;
            const url = /"url":"(http:[^"]+)"/.exec(said)?.[1];
            if (url !== undefined) resolve(url);
          }),
        );
        const url = await within(20_000, 'the bridge', listening);
        await hello(`${url}/mcp`);
        await life.holders(1);
        npx.kill(signal);
        await once(npx, 'exit');
        await life.none(5_000);
        await noneWith(MARK, mark, 5_000);
      } finally {
        for (const { pid } of await livingWith(MARK, mark)) process.kill(pid, 'SIGKILL');
      }
    });
  }
});
