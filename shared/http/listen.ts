import type { Server } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { Fault } from "../host/fault.ts";
import type { ServedApp } from "./connection.ts";
import { connectionOf, type TlsSettings, tlsOptions } from "./tls.ts";

export interface Listening {
  readonly url: URL;
  /** Accepts no more requests and closes idle connections. Resolves when the last request has ended. */
  close(): Promise<void>;
}

export interface ListenAddress {
  readonly hostname: string;
  /** 0 selects any free port. */
  readonly port: number;
  /** Undefined: plain HTTP. */
  readonly tls?: TlsSettings | undefined;
}

/** Serves an app over HTTP or HTTPS on this machine. Throws `configuration_invalid` if it cannot listen on the address. */
export async function listen(
  app: ServedApp,
  { hostname, port: requestedPort, tls }: ListenAddress,
): Promise<Listening> {
  // `as`: the adaptor creates a plain HTTP server unless it gets another factory. Both servers have the same methods.
  const server = createAdaptorServer({
    fetch: (request, { incoming }) => app.fetch(request, connectionOf(incoming.socket)),
    ...(tls && { createServer, serverOptions: tlsOptions(tls) }),
  }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => reject(cannotListen(`${hostname}:${requestedPort}`, cause)));
    server.listen(requestedPort, hostname, resolve);
  });
  // `as`: a server that listens on a port has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeIdleConnections();
    });
  return { url: new URL(`${tls ? "https" : "http"}://${hostname}:${port}`), close };
}

function cannotListen(address: string, cause: NodeJS.ErrnoException): Fault {
  const why =
    cause.code === "EADDRINUSE" ? "is already in use: stop the other process, or" : `cannot be used (${cause.code}):`;
  return new Fault("configuration_invalid", `${address} ${why} set another --port or --host`, {
    retryable: false,
    cause,
  });
}
