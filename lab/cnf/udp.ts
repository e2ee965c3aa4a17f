/**
 * UDP sockets as this lab wants them: addresses are numbers, so nothing is looked up, and the kernel's buffers hold what
 * comes in while the process is busy.
 *
 * @module
 */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";

export type { RemoteInfo, Socket };

/** Bytes; the kernel grants up to `net.core.rmem_max`, and counts about 800 for a small datagram. */
const LARGE = 4 * 1024 * 1024;

/**
 * @param port 0 for any free one
 * @throws {Error} with the address if it can't be bound
 */
export async function bindUdp(
  address: string,
  port: number,
  receive: (message: Buffer, from: RemoteInfo) => void,
): Promise<Socket> {
  const socket = createSocket({
    type: "udp4",
    // Called for every datagram sent; the answer is at hand.
    lookup: (host, _options, callback) => callback(null, host, 4),
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", (error) => {
      socket.close();
      reject(new Error(`can't bind UDP ${address}:${port}: ${error.message}`, { cause: error }));
    });
    socket.bind({ address, port, exclusive: true }, () => {
      socket.removeAllListeners("error");
      resolve();
    });
  });
  // What an unreachable receiver makes of a datagram is for the retries to find out.
  socket.on("error", () => {});
  try {
    socket.setRecvBufferSize(LARGE);
    socket.setSendBufferSize(LARGE);
  } catch {}
  socket.on("message", receive);
  return socket;
}

/** Closes at once; what was not read yet is lost. Does nothing if it is closed already. */
export function closeUdp(socket: Socket): void {
  try {
    socket.close();
  } catch {}
}
