import { randomUUID } from "node:crypto";
import { withConsole } from "../shared/console/console.ts";
import { openConsole } from "../shared/console/open-console.ts";
import type { ServedApp } from "../shared/http/connection.ts";
import type { Bridge } from "./bridge.ts";

/** Returns the console of a bridge, a client of its HTTP interface `api`; undefined if no `console` is configured. */
export function consoleApp(api: ServedApp, bridge: Bridge): ServedApp | undefined {
  const { console: settings, issuers, identity } = bridge.config;
  if (settings === undefined) return undefined;
  const { secrets, tokens, policy, people, callOut, clock, log, sessionCutoffs, withAccess } = bridge;
  const routes = bridge.runReporters.map(({ name }) => name);
  const promotions = bridge.runReporters.flatMap(({ name: route, environments: [from, ...later] = [] }) =>
    later.map((to, at) => ({ route, from: later[at - 1] ?? from ?? to, to })),
  );
  return openConsole(
    { console: settings, issuers, identity },
    {
      api,
      routes,
      promotions,
      secrets,
      tokens,
      policy,
      withAccess,
      hasAccess: Object.values(bridge.config.roles).some(({ onRequest }) => onRequest !== undefined),
      people,
      callOut,
      sessionCutoffs,
      clock,
      log,
      newRequestId: randomUUID,
    },
  );
}

/** Returns the HTTP interface of a bridge, with its console if one is configured. */
export function appWithConsole(api: ServedApp, bridge: Bridge): ServedApp {
  const console = consoleApp(api, bridge);
  return console === undefined ? api : withConsole(api, console);
}
