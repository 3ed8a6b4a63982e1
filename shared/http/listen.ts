import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import type { Hono } from "hono";

export interface Listening {
  readonly url: URL;
  /** Takes no more requests and ends the connections that are idle. */
  close(): Promise<void>;
}

/** Serves an app over HTTP on this machine. Port 0 takes any free one. */
export async function listen(
  app: Pick<Hono, "fetch">,
  address: { readonly hostname: string; readonly port: number },
): Promise<Listening> {
  // The adaptor makes a plain HTTP server unless it is given another factory.
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(address.port, address.hostname, resolve);
  });
  // A server that listens on a port has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeIdleConnections();
    });
  return { url: new URL(`http://${address.hostname}:${port}`), close };
}
