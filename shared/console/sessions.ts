import type { Context } from "hono";
import * as v from "valibot";
import { type Clock, epochMillis, laterBy } from "../host/clock.ts";
import { Secret } from "../host/secrets.ts";
import { presentedToken } from "../identity/presented-token.ts";
import type { TokenVerifier, VerifiedToken } from "../identity/token-verifier.ts";
import type { Principal } from "../model/principal.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { MAX_SESSION_MS, type SessionCutoffStore } from "../store/session-cutoffs.ts";
import type { Cookies } from "./cookies.ts";
import { newFormToken } from "./csrf.ts";
import type { SessionCookieCipher } from "./session-cookie.ts";
import type { SignIn } from "./sign-in.ts";

export interface SessionDeps {
  /** Loaded at the first sign-in. */
  readonly signIn: () => Promise<Pick<SignIn, "begin" | "finish">>;
  readonly cipher: SessionCookieCipher;
  readonly cookies: Cookies;
  readonly tokens: TokenVerifier;
  /** Name of the console's trust entry. */
  readonly trust: string;
  readonly cutoffs: Pick<SessionCutoffStore, "isRevoked">;
  /** Origin of the console. Redirects stay within it. */
  readonly origin: string;
  readonly clock: Clock;
}

/**
 * The session of a person who signed in. It is stored only in that person's browser. It ends with the token, after a day at
 * most, or when it is revoked.
 */
export interface Session {
  readonly token: Secret;
  readonly me: Principal;
  readonly name: string;
  /** The CSRF token: in each form of this session, and in no form of another session. */
  readonly formToken: string;
}

const text = v.string();
const storedSession = v.object({
  token: text,
  me: v.object({
    issuer: text,
    subject: text,
    method: text,
    credential: text,
    roles: v.array(text),
    trustEntry: v.exactOptional(text),
  }),
  name: text,
  formToken: text,
  beganAt: v.pipe(v.number(), v.transform(epochMillis)),
});

const storedSignIn = v.object({ state: text, nonce: text, verifier: text, to: text });

const SESSION = "drawbridge-session";
const SIGN_IN = "drawbridge-sign-in";
/** Long enough for a password, a second factor and a lost phone. */
const SIGN_IN_MS = 15 * 60_000;

/** All data of a session is encrypted in its browser's cookies. The store only knows which sessions have been revoked. */
export class Sessions {
  readonly #deps: SessionDeps;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
  }

  /** Undefined if the browser has no valid session. Throws `store_unavailable`. */
  async of(c: Context): Promise<Session | undefined> {
    const { cookies, cipher, cutoffs } = this.#deps;
    const cookie = cookies.read(c, SESSION);
    const stored = cookie === undefined ? undefined : await cipher.decrypt("session", cookie, storedSession);
    if (stored === undefined || (await cutoffs.isRevoked(stored.me.subject, stored.beganAt))) return undefined;
    const { token, me, name, formToken } = stored;
    return { token: new Secret(token), me, name, formToken };
  }

  /**
   * Returns the issuer's URL to redirect the browser to. After the sign-in the browser comes back to `to`, if that is a
   * page of the console. `forceLogin`: the issuer must authenticate the person even if it has a session.
   */
  async begin(c: Context, { to, forceLogin }: { readonly to: string; readonly forceLogin: boolean }): Promise<URL> {
    const { signIn, cipher, cookies, clock } = this.#deps;
    const { url, begun } = await (await signIn()).begin(this.#consolePath(to), { forceLogin });
    const cookie = await cipher.encrypt("sign-in", begun, laterBy(clock.now(), SIGN_IN_MS));
    cookies.write(c, SIGN_IN, cookie, SIGN_IN_MS / 1_000);
    return url;
  }

  /**
   * Completes the sign-in that this browser began. Returns who signed in and the path of the next page. A sign-in can be
   * completed once.
   */
  async finish(c: Context): Promise<Result<{ readonly me: Principal; readonly to: string }>> {
    const { signIn, cipher, cookies, origin } = this.#deps;
    const cookie = cookies.read(c, SIGN_IN);
    const begun = cookie === undefined ? undefined : await cipher.decrypt("sign-in", cookie, storedSignIn);
    if (begun === undefined) return failed("this browser began no sign-in, or began it too long ago");
    cookies.erase(c, SIGN_IN);
    const { pathname, search } = new URL(c.req.url);
    const token = await (await signIn()).finish(new URL(pathname + search, origin), begun);
    if (!token.ok) return token;
    const verified = await this.#verify(token.value);
    if (!verified.ok) return verified;
    const problem = await this.#store(c, token.value, verified.value);
    return problem === undefined ? ok({ me: verified.value.principal, to: begun.to }) : failed(problem);
  }

  end(c: Context): void {
    this.#deps.cookies.erase(c, SESSION);
  }

  /** Writes the session cookie. Returns why that is impossible, or undefined. */
  async #store(c: Context, token: Secret, { principal, claims }: VerifiedToken): Promise<string | undefined> {
    const { cipher, cookies, clock } = this.#deps;
    const { claims: _, ...me } = principal;
    const beganAt = clock.now();
    const until = epochMillis(Math.min(Number(claims["exp"]) * 1_000, beganAt + MAX_SESSION_MS));
    const seconds = Math.floor((until - beganAt) / 1_000);
    // A trust entry in shadow mode lets in tokens that have expired or never expire.
    if (!(seconds > 0)) return "the issuer's token has already expired";
    const name = nameIn(claims) ?? me.subject;
    const content = { token: token.reveal(), me, name, formToken: newFormToken(), beganAt };
    const cookie = await cipher.encrypt("session", content, until);
    return cookies.write(c, SESSION, cookie, seconds) ? undefined : "the issuer's token is too large for cookies";
  }

  /** Verifies the token as the API will with each call. */
  async #verify(token: Secret): Promise<Result<VerifiedToken>> {
    const { tokens, trust, origin, clock } = this.#deps;
    const headers = new Headers({ authorization: `Bearer ${token.reveal()}` });
    const request = { method: "GET", url: new URL("/console", origin), headers, body: new Uint8Array() };
    const presented = presentedToken({ ...request, receivedAt: clock.now() });
    return presented.ok ? tokens.verify(presented.value, [trust]) : presented;
  }

  /** Path and query of a page of the console; the home page for every other address, such as another site's. */
  #consolePath(to: string): string {
    const { origin } = this.#deps;
    if (to.length > MAX_PAGE_CHARACTERS || !URL.canParse(to, origin)) return HOME;
    const { origin: targetOrigin, pathname, search } = new URL(to, origin);
    const isPage = targetOrigin === origin && (pathname === HOME || pathname.startsWith(`${HOME}/`));
    return isPage && !/^\/console\/sign/.test(pathname) ? pathname + search : HOME;
  }
}

const HOME = "/console";
/** The data of a begun sign-in must fit into a cookie. */
const MAX_PAGE_CHARACTERS = 2_000;

/** The person's name in the standard claims (OpenID Connect Core §5.1), cut to 60 characters. For display only. */
function nameIn(claims: VerifiedToken["claims"]): string | undefined {
  const names = ["preferred_username", "name", "email"].map((claim) => claims[claim]);
  return names.find((name): name is string => typeof name === "string" && name !== "")?.slice(0, 60);
}

const failed = (problem: string): Result<never> => reject({ reason: "sign_in_failed", problem });
