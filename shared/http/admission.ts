import { randomUUID } from "node:crypto";
import { IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { RequestError } from "@hono/node-server";
import { systemClock } from "../host/clock.ts";
import { failureOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { problemResponse, UNAVAILABLE } from "./problem.ts";
import { problemOf } from "./problem-of.ts";

export interface AdmissionLimits {
  /** Requests in flight. A request is in flight until it is answered. */
  readonly requests: number;
  /** Bytes that have arrived of the bodies of all requests in flight. */
  readonly bodyBytes: number;
  /** A part of a body counts as at least this many bytes: a body may arrive in parts of one byte. */
  readonly partBytes: number;
  /** Health checks in flight. They count towards no other limit. */
  readonly healthChecks: number;
  /** A path is overloaded if a request of it has been handled for longer than this, and it has `slowRequests` of them. */
  readonly slowAfterMs: number;
  readonly slowRequests: number;
  /**
   * If there is no room, a request is cut whose body takes longer to arrive than `arrivalMs` and one millisecond for each
   * `arrivalBytesPerMs` that have arrived.
   */
  readonly arrivalMs: number;
  readonly arrivalBytesPerMs: number;
  /** Answers that wait for a client to read. With more of them, the connection that has the most is cut. */
  readonly unsentAnswers: number;
  /** While the server stops, a connection is cut if its client has not read an answer for this long. */
  readonly unsentMs: number;
}

/**
 * A sender that does not retry loses a rejected delivery, so a burst is taken as far as it can be answered in time.
 * `unsentAnswers` is above `requests`, because all requests in flight may be answered at the same moment.
 */
export const ADMISSION_LIMITS: AdmissionLimits = {
  requests: 1_000,
  bodyBytes: 67_108_864,
  // Each part takes 300 to 600 bytes besides its content.
  partBytes: 1_024,
  healthChecks: 32,
  slowAfterMs: 3_000,
  slowRequests: 16,
  arrivalMs: 250,
  arrivalBytesPerMs: 512,
  unsentAnswers: 2_000,
  unsentMs: 1_000,
};

/** Paths that say whether the process works. They have to be answered under overload too. */
const HEALTH_PATHS: ReadonlySet<string> = new Set(["/healthz", "/readyz"]);
/** The part of the limits that one path may use. A flood at one source then leaves room for the others. */
const PATH_SHARE = 0.5;
const OVERLOADED = { reason: "overloaded" } as const;
const MALFORMED = { reason: "request_malformed" } as const;
/** Time between two log lines about rejected requests. */
const LOG_EVERY_MS = 10_000;

/** A request that reports the size of each part of its body when the part arrives. */
export class MeteredMessage extends IncomingMessage {
  onBytes: (bytes: number) => void = () => undefined;

  /** The HTTP parser calls this method, with null at the end of the body. */
  override push(chunk: Uint8Array | null, encoding?: BufferEncoding): boolean {
    if (chunk !== null) this.onBytes(chunk.length);
    return super.push(chunk, encoding);
  }
}

export interface Exchange {
  readonly incoming: MeteredMessage;
  readonly outgoing: ServerResponse;
}

interface AdmissionDeps {
  readonly limits: AdmissionLimits;
  /** A longer body is rejected without being read, and a body of unknown length is read up to here. */
  readonly maxBodyBytes: () => number;
  readonly log: Log;
}

interface OpenRequest extends Exchange {
  readonly socket: Socket;
  /** The first two segments: a source, or a call of the API. */
  readonly path: string;
  /** Bytes of the body that have arrived. */
  bodyBytes: number;
  /** What they count as: see `partBytes`. */
  heldBytes: number;
  /** Whether a part of the body is still to come. */
  isArriving: boolean;
  /** When it was answered; before, when it became complete; before, when its head arrived. From a monotonic clock. */
  since: number;
}

interface Load {
  requests: number;
  bytes: number;
}

/**
 * Admission control of one HTTP server. It bounds the requests in flight, the bytes that they hold, and the answers that
 * clients do not read.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #maxBodyBytes: () => number;
  readonly #log: Log;
  /** The requests in flight. */
  readonly #open = new Set<OpenRequest>();
  /** Their sums, for each path and for all paths. A part of a body costs the same, however many requests there are. */
  readonly #loads = new Map<string, Load>();
  readonly #total: Load = { requests: 0, bytes: 0 };
  /** The answered requests of each connection whose answers the system has not taken yet. */
  readonly #unsent = new Map<Socket, Set<OpenRequest>>();
  /** The connections whose end is awaited. */
  readonly #watched = new WeakSet<Socket>();
  #isStopping = false;
  #isStopped = false;
  #onEmpty: () => void = () => undefined;
  #rejected = 0;
  #wereCut = 0;
  #logTimer: NodeJS.Timeout | undefined;

  constructor({ limits, maxBodyBytes, log }: AdmissionDeps) {
    this.#limits = limits;
    this.#maxBodyBytes = maxBodyBytes;
    this.#log = log;
  }

  /** Handles a request if there is room for it. Else it is rejected at once, without reading its body. */
  async serve(exchange: Exchange, handle: () => Response | Promise<Response>): Promise<Response> {
    const request = this.#requestOf(exchange);
    if (this.#isStopping) exchange.outgoing.setHeader("Connection", "close");
    this.#watch(request);
    try {
      if (!this.#admits(request)) return this.#reject();
      this.#add(request);
      return await handle();
    } finally {
      this.#addUnsent(request);
    }
  }

  /** Answers a request whose host or target makes no URL, so that no app can handle it. */
  rejectMalformed(): Response {
    const problem = problemOf(MALFORMED);
    const request = randomUUID();
    this.#log.warn({ request, status: problem.status, ...MALFORMED }, "refused");
    return problemResponse(problem, request, MALFORMED.reason);
  }

  /** Answers a request that no app answered. Never 500, after which a sender may drop the delivery. */
  answerError(error: unknown): Response {
    if (error instanceof RequestError) return this.rejectMalformed();
    const request = randomUUID();
    this.#log.error({ request, status: UNAVAILABLE.status, ...(error instanceof Error && failureOf(error)) }, "failed");
    return problemResponse(UNAVAILABLE, request);
  }

  /** From now on, each connection ends with the answer to its current request. */
  endConnections(): void {
    this.#isStopping = true;
    for (const { outgoing } of this.#open) if (!outgoing.headersSent) outgoing.setHeader("Connection", "close");
  }

  /**
   * Takes no more requests, and cuts those that are still arriving and those whose answer is not read. Resolves when all
   * others are answered.
   */
  async endArrivals(): Promise<void> {
    this.#isStopped = true;
    for (const request of this.#open) if (request.isArriving) this.#cut(request);
    this.#cutUnread();
    const cutting = setInterval(() => this.#cutUnread(), this.#limits.unsentMs);
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
      this.#reportEmpty();
    });
    clearInterval(cutting);
  }

  /** Logs the requests that no line has counted yet. */
  end(): void {
    clearTimeout(this.#logTimer);
    if (this.#rejected + this.#wereCut > 0) this.#logOverload();
    clearTimeout(this.#logTimer);
  }

  #requestOf({ incoming, outgoing }: Exchange): OpenRequest {
    return {
      incoming,
      outgoing,
      socket: incoming.socket,
      path: pathOf(incoming.url ?? ""),
      bodyBytes: 0,
      heldBytes: 0,
      isArriving: announcedBytes(incoming) > 0,
      since: systemClock.monotonic(),
    };
  }

  /** A queued answer of a pipeline does not report that its connection has ended, so the connection is watched too. */
  #watch(request: OpenRequest): void {
    const { outgoing, socket } = request;
    outgoing.once("close", () => this.#removeUnsent(request));
    if (this.#watched.has(socket)) return;
    this.#watched.add(socket);
    socket.once("close", () => {
      this.#unsent.delete(socket);
      this.#reportEmpty();
    });
  }

  #admits({ incoming, path }: OpenRequest): boolean {
    if (this.#isStopped) return false;
    if (HEALTH_PATHS.has(path)) return this.#loadOf(path).requests < this.#limits.healthChecks;
    return !this.#isSlow(path) && this.#hasRoom(path, { requests: 1, bytes: this.#bytesToRead(incoming) });
  }

  /** The app rejects a body that is announced as too long before it reads it. */
  #bytesToRead(incoming: IncomingMessage): number {
    const maxBytes = this.#maxBodyBytes();
    const announced = announcedBytes(incoming);
    if (announced === Number.POSITIVE_INFINITY) return maxBytes;
    return announced > maxBytes ? 0 : announced;
  }

  #isSlow(path: string): boolean {
    const { slowAfterMs, slowRequests } = this.#limits;
    let handled = 0;
    let oldest = Number.POSITIVE_INFINITY;
    for (const other of this.#open) {
      if (other.path !== path || other.isArriving) continue;
      handled += 1;
      oldest = Math.min(oldest, other.since);
    }
    return handled >= slowRequests && systemClock.monotonic() - oldest > slowAfterMs;
  }

  /** Whether a path may have this much more. Cuts late arrivals if not. */
  #hasRoom(path: string, more: Readonly<Load>): boolean {
    return (
      this.#hasShare(this.#loadOf(path), more, PATH_SHARE, (request) => request.path === path) &&
      this.#hasShare(this.#total, more, 1, (request) => !HEALTH_PATHS.has(request.path))
    );
  }

  /**
   * Whether `load`, which is that of the requests that `isCounted` selects, leaves room in its share of the limits. If not,
   * late arrivals are cut, as few as needed. Where a request is needed, the one that sent least is cut; where bytes are, the
   * one that holds most.
   */
  #hasShare(
    load: Readonly<Load>,
    more: Readonly<Load>,
    share: number,
    isCounted: (request: OpenRequest) => boolean,
  ): boolean {
    const missingRequests = (): number => load.requests + more.requests - this.#limits.requests * share;
    const missingBytes = (): number => load.bytes + more.bytes - this.#limits.bodyBytes * share;
    if (missingRequests() <= 0 && missingBytes() <= 0) return true;
    const late = [...this.#open].filter((request) => isCounted(request) && this.#isLate(request));
    late.sort((a, b) => a.heldBytes - b.heldBytes || a.bodyBytes - b.bodyBytes);
    while (missingRequests() > 0 || missingBytes() > 0) {
      const request = missingBytes() > 0 ? late.pop() : late.shift();
      if (request === undefined) return false;
      this.#cutForRoom(request);
    }
    return true;
  }

  #isLate({ isArriving, since, bodyBytes }: OpenRequest): boolean {
    const { arrivalMs, arrivalBytesPerMs } = this.#limits;
    return isArriving && systemClock.monotonic() - since > arrivalMs + bodyBytes / arrivalBytesPerMs;
  }

  #add(request: OpenRequest): void {
    this.#open.add(request);
    this.#count(request, { requests: 1, bytes: 0 });
    request.incoming.onBytes = (bytes) => this.#addBytes(request, bytes);
    request.incoming.once("end", () => {
      request.isArriving = false;
      request.since = systemClock.monotonic();
    });
  }

  #remove(request: OpenRequest): void {
    if (this.#open.delete(request)) this.#count(request, { requests: -1, bytes: -request.heldBytes });
  }

  #count({ path }: OpenRequest, { requests, bytes }: Readonly<Load>): void {
    const load = this.#loadOf(path);
    for (const sum of HEALTH_PATHS.has(path) ? [load] : [load, this.#total]) {
      sum.requests += requests;
      sum.bytes += bytes;
    }
    if (load.requests === 0) this.#loads.delete(path);
    else this.#loads.set(path, load);
  }

  #loadOf(path: string): Load {
    return this.#loads.get(path) ?? { requests: 0, bytes: 0 };
  }

  /** Requests whose bodies had room when their heads arrived may need more than the limit together. */
  #addBytes(request: OpenRequest, bytes: number): void {
    if (!this.#open.has(request)) return;
    const held = Math.max(bytes, this.#limits.partBytes);
    request.bodyBytes += bytes;
    request.heldBytes += held;
    this.#count(request, { requests: 0, bytes: held });
    if (!this.#hasRoom(request.path, { requests: 0, bytes: 0 })) this.#cutForRoom(request);
  }

  /** The answer waits until the system takes it; in a pipeline, also for the answers before it. */
  #addUnsent(request: OpenRequest): void {
    const { socket } = request;
    this.#remove(request);
    request.since = systemClock.monotonic();
    if (!socket.destroyed) {
      const unsent = this.#unsent.get(socket) ?? new Set();
      this.#unsent.set(socket, unsent.add(request));
      this.#boundUnsent();
    }
    this.#reportEmpty();
  }

  #removeUnsent(request: OpenRequest): void {
    const unsent = this.#unsent.get(request.socket);
    if (unsent?.delete(request) && unsent.size === 0) this.#unsent.delete(request.socket);
    this.#reportEmpty();
  }

  #boundUnsent(): void {
    let answers = 0;
    let most: ReadonlySet<OpenRequest> = new Set();
    for (const unsent of this.#unsent.values()) {
      answers += unsent.size;
      if (unsent.size > most.size) most = unsent;
    }
    const [request] = most;
    if (answers > this.#limits.unsentAnswers && request) this.#cutForRoom(request);
  }

  /** Cuts the connections whose answers only wait for the client. */
  #cutUnread(): void {
    const unreadSince = systemClock.monotonic() - this.#limits.unsentMs;
    const inFlight = new Set([...this.#open].map(({ socket }) => socket));
    for (const [socket, [request]] of this.#unsent) {
      if (request && request.since < unreadSince && !inFlight.has(socket)) this.#cut(request);
    }
  }

  #cutForRoom(request: OpenRequest): void {
    this.#wereCut += 1;
    this.#countOverload();
    this.#cut(request);
  }

  /** Ends the connection of a request. The other requests of the connection are handled, and their answers are dropped. */
  #cut(request: OpenRequest): void {
    this.#remove(request);
    this.#unsent.delete(request.socket);
    request.socket.destroy();
    this.#reportEmpty();
  }

  #reportEmpty(): void {
    if (this.#open.size === 0 && this.#unsent.size === 0) this.#onEmpty();
  }

  #reject(): Response {
    this.#rejected += 1;
    this.#countOverload();
    return problemResponse(problemOf(OVERLOADED), randomUUID(), OVERLOADED.reason);
  }

  /** Writes one line now, and then at most one in each period. */
  #countOverload(): void {
    if (this.#logTimer === undefined) this.#logOverload();
  }

  #logOverload(): void {
    const { status } = problemOf(OVERLOADED);
    const counts = { rejected: this.#rejected, cut: this.#wereCut, inFlight: this.#open.size };
    this.#log.warn(
      { status, ...OVERLOADED, ...counts },
      "requests were rejected or cut because too many are in flight",
    );
    this.#rejected = 0;
    this.#wereCut = 0;
    this.#logTimer = setTimeout(() => {
      this.#logTimer = undefined;
      if (this.#rejected + this.#wereCut > 0) this.#logOverload();
    }, LOG_EVERY_MS);
    this.#logTimer.unref();
  }
}

/** Returns the size that the head of a request gives for its body. Infinity if the size is unknown. */
function announcedBytes({ headers }: IncomingMessage): number {
  return headers["transfer-encoding"] === undefined ? Number(headers["content-length"] ?? 0) : Number.POSITIVE_INFINITY;
}

/** Returns the first two segments of a request target: a source, or a call of the API. */
const pathOf = (target: string): string => target.split("?", 1)[0]?.split("/", 3).join("/") ?? "";
