/** The bare bridge as one process: `alone.ts COMMAND ARGS…`. */
import { Children } from './children.ts';
import { openDoor } from './door.ts';

openDoor(new Children(process.argv.slice(2)));
