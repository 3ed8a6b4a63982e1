import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { connectSources } from "../config/connect.ts";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { signingDeps } from "../config/signing-deps.ts";
import { suggestion } from "../config/suggest.ts";
import { type RouteTest, testRoute } from "../config/test-route.ts";
import { receive } from "../delivery/receive.ts";
import { systemClock } from "../host/clock.ts";
import type { Log } from "../host/log.ts";
import { LocalSecrets, type Secrets } from "../host/secrets.ts";
import { type BusEvent, busEventsOf } from "../model/bus-event.ts";
import { sourcePrincipal } from "../model/principal.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import { ok } from "../model/result.ts";
import { nearestFirst } from "../routes/explain-match.ts";
import { get } from "./bridge-client.ts";
import { type Invocation, usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { type Display, printFound } from "./output.ts";
import { shownDelivery } from "./responses.ts";
import { fixturesOf, readFixture } from "./send.ts";
import { sessionOf } from "./session.ts";
import { factLine, rejectionLine } from "./terminal-text.ts";

/** `drawbridge route test [<route>]`: what the local configuration would do with an event. Sends nothing to a target. */
export async function routeTestCommand(invocation: Invocation): Promise<number> {
  const { positionals } = invocation;
  const config = await loadConfig((await sessionOf(invocation)).config());
  const [name] = positionals;
  const routes = config.routes.filter((route) => name === undefined || route.name === name);
  if (routes.length === 0) throw unknownRoute(name, config);
  const events = await givenEvents(invocation, config);
  const tested = events.map((event) => {
    const tests = routes.map((route) => testRoute(route, config, event));
    const sorted = nearestFirst(tests.map((test) => ({ route: test, explanation: test.explanation })));
    return { event, routes: sorted.map(({ route }) => route) };
  });
  const found = tested.map(({ event, ...rest }) => ({ event: event.detail.id, ...rest }));
  const text = ({ columns }: Display): string =>
    tested.map((one) => testText(one.event, one.routes, columns)).join("\n\n");
  printFound(invocation, { whole: found, records: found, text });
  return tested.some((one) => one.routes.some(({ fires }) => fires)) ? EXIT.done : EXIT.refused;
}

function unknownRoute(name: string | undefined, { routes }: Config) {
  if (name === undefined) return usageFault("the configuration has no routes");
  const names = routes.map((route) => route.name);
  return usageFault(`there is no route "${name}"${suggestion(name, names)}`);
}

async function givenEvents(invocation: Invocation, config: Config): Promise<readonly BusEvent[]> {
  const { options, environment } = invocation;
  const { event, delivery } = options;
  if (event !== undefined && delivery !== undefined) throw usageFault("give --event or --delivery, not both");
  if (delivery !== undefined) {
    const path = `/v1/deliveries/${encodeURIComponent(delivery)}`;
    const { events, delivery: shown } = await get(await sessionOf(invocation), path, shownDelivery);
    if (events.length === 0) throw usageFault(`${shown.id} is no event: its outcome is ${shown.outcome}`);
    return events.map((one) => asBusEvent(one, shown.id));
  }
  if (event === undefined) throw usageFault("give an event: --event <file>, or --delivery <id>");
  const [, provider = "", fixture = ""] = /^([a-z]+)\/([a-z0-9-]+)$/.exec(event) ?? [];
  if (fixturesOf(provider).includes(fixture))
    return eventsOfFixture({ provider, event: fixture }, config, new LocalSecrets(environment));
  return eventsInFile(event);
}

/** Reads a published event, or several: the output of `events show --json`. */
async function eventsInFile(path: string): Promise<readonly BusEvent[]> {
  const text = await readFile(path, "utf8").catch(() => {
    throw usageFault(
      `there is no readable file ${path}; a recorded webhook is named like gitlab/push ("drawbridge send" lists them)`,
    );
  });
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), v.union([severalEvents, v.unknown()])), text);
  if (!parsed.success) throw usageFault(`${path} is not JSON`);
  const { output } = parsed;
  const events = v.is(severalEvents, output) ? output.events : [output];
  if (events.length === 0) throw usageFault(`${path} has no events`);
  return events.map((one) => asBusEvent(one, path));
}

const severalEvents = v.object({ events: v.array(v.unknown()) });

/** Parts that a hand-written event may leave out are added: nothing proves it, so its sender has no role. */
function asBusEvent(value: unknown, where: string): BusEvent {
  const parsed = v.safeParse(writtenEvent, value);
  const event: unknown = parsed.output;
  if (parsed.success && isBusEvent(event)) return event;
  throw usageFault(
    `${where} is no event: it needs "source", "detail-type" and "detail", as "events show --json" prints`,
  );
}

const principal = v.looseObject({
  id: v.optional(v.string(), "unknown"),
  roles: v.optional(v.array(v.string()), []),
});

