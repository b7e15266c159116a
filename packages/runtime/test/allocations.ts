/** Owns the hot operations of this package and what each may allocate (test/allocations). */
import { Chain, createWheel, Register } from '../src/index.ts';

export const operations = [
  {
    name: 'Chain: one comes and goes',
    bytes: 70,
    objects: 1.5,
    open: () => {
      const chain = new Chain<object>();
      const value = {};
      chain.add(value);
      return () => chain.remove(chain.add(value));
    },
  },
  {
    name: 'Register: one comes and goes',
    bytes: 180,
    objects: 1.5,
    open: () => {
      const register = new Register<string, object>();
      const value = {};
      const keys = Array.from({ length: 64 }, (_, nth) => `exchange-${nth}`);
      let nth = 0;
      return () => {
        const key = keys[(nth += 1) % keys.length]!;
        register.set(key, value);
        return register.delete(key);
      };
    },
  },
  {
    name: 'Wheel: a deadline is set and cancelled',
    bytes: 240,
    objects: 4.5,
    open: () => {
      const wheel = createWheel({ clock: { now: () => 0, monotonic: () => 0.5 }, timer: () => () => undefined });
      const fn = (): void => undefined;
      return () => wheel.after(60_000, fn)();
    },
  },
];
