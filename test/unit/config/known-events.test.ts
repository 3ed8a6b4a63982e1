import { describe, expect, it } from "vitest";
import { eventsOf } from "../../../shared/config/checks/known-events.ts";
import { type BusEvent, busEventsOf } from "../../../shared/model/bus-event.ts";
import { EVENT_TYPES } from "../../../shared/model/event.ts";
import { providers } from "../../../shared/providers/registry.ts";
import { fieldsOf } from "../../../shared/routes/event-fields.ts";
import { fixturesOf } from "../../support/provider-fixtures.ts";
import { sampleDelivery } from "../../support/samples.ts";

/** The published events of every fixture of a provider. */
const published = (provider: string): readonly (readonly [string, BusEvent])[] =>
  fixturesOf(provider).flatMap(({ name, expected }) => {
    if (expected.outcome !== "event") return [];
    const { events } = expected;
    const delivery = { ...sampleDelivery(), source: "fixtures", provider, events };
    return busEventsOf(delivery).map((busEvent) => [name, busEvent] as const);
  });

describe("the facts of the checks about events", () => {
  it.each(providers.map(({ name }) => name))(
    "the facts about the types of %s hold for each of its fixtures",
    (provider) => {
      const known = eventsOf({ name: "fixtures", provider }, EVENT_TYPES);
      const wrong = published(provider).flatMap(([name, busEvent]) => {
        const { facts } = known.find(({ type }) => type === busEvent["detail-type"]) ?? {};
        if (facts === undefined) return [`${name}: the provider does not publish ${busEvent["detail-type"]}`];
        return [...fieldsOf(busEvent)].flatMap(([field, leaves]) => {
          const possible = facts(field);
          const isPossible = possible === undefined || leaves.every(({ value }) => possible.includes(value));
          return isPossible ? [] : [`${name}: ${busEvent["detail-type"]} has ${field}`];
        });
      });
      expect(wrong).toEqual([]);
    },
  );
});
