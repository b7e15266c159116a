/**
 * Owns reading V8's profile of a batch in which every allocation was noted: how many there were, and which functions made
 * most of them. Pure. V8 names the function whose code ran: what it has made part of its caller counts as the caller's.
 */
export interface Allocations {
  /** On the heap, for one operation. */
  readonly objects: number;
  /** The functions of ours that allocate most, each with what it calls of V8's and Node's; most first. */
  readonly where: readonly Place[];
}

export interface Place {
  readonly at: string;
  readonly bytes: number;
  readonly objects: number;
}

/** As V8 tells it (Chrome's protocol, HeapProfiler.SamplingHeapProfile); every sample is one object. */
export interface SamplingProfile {
  readonly head: Node;
  readonly samples: readonly { readonly nodeId: number }[];
}

interface Node {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  /** Bytes that it allocated itself. */
  readonly selfSize: number;
  readonly children: readonly Node[];
}

const ROOT = new URL('../../', import.meta.url).href;
const INSPECTOR = 'node:inspector';
const SHOWN = 6;

export function allocationsIn({ head, samples }: SamplingProfile, count: number): Allocations {
  const objects = new Map<number, number>();
  for (const { nodeId } of samples) objects.set(nodeId, (objects.get(nodeId) ?? 0) + 1);
  const places = new Map<string, { bytes: number; objects: number }>();
  let all = 0;
  const walk = (node: Node, outer: string): void => {
    const { url, functionName, lineNumber } = node.callFrame;
    const path = url.startsWith(ROOT) ? url.slice(ROOT.length) : 'node_modules/';
    const at = path.startsWith('node_modules/') ? outer : `${functionName || '(anonymous)'} ${path}:${lineNumber + 1}`;
    if (url === INSPECTOR) return;
    const here = places.get(at) ?? { bytes: 0, objects: 0 };
    here.bytes += node.selfSize;
    here.objects += objects.get(node.id) ?? 0;
    all += objects.get(node.id) ?? 0;
    places.set(at, here);
    for (const child of node.children) walk(child, at);
  };
  walk(head, '(called by none of ours)');
  const where = [...places].map(([at, here]) => ({ at, bytes: here.bytes / count, objects: here.objects / count }));
  const most = where.filter(({ bytes }) => bytes >= 1);
  return { objects: all / count, where: most.toSorted((a, b) => b.bytes - a.bytes).slice(0, SHOWN) };
}
