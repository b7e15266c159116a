/**
 * Owns one thing: a peer started with `--require` of this file listens on a free port of the loopback
 * interface, whatever it asked for, and tells its parent which. Nothing else of the peer is changed.
 */
'use strict';
const { Server } = require('node:net');

const { listen } = Server.prototype;
Server.prototype.listen = function (...given) {
  this.once('listening', () => process.send?.({ port: this.address().port }));
  return listen.call(
    this,
    { port: 0, host: '127.0.0.1' },
    given.find((item) => typeof item === 'function'),
  );
};
