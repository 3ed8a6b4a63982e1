import { type Context, Hono } from "hono";
import { type ReceiveTools, receive, type Source } from "../delivery/receive.ts";
import type { Rejection } from "../delivery/rejection.ts";
import type { ReceivedRequest } from "../delivery/request.ts";
import type { Result } from "../delivery/result.ts";
import type { Clock } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import type { Log, LogFields } from "../host/log.ts";
import { checkContentType, readBody } from "./body.ts";
import { type DeliveriesApi, getDelivery, listDeliveries } from "./deliveries.ts";
import { NOT_FOUND, problemOf, problemResponse, UNAVAILABLE } from "./problem.ts";

export interface AppTools extends ReceiveTools, DeliveriesApi {
  readonly deliveries: ReceiveTools["deliveries"] & DeliveriesApi["deliveries"];
  readonly sources: ReadonlyMap<string, Source>;
  readonly maxBodyBytes: number;
  readonly clock: Clock;
  /** New for each request. */
  readonly newRequestId: () => string;
  /** Resolves when store and bus can be reached. */
  readonly ready: () => Promise<unknown>;
  readonly log: Log;
}

type Env = { Variables: { requestId: string; startedAt: number } };

/** The HTTP interface: `docs/architecture.md` lists it. Every outcome is one log line; every refusal a problem answer. */
export function createApp(tools: AppTools): Hono<Env> {
  const app = new Hono<Env>();
  app.use(async (c, next) => {
    c.set("requestId", tools.newRequestId());
    c.set("startedAt", tools.clock.now());
    await next();
  });
  app.post("/webhooks/:source", (c) => takeWebhook(c, tools));
  app.all("/webhooks/:source", (c) => refused(c, tools, { reason: "method_not_allowed", allowed: "POST" }));
  app.get("/v1/deliveries", async (c) => answered(c, tools, await listDeliveries(c.req.raw, tools)));
  app.get("/v1/deliveries/:id", async (c) =>
    answered(c, tools, await getDelivery(c.req.raw, c.req.param("id"), tools)),
  );
  app.all("/v1/deliveries/:id?", (c) => refused(c, tools, { reason: "method_not_allowed", allowed: "GET, HEAD" }));
  app.get("/healthz", (c) => c.json({ status: "up" }));
  app.get("/readyz", async (c) => {
    await tools.ready();
    return c.json({ status: "ready" });
  });
  app.notFound((c) => problemResponse(NOT_FOUND, c.get("requestId")));
  app.onError((error, c) => failed(c, tools, error));
  return app;
}

async function takeWebhook(c: Context<Env, "/webhooks/:source">, tools: AppTools): Promise<Response> {
  const source = tools.sources.get(c.req.param("source"));
  if (source === undefined) return refused(c, tools, { reason: "source_unknown" });
  const request = await receivedRequest(c, source, tools);
  if (!request.ok) return refused(c, tools, request.rejection);
  const receipt = await receive(request.value, source, tools);
  if (!receipt.ok) return refused(c, tools, receipt.rejection);
  tools.log.info({ ...lineOf(c, tools), ...receipt.value }, "delivery");
  return c.json(receipt.value, receipt.value.status === "duplicate" ? 200 : 202);
}

async function receivedRequest(c: Context<Env>, source: Source, tools: AppTools): Promise<Result<ReceivedRequest>> {
  const { raw } = c.req;
  const type = checkContentType(raw.headers, source.contentTypes);
  if (!type.ok) return type;
  const body = await readBody(raw, tools.maxBodyBytes);
  if (!body.ok) return body;
  return {
    ok: true,
    value: {
      method: raw.method,
      url: new URL(raw.url),
      headers: raw.headers,
      body: body.value,
      receivedAt: tools.clock.now(),
      requestId: c.get("requestId"),
    },
  };
}

/** Answers a caller whose identity is proved: it may know the reason of a refusal. */
function answered(c: Context<Env>, tools: AppTools, result: Result<unknown>): Response {
  if (result.ok) return c.json(result.value as object);
  return refused(c, tools, result.rejection);
}

function refused(c: Context<Env>, tools: AppTools, rejection: Rejection): Response {
  const problem = problemOf(rejection);
  tools.log.warn({ ...lineOf(c, tools), status: problem.status, ...rejection }, "refused");
  return problemResponse(problem, c.get("requestId"), problem.status === 401 ? undefined : rejection.reason);
}

/** Never 500: a sender that is told 500 may drop what it has (Tekton does), one that is told 503 tries again. */
function failed(c: Context<Env>, tools: AppTools, error: Error): Response {
  const fields = error instanceof Fault ? { fault: error.code } : { error: error.name, at: originOf(error) };
  tools.log.error({ ...lineOf(c, tools), status: UNAVAILABLE.status, ...fields }, "failed");
  return problemResponse(UNAVAILABLE, c.get("requestId"));
}

function lineOf(c: Context<Env>, tools: AppTools): LogFields {
  const source = c.req.param("source");
  return {
    request: c.get("requestId"),
    // The path as a route's pattern, and a source only if it is configured: an address may hold anything.
    ...(source !== undefined && tools.sources.has(source) && { source }),
    durationMs: tools.clock.now() - c.get("startedAt"),
  };
}

/** Where in our code an unexpected error came from. Its message is left out: it may quote anything. */
const originOf = (error: Error): string | undefined =>
  error.stack
    ?.split("\n")
    .find((line) => line.startsWith("    at "))
    ?.trim();
