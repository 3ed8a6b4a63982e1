import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SessionCookieCipher } from "../../shared/console/session-cookie.ts";
import { systemClock as clock, laterBy } from "../../shared/host/clock.ts";
import { jsonLog } from "../../shared/host/log.ts";
import { consoleBridge, ROBOT } from "../support/console-bridge.ts";
import { push } from "../support/console-traffic.ts";
import { secretsOf } from "../support/test-doubles.ts";
import { fieldIn, type Shown, Visitor } from "../support/visitor.ts";

const lines: string[] = [];
let bridge: Awaited<ReturnType<typeof consoleBridge>>;
beforeAll(async () => {
  const log = jsonLog(
    (line) => void lines.push(line),
    () => "",
  );
  bridge = await consoleBridge({ log });
});
afterAll(() => bridge?.stop());

const SESSION = "drawbridge-session";
const at = (path: string): URL => new URL(path, bridge.url);

/** A cipher for session cookies with the bridge's own keys. */
const sealWith = (key: "SEAL" | "OLD_SEAL", secrets = secretsOf(bridge.encryptionKeys)) =>
  new SessionCookieCipher({ secrets, sealedBy: { current: `env:${key}` }, clock });

const anything = v.looseObject({ token: v.string(), formToken: v.string() });
const sessionIn = async ({ cookies }: Visitor) => {
  const session = await sealWith("SEAL").decrypt("session", cookies.get(SESSION) ?? "", anything);
  if (session === undefined) throw new Error("there is no session");
  return session;
};

/** The page at which a browser with this session cookie ends: a page of the console, or the issuer's. */
async function withSession(sealed: string): Promise<Shown> {
  const visitor = new Visitor();
  visitor.setCookie(SESSION, sealed);
  return visitor.go(at("/console/credentials"));
}
const isTurnedAway = ({ url }: Shown): boolean => url.origin === bridge.identity.issuer;

