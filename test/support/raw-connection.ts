import { connect } from "node:net";

/** A connection to which a test writes HTTP as text, and all that was received on it. */
export interface RawConnection {
  send(text: string): void;
  /** Resolves once the received text contains `text`. Rejects if the connection ends before. */
  received(text: string): Promise<string>;
  /** Resolves with all that was received when the connection has ended, in whichever way. */
  readonly ended: Promise<string>;
}

/** Resolves when the server has accepted the connection. Rejects if it does not. */
export async function rawConnection({ hostname, port }: URL): Promise<RawConnection> {
  const socket = connect(Number(port), hostname);
  let text = "";
  const ended = new Promise<string>((resolve) => socket.once("close", () => resolve(text)));
  socket.on("data", (bytes) => {
    text += String(bytes);
  });
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  // A connection that the server resets has ended.
  socket.on("error", () => undefined);
  const received = async (wanted: string): Promise<string> => {
    while (!text.includes(wanted)) {
      if (socket.destroyed) throw new Error(`the connection ended after ${JSON.stringify(text)}`);
      await new Promise<void>((resolve) => socket.once("data", () => resolve()).once("close", () => resolve()));
    }
    return text;
  };
  return { send: (part) => void socket.write(part), received, ended };
}

/** Returns the head of a request, with the blank line at its end. */
export const requestHead = (method: "GET" | "POST", path: string, headers: Readonly<Record<string, string | number>>) =>
  [`${method} ${path} HTTP/1.1`, "Host: bridge", ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)]
    .map((line) => `${line}\r\n`)
    .join("")
    .concat("\r\n");
