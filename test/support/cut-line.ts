/**
 * A line between a client and a server that can be cut.
 *
 * @module
 */
import * as net from "node:net";

export interface CutLine {
  readonly port: number;
  /** Ends what is connected now; later connections go through. */
  cut(): void;
  /** While true, connections are turned away. */
  down(is: boolean): void;
  close(): Promise<void>;
}

export async function cutLine(to: number): Promise<CutLine> {
  const open = new Set<net.Socket>();
  let isDown = false;
  const server = net.createServer((socket) => {
    if (isDown) return socket.destroy();
    const onward = net.connect(to, "127.0.0.1");
    for (const one of [socket, onward]) {
      open.add(one);
      one.setNoDelay(true);
      one.on("error", () => undefined);
      one.on("close", () => {
        open.delete(one);
        socket.destroy();
        onward.destroy();
      });
    }
    socket.pipe(onward).pipe(socket);
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    for (const one of open) one.destroy();
  };
  return {
    port: (server.address() as net.AddressInfo).port,
    cut,
    down: (is) => {
      isDown = is;
      if (is) cut();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}
