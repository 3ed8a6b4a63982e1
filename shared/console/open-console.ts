import type { CallOut } from "../host/call-out.ts";
import { Fault } from "../host/fault.ts";
import type { Secrets } from "../host/secrets.ts";
import type { ServedApp } from "../http/connection.ts";
import type { TokenVerifier } from "../identity/token-verifier.ts";
import type { TrustEntry } from "../identity/trust-entry.ts";
import { type ConsoleDeps, createConsole } from "./console.ts";
import { Cookies } from "./cookies.ts";
import { SessionCookieCipher } from "./session-cookie.ts";
import { type SessionDeps, Sessions } from "./sessions.ts";
import { type ConsoleSettings, consoleOrigin } from "./settings.ts";

/** The parts of a configuration that the console needs. */
export interface ConfiguredConsole {
  readonly console: ConsoleSettings;
  readonly issuers: Readonly<Record<string, Pick<TrustEntry, "issuer" | "internalOrigins">>>;
  readonly identity?: { readonly issuer: string } | undefined;
}

export interface OpenConsoleDeps extends Omit<ConsoleDeps, "origin" | "sessions"> {
  readonly secrets: Secrets;
  readonly tokens: TokenVerifier;
  readonly callOut: CallOut;
  readonly sessionCutoffs: SessionDeps["cutoffs"];
}

/**
 * Creates the console of a configuration. It calls no issuer and reads no secret before the first request. Throws
 * `configuration_invalid`.
 */
export function openConsole(
  { console: settings, issuers, identity }: ConfiguredConsole,
  deps: OpenConsoleDeps,
): ServedApp {
  const origin = consoleOrigin({ console: settings, identity });
  const entry = issuers[settings.trust];
  if (origin === undefined || entry === undefined) throw incomplete();
  const { secrets, tokens, callOut, sessionCutoffs: cutoffs, clock } = deps;
  const { issuer, internalOrigins } = entry;
  const sessions = new Sessions({
    signIn: once(async () => {
      const { SignIn } = await import("./sign-in.ts");
      const redirectUri = `${origin}/console/signed-in`;
      return new SignIn({ settings, issuer, internalOrigins, redirectUri, secrets, callOut, clock });
    }),
    cipher: new SessionCookieCipher({ secrets, sealedBy: settings.sealedBy, clock }),
    cookies: new Cookies({ isHttps: origin.startsWith("https:") }),
    tokens,
    trust: settings.trust,
    cutoffs,
    origin,
    clock,
  });
  return createConsole({ ...deps, sessions, origin });
}

function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | undefined;
  return () => {
    loading ??= load();
    return loading;
  };
}

/** `drawbridge check` reports the details. */
const incomplete = (): Fault =>
  new Fault("configuration_invalid", "the console has no address or no trust entry", { retryable: false });