/** The address at which the issuer sends a browser back after the sign-in. It has not been requested yet. */
async function answeredTo(visitor: Visitor, person: string): Promise<URL> {
  const asked = await visitor.go(at("/console/sign-in"));
  let answer = await visitor.ask(asked.url, {
    method: "POST",
    body: new URLSearchParams({ person }).toString(),
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  for (;;) {
    const next = new URL(answer.headers.get("location") ?? "", bridge.identity.issuer);
    if (next.pathname === "/console/signed-in") return next;
    answer = await visitor.ask(next);
  }
}

describe("a sign-in", () => {
  it("a browser that did not start the sign-in cannot complete it", async () => {
    const answered = await answeredTo(new Visitor(), "axel");
    const victim = new Visitor();
    expect((await victim.go(answered)).status).toBe(400);
    // A browser that has started another sign-in cannot complete it either.
    await victim.go(at("/console/sign-in"));
    const shown = await victim.go(answered);
    expect(shown.status).toBe(400);
    expect(shown.text).toContain("sign_in_failed");
    expect(victim.cookies.has(SESSION)).toBe(false);
  });

  it("a code of another sign-in is rejected", async () => {
    const stolen = await answeredTo(new Visitor(), "axel");
    const attacker = new Visitor();
    const own = await answeredTo(attacker, "rita");
    own.searchParams.set("code", stolen.searchParams.get("code") ?? "");
    const shown = await attacker.go(own);
    expect(shown.text).toContain("the issuer answered invalid_grant");
    expect(attacker.cookies.has(SESSION)).toBe(false);
  });

  it("a sign-in can be completed only once", async () => {
    const visitor = new Visitor();
    const answered = await answeredTo(visitor, "olga");
    const begun = new Map(visitor.cookies);
    expect((await visitor.go(answered)).status).toBe(200);
    expect((await visitor.go(answered)).status).toBe(400);
    // The cookies of the browser do not help: the issuer accepts a code once.
    const thief = new Visitor();
    for (const [name, value] of begun) thief.setCookie(name, value);
    expect((await thief.go(answered)).text).toContain("the issuer answered invalid_grant");
  });

  it.each([
    ["a rejection by the issuer", { error: "access_denied" }, "the issuer answered access_denied"],
    ["a rejection in prose", { error: "<b>call 555-0100</b>" }, "the issuer answered with an error"],
    ["another issuer", { iss: "https://evil.example.test", code: "1" }, "does not belong to this sign-in"],
    ["no code", {}, "does not belong to this sign-in"],
  ])("a sign-in with %s ends on a page that names the problem", async (_, params, words) => {
    const visitor = new Visitor();
    const answered = await answeredTo(visitor, "olga");
    const state = answered.searchParams.get("state") ?? "";
    const query = new URLSearchParams({ state, iss: bridge.identity.issuer, ...params });
    const shown = await visitor.go(at(`/console/signed-in?${query}`));
    expect(shown.status).toBe(400);
    expect(shown.text).toContain(words);
    expect(shown.text).not.toContain("555-0100");
  });

  it.each([
    "https://evil.example.test/console",
    "//evil.example.test/console",
    "/\\evil.example.test",
    "\\\\evil.example.test/console",
    "javascript:alert(1)",
    "/console/../webhooks/wiki",
    "/consoles",
    "/console/sign-in",
    `/console/${"a".repeat(5_000)}`,
    "/console\r\nSet-Cookie: a=b",
  ])("a sign-in ends only on a page of the console: %s", async (to) => {
    const visitor = new Visitor();
    await visitor.go(at(`/console/sign-in?to=${encodeURIComponent(to)}`));
    const shown = await visitor.post(visitor.url.pathname, { person: "olga" });
    expect(shown.url.origin).toBe(bridge.url.origin);
    expect(shown.url.pathname).toMatch(/^\/console(%0D%0ASet-Cookie.*)?$/);
  });
});

describe("a session", () => {
  it("a cookie that was changed, truncated, or encrypted for another purpose or with another key is no session", async () => {
    const { visitor } = await bridge.signIn("olga");
    const sealed = visitor.cookies.get(SESSION) ?? "";
    expect(isTurnedAway(await withSession(sealed))).toBe(false);
    const session = await sessionIn(visitor);
    const soon = laterBy(clock.now(), 60_000);
    const middle = Math.floor(sealed.length / 2);
    const wrong = {
      cut: sealed.slice(0, -1),
      begun: sealed.slice(0, middle),
      changed: sealed.slice(0, middle) + (sealed[middle] === "A" ? "B" : "A") + sealed.slice(middle + 1),
      doubled: sealed + sealed,
      "a token": session.token,
      "plain JSON": encodeURIComponent(JSON.stringify(session)),
      "another's key": await sealWith("SEAL", secretsOf({ SEAL: "x".repeat(44) })).encrypt("session", session, soon),
      "a sign-in": await sealWith("SEAL").encrypt("sign-in", session, soon),
      "something else": await sealWith("SEAL").encrypt("session", { token: session.token }, soon),
      over: await sealWith("SEAL").encrypt("session", session, laterBy(clock.now(), -1_000)),
    };
    for (const [what, one] of Object.entries(wrong)) expect(isTurnedAway(await withSession(one)), what).toBe(true);
  });

  it("a cookie that was encrypted with the other live key is accepted", async () => {
    const { visitor } = await bridge.signIn("olga");
    const sealed = await sealWith("OLD_SEAL").encrypt(
      "session",
      await sessionIn(visitor),
      laterBy(clock.now(), 60_000),
    );
    expect((await withSession(sealed)).status).toBe(200);
  });

  it("a session is rejected if its token is rejected", async () => {
    const { visitor } = await bridge.signIn("olga");
    const session = await sessionIn(visitor);
    const token = await bridge.identity.token(ROBOT, "https://other.example.test");
    const other = await sealWith("SEAL").encrypt("session", { ...session, token }, laterBy(clock.now(), 60_000));
    const shown = await withSession(other);
    expect(shown.status).toBe(401);
    expect(shown.text).toContain("You are not signed in");
    expect(shown.text).not.toContain("audience");
  });

  it("the session's token is in no page, no address and no line of the log", async () => {
    const seen: string[] = [];
    const { visitor, shown } = await bridge.signIn("olga");
    const { token } = await sessionIn(visitor);
    const paths = [
      "",
      "/approvals",
      "/rollbacks",
      "/targets",
      "/credentials",
      "/deliveries/d-none",
      "/style.css",
      "/live.js",
    ];
    for (const path of paths) {
      const page = await visitor.go(at(`/console${path}`));
      seen.push(page.text, page.url.href, JSON.stringify([...page.headers]));
    }
    const rejected = await bridge.order(visitor, shown, "/console/rollbacks", { route: "status", key: "1" });
    seen.push(rejected.text, ...lines);
    expect(lines.join("")).toContain('"message":"signed in"');
    for (const piece of [token, ...token.split(".").slice(1)]) expect(seen.join("\n")).not.toContain(piece);
    expect(decodeURIComponent([...visitor.cookies.values()].join("\n"))).not.toContain(token.split(".")[1]);
  });

  it("the session cookie is hidden from scripts and from other sites", async () => {
    const visitor = new Visitor();
    const answered = await answeredTo(visitor, "olga");
    const answer = await visitor.ask(answered);
    const [begun, session] = [/^drawbridge-sign-in=;/, /^drawbridge-session=e/].map((name) =>
      answer.headers.getSetCookie().find((line) => name.test(line)),
    );
    expect(begun).toContain("Max-Age=0");
    expect(session).toMatch(/; HttpOnly/);
    expect(session).toMatch(/; SameSite=Lax/);
    expect(session).toMatch(/; Max-Age=3[56]\d\d/);
  });
});

describe("a form", () => {
  const order = { route: "push-build", key: "one" };
  const path = "/console/rollbacks";

  it.each([
    ["another site", { origin: "https://evil.example.test", "sec-fetch-site": "cross-site" }],
    ["a neighbouring site", { origin: "https://wiki.bridge.example.test", "sec-fetch-site": "same-site" }],
    ["another site, with one header alone", { "sec-fetch-site": "cross-site" }],
    ["a frame without an origin", { origin: "null" }],
    ["an unknown place", { origin: "" }],
  ])("a form from %s is rejected", async (_, headers) => {
    const { visitor, shown } = await bridge.signIn("olga");
    const rejected = await visitor.post(path, { ...order, form: fieldIn(shown, "form") }, headers);
    expect(rejected.status).toBe(403);
    expect(rejected.text).toContain("form_forged");
  });

  it("a form without this session's form token is rejected", async () => {
    const { visitor } = await bridge.signIn("olga");
    const { shown: other } = await bridge.signIn("olga");
    for (const form of ["", "x".repeat(43), fieldIn(other, "form")]) {
      const rejected = await visitor.post(path, { ...order, form });
      expect(rejected.status).toBe(403);
      expect(rejected.text).toContain("its form token belongs to another session");
    }
    const signOut = await visitor.post("/console/sign-out", { form: "" });
    expect(signOut.status).toBe(403);
    expect(visitor.cookies.has(SESSION)).toBe(true);
  });

  it("a form of a person who is not signed in is rejected, and the page says that nothing was done", async () => {
    const { visitor, shown } = await bridge.signIn("olga");
    const form = fieldIn(shown, "form");
    visitor.setCookie(SESSION, "gone");
    const rejected = await visitor.post(path, { ...order, form });
    expect(rejected.status).toBe(401);
    expect(rejected.text).toContain("Nothing was done");
  });

  it("a body that is not a form, or is too large, is rejected", async () => {
    const { visitor, shown } = await bridge.signIn("olga");
    const form = fieldIn(shown, "form");
    const json = { "content-type": "application/json" };
    expect((await visitor.post(path, { ...order, form }, json)).status).toBe(415);
    expect((await visitor.post(path, { ...order, form, more: "x".repeat(20_000) })).status).toBe(413);
  });

  it("a link changes nothing", async () => {
    const { visitor } = await bridge.signIn("axel");
    for (const one of [
      "/console/sign-out",
      "/console/approvals/p-one?decision=grant",
      "/console/deliveries/d-one/replay",
    ]) {
      expect((await visitor.go(at(one))).status, one).toBe(404);
    }
    expect(visitor.cookies.has(SESSION)).toBe(true);
  });
});

describe("every response", () => {
  it("a response cannot be framed, and loads, runs and posts nothing from elsewhere", async () => {
    const { visitor } = await bridge.signIn("olga");
    const paths = ["", "/approvals", "/nothing", "/signed-out", "/signed-in", "/style.css", "/sign-in"];
    for (const path of paths) {
      const { headers } = await visitor.ask(at(`/console${path}`));
      const policy = headers.get("content-security-policy")?.split("; ") ?? [];
      expect(policy, path).toEqual(
        expect.arrayContaining([
          "default-src 'none'",
          "frame-ancestors 'none'",
          "base-uri 'none'",
          "form-action 'self'",
        ]),
      );
      expect(policy.join()).not.toMatch(/unsafe|https?:|\*|data:/);
      expect(headers.get("x-frame-options"), path).toBe("DENY");
      expect(headers.get("x-content-type-options"), path).toBe("nosniff");
      // A page without a referrer would send its forms without an origin.
      expect(headers.get("referrer-policy"), path).toBe("same-origin");
      const isAsset = path.endsWith(".css");
      expect(headers.get("cache-control"), path).toBe(isAsset ? "max-age=600" : "no-store");
    }
  });

  it("texts of outsiders are shown as text", async () => {
    const wicked = `"><script>alert(1)</script><img src=x onerror='alert(2)'>`;
    const project = { id: 7, path_with_namespace: wicked, web_url: "javascript:alert(3)" };
    await bridge.gitlabPush(push(wicked, { user_username: wicked, user_name: wicked, project }));
    const { visitor } = await bridge.signIn("olga");
    const list = await visitor.go(at(`/console/deliveries?text=${encodeURIComponent(wicked)}`));
    const [, id = ""] = /\/console\/deliveries\/(d-\w+)/.exec(list.text) ?? [];
    const page = await visitor.go(at(`/console/deliveries/${id}`));
    expect(page.status).toBe(200);
    for (const { text } of [list, page]) {
      expect(text).toContain("&lt;script&gt;alert(1)");
      expect(text).not.toMatch(/<script>|<img|javascript:/);
    }
  });
});
