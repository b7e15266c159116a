/** Owns what the figures of this edge, and of the workers that it asks, call the tool or prompt that a request names. */
import { nameLabel, type Frame } from '@causeway/protocol';
import type { EdgeContext } from './context.ts';

/** `undefined`: it names none, or they are not told apart. */
export const labelOf = ({ durations }: EdgeContext, frame: Frame | undefined): string | undefined =>
  frame !== undefined && durations.named ? nameLabel(frame) : undefined;
