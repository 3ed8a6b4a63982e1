import { createServer, type IncomingMessage, type OutgoingHttpHeaders, request, type ServerResponse } from "node:http";
import type { Random } from "./random.ts";

/**
 * What becomes of one request to a target. `after` means that the target did its work and the answer is lost.
 */
export type TargetFault =
  | "none"
  | "429"
  | "500"
  | "503"
  | "hang before"
  | "hang after"
  | "reset before"
  | "reset after"
  | "slow drip";

const FAULTS: readonly [TargetFault, ...TargetFault[]] = [
  "429",
  "500",
  "503",
  "hang before",
  "hang after",
  "reset before",
  "reset after",
  "slow drip",
];

export interface ProxiedRequest {
  /** Milliseconds of the monotonic clock. */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  readonly fault: TargetFault;
}

export interface FaultProxy {
  readonly url: URL;
  readonly requests: readonly ProxiedRequest[];
  /** Probability that a request meets a fault. */
  setFaults(probability: number): void;
  close(): Promise<void>;
}

/** Pause between two bytes of a slow answer: no answer of a target is complete within the bridge's time-out. */
const DRIP_MS = 40;
const MOST_DRIPS = 100;

/** A server between the bridge and a target, which breaks exchanges at random. */
export async function startFaultProxy(target: URL, random: Random): Promise<FaultProxy> {
  let probability = 0;
  const requests: ProxiedRequest[] = [];
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("error", () => outgoing.destroy());
    incoming.on("end", () => {
      const body = Buffer.concat(chunks);
      const fault = random.chance(probability) ? random.pick(FAULTS) : "none";
      const { method = "GET", url: path = "/", headers } = incoming;
      requests.push({ at: performance.now(), method, path, headers, body: body.toString(), fault });
      void answer({ target, incoming, outgoing, body, fault });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a server that listens on TCP has a port");
  return {
    url: new URL(`http://127.0.0.1:${address.port}`),
    requests,
    setFaults: (next) => {
      probability = next;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Exchange {
  readonly target: URL;
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly body: Buffer;
  readonly fault: TargetFault;
}

async function answer(exchange: Exchange): Promise<void> {
  const { outgoing, incoming, fault } = exchange;
  switch (fault) {
    case "429":
    case "503":
      outgoing.writeHead(Number(fault), { "retry-after": "1" }).end("later");
      return;
    case "500":
      outgoing.writeHead(500).end();
      return;
    case "hang before":
      return;
    case "reset before":
      incoming.socket.resetAndDestroy();
      return;
  }
  const passed = await pass(exchange).catch(() => undefined);
  if (fault === "hang after") return;
  if (fault === "reset after" || passed === undefined) {
    incoming.socket.resetAndDestroy();
    return;
  }
  outgoing.writeHead(passed.status, passed.headers);
  if (fault === "slow drip") drip(passed.body, outgoing);
  else outgoing.end(passed.body);
}

function drip(body: Buffer, outgoing: ServerResponse): void {
  let sent = 0;
  const timer = setInterval(() => {
    if (outgoing.destroyed || sent >= Math.min(body.length, MOST_DRIPS)) {
      clearInterval(timer);
      outgoing.destroy();
      return;
    }
    outgoing.write(body.subarray(sent, sent + 1));
    sent += 1;
  }, DRIP_MS);
}

function pass({
  target,
  incoming,
  body,
}: Exchange): Promise<{ status: number; headers: OutgoingHttpHeaders; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const { method, url = "/", headers } = incoming;
    const upstream = request(new URL(url, target), { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const { connection: _, "transfer-encoding": __, ...rest } = response.headers;
        resolve({ status: response.statusCode ?? 502, headers: rest, body: Buffer.concat(chunks) });
      });
    });
    upstream.on("error", reject);
    upstream.end(body);
  });
}
