import type { Context, Hono } from "hono";
// The tiny preset: with so few routes, a router that compiles them at the start does not pay off.
import { Hono as App } from "hono/tiny";
import type { Readiness } from "../delivery/readiness.ts";
import { type ReceiveDeps, receive, type Source } from "../delivery/receive.ts";
import type { RefusalCounts } from "../delivery/refusal-counts.ts";
import type { AuditedRejection, RejectionAudit } from "../delivery/rejection-audit.ts";
import type { Clock } from "../host/clock.ts";
import { Fault, failureOf } from "../host/fault.ts";
import type { Log, LogFields } from "../host/log.ts";
import { callerSpanOf, type TraceParent, traceIdOf, traceOf } from "../host/trace.ts";
import { within } from "../host/within.ts";
import type { Principal } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";
import type { RateUsage, ReceivedRequest } from "../model/request.ts";
import type { BridgeIssuer } from "../outbound/issuer.ts";
import { checkContentType, readBody } from "./body.ts";
import { type ApiCall, apiCalls, type CallDeps } from "./calls.ts";
import type { Connection } from "./connection.ts";
import type { ProcessMetrics } from "./metrics.ts";
import { NO_CACHE, NOT_FOUND, type Problem, PUBLIC, problemResponse, rateHeaders, UNAVAILABLE } from "./problem.ts";

export interface AppDeps {
  readonly receiving: ReceiveDeps;
  readonly calls: CallDeps;
  readonly sources: ReadonlyMap<string, Source>;
  /** The source to which CI jobs report the state of their own builds. */
  readonly status: Source;
  readonly rejectionAudit: Pick<RejectionAudit, "record">;
  readonly refusalCounts: Pick<RefusalCounts, "count" | "proved">;
  /** The bridge as an issuer of tokens. Undefined if the configuration has no `identity`. */
  readonly issuer: Pick<BridgeIssuer, "discovery" | "keySet"> | undefined;
  readonly maxBodyBytes: number;
  /** A delivery that takes longer is answered 503, before its sender gives up. */
  readonly answerWithinMs: number;
  readonly clock: Clock;
  /** Called once per request. */
  readonly newRequestId: () => string;
  /** The metrics of this process. Undefined in AWS, where CloudWatch has those of log lines: there is no call for them. */
  readonly metrics: ProcessMetrics | undefined;
  readonly ready: () => Promise<Pick<Readiness, "status" | "checks"> & { readonly configuration?: string }>;
  readonly log: Log;
}

type Env = {
  Bindings: Connection;
  Variables: { requestId: string; traceparent: TraceParent; startedMs: number; usage: RateUsage | undefined };
};

/**
 * Creates the HTTP API, which `docs/http-api.md` lists. Each request writes one log line. Each rejection is answered
 * with a problem document.
 */
export function createApp(deps: AppDeps): Hono<Env> {
  const app = new App<Env>();
  app.use(async (c, next) => {
    c.set("requestId", deps.newRequestId());
    c.set("traceparent", traceOf(c.req.raw.headers));
    c.set("startedMs", deps.clock.monotonic());
    await next();
    const usage = c.get("usage");
    if (usage !== undefined)
      for (const [name, value] of Object.entries(rateHeaders(usage))) c.res.headers.set(name, value);
  });
  app.post("/webhooks/:source", (c) => handleDelivery(c, deps, deps.sources.get(c.req.param("source"))));
  app.post("/v1/status", (c) => handleDelivery(c, deps, deps.status));
  for (const call of apiCalls(deps.calls)) app.on(call.method, call.path, (c) => handleApiCall(c, deps, call));
  app.get("/healthz", (c) => c.json({ status: "up" }, 200, NO_CACHE));
  app.get("/readyz", async (c) => {
    const { status, checks, configuration } = await deps.ready();
    return c.json({ status, checks, configuration }, status === "unavailable" ? 503 : 200, NO_CACHE);
  });
  app.get("/openapi.json", async (c) => {
    const { default: description } = await import("./openapi.json", { with: { type: "json" } });
    return c.json(description, 200, PUBLIC);
  });
  const { metrics } = deps;
  if (metrics !== undefined) app.get("/metrics", (c) => handleMetrics(c, deps, metrics));
  if (deps.issuer !== undefined) addIssuerRoutes(app, deps.issuer);
  rejectOtherMethods(app, deps);
  app.notFound((c) => problemResponse(NOT_FOUND, c.get("requestId")));
  app.onError((error, c) => faultResponse(c, deps, error));
  return app;
}

