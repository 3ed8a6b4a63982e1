import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import { getRequestListener } from "@hono/node-server";
import { Fault } from "../host/fault.ts";
import { type Admission, type Exchange, MeteredMessage } from "./admission.ts";
import type { ServedApp } from "./connection.ts";
import { connectionOf, type TlsSettings, tlsOptions } from "./tls.ts";

export interface Listening {
  readonly url: URL;
  /**
   * Accepts no more connections, closes idle ones, and answers the requests in flight with `Connection: close`. Requests
   * that have not arrived completely a moment later are cut. Resolves when the last request is answered.
   */
  close(): Promise<void>;
  /** Ends all connections, so that `close` resolves. */
  destroy(): void;
  /** Uses these settings for new connections, if the server serves HTTPS. Open connections keep theirs. */
  useTls(settings: TlsSettings): void;
}

export interface ListenAddress {
  readonly hostname: string;
  /** 0 selects any free port. */
  readonly port: number;
  /** Undefined: plain HTTP. */
  readonly tls?: TlsSettings | undefined;
}

/**
 * Connections that the system accepts for the server while it is busy. It is more than a burst of senders: a connection
 * beyond it is tried again by its sender's system, seconds later.
 */
const BACKLOG = 4_096;
/** Time for a request that is on its way when the server closes. */
const ARRIVAL_MS = 1_000;

/** Of a request of HTTP/1.0 without a `Host`, such as the health checks of load balancers. */
const DEFAULT_HOST = "localhost";

/** Serves an app over HTTP or HTTPS on this machine. Throws `configuration_invalid` if it cannot listen on the address. */
export async function listen(
  app: ServedApp,
  { hostname, port: requestedPort, tls }: ListenAddress,
  admission: Admission,
): Promise<Listening> {
  const listener = getRequestListener(
    (request, exchange) => {
      // `as`: both servers speak HTTP/1.1, and create the messages that their options name.
      const { incoming, outgoing } = exchange as Exchange;
      // The library takes some hosts that make no URL, and the default for an empty one.
      if (incoming.headers.host === "" || !URL.canParse(request.url)) return admission.rejectMalformed();
      return admission.serve({ incoming, outgoing }, () => app.fetch(request, connectionOf(incoming.socket)));
    },
    { hostname: DEFAULT_HOST, errorHandler: (error) => admission.answerError(error) },
  );
  const messages = { IncomingMessage: MeteredMessage };
  const server = tls
    ? createTlsServer({ ...tlsOptions(tls), ...messages }, listener)
    : createServer(messages, listener);
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => reject(cannotListen(`${hostname}:${requestedPort}`, cause)));
    server.listen(requestedPort, hostname, BACKLOG, resolve);
  });
  // `as`: a server that listens on a port has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  const destroy = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const close = async (): Promise<void> => {
    admission.endConnections();
    const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
    const timer = setTimeout(() => void admission.endArrivals().then(destroy), ARRIVAL_MS);
    await closed;
    clearTimeout(timer);
    admission.end();
  };
  const useTls = (settings: TlsSettings): void => {
    if (server instanceof TlsServer) server.setSecureContext(tlsOptions(settings));
  };
  return { url: new URL(`${tls ? "https" : "http"}://${hostname}:${port}`), close, destroy, useTls };
}

function cannotListen(address: string, cause: NodeJS.ErrnoException): Fault {
  const why =
    cause.code === "EADDRINUSE" ? "is already in use: stop the other process, or" : `cannot be used (${cause.code}):`;
  return new Fault("configuration_invalid", `${address} ${why} set another --port or --host`, {
    retryable: false,
    cause,
  });
}
