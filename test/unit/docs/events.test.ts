import { describe, expect, it } from "vitest";
import { receive, type Source } from "../../../shared/delivery/receive.ts";
import type { TraceParent } from "../../../shared/host/trace.ts";
import { EVENT_TYPES } from "../../../shared/model/event.ts";
import type { RecordedDelivery } from "../../../shared/model/recorded-delivery.ts";
import { providers } from "../../../shared/providers/registry.ts";
import { blocksOf, codeIn, readText, rowsOf, sectionOf } from "../../support/documents.ts";
import { type Fixture, fixtureSourceOf, fixturesOf } from "../../support/provider-fixtures.ts";
import { busEventOf } from "../../support/samples.ts";
import { noProvedRuns, providerDeps, secretsOf, silentLog, testClock } from "../../support/test-doubles.ts";

const DOCUMENT = readText("docs/events.md");
const ROWS = rowsOf(sectionOf(DOCUMENT, "Types")).map(([type = "", cdEvents = "", part = "", publishers = ""]) => ({
  type: codeIn(type)[0] ?? "",
  cdEvents,
  part: codeIn(part)[0] ?? "",
  publishers: publishers === "none yet" ? [] : publishers.split(", "),
}));

/** The examples are what the bridge publishes of these fixtures. */
const EXAMPLES = Array.from(
  sectionOf(DOCUMENT, "One event of each part").matchAll(/^### `(\w+)`.*?: `([\w-]+) ([\w-]+)`$/gm),
  ([title, part = "", provider = "", event = ""]) => ({ heading: title.slice("### ".length), part, provider, event }),
);

/** As a request would have it; one that is read from headers gets a new span. */
const traceparent = "00-4f6c1d2e8a9b4c3d9e0f1a2b3c4d5e6f-7a8b9c0d1e2f3a4b-01" as TraceParent;

/** The delivery that a source of the bridge would record of a fixture. */
async function recordedOf(source: string, provider: string, fixture: Fixture): Promise<RecordedDelivery> {
  const { settings, environment } = fixtureSourceOf(provider);
  const clock = testClock();
  const connected = providers
    .find(({ name }) => name === provider)
    ?.connect({ name: source, settings }, providerDeps({ secrets: secretsOf(environment), clock }));
  const headers = await connected?.sign?.({ ...fixture, headers: new Headers(fixture.headers) });
  if (!connected || !headers) throw new Error(`${provider} signs its fixtures`);
  const recorded: RecordedDelivery[] = [];
  const record = async (delivery: RecordedDelivery) => {
    recorded.push(delivery);
    return "recorded" as const;
  };
  const taker: Source = { name: source, provider, contentTypes: [], ...connected };
  const request = { method: "POST", ...fixture, headers, receivedAt: clock.now(), requestId: "request-1", traceparent };
  await receive(request, taker, {
    deliveries: { record },
    rejectOverRate: async () => undefined,
    runReporters: [],
    origins: noProvedRuns,
    secrets: secretsOf({}),
    recorded: () => undefined,
    log: silentLog,
  });
  const [delivery] = recorded;
  if (!delivery) throw new Error(`${provider} ${fixture.name} is authentic`);
  return delivery;
}

describe("docs/events.md", () => {
  it("has a line for every type that the bridge can publish, and no other", () => {
    expect(ROWS.map(({ type }) => type)).toEqual(EVENT_TYPES);
  });

  it("names CDEvents by their types, or says that there is none", () => {
    for (const { type, cdEvents } of ROWS) {
      expect(cdEvents, type).toMatch(
        /^(none|`dev\.cdevents\.[a-z]+\.[a-z]+`(, outcome `(success|failure|error)`| .+)?)$/,
      );
    }
  });

  it("names the part that every example carries, and those that no sender reports", () => {
    const shown = EXAMPLES.map(({ part }) => part);
    expect(new Set(ROWS.map(({ part }) => part))).toEqual(new Set([...shown, "summary", "order", "flow", "access"]));
  });

  it.each(EXAMPLES)("shows what is published of $provider $event", async ({ heading, part, provider, event }) => {
    const [block = "{}"] = blocksOf(sectionOf(DOCUMENT, heading), "json");
    const example = JSON.parse(block);
    const fixture = fixturesOf(provider).find(({ name }) => name === event);
    if (!fixture) throw new Error(`${provider} has no fixture ${event}`);
    const source = String(example.detail.source).replace("/sources/", "");
    expect(busEventOf(await recordedOf(source, provider, fixture))).toEqual(example);
    expect(example.detail).toHaveProperty(part);
    expect(ROWS.find(({ type }) => type === example["detail-type"])?.part).toBe(part);
  });

  it("names every provider that has a fixture of a type among those that publish it", () => {
    const missing = providers.flatMap(({ name }) =>
      fixturesOf(name).flatMap(({ expected }) => {
        const row = expected.outcome === "event" && ROWS.find(({ type }) => type === expected.events[0].type);
        return row && !row.publishers.includes(name) ? [`${row.type} by ${name}`] : [];
      }),
    );
    expect(missing).toEqual([]);
  });
});
