/** A network that can be taken away: a TCP relay on loopback whose connections are cut and refused on demand. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface Proxy extends AsyncDisposable {
  /** `127.0.0.1:port`, the same for good. */
  readonly address: string;
  cut(): Promise<void>;
  heal(): Promise<void>;
}

export async function openProxy(target: string): Promise<Proxy> {
  const [host, port] = target.split(':');
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.setNoDelay(true).on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  };
  const server: Server = createServer((near) => {
    const far = connect(Number(port), host);
    for (const socket of [near, far]) keep(socket);
    near.pipe(far).pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  let own = 0;
  const heal = async (): Promise<void> => {
    server.listen(own, '127.0.0.1');
    await once(server, 'listening');
    own = (server.address() as AddressInfo).port;
  };
  const cut = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await heal();
  return { address: `127.0.0.1:${own}`, cut, heal, [Symbol.asyncDispose]: cut };
}