/** Publishes what others need to verify the bridge's own tokens. */
function addIssuerRoutes(app: Hono<Env>, issuer: NonNullable<AppDeps["issuer"]>): void {
  app.get("/.well-known/openid-configuration", (c) => c.json(issuer.discovery(), 200, PUBLIC));
  app.get("/.well-known/jwks.json", async (c) => c.json(await issuer.keySet(), 200, PUBLIC));
}

/** Every path so far answers 405 to all other methods. */
function rejectOtherMethods(app: Hono<Env>, deps: AppDeps): void {
  const methods = new Map<string, string[]>();
  for (const { method, path } of app.routes) {
    if (path !== "/*")
      methods.set(path, [...(methods.get(path) ?? []), ...(method === "GET" ? ["GET", "HEAD"] : [method])]);
  }
  for (const [path, allowed] of methods)
    app.all(path, (c) => rejectionResponse(c, deps, { reason: "method_not_allowed", allowed: allowed.join(", ") }));
}

async function handleDelivery(c: Context<Env>, deps: AppDeps, source: Source | undefined): Promise<Response> {
  if (source === undefined) return rejectionResponse(c, deps, { reason: "source_unknown" });
  const type = checkContentType(c.req.raw.headers, source.contentTypes);
  if (!type.ok) return rejectionResponse(c, deps, type.rejection);
  const body = await readBody(c.req.raw, deps.maxBodyBytes);
  if (!body.ok) return rejectionResponse(c, deps, body.rejection);
  const request = receivedRequest(c, body.value, { clock: deps.clock, repeatable: true });
  const receipt = await within(receive(request, source, deps.receiving), deps.answerWithinMs, "late");
  if (receipt === "late") throw deadlineExceeded();
  if (!receipt.ok) {
    return recordedRejectionResponse(c, deps, {
      ...receipt,
      source: source.name,
      provider: source.provider,
      request,
      isRead: false,
    });
  }
  const { delivery, status } = receipt.value;
  deps.refusalCounts.proved(source.name, request.receivedAt);
  deps.log.info({ delivery, status, ...requestFields(c, deps) }, "delivery");
  return c.json(receipt.value, status === "duplicate" ? 200 : 202, NO_CACHE);
}

const deadlineExceeded = (): Fault =>
  new Fault("deadline_exceeded", "the delivery was not recorded in time", { retryable: true });

function receivedRequest(
  c: Context<Env>,
  body: Uint8Array,
  { clock, repeatable }: { readonly clock: Clock; readonly repeatable: boolean },
): ReceivedRequest {
  const { method, url, headers } = c.req.raw;
  // `c.env` is undefined if a test calls the app without a host.
  const { clientCertificate } = c.env ?? {};
  return {
    method,
    url: new URL(url),
    headers,
    body,
    repeatable,
    receivedAt: clock.now(),
    // `c.var` would build an object of all variables.
    requestId: c.get("requestId"),
    traceparent: c.get("traceparent"),
    callerSpan: callerSpanOf(headers),
    // Of several limits, the one that is reached first, as Kong reports it.
    counted(usage) {
      if (usage.remaining <= (c.get("usage")?.remaining ?? usage.remaining)) c.set("usage", usage);
    },
    ...(clientCertificate && { clientCertificate }),
  };
}

const MAX_CALL_BYTES = 16_384;

/** Handles a call of the API. Its body is empty or of the call's type. */
async function handleApiCall(
  c: Context<Env>,
  deps: AppDeps,
  { status, isRead, contentType, handle, respond, refuse }: ApiCall,
): Promise<Response> {
  const body = await readBody(c.req.raw, MAX_CALL_BYTES);
  if (!body.ok) return rejectionResponse(c, deps, body.rejection);
  const type = body.value.length === 0 ? body : checkContentType(c.req.raw.headers, [contentType]);
  if (!type.ok) return rejectionResponse(c, deps, type.rejection);
  const request = receivedRequest(c, body.value, { clock: deps.clock, repeatable: false });
  const result = await handle(request, c.req.param("id") ?? "", c.req.param("target") ?? "");
  if (result.ok) return respond ? respond(result.value, c.get("requestId")) : c.json(result.value, status, NO_CACHE);
  const rejected = { ...result, source: "api", provider: "api", request, isRead };
  const response = await recordedRejectionResponse(c, deps, rejected);
  return refuse ? refuse(result.rejection, c.get("requestId")) : response;
}

