import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Exchanged } from "./action-fixtures.ts";

/** How a target fails. */
export type TargetFailure =
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** It reads the request and never answers. */
  | { readonly kind: "silence" }
  /** It reads the request and closes the connection. */
  | { readonly kind: "cut" }
  /** It closes the connection in the middle of its response. */
  | { readonly kind: "half" }
  /** Its response has no end. */
  | { readonly kind: "endless" };

interface ReceivedByTarget {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  /** Parsed if it is JSON. */
  readonly body: unknown;
}

interface Script {
  readonly exchange: readonly Exchanged[];
  /** The target fails at the request with this index in the exchange, and at all that follow. */
  readonly failure?: { readonly at: number; readonly how: TargetFailure };
  /** Called for each request that is never answered. */
  readonly onSilence?: () => void;
}

export interface ScriptedTarget {
  readonly url: string;
  /** The requests since the last script. */
  requests(): readonly ReceivedByTarget[];
  /** The number of requests since it was started. */
  total(): number;
  play(script: Script): void;
  close(): Promise<void>;
}

/**
 * A target on loopback that answers as a script says: each request with the next response that the exchange has for its
 * method and path, and once these are used up with the last. It answers 501 to a request that is not in the exchange.
 */
export async function startScriptedTarget(): Promise<ScriptedTarget> {
  let script: Script = { exchange: [] };
  let received: ReceivedByTarget[] = [];
  let total = 0;
  const used = new Set<Exchanged>();
  const responseTo = ({ method, path }: ReceivedByTarget): Exchanged["response"] => {
    const fitting = script.exchange.filter(({ request }) => request.method === method && request.path === path);
    const next = fitting.find((one) => !used.has(one)) ?? fitting.at(-1);
    if (next) used.add(next);
    return next?.response ?? { status: 501, body: "not in the exchange" };
  };
  const server = createServer(async (request, response) => {
    const one = await readRequest(request);
    const { failure, onSilence } = script;
    const fails = failure !== undefined && received.length >= failure.at;
    received.push(one);
    total += 1;
    if (!fails) write(response, responseTo(one));
    else if (failure.how.kind === "silence") onSilence?.();
    else fail(response, failure.how);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a server that listens on TCP has a port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests: () => received,
    total: () => total,
    play(next) {
      script = next;
      received = [];
      used.clear();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readRequest(request: IncomingMessage): Promise<ReceivedByTarget> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) headers.set(name, String(value));
  return {
    method: request.method ?? "",
    path: request.url ?? "",
    headers,
    body: parsed(Buffer.concat(chunks).toString()),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function write(response: ServerResponse, { status, headers = {}, body }: Exchanged["response"]): void {
  const isText = typeof body === "string";
  response.writeHead(status, { "content-type": isText ? "text/plain" : "application/json", ...headers });
  response.end(isText ? body : JSON.stringify(body));
}

function fail(response: ServerResponse, failure: Exclude<TargetFailure, { readonly kind: "silence" }>): void {
  switch (failure.kind) {
    case "answer":
      write(response, { body: "", ...failure });
      break;
    case "cut":
      response.destroy();
      break;
    case "half":
      response.writeHead(200, { "content-length": "1000" });
      response.write("{", () => response.destroy());
      break;
    case "endless":
      response.writeHead(200, { "content-type": "application/json" });
      writeForever(response);
  }
}

function writeForever(response: ServerResponse): void {
  const chunk = Buffer.alloc(262_144, " ");
  response.on("drain", () => more());
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  more();
}
