import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { Agent, createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../shared/host/clock.ts";
import { CANARY, gitlabHeaders } from "../support/http-bridge.ts";
import { pushBody } from "./push-hook.ts";

/** One run of a load: signed pushes of about 3.4 kB, each of them a new delivery except the repeats. */
export interface WebhookLoad {
  readonly url: string;
  readonly pace: Pace;
  readonly seconds: number;
  /** Every n-th new delivery is a push to `main`, which fires the listener. */
  readonly fireEvery: number;
  /** Every n-th request repeats an accepted delivery; undefined: none does. */
  readonly repeatEvery?: number;
  /** The run ends when the listener is not called for that long. */
  readonly quietMs?: number;
}

/**
 * Closed loop: each connection sends when its previous request is answered. Open loop: requests are due at a fixed rate
 * even if earlier ones have no answer, and a latency counts from the time at which the request is due. So a system that
 * stops answering does not stop the measurement ("coordinated omission").
 */
export type Pace = { readonly connections: number } | { readonly perSecond: number };

export interface LoadResult {
  readonly seconds: number;
  /** New deliveries answered with 2xx. */
  readonly accepted: number;
  /** Repeats answered with 2xx. */
  readonly repeated: number;
  /** Other answers by status, and requests without an answer. */
  readonly failures: Readonly<Record<string, number>>;
  /** Milliseconds until the answer. A request without one counts with the time-out. */
  readonly latency: Percentiles;
  /** Pushes that fired during the run. */
  readonly fired: number;
  /** Milliseconds until the listener has the push. */
  readonly crossing: Percentiles;
  /** Accepted pushes to `main` that have not fired when the listener is no longer called. */
  readonly notFired: number;
}

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

/** The sender and the listener, in one process because they share a clock. */
export interface LoadGenerator {
  readonly listener: URL;
  run(load: WebhookLoad): Promise<LoadResult>;
  close(): void;
}

/** The listener answers as an EventListener does, and starts nothing. */
export async function startLoadGenerator(): Promise<LoadGenerator> {
  let run: Run | undefined;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString("utf8");
    run?.listenerCalled(TRACE.exec(String(request.headers["traceparent"]))?.[0] ?? TRACE.exec(body)?.[0] ?? "");
    response
      .writeHead(202, { "content-type": "application/json" })
      .end(JSON.stringify({ eventListener: "drawbridge", namespace: "ci", eventID: randomUUID() }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A server that listens on a port has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  return {
    listener: new URL(`http://127.0.0.1:${port}`),
    run: (load) => {
      run = new Run(load);
      return run.result();
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

interface Push {
  readonly id: string;
  /** Trace id of the request, and the begin of the commit. One of the two is in the call of the listener. */
  readonly trace: string;
  readonly fires: boolean;
}

class Run {
  readonly #load: WebhookLoad;
  readonly #agent: Agent;
  readonly #latencies: number[] = [];
  readonly #crossings: number[] = [];
  readonly #failures: Record<string, number> = {};
  /** Pushes to `main` that have not fired yet, by trace, with the time at which they were due. */
  readonly #waiting = new Map<string, number>();
  /** Traces of accepted pushes to `main`. */
  readonly #acceptedFires: string[] = [];
  readonly #repeatable: Push[] = [];
  #requests = 0;
  #fresh = 0;
  #accepted = 0;
  #repeated = 0;

  constructor(load: WebhookLoad) {
    this.#load = load;
    const maxSockets = "connections" in load.pace ? load.pace.connections : OPEN_LOOP_SOCKETS;
    this.#agent = new Agent({ keepAlive: true, maxSockets });
  }

  async result(): Promise<LoadResult> {
    const { pace, seconds } = this.#load;
    const started = performance.now();
    const end = started + seconds * 1_000;
    const answered =
      "connections" in pace ? this.#closedLoop(pace.connections, end) : this.#openLoop(pace.perSecond, end);
    await sleep(seconds * 1_000);
    const fired = this.#crossings.length;
    await answered;
    const ended = performance.now();
    await this.#untilQuiet();
    this.#agent.destroy();
    return {
      seconds: (ended - started) / 1_000,
      accepted: this.#accepted,
      repeated: this.#repeated,
      failures: this.#failures,
      latency: percentilesOf(this.#latencies),
      fired,
      crossing: percentilesOf(this.#crossings),
      notFired: this.#notFired(),
    };
  }

  listenerCalled(trace: string): void {
    const due = this.#waiting.get(trace);
    if (due === undefined) return;
    this.#waiting.delete(trace);
    this.#crossings.push(performance.now() - due);
  }

  async #closedLoop(connections: number, end: number): Promise<void> {
    const connection = async (): Promise<void> => {
      while (performance.now() < end) await this.#send(performance.now());
    };
    await Promise.all(Array.from({ length: connections }, connection));
  }

  async #openLoop(perSecond: number, end: number): Promise<void> {
    const requests: Promise<void>[] = [];
    for (let due = performance.now(); due < end; due += 1_000 / perSecond) {
      const wait = due - performance.now();
      await (wait > 0 ? sleep(Math.ceil(wait)) : nextTurn());
      requests.push(this.#send(due));
    }
    await Promise.all(requests);
  }

  async #send(due: number): Promise<void> {
    const again = this.#isRepeat() ? this.#repeatable.shift() : undefined;
    const push = again ?? this.#freshPush(due);
    const answer = await this.#post(push, due);
    this.#latencies.push(answer === NO_ANSWER ? TIMEOUT_MS : performance.now() - due);
    if (!/^2/.test(answer)) {
      this.#failures[answer] = (this.#failures[answer] ?? 0) + 1;
      return;
    }
    if (again) {
      this.#repeated += 1;
      return;
    }
    this.#accepted += 1;
    if (push.fires) this.#acceptedFires.push(push.trace);
    this.#repeatable.push(push);
    if (this.#repeatable.length > MAX_REPEATABLE) this.#repeatable.shift();
  }

  #isRepeat(): boolean {
    const { repeatEvery } = this.#load;
    this.#requests += 1;
    return repeatEvery !== undefined && this.#requests % repeatEvery === 0;
  }

  #freshPush(due: number): Push {
    this.#fresh += 1;
    const trace = randomBytes(16).toString("hex");
    const push = { id: randomUUID(), trace, fires: this.#fresh % this.#load.fireEvery === 0 };
    if (push.fires) this.#waiting.set(trace, due);
    return push;
  }

  /** Resolves with the status, or with {@link NO_ANSWER}. */
  #post(push: Push, due: number): Promise<string> {
    const body = Buffer.from((push.fires ? TO_MAIN : TO_WORK).replaceAll(PLACEHOLDER, push.trace));
    return new Promise((resolve) => {
      const request = httpRequest(this.#load.url, {
        method: "POST",
        agent: this.#agent,
        headers: headersOf(push, body),
      });
      const timer = setTimeout(() => request.destroy(), due + TIMEOUT_MS - performance.now());
      const end = (answer: string): void => {
        clearTimeout(timer);
        resolve(answer);
      };
      request.once("response", (response) => response.resume().once("end", () => end(String(response.statusCode))));
      request.once("error", () => end(NO_ANSWER));
      request.once("close", () => end(NO_ANSWER));
      request.end(body);
    });
  }

  /** Waits until every accepted push has fired, or until the listener is no longer called. */
  async #untilQuiet(): Promise<void> {
    const { quietMs = QUIET_MS } = this.#load;
    let [calls, since] = [this.#crossings.length, performance.now()];
    while (this.#notFired() > 0 && performance.now() - since < quietMs) {
      await sleep(20);
      if (this.#crossings.length !== calls) [calls, since] = [this.#crossings.length, performance.now()];
    }
  }

  #notFired(): number {
    return this.#acceptedFires.filter((trace) => this.#waiting.has(trace)).length;
  }
}

/** The headers of GitLab, and those of GitHub for the receivers that have no reader of GitLab's. */
function headersOf({ id, trace }: Push, body: Buffer): Record<string, string | number> {
  return {
    ...gitlabHeaders(body, systemClock.now(), id),
    "content-length": body.length,
    traceparent: `00-${trace}-${trace.slice(0, 16)}-01`,
    "x-github-event": "push",
    "x-github-delivery": id,
    "x-hub-signature-256": `sha256=${createHmac("sha256", CANARY).update(body).digest("hex")}`,
  };
}

/** By the nearest rank. NaN if there are no values. */
function percentilesOf(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
  return { p50: rank(0.5), p99: rank(0.99) };
}

const TRACE = /[0-9a-f]{32}/;
const PLACEHOLDER = "0".repeat(32);
const after = `${PLACEHOLDER}${"c".repeat(8)}`;
const TO_MAIN = pushBody({ branch: "main", after }).toString("utf8");
const TO_WORK = pushBody({ branch: "work", after }).toString("utf8");

/** GitLab waits that long for the answer to a webhook: https://docs.gitlab.com/administration/instance_limits/ */
export const TIMEOUT_MS = 10_000;
const NO_ANSWER = "no answer";
const OPEN_LOOP_SOCKETS = 256;
const MAX_REPEATABLE = 100;
const QUIET_MS = 5_000;