async function handleMetrics(c: Context<Env>, deps: AppDeps, metrics: ProcessMetrics): Promise<Response> {
  const [{ getMetrics }, { OPEN_METRICS_TYPE }] = await Promise.all([
    import("./metrics.ts"),
    import("./open-metrics.ts"),
  ]);
  const request = receivedRequest(c, new Uint8Array(), { clock: deps.clock, repeatable: false });
  // `c.env` is undefined if a test calls the app without a host.
  const isMetricsPort = c.env?.isMetricsPort === true;
  const result = await getMetrics(request, { api: deps.calls, metrics, isMetricsPort });
  if (result.ok) return c.body(result.value, 200, { ...NO_CACHE, "Content-Type": OPEN_METRICS_TYPE });
  return recordedRejectionResponse(c, deps, { ...result, source: "api", provider: "api", request, isRead: true });
}

/** Records the rejection if the caller is authenticated, then answers it. */
async function recordedRejectionResponse(
  c: Context<Env>,
  deps: AppDeps,
  { by, ...rejected }: Omit<AuditedRejection, "by"> & { readonly by?: Principal },
): Promise<Response> {
  if (by === undefined) return rejectionResponse(c, deps, rejected.rejection);
  await deps.rejectionAudit.record({ ...rejected, by });
  const { rejection } = rejected;
  return loggedRejection(c, deps, { rejection, problem: await problemFor(rejection) });
}

/** Counts the rejection of a caller that nobody proved, then answers it. */
async function rejectionResponse(c: Context<Env>, deps: AppDeps, rejection: Rejection): Promise<Response> {
  const problem = await problemFor(rejection);
  const source = countedSource(c, deps, problem);
  if (source !== undefined) {
    const [requestId, receivedAt] = [c.get("requestId"), deps.clock.now()];
    await deps.refusalCounts.count({ source, reason: rejection.reason, requestId, receivedAt });
  }
  return loggedRejection(c, deps, { rejection, problem });
}

/** The texts of the problems are imported with the first of them. */
async function problemFor(rejection: Rejection): Promise<Problem> {
  const { problemOf } = await import("./problem-of.ts");
  return problemOf(rejection);
}

/**
 * Under which name a rejection is counted. A caller chooses the name in the path, so only configured ones count. Of the
 * bridge's own calls only those count whose caller is not proved: the others say what was wrong with a request.
 */
function countedSource(c: Context<Env>, deps: AppDeps, { status }: Problem): string | undefined {
  if (c.req.param("source") === undefined && status !== 401) return undefined;
  return configuredSource(c, deps) ?? (c.req.param("source") === undefined ? "api" : undefined);
}

/** The name of the source to which a request is sent. Never the path: a path may contain anything. */
function configuredSource(c: Context<Env>, deps: AppDeps): string | undefined {
  const named = c.req.param("source") ?? "";
  if (deps.sources.has(named)) return named;
  return c.req.path === "/v1/status" ? deps.status.name : undefined;
}

/** An authenticated caller gets the reason of the rejection. Every other caller gets the same terse response. */
function loggedRejection(
  c: Context<Env>,
  deps: AppDeps,
  { rejection, problem }: { readonly rejection: Rejection; readonly problem: Problem },
): Response {
  // Any stranger can close a connection, and there is nothing to do about it.
  const level = rejection.reason === "body_incomplete" ? "info" : "warn";
  deps.log[level]({ ...requestFields(c, deps), status: problem.status, ...rejection }, "refused");
  return problemResponse(problem, c.get("requestId"), problem.status === 401 ? undefined : rejection.reason);
}

/** Never 500: a sender may drop the delivery after a 500, as Tekton does; it retries after a 503. */
function faultResponse(c: Context<Env>, deps: AppDeps, error: Error): Response {
  deps.log.error({ ...requestFields(c, deps), status: UNAVAILABLE.status, ...failureOf(error) }, "failed");
  return problemResponse(UNAVAILABLE, c.get("requestId"));
}

function requestFields(c: Context<Env>, deps: AppDeps): LogFields {
  const source = configuredSource(c, deps);
  return {
    request: c.get("requestId"),
    trace: traceIdOf(c.get("traceparent")),
    ...(source !== undefined && { source }),
    durationMs: deps.clock.monotonic() - c.get("startedMs"),
  };
}
