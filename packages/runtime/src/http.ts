/**
 * Owns how Node's HTTP is loaded, and what a client may take of a listener beside the main one. `import … from 'node:http'` reads every name that the module has, and three of them
 * (WebSocket, CloseEvent, MessageEvent) load all of Node's web client then: 13 MiB and 27 ms in each process
 * (docs/adr/0024). Types may be imported from there as ever.
 */
export const { Agent, createServer, request, ServerResponse } = process.getBuiltinModule('node:http');

/** Bytes for a head; milliseconds for it, for all of a request, and between two looks at what is late. */
export const OTHER_LISTENERS = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 15_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
} as const;
