/**
 * Owns how Node's HTTP is loaded. `import … from 'node:http'` reads every name that the module has, and three of them
 * (WebSocket, CloseEvent, MessageEvent) load all of Node's web client then: 13 MiB and 27 ms in each process
 * (docs/adr/0024). Types may be imported from there as ever.
 */
export const { createServer, request, ServerResponse } = process.getBuiltinModule('node:http');
