import { randomUUID } from "node:crypto";
import { peopleOf } from "../shared/approvals/people.ts";
import type { Config } from "../shared/config/schema.ts";
import { withConsole } from "../shared/console/console.ts";
import { openConsole } from "../shared/console/open-console.ts";
import { callOut } from "../shared/host/call-out.ts";
import type { Clock } from "../shared/host/clock.ts";
import type { Log } from "../shared/host/log.ts";
import type { Secrets } from "../shared/host/secrets.ts";
import type { ServedApp } from "../shared/http/connection.ts";
import { policyOf } from "../shared/identity/policy.ts";
import { createTokenVerifier } from "../shared/identity/verify-token.ts";

interface ConsoleAppDeps {
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly log: Log;
}

/** The console of a bridge with this configuration over its interface; nothing where none is configured. */
export function consoleApp(
  api: ServedApp,
  { console: settings, ...config }: Omit<Config, "routes">,
  routes: readonly string[],
  deps: ConsoleAppDeps,
): ServedApp | undefined {
  if (settings === undefined) return undefined;
  return openConsole(
    { console: settings, issuers: config.issuers, identity: config.identity },
    {
      ...{ ...deps, api, routes, callOut, newRequestId: randomUUID },
      tokens: createTokenVerifier(config.issuers, deps),
      policy: policyOf(config.roles),
      people: peopleOf(config),
    },
  );
}

/** An interface with its console beside it, if there is one. */
export function besideConsole(api: ServedApp, config: Config, deps: ConsoleAppDeps): ServedApp {
  const names = config.routes.map(({ name }) => name);
  const console = consoleApp(api, config, names, deps);
  return console === undefined ? api : withConsole(api, console);
}
