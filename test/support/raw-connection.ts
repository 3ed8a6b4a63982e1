import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

/** A connection to which a test writes HTTP as text, and all that was received on it. */
export interface RawConnection {
  send(text: string): void;
  /** Resolves once the received text contains `text`. Rejects if the connection ends before. */
  received(text: string): Promise<string>;
  /** Resolves with all that was received when the connection has ended, in whichever way. */
  readonly ended: Promise<string>;
  /** For a test that stops reading, or ends the connection in a certain way. */
  readonly socket: Socket;
}

/** Resolves when the server has accepted the connection, without TLS. Rejects if it does not. */
export const rawConnection = ({ hostname, port }: URL): Promise<RawConnection> =>
  connected(connect(Number(port), hostname), "connect");

/** The same with TLS. It accepts every certificate. */
export const rawTlsConnection = ({ hostname, port }: URL): Promise<RawConnection> =>
  connected(connectTls({ port: Number(port), host: hostname, rejectUnauthorized: false }), "secureConnect");

async function connected(socket: Socket, event: "connect" | "secureConnect"): Promise<RawConnection> {
  let text = "";
  const ended = new Promise<string>((resolve) => socket.once("close", () => resolve(text)));
  socket.on("data", (bytes) => {
    text += String(bytes);
  });
  await new Promise<void>((resolve, reject) => socket.once(event, resolve).once("error", reject));
  // A connection that the server resets has ended.
  socket.on("error", () => undefined);
  const received = async (wanted: string): Promise<string> => {
    while (!text.includes(wanted)) {
      if (socket.destroyed) throw new Error(`the connection ended after ${JSON.stringify(text)}`);
      await new Promise<void>((resolve) => socket.once("data", () => resolve()).once("close", () => resolve()));
    }
    return text;
  };
  return { send: (part) => void socket.write(part), received, ended, socket };
}

/** Returns the head of a request, with the blank line at its end. */
export const requestHead = (method: "GET" | "POST", path: string, headers: Readonly<Record<string, string | number>>) =>
  [`${method} ${path} HTTP/1.1`, "Host: bridge", ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)]
    .map((line) => `${line}\r\n`)
    .join("")
    .concat("\r\n");
