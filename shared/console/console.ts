import type { Context, Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { Hono as App } from "hono/tiny";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { isSamePerson, type PeopleOf } from "../approvals/people.ts";
import type { Clock } from "../host/clock.ts";
import { failureOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { checkContentType, readBody } from "../http/body.ts";
import type { ServedApp } from "../http/connection.ts";
import { NOT_FOUND, problemOf, UNAVAILABLE } from "../http/problem.ts";
import type { Policy } from "../identity/policy.ts";
import type { Rejection } from "../model/rejection.ts";
import { approvalOrder, approvalsPage } from "./approvals-page.ts";
import { ASSETS } from "./assets.ts";
import { credentialsPage } from "./credentials-page.ts";
import { rejectForgedForm } from "./csrf.ts";
import { deliveriesPage } from "./deliveries-page.ts";
import { deliveryPage, replayOrder } from "./delivery-page.ts";
import { layout, problemPage, SIGNED_OUT } from "./layout.ts";
import { rollbackOrder, rollbacksPage } from "./rollbacks-page.ts";
import type { Session, Sessions } from "./sessions.ts";
import { type Answer, asker, type Page, type Problem, type Visit } from "./visit.ts";

export interface ConsoleDeps {
  readonly sessions: Pick<Sessions, "of" | "begin" | "finish" | "end">;
  /** The bridge's own interface. */
  readonly api: ServedApp;
  /** The console's own address, as browsers know it. */
  readonly origin: string;
  readonly routes: readonly string[];
  readonly policy: Pick<Policy, "rejectRoute">;
  readonly people: PeopleOf;
  readonly clock: Clock;
  readonly newRequestId: () => string;
  readonly log: Log;
}

type Env = { Variables: { requestId: string } };
type Shows = (visit: Visit, id: string) => Promise<Answer<Page>>;
/** Gives the path of the page to go on with. */
type Orders = (visit: Visit, form: URLSearchParams, id: string) => Promise<Answer<string>>;

const PAGES: readonly (readonly [string, Shows])[] = [
  ["/console", deliveriesPage],
  ["/console/deliveries/:id", deliveryPage],
  ["/console/approvals", approvalsPage],
  ["/console/rollbacks", rollbacksPage],
  ["/console/credentials", credentialsPage],
];
const ORDERS: readonly (readonly [string, Orders])[] = [
  ["/console/deliveries/:id/replay", replayOrder],
  ["/console/approvals/:id", approvalOrder],
  ["/console/rollbacks", rollbackOrder],
];

/** The pages under `/console`: `docs/console.md` tells what each is for, and what keeps others out. */
export function createConsole(deps: ConsoleDeps): Hono<Env> {
  const app = new App<Env>({ strict: false });
  app.use(async (c, next) => {
    c.set("requestId", deps.newRequestId());
    c.header("Cache-Control", "no-store");
    await next();
  });
  app.use(secureHeaders(HEADERS));
  for (const [path, { type, text }] of Object.entries(ASSETS)) {
    app.get(path, (c) => c.body(text, 200, { "Content-Type": type, "Cache-Control": "max-age=600" }));
  }
  takeSignIns(app, deps);
  for (const [path, page] of PAGES) app.get(path, (c) => show(c, deps, page));
  for (const [path, order] of ORDERS) app.post(path, (c) => take(c, deps, order));
  app.notFound((c) => answer(c, NOT_FOUND));
  app.onError((error, c) => {
    const request = c.get("requestId");
    deps.log.error({ request, status: UNAVAILABLE.status, ...failureOf(error) }, "failed");
    return answer(c, { title: "The bridge cannot answer this now", status: UNAVAILABLE.status, instance: request });
  });
  return app;
}

/** Serves the console beside what else is at the same address. */
export const withConsole = (app: ServedApp, console: ServedApp): ServedApp => ({
  fetch(request, connection) {
    const { pathname } = new URL(request.url);
    const isConsole = pathname === "/console" || pathname.startsWith("/console/");
    return (isConsole ? console : app).fetch(request, connection);
  },
});

/**
 * Nothing is loaded, run or posted to that is not the console's own, and nobody may frame it. `same-origin`: with no
 * referrer at all a form would come without the origin that {@link rejectForgedForm} wants to see (Fetch, "append a request
 * Origin header").
 */
const HEADERS: Parameters<typeof secureHeaders>[0] = {
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    ...{ styleSrc: ["'self'"], scriptSrc: ["'self'"], imgSrc: ["'self'"], connectSrc: ["'self'"] },
    ...{ formAction: ["'self'"], baseUri: ["'none'"], frameAncestors: ["'none'"] },
  },
  xFrameOptions: "DENY",
  referrerPolicy: "same-origin",
  strictTransportSecurity: "max-age=15552000",
};

function takeSignIns(app: Hono<Env>, deps: ConsoleDeps): void {
  const { sessions, log } = deps;
  app.get("/console/sign-in", async (c) => {
    const { to = "", anew } = c.req.query();
    return c.redirect((await sessions.begin(c, { to, anew: anew !== undefined })).href);
  });
  app.get("/console/signed-in", async (c) => {
    const finished = await sessions.finish(c);
    if (!finished.ok) return refused(c, deps, finished.rejection);
    const { me, to } = finished.value;
    log.info({ request: c.get("requestId"), trust: me.trustEntry, subject: me.subject }, "signed in");
    return c.redirect(to, 303);
  });
  app.post("/console/sign-out", (c) =>
    take(c, deps, async () => {
      sessions.end(c);
      return { ok: true, value: "/console/signed-out" };
    }),
  );
  app.get("/console/signed-out", (c) => c.html(layout(SIGNED_OUT)));
}

async function show(c: Context<Env>, deps: ConsoleDeps, page: Shows): Promise<Response> {
  const session = await deps.sessions.of(c);
  if (session === undefined) return c.redirect(`/console/sign-in?to=${encodeURIComponent(addressOf(c, deps).href)}`);
  const visit = visitOf(c, session, deps);
  const shown = await page(visit, c.req.param("id") ?? "");
  return shown.ok ? c.html(layout(shown.value, visit)) : answer(c, shown.problem, visit);
}

const MAX_FORM_BYTES = 16_384;

async function take(c: Context<Env>, deps: ConsoleDeps, order: Orders): Promise<Response> {
  const { headers } = c.req.raw;
  const type = checkContentType(headers, ["application/x-www-form-urlencoded"]);
  if (!type.ok) return refused(c, deps, type.rejection);
  const body = await readBody(c.req.raw, MAX_FORM_BYTES);
  if (!body.ok) return refused(c, deps, body.rejection);
  const session = await deps.sessions.of(c);
  if (session === undefined) return refused(c, deps, { reason: "credential_missing", header: "Cookie" });
  const form = new URLSearchParams(new TextDecoder().decode(body.value));
  const forged = rejectForgedForm(headers, form, { formToken: session.formToken, origin: deps.origin });
  if (forged) return refused(c, deps, forged);
  const visit = visitOf(c, session, deps);
  const next = await order(visit, form, c.req.param("id") ?? "");
  return next.ok ? c.redirect(next.value, 303) : answer(c, next.problem, visit);
}

function visitOf(c: Context<Env>, { token, me, name, formToken }: Session, deps: ConsoleDeps): Visit {
  const { api, origin, routes, policy, people, clock } = deps;
  return {
    ...{ url: addressOf(c, deps), now: clock.now(), me, name, formToken, routes },
    may: (verb, route) => policy.rejectRoute(me, verb, route) === undefined,
    isMe: (other) => isSamePerson(me, other, people),
    ask: asker(api, origin, token),
  };
}

/** The address as the browser has it: what the request says of host and scheme is the proxy's word, or anyone's. */
function addressOf(c: Context<Env>, { origin }: Pick<ConsoleDeps, "origin">): URL {
  const { pathname, search } = new URL(c.req.url);
  return new URL(pathname + search, origin);
}

/** A refusal of the console's own. Who is not signed in is told so, and nothing of why. */
function refused(c: Context<Env>, deps: ConsoleDeps, rejection: Rejection): Response | Promise<Response> {
  const { status, title } = problemOf(rejection);
  const request = c.get("requestId");
  deps.log.warn({ request, status, ...rejection }, "refused");
  return answer(c, { title, status, instance: request, ...(status !== 401 && { reason: rejection.reason }) });
}

function answer(c: Context<Env>, problem: Problem, visit?: Visit): Response | Promise<Response> {
  // The statuses of problems are those that go with a body.
  return c.html(layout(problemPage(problem), visit), problem.status as ContentfulStatusCode);
}
