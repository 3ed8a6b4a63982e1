import { randomUUID } from "node:crypto";
import { withConsole } from "../shared/console/console.ts";
import { openConsole } from "../shared/console/open-console.ts";
import type { ServedApp } from "../shared/http/connection.ts";
import type { Bridge } from "./bridge.ts";

/** The console of a bridge, a client of its interface `api`; undefined if the configuration has no `console`. */
export function consoleApp(api: ServedApp, bridge: Bridge): ServedApp | undefined {
  const { console: settings, issuers, identity } = bridge.config;
  if (settings === undefined) return undefined;
  const { secrets, tokens, policy, people, callOut, clock, log } = bridge;
  const routes = bridge.runReporters.map(({ name }) => name);
  return openConsole(
    { console: settings, issuers, identity },
    { api, routes, secrets, tokens, policy, people, callOut, clock, log, newRequestId: randomUUID },
  );
}

/** The interface of a bridge, and its console beside it if there is one. */
export function besideConsole(api: ServedApp, bridge: Bridge): ServedApp {
  const console = consoleApp(api, bridge);
  return console === undefined ? api : withConsole(api, console);
}
