import type { Context } from "hono";
import * as v from "valibot";
import { type Clock, epochMillis, laterBy } from "../host/clock.ts";
import { Secret } from "../host/secrets.ts";
import { presentedToken } from "../identity/presented-token.ts";
import type { TokenVerifier, VerifiedToken } from "../identity/token-verifier.ts";
import type { Principal } from "../model/principal.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { Cookies } from "./cookies.ts";
import { newFormToken } from "./csrf.ts";
import type { SessionCookieCipher } from "./session-cookie.ts";
import type { SignIn } from "./sign-in.ts";

export interface SessionDeps {
  /** Loaded when somebody signs in. */
  readonly signIn: () => Promise<Pick<SignIn, "begin" | "finish">>;
  readonly seal: SessionCookieCipher;
  readonly cookies: Cookies;
  readonly tokens: TokenVerifier;
  /** Name of the console's trust entry. */
  readonly trust: string;
  /** The console's own, for addresses to come back to. */
  readonly origin: string;
  readonly clock: Clock;
}

/** A person who signed in. It is kept nowhere but in that person's browser, and ends with the token. */
export interface Session {
  readonly token: Secret;
  readonly me: Principal;
  readonly name: string;
  /** In each form of this session and of no other. */
  readonly formToken: string;
}

const text = v.string();
const kept = v.object({
  token: text,
  me: v.object({
    ...{ issuer: text, subject: text, method: text, credential: text, roles: v.array(text) },
    trustEntry: v.exactOptional(text),
  }),
  name: text,
  formToken: text,
});

const begunSignIn = v.object({ state: text, nonce: text, verifier: text, to: text });

const SESSION = "drawbridge-session";
const SIGN_IN = "drawbridge-sign-in";
/** Long enough for a password, a second factor and a lost phone. */
const SIGN_IN_MS = 15 * 60_000;

/** Sessions without a store: all that is known of one is sealed in its browser's cookies. */
export class Sessions {
  readonly #deps: SessionDeps;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
  }

  async of(c: Context): Promise<Session | undefined> {
    const { cookies, seal } = this.#deps;
    const sealed = cookies.read(c, SESSION);
    const told = sealed === undefined ? undefined : await seal.decrypt("session", sealed, kept);
    return told && { ...told, token: new Secret(told.token) };
  }

  /** Where to send the browser to sign in; afterwards it comes back to `to`, if that is a page of the console. */
  async begin(c: Context, { to, anew }: { readonly to: string; readonly anew: boolean }): Promise<URL> {
    const { signIn, seal, cookies, clock } = this.#deps;
    const { url, begun } = await (await signIn()).begin(this.#ownPage(to), { anew });
    const sealed = await seal.encrypt("sign-in", begun, laterBy(clock.now(), SIGN_IN_MS));
    cookies.write(c, SIGN_IN, sealed, SIGN_IN_MS / 1_000);
    return url;
  }

  /** Ends what this browser began: gives who has signed in, and where to go. A sign-in can be ended once. */
  async finish(c: Context): Promise<Result<{ readonly me: Principal; readonly to: string }>> {
    const { signIn, seal, cookies, origin } = this.#deps;
    const sealed = cookies.read(c, SIGN_IN);
    const begun = sealed === undefined ? undefined : await seal.decrypt("sign-in", sealed, begunSignIn);
    if (begun === undefined) return failed("this browser has begun none, or too long ago");
    cookies.erase(c, SIGN_IN);
    const { pathname, search } = new URL(c.req.url);
    const token = await (await signIn()).finish(new URL(pathname + search, origin), begun);
    if (!token.ok) return token;
    const verified = await this.#verify(token.value);
    if (!verified.ok) return verified;
    const problem = await this.#keep(c, token.value, verified.value);
    return problem === undefined ? ok({ me: verified.value.principal, to: begun.to }) : failed(problem);
  }

  end(c: Context): void {
    this.#deps.cookies.erase(c, SESSION);
  }

  /** Gives why it cannot be kept. */
  async #keep(c: Context, token: Secret, { principal, claims }: VerifiedToken): Promise<string | undefined> {
    const { seal, cookies, clock } = this.#deps;
    const { claims: _, ...me } = principal;
    const until = epochMillis(Number(claims["exp"]) * 1_000);
    const seconds = Math.floor((until - clock.now()) / 1_000);
    // An entry in shadow mode takes tokens that have ended, or never do.
    if (!(seconds > 0)) return "the issuer's token has ended already";
    const content = { token: token.reveal(), me, name: nameIn(claims) ?? me.subject, formToken: newFormToken() };
    const sealed = await seal.encrypt("session", content, until);
    return cookies.write(c, SESSION, sealed, seconds) ? undefined : "the issuer's token is too large for cookies";
  }

  /** As the interface will, with each call. */
  async #verify(token: Secret): Promise<Result<VerifiedToken>> {
    const { tokens, trust, origin, clock } = this.#deps;
    const headers = new Headers({ authorization: `Bearer ${token.reveal()}` });
    const request = { method: "GET", url: new URL("/console", origin), headers, body: new Uint8Array() };
    const presented = presentedToken({ ...request, receivedAt: clock.now() });
    return presented.ok ? tokens.verify(presented.value, [trust]) : presented;
  }

  /** Never another site's: only the path and the query of an address of the console are kept. */
  #ownPage(to: string): string {
    const { origin } = this.#deps;
    if (to.length > MAX_PAGE_CHARACTERS || !URL.canParse(to, origin)) return HOME;
    const { origin: asked, pathname, search } = new URL(to, origin);
    const isPage = asked === origin && (pathname === HOME || pathname.startsWith(`${HOME}/`));
    return isPage && !/^\/console\/sign/.test(pathname) ? pathname + search : HOME;
  }
}

const HOME = "/console";
/** What is begun has to fit into a cookie. */
const MAX_PAGE_CHARACTERS = 2_000;

/** What people call themselves, of the standard claims (OpenID Connect Core §5.1). It is shown, and decides nothing. */
function nameIn(claims: VerifiedToken["claims"]): string | undefined {
  const told = ["preferred_username", "name", "email"].map((claim) => claims[claim]);
  return told.find((name): name is string => typeof name === "string" && name !== "")?.slice(0, 60);
}

const failed = (problem: string): Result<never> => reject({ reason: "sign_in_failed", problem });
