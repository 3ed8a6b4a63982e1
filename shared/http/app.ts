import type { Context, Hono } from "hono";
// Its few addresses do not repay a router that is compiled from them at the start.
import { Hono as App } from "hono/tiny";
import { type ReceiveDeps, receive, type Source } from "../delivery/receive.ts";
import type { AuditedRejection, RejectionAudit } from "../delivery/rejection-audit.ts";
import type { Clock } from "../host/clock.ts";
import { failureOf } from "../host/fault.ts";
import type { Log, LogFields } from "../host/log.ts";
import { type TraceParent, traceIdOf, traceOf } from "../host/trace.ts";
import type { Principal } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";
import type { ReceivedRequest } from "../model/request.ts";
import type { Result } from "../model/result.ts";
import type { BridgeIssuer } from "../outbound/issuer.ts";
import { checkContentType, readBody } from "./body.ts";
import { type CallDeps, callsOf } from "./calls.ts";
import type { Connection } from "./connection.ts";
import { NOT_FOUND, problemOf, problemResponse, UNAVAILABLE } from "./problem.ts";

export interface AppDeps {
  readonly receiving: ReceiveDeps;
  readonly calls: CallDeps;
  readonly sources: ReadonlyMap<string, Source>;
  /** Where CI jobs tell the state of their own builds. */
  readonly status: Source;
  readonly rejectionAudit: Pick<RejectionAudit, "record">;
  /** The bridge as an issuer of tokens; undefined if it has no `identity`. */
  readonly issuer: Pick<BridgeIssuer, "discovery" | "keySet"> | undefined;
  readonly maxBodyBytes: number;
  readonly clock: Clock;
  /** New for each request. */
  readonly newRequestId: () => string;
  /** Resolves when store and bus can be reached. */
  readonly ready: () => Promise<unknown>;
  readonly log: Log;
}

type Env = { Bindings: Connection; Variables: { requestId: string; traceparent: TraceParent; startedAt: number } };

/** The HTTP interface: `docs/http-api.md` lists it. Every outcome is one log line; every refusal a problem answer. */
export function createApp(deps: AppDeps): Hono<Env> {
  const app = new App<Env>();
  app.use(async (c, next) => {
    c.set("requestId", deps.newRequestId());
    c.set("traceparent", traceOf(c.req.raw.headers));
    c.set("startedAt", deps.clock.now());
    await next();
  });
  app.post("/webhooks/:source", (c) => takeDelivery(c, deps, deps.sources.get(c.req.param("source"))));
  app.all("/webhooks/:source", (c) => refused(c, deps, { reason: "method_not_allowed", allowed: "POST" }));
  app.post("/v1/status", (c) => takeDelivery(c, deps, deps.status));
  app.all("/v1/status", (c) => refused(c, deps, { reason: "method_not_allowed", allowed: "POST" }));
  takeCalls(app, deps);
  app.get("/healthz", (c) => c.json({ status: "up" }));
  app.get("/readyz", async (c) => {
    await deps.ready();
    return c.json({ status: "ready" });
  });
  if (deps.issuer !== undefined) publish(app, deps.issuer);
  app.notFound((c) => problemResponse(NOT_FOUND, c.get("requestId")));
  app.onError((error, c) => failed(c, deps, error));
  return app;
}

function takeCalls(app: Hono<Env>, deps: AppDeps): void {
  const methods = new Map<string, string>();
  for (const { method, path, status, answer } of callsOf(deps.calls)) {
    app.on(method, path, (c) =>
      takeCall(c, deps, { status, handle: (request) => answer(request, c.req.param("id") ?? "") }),
    );
    methods.set(path, method === "GET" ? "GET, HEAD" : method);
  }
  for (const [path, allowed] of methods)
    app.all(path, (c) => refused(c, deps, { reason: "method_not_allowed", allowed }));
}

/** What others need to verify the bridge's own tokens. */
function publish(app: Hono<Env>, issuer: NonNullable<AppDeps["issuer"]>): void {
  const headers = { "Cache-Control": `public, max-age=${KEYS_MAX_AGE_SECONDS}` };
  app.get("/.well-known/openid-configuration", (c) => c.json(issuer.discovery(), 200, headers));
  app.get("/.well-known/jwks.json", async (c) => c.json(await issuer.keySet(), 200, headers));
}

