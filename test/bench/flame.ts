/**
 * Owns the drawing of processor profiles as flame graphs: `flame.ts TITLE PROFILE > FILE.svg`, of what `node --cpu-prof` writes.
 * Root at the top, time to the right; what lasts shorter than `LEAST` of the whole is left out, and so is what was before and
 * after the load.
 */
import { readFileSync } from 'node:fs';

/** As V8 writes it: nodes by id, and which one was seen at each sample. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface Frame {
  readonly name: string;
  readonly kind: Kind;
  time: number;
  readonly below: Map<string, Frame>;
}

type Kind = 'ours' | 'library' | 'node' | 'machine';

const COLOURS: Readonly<Record<Kind, string>> = { ours: '#f2a65a', library: '#8fbf7f', node: '#9db8d9', machine: '#c9c9c9' };
const MEANING: Readonly<Record<Kind, string>> = { ours: 'Causeway', library: 'libraries', node: 'Node', machine: 'V8, system calls' };
const WIDTH = 1200;
const ROW = 17;
const LEAST = 0.004;
/** Shares of the whole time between which samples count. */
const WINDOW = [0.5, 0.9] as const;
const LETTER = 6.2;

function kindOf(url: string): Kind {
  if (url === '') return 'machine';
  if (url.startsWith('node:')) return 'node';
  return url.includes('/node_modules/') ? 'library' : 'ours';
}

function nameOf(functionName: string, url: string, line: number): string {
  const file = url.replace(/^.*\/node_modules\//, '').replace(/^file:.*\/(?=packages\/|services\/)/, '');
  return `${functionName || '(anonymous)'}${file === '' ? '' : ` ${file}:${line + 1}`}`;
}

/**
 * One tree of the samples, but for those of the start, of the end, and in which the process rested; what is called by the
 * same way is one frame.
 */
function treeOf({ nodes, samples, timeDeltas }: Profile): Frame {
  const own = new Map<number, number>();
  const [from, to] = WINDOW.map((share) => share * timeDeltas.reduce((sum, delta) => sum + delta, 0)) as [number, number];
  let at = 0;
  samples.forEach((id, nth) => {
    at += timeDeltas[nth]!;
    if (at > from && at < to) own.set(id, (own.get(id) ?? 0) + timeDeltas[nth]!);
  });
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const root: Frame = { name: 'all', kind: 'machine', time: 0, below: new Map() };
  const walk = (id: number, parent: Frame): number => {
    const { callFrame, children = [] } = byId.get(id)!;
    if (callFrame.functionName === '(idle)') return 0;
    const name = nameOf(callFrame.functionName, callFrame.url, callFrame.lineNumber);
    const frame =
      callFrame.functionName === '(root)'
        ? parent
        : (parent.below.get(name) ?? { name, kind: kindOf(callFrame.url), time: 0, below: new Map() });
    if (frame !== parent) parent.below.set(name, frame);
    let time = own.get(id) ?? 0;
    for (const child of children) time += walk(child, frame);
    frame.time += time;
    return time;
  };
  walk(nodes[0]!.id, root);
  return root;
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function draw(title: string, root: Frame): string {
  const out: string[] = [];
  let deepest = 0;
  const box = (frame: Frame, x: number, depth: number): void => {
    const width = (frame.time / root.time) * WIDTH;
    deepest = Math.max(deepest, depth);
    const y = 40 + depth * ROW;
    const label = frame.name.slice(0, Math.floor(width / LETTER));
    const text = label.length < 4 ? '' : `<text x="${(x + 3).toFixed(1)}" y="${y + 12}">${escaped(label)}</text>`;
    const share = ((100 * frame.time) / root.time).toFixed(1);
    out.push(
      `<g><title>${escaped(frame.name)} ${share} %</title><rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${COLOURS[frame.kind]}"/>${text}</g>`,
    );
    let at = x;
    for (const child of [...frame.below.values()].toSorted((a, b) => b.time - a.time)) {
      if (child.time / root.time >= LEAST) box(child, at, depth + 1);
      at += (child.time / root.time) * WIDTH;
    }
  };
  box(root, 0, 0);
  const legend = Object.entries(COLOURS).map(
    ([kind, colour], nth) =>
      `<rect x="${700 + nth * 125}" y="12" width="12" height="12" fill="${colour}"/><text x="${716 + nth * 125}" y="22">${MEANING[kind as Kind]}</text>`,
  );
  const height = 50 + (deepest + 1) * ROW;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="10">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/><text x="3" y="22" font-size="13">${escaped(title)}</text>`,
    ...legend,
    ...out,
    '</svg>',
    '',
  ].join('\n');
}

const [title, ...files] = process.argv.slice(2);
if (title === undefined || files.length !== 1) throw new Error('flame.ts TITLE PROFILE');
process.stdout.write(draw(title, treeOf(JSON.parse(readFileSync(files[0]!, 'utf8')) as Profile)));
