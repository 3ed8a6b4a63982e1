import { randomUUID } from "node:crypto";
import type { HttpBindings } from "@hono/node-server";
import { systemClock } from "../host/clock.ts";
import type { Log } from "../host/log.ts";
import { problemOf, problemResponse } from "./problem.ts";

export interface AdmissionLimits {
  /** Requests in flight. */
  readonly requests: number;
  /** Bytes of the bodies of all requests in flight. */
  readonly bodyBytes: number;
  /** Health checks in flight. They count towards no other limit. */
  readonly healthChecks: number;
  /** A path is overloaded if a request of it has been handled for longer than this, and it has `slowRequests` of them. */
  readonly slowAfterMs: number;
  readonly slowRequests: number;
  /** If there is no room, a request whose body takes longer than this to arrive is cut. */
  readonly arrivalMs: number;
}

/** A sender that does not retry loses a rejected delivery, so a burst is taken as far as it can be answered in time. */
export const ADMISSION_LIMITS: AdmissionLimits = {
  requests: 1_000,
  bodyBytes: 67_108_864,
  healthChecks: 32,
  slowAfterMs: 3_000,
  slowRequests: 16,
  arrivalMs: 2_000,
};

/** Paths that say whether the process works. They have to be answered under overload too. */
const HEALTH_PATHS: ReadonlySet<string> = new Set(["/healthz", "/readyz"]);
/** The part of the limits that one path may use. A flood at one source then leaves room for the others. */
const PATH_SHARE = 0.5;
const OVERLOADED = { reason: "overloaded" } as const;
/** Time between two log lines about rejected requests. */
const LOG_EVERY_MS = 10_000;

interface AdmissionDeps {
  readonly limits: AdmissionLimits;
  /** A longer body is rejected without being read, and a body of unknown length is read up to here. */
  readonly maxBodyBytes: () => number;
  readonly log: Log;
}

interface OpenRequest extends HttpBindings {
  /** The first two segments: a source, or a call of the API. */
  readonly path: string;
  /** The memory that the body may need. */
  readonly bodyBytes: number;
  /** Whether a part of the body is still to come. */
  isArriving: boolean;
  /** When it became complete; if it is arriving, when its head was complete. From a monotonic clock. */
  since: number;
}

