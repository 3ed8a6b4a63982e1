import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { Cookies } from "../../../shared/console/cookies.ts";
import { SessionCookieCipher } from "../../../shared/console/session-cookie.ts";
import { Sessions } from "../../../shared/console/sessions.ts";
import { epochMillis } from "../../../shared/host/clock.ts";
import { Secret } from "../../../shared/host/secrets.ts";
import type { TokenVerifier } from "../../../shared/identity/token-verifier.ts";
import { ok } from "../../../shared/model/result.ts";
import { SessionCutoffStore } from "../../../shared/store/session-cutoffs.ts";
import { openMemoryTable } from "../../../shared/store/sqlite/open.ts";
import { secretsOf, testClock } from "../../support/test-doubles.ts";

const ORIGIN = "https://bridge.example.test";

type Claims = Readonly<Record<string, unknown>>;

/**
 * Signs somebody in with the ID token `token`, whose verified claims include `claims`. Returns what a browser gets,
 * and who is signed in.
 */
async function signedIn({ token = "a.b.c", claims = {} }: { token?: string; claims?: Claims } = {}) {
  const clock = testClock();
  const asked: (readonly string[])[] = [];
  const principal = { issuer: "https://idp.example.test", subject: "olga-7", method: "oidc", credential: "key-1" };
  const tokens: TokenVerifier = {
    verify: async (presented, trustEntries) => {
      asked.push([presented.token, ...trustEntries]);
      const exp = clock.now() / 1_000 + 600;
      const proved = { principal: { ...principal, roles: ["on-call"], claims: { team: "platform" } } };
      return ok({ ...proved, claims: { exp, ...claims } });
    },
  };
  const cutoffs = new SessionCutoffStore(openMemoryTable().table);
  const sessions = new Sessions({
    signIn: async () => ({
      begin: async (to) => ({
        url: new URL("https://idp.example.test"),
        begun: { state: "s", nonce: "n", verifier: "v", to },
      }),
      finish: async () => ok(new Secret(token)),
    }),
    cipher: new SessionCookieCipher({
      secrets: secretsOf({ KEY: "k".repeat(44) }),
      sealedBy: { current: "env:KEY" },
      clock,
    }),
    cookies: new Cookies({ isHttps: true }),
    tokens,
    trust: "people",
    cutoffs,
    origin: ORIGIN,
    clock,
  });
  const app = new Hono();
  app.get("/begin", async (c) => c.text((await sessions.begin(c, { to: "/console", forceLogin: false })).href));
  app.get("/console/signed-in", async (c) => c.json(await sessions.finish(c)));
  app.get("/who", async (c) => c.json((await sessions.of(c)) ?? null));
  const cookieOf = (response: Response) =>
    response.headers
      .getSetCookie()
      .flatMap((line) => (/max-age=0/i.test(line) ? [] : [line.split(";")[0]]))
      .join("; ");
  const signIn = async () => {
    const begun = cookieOf(await app.request("/begin"));
    const response = await app.request("/console/signed-in?code=1&state=s", { headers: { cookie: begun } });
    const cookie = cookieOf(response);
    const who = async () => (await app.request("/who", { headers: { cookie } })).json();
    return { finished: await response.json(), cookie, who };
  };
  const signInAgain = async () => (await signIn()).who;
  return { ...(await signIn()), signInAgain, asked, clock, cutoffs };
}

describe("a session", () => {
  it("a session holds what its trust entry verified, and never shows the token as text", async () => {
    const { finished, who, asked } = await signedIn({ claims: { preferred_username: "Olga" } });
    expect(finished).toMatchObject({ ok: true, value: { to: "/console", me: { subject: "olga-7" } } });
    expect(asked).toEqual([["a.b.c", "people"]]);
    expect(await who()).toEqual({
      token: "[secret]",
      // Without the claims, which may be many: none of them is needed here.
      me: {
        issuer: "https://idp.example.test",
        subject: "olga-7",
        method: "oidc",
        credential: "key-1",
        roles: ["on-call"],
      },
      name: "Olga",
      formToken: expect.stringMatching(/^[\w-]{43}$/),
    });
  });

  it.each([
    [{}, "olga-7"],
    [{ preferred_username: "", name: "Olga Example", email: "o@example.test" }, "Olga Example"],
    [{ preferred_username: 7, email: "o@example.test" }, "o@example.test"],
    [{ name: "x".repeat(100) }, "x".repeat(60)],
  ])("a session has a display name: %j", async (claims, name) => {
    expect(await (await signedIn({ claims })).who()).toMatchObject({ name });
  });

  it("a session ends when its token expires", async () => {
    const { who, clock } = await signedIn();
    clock.advance(599_000);
    expect(await who()).not.toBeNull();
    clock.advance(1_000);
    expect(await who()).toBeNull();
  });

  it("a session ends when the person's sessions are revoked, and a later one does not", async () => {
    const { who, signInAgain, clock, cutoffs } = await signedIn();
    await cutoffs.revoke("another", clock.now());
    expect(await who()).not.toBeNull();
    await cutoffs.revoke("olga-7", clock.now());
    // A call that arrives late does not bring ended sessions back.
    await cutoffs.revoke("olga-7", epochMillis(clock.now() - 5_000));
    expect(await who()).toBeNull();
    clock.advance(1);
    expect(await (await signInAgain())()).toMatchObject({ name: "olga-7" });
    expect(await who()).toBeNull();
  });

  it("a session lasts a day at most, however long its token is valid", async () => {
    const { who, clock } = await signedIn({ claims: { exp: testClock().now() / 1_000 + 30 * 86_400 } });
    clock.advance(86_399_000);
    expect(await who()).not.toBeNull();
    clock.advance(1_000);
    expect(await who()).toBeNull();
  });

  it.each([
    ["has expired, even if shadow mode lets it in", { claims: { exp: 1 } }, "has already expired"],
    ["never expires, even if shadow mode lets it in", { claims: { exp: undefined } }, "has already expired"],
    ["does not fit into cookies", { token: "t".repeat(6_000) }, "too large"],
  ])("a session does not begin with a token that %s", async (_, options, words) => {
    const { finished, cookie } = await signedIn(options);
    expect(finished).toMatchObject({
      ok: false,
      rejection: { reason: "sign_in_failed", problem: expect.stringContaining(words) },
    });
    expect(cookie).toBe("");
  });

  it("a session begins with a token of 5,000 characters, in two cookies", async () => {
    const { who, cookie } = await signedIn({ token: "t".repeat(5_000) });
    expect(cookie.split("; ")).toHaveLength(2);
    expect(await who()).toMatchObject({ name: "olga-7" });
  });
});
