import type { Context, Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { Hono as App } from "hono/tiny";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { isSamePerson, type PeopleOf } from "../approvals/people.ts";
import type { Clock } from "../host/clock.ts";
import { failureOf } from "../host/fault.ts";
import { replaceHidden } from "../host/hidden-characters.ts";
import type { Log } from "../host/log.ts";
import { checkContentType, readBody } from "../http/body.ts";
import type { ServedApp } from "../http/connection.ts";
import { NOT_FOUND, UNAVAILABLE } from "../http/problem.ts";
import { problemOf } from "../http/problem-of.ts";
import type { CallerDeps } from "../identity/caller.ts";
import type { Policy } from "../identity/policy.ts";
import type { Rejection } from "../model/rejection.ts";
import { rejectForgedForm } from "./csrf.ts";
import type { Html } from "./html.ts";
import { layout, problemPage, SIGNED_OUT } from "./layout.ts";
import type { FormHandler, FormName, PageHandler, PageName } from "./pages.ts";
import type { Session, Sessions } from "./sessions.ts";
import { createApiClient, type Page, type Problem, type Visit } from "./visit.ts";
import { waitingFor } from "./waiting.ts";

export interface ConsoleDeps {
  readonly sessions: Pick<Sessions, "of" | "begin" | "finish" | "end">;
  /** The bridge's own API. */
  readonly api: ServedApp;
  /** Origin of the console, as browsers know it. */
  readonly origin: string;
  readonly routes: readonly string[];
  /** Each two neighbours of the `environments` of a route. */
  readonly promotions: Visit["promotions"];
  readonly policy: Pick<Policy, "rejectRoute" | "rejectCall">;
  readonly withAccess: CallerDeps["withAccess"];
  /** Whether the configuration has a role that can be requested. */
  readonly hasAccess: boolean;
  readonly people: PeopleOf;
  readonly clock: Clock;
  readonly newRequestId: () => string;
  readonly log: Log;
}

type Env = { Variables: { requestId: string } };
export const PAGES: readonly (readonly [path: string, page: PageName])[] = [
  ["/console", "homePage"],
  ["/console/deliveries", "deliveriesPage"],
  ["/console/deliveries/:id", "deliveryPage"],
  ["/console/deliveries/:id/replay", "replayPreviewPage"],
  ["/console/replays", "replaysPage"],
  ["/console/replays/:id", "replayPage"],
  ["/console/threads", "threadPage"],
  ["/console/approvals", "approvalsPage"],
  ["/console/rollbacks", "rollbacksPage"],
  ["/console/promotions", "promotionsPage"],
  ["/console/access", "accessPage"],
  ["/console/orders", "ordersPage"],
  ["/console/orders/:id", "orderPage"],
  ["/console/targets", "targetsPage"],
  ["/console/credentials", "credentialsPage"],
];
const FORMS: readonly (readonly [path: string, form: FormName])[] = [
  ["/console/deliveries/:id/replay", "submitReplay"],
  ["/console/deliveries/:id/request", "requestPage"],
  ["/console/replays", "submitOrder"],
  ["/console/replays/preview", "previewPage"],
  ["/console/replays/:id/stop", "submitStop"],
  ["/console/approvals/:id", "submitDecision"],
  ["/console/rollbacks", "submitRollback"],
  ["/console/promotions", "submitPromotion"],
  ["/console/access", "submitAccess"],
  ["/console/access/:id", "decideAccessForm"],
  ["/console/orders/:id", "placeOrderForm"],
  ["/console/orders/:id/preview", "previewOrderPage"],
  ["/console/targets/:id", "submitTarget"],
];

/** Loaded with the first request for one: the start of a function in AWS takes time for all that it loads. */
const handlers = () => import("./pages.ts");
const assets = () => import("./assets.ts");

/** The pages under `/console`. `docs/console.md` describes each page and how access is controlled. */
export function createConsole(deps: ConsoleDeps): Hono<Env> {
  const app = new App<Env>({ strict: false });
  app.use(async (c, next) => {
    c.set("requestId", deps.newRequestId());
    c.header("Cache-Control", "no-store");
    await next();
  });
  app.use(secureHeaders(HEADERS));
  app.get("/console/:asset{[a-z]+\\.[a-z]+}", async (c) => {
    const asset = (await assets()).ASSETS[c.req.path];
    if (asset === undefined) return c.notFound();
    return c.body(asset.text, 200, { "Content-Type": asset.type, "Cache-Control": "max-age=600" });
  });
  addSignInRoutes(app, deps);
  // Previews and the request of a delivery answer a form. Whoever goes back to the address of one is led to where it began.
  app.get("/console/replays/preview", (c) => c.redirect("/console/deliveries", 303));
  app.get("/console/deliveries/:id/request", (c) =>
    c.redirect(`/console/deliveries/${encodeURIComponent(c.req.param("id"))}`, 303),
  );
  app.get("/console/orders/:id/preview", (c) =>
    c.redirect(`/console/orders/${encodeURIComponent(c.req.param("id"))}`, 303),
  );
  for (const [path, name] of PAGES)
    app.get(path, (c) => showPage(c, deps, async (...asked) => (await handlers()).pages[name](...asked)));
  for (const [path, name] of FORMS)
    app.post(path, (c) => handleForm(c, deps, async (...sent) => (await handlers()).forms[name](...sent)));
  app.notFound(async (c) => {
    const session = await deps.sessions.of(c);
    return problemResponse(c, NOT_FOUND, session && (await visitOf(c, session, deps)));
  });
  app.onError((error, c) => {
    const request = c.get("requestId");
    deps.log.error({ request, status: UNAVAILABLE.status, ...failureOf(error) }, "failed");
    return problemResponse(c, {
      title: "The bridge cannot answer this request now",
      status: UNAVAILABLE.status,
      instance: request,
    });
  });
  return app;
}

/** Serves the console and another app at the same address. */
export const withConsole = (app: ServedApp, console: ServedApp): ServedApp => ({
  fetch(request, connection) {
    const { pathname } = new URL(request.url);
    const isConsole = pathname === "/console" || pathname.startsWith("/console/");
    return (isConsole ? console : app).fetch(request, connection);
  },
});

/**
 * The browser loads, runs and posts to only what belongs to the console, and no page may frame it. The referrer policy
 * is `same-origin`: without a referrer the browser would send a form with no usable `Origin`, which
 * {@link rejectForgedForm} requires (Fetch, "append a request Origin header").
 */
const HEADERS: Parameters<typeof secureHeaders>[0] = {
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    styleSrc: ["'self'"],
    scriptSrc: ["'self'"],
    imgSrc: ["'self'"],
    connectSrc: ["'self'"],
    formAction: ["'self'"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
  },
  xFrameOptions: "DENY",
  referrerPolicy: "same-origin",
  strictTransportSecurity: "max-age=15552000",
};

function addSignInRoutes(app: Hono<Env>, deps: ConsoleDeps): void {
  const { sessions, log } = deps;
  app.get("/console/sign-in", async (c) => {
    const { to = "", anew } = c.req.query();
    return c.redirect((await sessions.begin(c, { to, forceLogin: anew !== undefined })).href);
  });
  app.get("/console/signed-in", async (c) => {
    const finished = await sessions.finish(c);
    if (!finished.ok) return rejectionResponse(c, deps, finished.rejection);
    const { me, to } = finished.value;
    log.info({ request: c.get("requestId"), trust: me.trustEntry, subject: me.subject }, "signed in");
    return c.redirect(to, 303);
  });
  app.post("/console/sign-out", (c) =>
    handleForm(c, deps, async ({ ask }, form) => {
      if (form.get("everywhere") !== null) {
        const revoked = await ask("/v1/sessions/revoke", { body: {}, key: "" });
        if (!revoked.ok) return revoked;
      }
      sessions.end(c);
      return { ok: true, value: "/console/signed-out" };
    }),
  );
  app.get("/console/signed-out", (c) => htmlResponse(c, layout(SIGNED_OUT)));
}

async function showPage(c: Context<Env>, deps: ConsoleDeps, page: PageHandler): Promise<Response> {
  const session = await deps.sessions.of(c);
  if (session === undefined) return c.redirect(`/console/sign-in?to=${encodeURIComponent(addressOf(c, deps).href)}`);
  const visit = await visitOf(c, session, deps);
  const shown = await page(visit, c.req.param("id") ?? "");
  if (!shown.ok) return problemResponse(c, shown.problem, visit);
  return typeof shown.value === "string" ? c.redirect(shown.value, 303) : pageResponse(c, shown.value, visit);
}

const MAX_FORM_BYTES = 16_384;

async function handleForm(c: Context<Env>, deps: ConsoleDeps, submit: FormHandler): Promise<Response> {
  const { headers } = c.req.raw;
  const type = checkContentType(headers, ["application/x-www-form-urlencoded"]);
  if (!type.ok) return rejectionResponse(c, deps, type.rejection);
  const body = await readBody(c.req.raw, MAX_FORM_BYTES);
  if (!body.ok) return rejectionResponse(c, deps, body.rejection);
  const session = await deps.sessions.of(c);
  if (session === undefined) return rejectionResponse(c, deps, { reason: "credential_missing", header: "Cookie" });
  const form = new URLSearchParams(new TextDecoder().decode(body.value));
  const visit = await visitOf(c, session, deps);
  const forged = rejectForgedForm(headers, form, { formToken: session.formToken, origin: deps.origin });
  if (forged) return rejectionResponse(c, deps, forged, visit);
  const next = await submit(visit, form, c.req.param("id") ?? "");
  if (!next.ok) return problemResponse(c, next.problem, visit);
  const { value } = next;
  return typeof value === "string" ? c.redirect(value, 303) : pageResponse(c, value, visit);
}

async function visitOf(
  c: Context<Env>,
  { token, name, formToken, ...session }: Session,
  deps: ConsoleDeps,
): Promise<Visit> {
  const { api, origin, routes, promotions, policy, people, clock, hasAccess } = deps;
  const me = await deps.withAccess(session.me, { receivedAt: clock.now(), requestId: c.get("requestId") });
  const ask = createApiClient(api, origin, token);
  const may: Visit["may"] = (verb, route, about) => policy.rejectRoute(me, verb, route, about) === undefined;
  return {
    url: addressOf(c, deps),
    now: clock.now(),
    me,
    name,
    formToken,
    routes,
    promotions,
    may,
    mayReadDeliveries: policy.rejectCall(me, "deliveries", "anything") === undefined,
    mayReadBridge: policy.rejectCall(me, "deliveries", []) === undefined,
    mayReadPayload: (about) => policy.rejectCall(me, "payloads", about) === undefined,
    hasAccess,
    isMe: (other) => isSamePerson(me, other, people),
    ask,
    waiting: waitingFor({ ask, routes, may, hasAccess }),
  };
}

/** The URL as the browser knows it. Host and scheme of the request are not used: a proxy or the client sets them. */
function addressOf(c: Context<Env>, { origin }: Pick<ConsoleDeps, "origin">): URL {
  const { pathname, search } = new URL(c.req.url);
  return new URL(pathname + search, origin);
}

/** A rejection by the console itself. A 401 gives no reason; the log has it. */
function rejectionResponse(
  c: Context<Env>,
  deps: ConsoleDeps,
  rejection: Rejection,
  visit?: Visit,
): Response | Promise<Response> {
  const { status, title } = problemOf(rejection);
  const request = c.get("requestId");
  // Any stranger can close a connection.
  const level = rejection.reason === "body_incomplete" ? "info" : "warn";
  deps.log[level]({ request, status, ...rejection }, "refused");
  const problem = { title, status, instance: request, ...(status !== 401 && { reason: rejection.reason }) };
  return problemResponse(c, problem, visit);
}

function problemResponse(c: Context<Env>, problem: Problem, visit?: Visit): Response | Promise<Response> {
  // `as`: every status of a problem allows a body.
  return htmlResponse(c, layout(problemPage(problem, visit), visit), problem.status as ContentfulStatusCode);
}

/** A page, with the number of approvals that wait for the person in the menu. */
const pageResponse = async (c: Context<Env>, page: Page, visit: Visit): Promise<Response> =>
  htmlResponse(c, layout(page, visit, await visit.waiting()));

/** The console's own texts have no hidden characters, so each one on a page is somebody else's. */
async function htmlResponse(c: Context<Env>, page: Html, status: ContentfulStatusCode = 200): Promise<Response> {
  return c.html(
    replaceHidden(String(await page), () => "\uFFFD"),
    status,
  );
}