/** Admission control of one HTTP server: it bounds the requests in flight and the bytes that they hold. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #maxBodyBytes: () => number;
  readonly #log: Log;
  /** In the order of their heads. */
  readonly #open = new Set<OpenRequest>();
  #isStopping = false;
  #isStopped = false;
  #onEmpty: () => void = () => undefined;
  #rejected = 0;
  #logTimer: NodeJS.Timeout | undefined;

  constructor({ limits, maxBodyBytes, log }: AdmissionDeps) {
    this.#limits = limits;
    this.#maxBodyBytes = maxBodyBytes;
    this.#log = log;
  }

  /** Handles a request if there is room for it. Else it is rejected at once, without reading its body. */
  async serve(exchange: HttpBindings, handle: () => Response | Promise<Response>): Promise<Response> {
    const request = this.#requestOf(exchange);
    if (this.#isStopping) exchange.outgoing.setHeader("Connection", "close");
    if (!this.#admits(request)) return this.#reject();
    const answered = this.#add(request);
    try {
      return await handle();
    } finally {
      // The sender may close its connection before the request is handled.
      void answered.then(() => this.#remove(request));
    }
  }

  /** From now on, each connection ends with the answer to its current request. */
  endConnections(): void {
    this.#isStopping = true;
    for (const { outgoing } of this.#open) if (!outgoing.headersSent) outgoing.setHeader("Connection", "close");
  }

  /** Takes no more requests and cuts those that are still arriving. Resolves when all others are answered. */
  async endArrivals(): Promise<void> {
    this.#isStopped = true;
    for (const request of this.#open) if (request.isArriving) this.#cut(request);
    if (this.#open.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  /** Logs the requests that no line has counted yet. */
  end(): void {
    clearTimeout(this.#logTimer);
    if (this.#rejected > 0) this.#logRejected();
    clearTimeout(this.#logTimer);
  }

  #requestOf({ incoming, outgoing }: HttpBindings): OpenRequest {
    const { "content-length": length, "transfer-encoding": encoding } = incoming.headers;
    const maxBodyBytes = this.#maxBodyBytes();
    const announced = encoding === undefined ? Number(length ?? 0) : maxBodyBytes;
    return {
      incoming,
      outgoing,
      path: pathOf(incoming.url ?? ""),
      // The app rejects a longer body before it reads it.
      bodyBytes: announced > maxBodyBytes ? 0 : announced,
      isArriving: announced > 0,
      since: systemClock.monotonic(),
    };
  }

  #admits({ path, bodyBytes }: OpenRequest): boolean {
    if (this.#isStopped) return false;
    const isOfPath = (other: OpenRequest): boolean => other.path === path;
    if (HEALTH_PATHS.has(path)) return this.#count(isOfPath).requests < this.#limits.healthChecks;
    return (
      !this.#isSlow(path) &&
      this.#hasRoom(bodyBytes, PATH_SHARE, isOfPath) &&
      this.#hasRoom(bodyBytes, 1, (other) => !HEALTH_PATHS.has(other.path))
    );
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

  /** Whether the requests that `isCounted` selects leave room in their share of the limits. Cuts late arrivals if not. */
  #hasRoom(bytes: number, share: number, isCounted: (request: OpenRequest) => boolean): boolean {
    const fits = (): boolean => {
      const counted = this.#count(isCounted);
      return (
        counted.requests < this.#limits.requests * share && counted.bytes + bytes <= this.#limits.bodyBytes * share
      );
    };
    return fits() || (this.#cutLateArrivals(isCounted) && fits());
  }

  #count(isCounted: (request: OpenRequest) => boolean): { readonly requests: number; readonly bytes: number } {
    let requests = 0;
    let bytes = 0;
    for (const request of this.#open) {
      if (!isCounted(request)) continue;
      requests += 1;
      bytes += request.bodyBytes;
    }
    return { requests, bytes };
  }

  /** Clients that send requests slowly must not use up the limits. Returns whether one was cut. */
  #cutLateArrivals(isCounted: (request: OpenRequest) => boolean): boolean {
    const lateSince = systemClock.monotonic() - this.#limits.arrivalMs;
    const late = [...this.#open].filter((one) => isCounted(one) && one.isArriving && one.since < lateSince);
    for (const request of late) this.#cut(request);
    return late.length > 0;
  }

  #cut(request: OpenRequest): void {
    this.#remove(request);
    request.incoming.destroy();
  }

  /** Resolves when the answer is sent or its connection is closed. */
  #add(request: OpenRequest): Promise<void> {
    this.#open.add(request);
    request.incoming.once("end", () => {
      request.isArriving = false;
      request.since = systemClock.monotonic();
    });
    return new Promise((resolve) => request.outgoing.once("close", resolve));
  }

  #reject(): Response {
    this.#rejected += 1;
    if (this.#logTimer === undefined) this.#logRejected();
    return problemResponse(problemOf(OVERLOADED), randomUUID(), OVERLOADED.reason);
  }

  #remove(request: OpenRequest): void {
    this.#open.delete(request);
    if (this.#open.size === 0) this.#onEmpty();
  }

  /** Writes one line now, and then at most one in each period. */
  #logRejected(): void {
    const { status } = problemOf(OVERLOADED);
    const fields = { status, ...OVERLOADED, rejected: this.#rejected, inFlight: this.#open.size };
    this.#log.warn(fields, "requests were rejected because too many are in flight");
    this.#rejected = 0;
    this.#logTimer = setTimeout(() => {
      this.#logTimer = undefined;
      if (this.#rejected > 0) this.#logRejected();
    }, LOG_EVERY_MS);
    this.#logTimer.unref();
  }
}

/** Returns the first two segments of a request target: a source, or a call of the API. */
const pathOf = (target: string): string => target.split("?", 1)[0]?.split("/", 3).join("/") ?? "";
