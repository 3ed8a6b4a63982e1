import { setTimeout as wait } from "node:timers/promises";
import { loadConfig } from "../config/load.ts";
import { suggestion } from "../config/suggest.ts";
import { epochMillis, systemClock, toIso } from "../host/clock.ts";
import { type Invocation, usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { type Login, LoginFile } from "./login-file.ts";
import {
  claimsOf,
  discover,
  type LoginClient,
  type LoginDeps,
  logInByBrowser,
  logInByDevice,
  revoke,
} from "./login-issuer.ts";
import { displayOf, timeText } from "./output.ts";
import { type Session, sessionOf } from "./session.ts";
import { printable } from "./terminal-text.ts";

/** `drawbridge login`. */
export async function loginCommand(invocation: Invocation): Promise<number> {
  const { options, print } = invocation;
  const deps = {
    print,
    clock: systemClock,
    wait: (seconds: number) => wait(seconds * 1_000),
    port: Number(options["port"]),
  };
  return logIn(invocation, deps);
}

export async function logIn(invocation: Invocation, deps: LoginDeps): Promise<number> {
  const { environment, given, warn } = invocation;
  const session = await sessionOf(invocation);
  if (session.isPlayground) throw usageFault("the playground that runs here needs no login");
  const file = new LoginFile(session.url, environment);
  const client = await clientOf(invocation, session, await file.read());
  const server = await discover(client);
  const byDevice = server.device_authorization_endpoint !== undefined && !given.has("browser");
  const tokens = await (byDevice ? logInByDevice : logInByBrowser)(client, server, deps);
  await file.locked(() => file.write({ ...client, ...tokens }));
  const until = timeText(toIso(epochMillis(tokens.expiresAt)), displayOf(invocation));
  const refreshed =
    tokens.refreshToken === undefined ? "; the issuer gave no refresh token" : ", and refreshed by then";
  const who = claimsOf(tokens.accessToken)?.["sub"];
  deps.print(printable(`logged in at ${session.url.origin} as ${who}, until ${until}${refreshed}`));
  if (environment["DRAWBRIDGE_TOKEN"] !== undefined) warn("DRAWBRIDGE_TOKEN is set, and commands use it instead");
  return EXIT.done;
}

/** From the command line, else from the last login at this bridge, else from a trust entry of the configuration. */
async function clientOf({ options }: Invocation, session: Session, last: Login | undefined): Promise<LoginClient> {
  const clientId = options["client-id"] ?? last?.clientId;
  if (clientId === undefined) {
    throw usageFault(
      "--client-id is missing: the id of a client without a secret that is registered at the issuer (docs/login.md)",
    );
  }
  const scope = options["scope"] ?? last?.scope ?? "openid offline_access";
  const isSame = options["entry"] === undefined && options["config"] === undefined;
  const [issuer, audience] = [options["issuer"], options["audience"]];
  if (issuer !== undefined && audience !== undefined) return { issuer, audience, clientId, scope };
  const known = isSame && last !== undefined ? last : await entryOf(options["entry"], session);
  return { issuer: issuer ?? known.issuer, audience: audience ?? known.audience, clientId, scope };
}

async function entryOf(name: string | undefined, session: Session) {
  const { issuers } = await loadConfig(session.config());
  const names = Object.keys(issuers);
  const chosen = name ?? (names.length === 1 ? names[0] : undefined);
  if (chosen === undefined) throw usageFault(`which trust entry? --entry ${names.join(", --entry ")}`);
  const entry = Object.hasOwn(issuers, chosen) ? issuers[chosen] : undefined;
  const [audience] = entry?.audience ?? [];
  if (entry === undefined || audience === undefined)
    throw usageFault(`there is no trust entry "${chosen}"${suggestion(chosen, names)}`);
  return { issuer: entry.issuer, audience };
}

/** `drawbridge logout`. */
export async function logoutCommand(invocation: Invocation): Promise<number> {
  const { environment, print } = invocation;
  const { url } = await sessionOf(invocation);
  const file = new LoginFile(url, environment);
  return file.locked(async () => {
    const login = await file.read();
    const isRemoved = await file.remove();
    const isRevoked = login !== undefined && (await revoke(login));
    if (!isRemoved) print(`nobody is logged in at ${url.origin}`);
    else print(`logged out at ${url.origin}${isRevoked ? ", and the login is revoked at the issuer" : ""}`);
    return EXIT.done;
  });
}
