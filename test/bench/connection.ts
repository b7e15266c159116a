/**
 * Owns one keep-alive HTTP/1.1 connection as the load client needs it: a request in rendered bytes, a response
 * taken apart as it arrives, one exchange at a time. Written by hand, because a general client would cost more
 * processor time than some of the bridges that it measures.
 */
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';

export interface Exchange {
  readonly status: number;
  /** The status line and headers as received. */
  readonly head: string;
  readonly body: Buffer;
}

type Phase = 'idle' | 'head' | 'length' | 'chunk-size' | 'chunk' | 'chunk-end' | 'until-close';

interface Settle {
  readonly resolve: (exchange: Exchange) => void;
  readonly reject: (error: Error) => void;
}

const EMPTY = Buffer.alloc(0);

export class Connection {
  readonly #socket: Socket;
  #phase: Phase = 'idle';
  #unread: Buffer = EMPTY;
  #left = 0;
  #last = false;
  #head = '';
  #body: Buffer[] = [];
  #onBody: ((part: Buffer) => void) | undefined;
  #settle: Settle | undefined;
  #onHead: ((head: string) => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => {
      if (this.#phase === 'until-close') this.#done();
      else this.#fail(new Error('the connection was closed in mid-exchange'));
    });
  }

  static async open(host: string, port: number): Promise<Connection> {
    const socket = connect({ host, port });
    await once(socket, 'connect');
    return new Connection(socket);
  }

  get usable(): boolean {
    return this.#phase === 'idle' && this.#socket.writable;
  }

  /** Sends the bytes and waits for the whole response. */
  exchange(bytes: string | Buffer): Promise<Exchange> {
    return new Promise((resolve, reject) => {
      this.#begin(bytes, undefined, { resolve, reject });
    });
  }

  /** Sends the bytes and hands over the body as it comes; resolves with the head. */
  stream(bytes: string, onBody: (part: Buffer) => void): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#onHead = resolve;
      this.#begin(bytes, onBody, { resolve: () => {}, reject });
    });
  }

  /** Sends the bytes and waits for no answer; from then on it is good for being closed. */
  leave(bytes: string): Promise<void> {
    this.#phase = 'head';
    return new Promise((resolve) => {
      this.#socket.write(bytes, () => resolve());
    });
  }

  /** The socket itself, where nothing is under way on it, for another process to go on with. */
  lend(): Socket {
    if (this.#phase !== 'idle') throw new Error('the connection is in use');
    return this.#socket;
  }

  /** The same of a stream that is between two parts of its body. */
  lendStream(): { readonly socket: Socket; readonly coding: 'chunked' | 'raw' } {
    const quiet = this.#unread.length === 0 && (this.#phase === 'chunk-size' || this.#phase === 'until-close');
    if (!quiet) throw new Error('the stream is in the middle of something');
    return { socket: this.#socket, coding: this.#phase === 'chunk-size' ? 'chunked' : 'raw' };
  }

  close(): void {
    this.#settle = undefined;
    this.#socket.destroy();
  }

  #begin(bytes: string | Buffer, onBody: ((part: Buffer) => void) | undefined, settle: Settle): void {
    if (!this.usable) return settle.reject(new Error('the connection is not usable'));
    this.#phase = 'head';
    this.#body = [];
    this.#onBody = onBody;
    this.#settle = settle;
    this.#socket.write(bytes);
  }

  #take(chunk: Buffer): void {
    let data = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    this.#unread = EMPTY;
    while (data.length > 0) {
      const rest = this.#step(data);
      if (rest === undefined) {
        this.#unread = data;
        return;
      }
      data = rest;
    }
  }

  /** Consumes what it can in the present phase; `undefined` if more must arrive first. */
  #step(data: Buffer): Buffer | undefined {
    switch (this.#phase) {
      case 'head': {
        const end = data.indexOf('\r\n\r\n');
        if (end < 0) return undefined;
        this.#startBody(data.toString('latin1', 0, end + 2));
        return data.subarray(end + 4);
      }
      case 'chunk-size': {
        const end = data.indexOf('\r\n');
        if (end < 0) return undefined;
        this.#left = Number.parseInt(data.toString('latin1', 0, end), 16);
        this.#last = this.#left === 0;
        this.#phase = this.#last ? 'chunk-end' : 'chunk';
        return data.subarray(end + 2);
      }
      case 'chunk-end':
        if (data.length < 2) return undefined;
        if (this.#last) this.#done();
        else this.#phase = 'chunk-size';
        return data.subarray(2);
      case 'length':
      case 'chunk': {
        const part = data.subarray(0, this.#left);
        this.#left -= part.length;
        this.#part(part);
        if (this.#left === 0) {
          if (this.#phase === 'length') this.#done();
          else this.#phase = 'chunk-end';
        }
        return data.subarray(part.length);
      }
      case 'until-close':
        this.#part(data);
        return EMPTY;
      case 'idle':
        throw new Error(`bytes after the end of a response: ${data.toString('latin1', 0, 80)}`);
    }
  }

  #startBody(head: string): void {
    this.#head = head;
    this.#onHead?.(head);
    this.#onHead = undefined;
    const status = Number(head.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    if (/\r\ntransfer-encoding: *chunked/i.test(head)) this.#phase = 'chunk-size';
    else if (length) {
      this.#phase = 'length';
      this.#left = Number(length[1]);
      if (this.#left === 0) this.#done();
    } else if (status === 202 || status === 204) this.#done();
    else this.#phase = 'until-close';
  }

  #part(part: Buffer): void {
    if (this.#onBody) this.#onBody(part);
    else this.#body.push(part);
  }

  #done(): void {
    const body = this.#body.length === 1 ? this.#body[0]! : Buffer.concat(this.#body);
    const settle = this.#settle;
    this.#phase = 'idle';
    this.#settle = undefined;
    settle?.resolve({ status: Number(this.#head.slice(9, 12)), head: this.#head, body });
  }

  #fail(error: Error): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.reject(error);
  }
}