/** A new key has to be published for longer than this before it signs. */
const KEYS_MAX_AGE_SECONDS = 300;

async function takeDelivery(c: Context<Env>, deps: AppDeps, source: Source | undefined): Promise<Response> {
  if (source === undefined) return refused(c, deps, { reason: "source_unknown" });
  const type = checkContentType(c.req.raw.headers, source.contentTypes);
  if (!type.ok) return refused(c, deps, type.rejection);
  const body = await readBody(c.req.raw, deps.maxBodyBytes);
  if (!body.ok) return refused(c, deps, body.rejection);
  const request = { repeatable: true, ...receivedRequest(c, body.value, deps) };
  const receipt = await receive(request, source, deps.receiving);
  if (!receipt.ok) return refusedFor(c, deps, { ...receipt, ...pick(source), request });
  const { delivery, status } = receipt.value;
  deps.log.info({ delivery, status, ...lineOf(c, deps) }, "delivery");
  return c.json(receipt.value, status === "duplicate" ? 200 : 202);
}

function receivedRequest(c: Context<Env>, body: Uint8Array, deps: AppDeps): ReceivedRequest {
  const { method, url, headers } = c.req.raw;
  const receivedAt = deps.clock.now();
  const { requestId, traceparent } = c.var;
  // Absent in a test that asks the app without a host.
  const { clientCertificate } = c.env ?? {};
  return {
    method,
    url: new URL(url),
    headers,
    body,
    receivedAt,
    requestId,
    traceparent,
    ...(clientCertificate && { clientCertificate }),
  };
}

const MAX_CALL_BYTES = 16_384;

interface Call {
  readonly status: 200 | 202;
  readonly handle: (request: ReceivedRequest) => Promise<Result<object>>;
}

/** A call of the bridge's own interface: its body is JSON, or there is none. */
async function takeCall(c: Context<Env>, deps: AppDeps, { status, handle }: Call): Promise<Response> {
  const body = await readBody(c.req.raw, MAX_CALL_BYTES);
  if (!body.ok) return refused(c, deps, body.rejection);
  const type = body.value.length === 0 ? body : checkContentType(c.req.raw.headers, ["application/json"]);
  if (!type.ok) return refused(c, deps, type.rejection);
  const request = receivedRequest(c, body.value, deps);
  const result = await handle(request);
  if (result.ok) return c.json(result.value, status);
  return refusedFor(c, deps, { ...result, source: "api", provider: "api", request });
}

/** A refusal that is recorded if its caller is known. */
async function refusedFor(
  c: Context<Env>,
  deps: AppDeps,
  { by, ...refusal }: Omit<AuditedRejection, "by"> & { readonly by?: Principal },
): Promise<Response> {
  if (by !== undefined) await deps.rejectionAudit.record({ ...refusal, by });
  return refused(c, deps, refusal.rejection);
}

const pick = ({ name: source, provider }: Source) => ({ source, provider });

/** A caller whose identity is proved may know the reason of a refusal; every other gets the same terse answer. */
function refused(c: Context<Env>, deps: AppDeps, rejection: Rejection): Response {
  const problem = problemOf(rejection);
  deps.log.warn({ ...lineOf(c, deps), status: problem.status, ...rejection }, "refused");
  return problemResponse(problem, c.get("requestId"), problem.status === 401 ? undefined : rejection.reason);
}

/** Never 500: a sender that is told 500 may drop what it has (Tekton does), one that is told 503 tries again. */
function failed(c: Context<Env>, deps: AppDeps, error: Error): Response {
  deps.log.error({ ...lineOf(c, deps), status: UNAVAILABLE.status, ...failureOf(error) }, "failed");
  return problemResponse(UNAVAILABLE, c.get("requestId"));
}

function lineOf(c: Context<Env>, deps: AppDeps): LogFields {
  const source = c.req.param("source");
  return {
    request: c.get("requestId"),
    trace: traceIdOf(c.get("traceparent")),
    // The path as a route's pattern, and a source only if it is configured: an address may hold anything.
    ...(source !== undefined && deps.sources.has(source) && { source }),
    durationMs: deps.clock.now() - c.get("startedAt"),
  };
}
