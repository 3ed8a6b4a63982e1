import { readdirSync, readFileSync } from "node:fs";
import { epochMillis } from "../../shared/host/clock.ts";
import { type BusEvent, busEventsOf } from "../../shared/model/bus-event.ts";
import { sourcePrincipal } from "../../shared/model/principal.ts";
import type { Reading } from "../../shared/model/reading.ts";

/** A recorded delivery beside a provider, with the events that the bridge publishes of it. */
export interface PublishedFixture {
  readonly name: string;
  readonly busEvents: readonly BusEvent[];
}

/** The fixtures of a provider that have events, by name, as a source with the name `source` would publish them. */
export function publishedFixtures(provider: string, source: string): readonly PublishedFixture[] {
  const folder = new URL(`../../shared/providers/${provider}/fixtures/`, import.meta.url);
  const names = readdirSync(folder).flatMap((file) => /^(.+)\.expected\.json$/.exec(file)?.[1] ?? []);
  return names.sort().flatMap((name) => {
    // The suite of the providers compares each of these files with what the provider reads.
    const reading = JSON.parse(readFileSync(new URL(`${name}.expected.json`, folder), "utf8")) as Reading;
    if (reading.outcome !== "event") return [];
    const delivery = { ...DELIVERY, source, provider, principal: sourcePrincipal(source, "fixture", "current") };
    return [{ name, busEvents: busEventsOf({ ...delivery, outcome: "event", what: "", events: reading.events }) }];
  });
}

const DELIVERY = { id: "d-fixture", receivedAt: epochMillis(0), requestId: "fixture", bodyDigest: "", bodyBytes: 0 };
