import { createServer } from "node:http";
import { actions } from "../../shared/actions/registry.ts";
import { providers } from "../../shared/providers/registry.ts";
import { actionFixtureOf } from "../support/action-fixtures.ts";
import { fixtureSourceOf, fixturesOf } from "../support/provider-fixtures.ts";

/** A fixture to send: the name of a provider, and of one of its events. */
interface Sent {
  readonly provider: string;
  readonly event: string;
}

/** A route that a fixture fires. Its action ends as done. */
interface Fired extends Sent {
  readonly action: string;
  readonly route: string;
}

export interface Others {
  readonly config: { readonly sources: object; readonly targets: object; readonly routes: object };
  /** Values by reference. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly sent: readonly Sent[];
  readonly fired: readonly Fired[];
  close(): Promise<void>;
}

/**
 * Sources, targets and routes for the providers and actions that the scenario of the rehearsal does not have, of their
 * fixtures. An action that needs a cause in its own system, or an event that none of these providers reports, is left
 * out.
 */
export async function startOthers(scenario: ReadonlySet<string>): Promise<Others> {
  const secrets = new Map<string, string>();
  const inAws = <T extends object>(name: string, settings: T, environment: Readonly<Record<string, string>>): T => {
    const place = `ssm:/rehearsal/${name}/`;
    for (const [variable, value] of Object.entries(environment)) secrets.set(`${place}${variable}`, value);
    return JSON.parse(JSON.stringify(settings).replaceAll('"env:', `"${place}`));
  };
  const target = await startTarget();
  const others = providers.filter(({ name }) => !scenario.has(name)).map(({ name }) => name);
  const sources = others.map((name) => {
    const { settings, environment } = fixtureSourceOf(name);
    return [name, { provider: name, ...inAws(`source-${name}`, settings, environment) }];
  });
  const events = others.flatMap((provider) =>
    fixturesOf(provider).flatMap(({ name: event, expected }) =>
      expected.outcome === "event" ? [{ provider, event, type: expected.events[0].type }] : [],
    ),
  );
  const targets: Record<string, object> = {};
  const routes: Record<string, object> = {};
  const fired = actions.flatMap(({ name: action }): readonly Fired[] => {
    const fixture = actionFixtureOf(action, target.url);
    const type = fixture.busEvent["detail-type"];
    const cause = events.findLast((one) => one.type === type);
    if (scenario.has(action) || cause === undefined || fixture.origin !== fixture.busEvent) return [];
    const { provider, event } = cause;
    const route = `${action}-of-fixture`;
    targets[route] = { kind: action, ...inAws(`target-${action}`, fixture.target, fixture.environment) };
    routes[route] = {
      when: { source: [`drawbridge.${provider}`], "detail-type": [type] },
      do: { [action]: { target: route, ...fixture.options } },
    };
    return [{ action, route, provider, event }];
  });
  const firstOf = (provider: string): readonly Sent[] => events.filter((one) => one.provider === provider).slice(0, 1);
  const sent = [...others.flatMap(firstOf), ...fired].map(({ provider, event }): Sent => ({ provider, event }));
  return {
    config: { sources: Object.fromEntries(sources), targets, routes },
    secrets,
    sent,
    fired,
    close: target.close,
  };
}

/** A target that answers each request as that of a fixture which has the same method. */
async function startTarget() {
  const exchanges = actions.flatMap(({ name }) => actionFixtureOf(name).exchange);
  const server = createServer((request, response) => {
    const pathOf = (path = "") => path.split("?")[0];
    const answer =
      exchanges.find(
        (one) => one.request.method === request.method && pathOf(one.request.path) === pathOf(request.url),
      ) ?? exchanges.find((one) => one.request.method === request.method);
    request.resume();
    response.writeHead(answer?.response.status ?? 501, { "content-type": "application/json" });
    response.end(JSON.stringify(answer?.response.body ?? null));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a server that listens on TCP has a port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
