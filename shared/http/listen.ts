import type { Server } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { Fault } from "../host/fault.ts";
import type { ServedApp } from "./connection.ts";
import { connectionOf, type TlsSettings, tlsOptions } from "./tls.ts";

export interface Listening {
  readonly url: URL;
  /** Takes no more requests and ends the connections that are idle. */
  close(): Promise<void>;
}

export interface ListenAddress {
  readonly hostname: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Absent: plain HTTP. */
  readonly tls?: TlsSettings | undefined;
}

/** Serves an app over HTTP, or over TLS, on this machine. Throws `configuration_invalid` when the address cannot be had. */
export async function listen(app: ServedApp, { hostname, port: wanted, tls }: ListenAddress): Promise<Listening> {
  // The adaptor makes a plain HTTP server unless it is given another factory; the two have the same methods.
  const server = createAdaptorServer({
    fetch: (request, { incoming }) => app.fetch(request, connectionOf(incoming.socket)),
    ...(tls && { createServer, serverOptions: tlsOptions(tls) }),
  }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => reject(notHad(`${hostname}:${wanted}`, cause)));
    server.listen(wanted, hostname, resolve);
  });
  // A server that listens on a port has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeIdleConnections();
    });
  return { url: new URL(`${tls ? "https" : "http"}://${hostname}:${port}`), close };
}

function notHad(address: string, cause: NodeJS.ErrnoException): Fault {
  const why = cause.code === "EADDRINUSE" ? "is taken: end what listens there, or" : `cannot be had (${cause.code}):`;
  return new Fault("configuration_invalid", `${address} ${why} give another --port or --host`, {
    retryable: false,
    cause,
  });
}