const writtenEvent = v.looseObject({
  source: v.string(),
  "detail-type": v.string(),
  detail: v.pipe(
    v.looseObject({
      id: v.optional(v.string(), "no id"),
      subject: v.optional(v.string(), ""),
      principal: v.optional(principal, { id: "unknown", roles: [] }),
      order: v.exactOptional(
        v.looseObject({ name: v.string(), inputs: v.optional(v.record(v.string(), v.string()), {}) }),
      ),
    }),
    v.check((detail) => Object.values(detail).every((member) => member !== null)),
  ),
});

/** Every reader of an event reads the members that it needs by name, so an event that has a part of them is safe. */
const isBusEvent = (value: unknown): value is BusEvent => v.is(writtenEvent, value);

const QUIET: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Receives a fixture as the first source of its provider would, with the proof of a shared secret, and records nothing. */
async function eventsOfFixture(
  { provider, event }: { readonly provider: string; readonly event: string },
  config: Config,
  secrets: Secrets,
): Promise<readonly BusEvent[]> {
  const configured = config.sources.find((one) => one.provider === provider);
  const connected = connectSources(config, signingDeps(config, secrets, systemClock)).get(configured?.name ?? "");
  if (connected === undefined) throw usageFault(`no source of provider "${provider}" is configured`);
  const { keep: _, ...source } = connected;
  const { body, headers, query } = await readFixture({ provider, event });
  const received: RecordedDelivery[] = [];
  await receive(
    {
      method: "POST",
      url: new URL(`/webhooks/${source.name}${query}`, "http://fixture"),
      headers,
      body,
      receivedAt: systemClock.now(),
      requestId: "fixture",
    },
    {
      ...source,
      authenticate: async () => ok({ principal: sourcePrincipal(source.name, "fixture", "none") }),
    },
    {
      rejectOverRate: async () => undefined,
      deliveries: {
        record: async (delivery) => {
          received.push(delivery);
          return "recorded";
        },
      },
      runReporters: [],
      origins: { provedRun: async () => undefined, firstProvedRun: async (_, { uid }) => uid },
      secrets,
      recorded: () => undefined,
      log: QUIET,
    },
  );
  const events = received.flatMap(busEventsOf);
  if (events.length > 0) return events;
  const [{ outcome, what } = { outcome: "ignored", what: event }] = received;
  throw usageFault(`${provider}/${event} is no event here: ${outcome}, ${what}`);
}

function testText(event: BusEvent, routes: readonly RouteTest[], columns = Number.POSITIVE_INFINITY): string {
  const { id, subject, principal } = event.detail;
  const roles = principal.roles.length === 0 ? "no roles" : `roles ${principal.roles.join(", ")}`;
  const head = ["event", `${event["detail-type"]} ${subject} (${id}), sender ${principal.id} with ${roles}`] as const;
  return [[head], ...routes.map(routeFacts)]
    .map((facts) => facts.map(([name, fact]) => factLine(name, fact, { indent: 10, columns })).join("\n"))
    .join("\n\n");
}

function routeFacts(test: RouteTest): readonly Fact[] {
  const { route, explanation, target, action, options } = test;
  const [first, ...others] = explanation.matched ? [] : explanation.misses;
  const sent = options.map(({ name, value, template, emptyBecause }) => {
    const from = template.startsWith("$.") ? `  from ${template}` : "";
    return [
      "sends",
      `${name} = ${emptyBecause === undefined ? JSON.stringify(value) : `"" (${emptyBecause})`}${from}`,
    ] as const;
  });
  return [
    ["route", route],
    ["fires", test.fires ? "yes" : "no"],
    ...(first === undefined
      ? [["match", test.isForOtherRoutes ? "yes, but the event is a replay for other routes" : "yes"] as const]
      : [["match", `no: ${first.text}`] as const, ...others.map(({ text }) => ["", `and ${text}`] as const)]),
    ...(first === undefined ? [["roles", rolesText(test)] as const, ["approval", approvalText(test)] as const] : []),
    ["target", `${target} (${action})`],
    ...(first === undefined ? sent : []),
  ];
}

function rolesText({ orderDenial, denial, mode }: RouteTest): string {
  if (orderDenial !== undefined) return `denied, also in shadow mode: ${rejectionLine(orderDenial)}`;
  if (denial === undefined) return "the sender may fire it";
  const reason = rejectionLine(denial);
  return mode === "shadow" ? `the sender may not fire it: ${reason}; it fires, in shadow mode` : `denied: ${reason}`;
}

function approvalText({ approval, mode }: RouteTest): string {
  if (approval === undefined) return "not needed";
  if (mode === "shadow") return "not asked for, in shadow mode";
  const people = approval.approvers === 1 ? "1 person" : `${approval.approvers} people`;
  const roles = approval.roles.length === 0 ? "no role, so it never fires" : approval.roles.join(" or ");
  return `needed: ${people} with the role ${roles}`;
}

type Fact = readonly [string, string];
