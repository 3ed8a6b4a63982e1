import { generateKeyPairSync, randomUUID } from "node:crypto";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { Counters } from "../../shared/cluster/counters.ts";
import { INTERCEPTOR_COUNTERS, interceptorApp, MAX_CALL_BYTES } from "../../shared/cluster/interceptor.ts";
import type { Refusal } from "../../shared/cluster/refusal-reports.ts";
import { UsedTokens } from "../../shared/cluster/used-tokens.ts";
import { bridgeAsIssuer } from "../../shared/cluster/verify-trigger.ts";
import { callOut } from "../../shared/host/call-out.ts";
import type { Log } from "../../shared/host/log.ts";
import { Secret } from "../../shared/host/secrets.ts";
import { ADMISSION_LIMITS, Admission } from "../../shared/http/admission.ts";
import { listen } from "../../shared/http/listen.ts";
import { namedPrincipal } from "../../shared/model/principal.ts";
import { BridgeIssuer, type Cause } from "../../shared/outbound/issuer.ts";
import { localSigningKey } from "../../shared/outbound/signing-key.ts";
import { testAuthority } from "./certificates.ts";
import { askAsSink, type SinkQuestion } from "./interceptor-caller.ts";
import { serveOnLoopback } from "./loopback.ts";
import { silentLog, testClock } from "./test-doubles.ts";

export const AUDIENCE = "https://el.example.test";
export const ROUTE = "docs-build";
export const TRIGGER = `namespaces/ci/triggers/${ROUTE}`;
export const BODY = '{"delivery":{"id":"d-1","key":"e-1"},"params":{"title":"<Überblick> & mehr"},"payload":{}}';

/** An issuer of the bridge's tokens that publishes its keys on loopback. */
export async function startIssuer() {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = await localSigningKey(new Secret(String(privateKey.export({ type: "pkcs8", format: "pem" }))));
  let issuer: BridgeIssuer | undefined;
  let isAway = false;
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.get("/.well-known/:name", async (c) => {
    if (isAway || issuer === undefined) return c.text("away", 503);
    return c.json(c.req.param("name") === "jwks.json" ? await issuer.keySet() : issuer.discovery());
  });
  const server = await serveOnLoopback(app, 0);
  const open = (openKey = async () => key) =>
    new BridgeIssuer({ issuer: server.url.origin, keys: [openKey], newTokenId: randomUUID, hasTokenEndpoint: false });
  issuer = open();
  return {
    url: server.url.origin,
    privateKey,
    kid: key.kid,
    mint: (...given: Parameters<BridgeIssuer["mint"]>) => open().mint(...given),
    setAway: (away: boolean) => {
      isAway = away;
    },
    close: server.close,
  };
}

export const causeOf = (subject: string): Cause => ({
  principal: namedPrincipal({ issuer: "https://gitlab.example.test", subject, trustEntry: "gitlab-jobs" }),
});

/** An interceptor over HTTPS on loopback whose clock stands still, beside an issuer, and all that it logs and reports. */
export async function startInterceptorBench() {
  const issuer = await startIssuer();
  const clock = testClock();
  const counters = new Counters(INTERCEPTOR_COUNTERS);
  const reported: Refusal[] = [];
  const lines: string[] = [];
  const line: Log["info"] = (fields, message) => void lines.push(JSON.stringify({ ...fields, message }));
  const log: Log = { info: line, warn: line, error: line };
  const newApp = () =>
    interceptorApp({
      bridge: bridgeAsIssuer(issuer.url, { clock, callOut }),
      audience: AUDIENCE,
      usedTokens: new UsedTokens(clock),
      startedAt: clock.now(),
      clock,
      reports: { add: (refusal) => void reported.push(refusal) },
      counters,
      log,
    });
  let app = newApp();
  const authority = testAuthority("Invented cluster");
  const own = authority.issue("invented interceptor");
  const server = await listen(
    { fetch: (request, connection) => app.fetch(request, connection) },
    { hostname: "127.0.0.1", port: 0, tls: { certificate: own.certificate, key: new Secret(own.key) } },
    new Admission({ limits: ADMISSION_LIMITS, maxBodyBytes: () => MAX_CALL_BYTES, log: silentLog }),
  );
  const tokenFor = async (
    changes: { readonly body?: string; readonly route?: string; readonly audience?: string } = {},
  ) => {
    const { body = BODY, route = ROUTE, audience = AUDIENCE } = changes;
    const request = { delivery: "d-1", route, body };
    const { token } = await issuer.mint({ audience, cause: causeOf("project:docs"), request }, clock.now());
    return token.reveal();
  };
  /** Asks about one request to the listener, which has a new id unless the question names one. */
  const ask = async (token: string | undefined, changes: Partial<SinkQuestion> = {}) => {
    const { status, text } = await askAsSink(server.url, authority.certificate, {
      body: BODY,
      header: { "Content-Type": ["application/json"], ...(token && { Authorization: [`Bearer ${token}`] }) },
      interceptor_params: { route: ROUTE },
      context: { event_url: "/confluence/page.updated", event_id: randomUUID(), trigger_id: TRIGGER },
      ...changes,
    });
    return { status, text, answer: status === 200 ? JSON.parse(text) : undefined };
  };
  return {
    issuer,
    clock,
    url: server.url,
    ca: authority.certificate,
    reported,
    lines,
    tokenFor,
    ask,
    /** The process ends, and a new one starts. */
    restart: () => {
      app = newApp();
    },
    close: async () => {
      server.destroy();
      await Promise.all([server.close(), issuer.close()]);
    },
  };
}
