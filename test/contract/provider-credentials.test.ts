import { describe, expect, it } from "vitest";
import { rowOf } from "../../shared/actions/confluence/board-row.ts";
import { renderRow } from "../../shared/actions/confluence/render-region.ts";
import { receive, type Source } from "../../shared/delivery/receive.ts";
import { busEventsOf } from "../../shared/model/bus-event.ts";
import { sha256Hex } from "../../shared/model/idempotency-keys.ts";
import { sourcePrincipal } from "../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { ok } from "../../shared/model/result.ts";
import { providers } from "../../shared/providers/registry.ts";
import {
  connectFixtureSource,
  type Fixture,
  fixtureSourceOf,
  fixturesOf,
  requestOf,
  SOURCE,
  takenAsAuthentic,
} from "../support/provider-fixtures.ts";
import { noProvedRuns, secretsOf, silentLog } from "../support/test-doubles.ts";

const SECRET = "s3cretCanary";

/** Ways in which a URL has a credential. */
const KINDS: readonly (readonly [string, (url: string) => string])[] = [
  ["user info", (url) => url.replace("://", `://ci-token:${SECRET}@`)],
  ["a token in its query", (url) => url.replace(/(?=#|$)/, `${url.includes("?") ? "&" : "?"}private_token=${SECRET}`)],
  ["a token in its fragment", (url) => `${url.replace(/#.*/, "")}#access_token=${SECRET}`],
];
const LINK = `see https://oauth2:${SECRET}@git.example.test/a.git?X-Amz-Signature=${SECRET}`;

type Change = (text: string) => string | undefined;

/** The copies of a value that each have one text changed, and where that text is. */
function* changedOnce(
  value: unknown,
  change: Change,
  path = "",
): Generator<{ readonly path: string; readonly value: unknown }> {
  if (typeof value === "string") {
    const changed = change(value);
    if (changed !== undefined) yield { path, value: changed };
  } else if (Array.isArray(value)) {
    for (const [at, item] of value.entries()) {
      for (const one of changedOnce(item, change, `${path}[]`)) yield { ...one, value: value.with(at, one.value) };
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      for (const one of changedOnce(member, change, `${path}.${name}`))
        yield { ...one, value: { ...value, [name]: one.value } };
    }
  }
}

/** Each place that has a text to change is changed once for each family of events: `code`, `change`, `build`. */
function variantsOf(fixtures: readonly Fixture[], change: Change): readonly Fixture[] {
  const seen = new Set<string>();
  return fixtures.flatMap((fixture) => {
    const { outcome } = fixture.expected;
    const family = outcome === "event" ? fixture.expected.events[0].type.replace(/\..*/, "") : outcome;
    return [...changedOnce(JSON.parse(Buffer.from(fixture.body).toString()), change)].flatMap(({ path, value }) => {
      if (seen.has(`${family} ${path}`)) return [];
      seen.add(`${family} ${path}`);
      return [{ ...fixture, name: `${fixture.name} ${path}`, body: new TextEncoder().encode(JSON.stringify(value)) }];
    });
  });
}
const isUrl = (text: string): boolean => /^https?:\/\/\S+$/.test(text);

/** A URL with a credential in any text of any sender. Nothing here names a provider. */
describe.each(providers.map((provider) => [provider.name, provider] as const))("provider %s", (name, provider) => {
  const fixtures = fixturesOf(name);
  const connected = connectFixtureSource(provider, fixtureSourceOf(name));
  // A new one for each request: what a source selects may depend on the requests before.
  const sourceOf = (): Source => ({
    ...connectFixtureSource(provider, fixtureSourceOf(name)),
    name: SOURCE,
    provider: name,
    contentTypes: [],
    authenticate: async () => ok({ principal: sourcePrincipal(SOURCE, "test", "current") }),
  });

  const requestFor = (fixture: Fixture) => requestOf(fixture, new Headers(fixture.headers));

  async function recordOf(fixture: Fixture): Promise<RecordedDelivery> {
    const records: RecordedDelivery[] = [];
    const receipt = await receive(requestFor(fixture), sourceOf(), {
      deliveries: {
        record: async (record) => {
          records.push(record);
          return "recorded";
        },
      },
      rejectOverRate: async () => undefined,
      runReporters: [],
      origins: noProvedRuns,
      secrets: secretsOf({}),
      recorded: () => undefined,
      log: silentLog,
    });
    const [record] = records;
    if (!receipt.ok || record === undefined) throw new Error("it is recorded");
    return record;
  }

  /** All that is made of a delivery: its record, what is published, and the row on a page. */
  function madeOf(record: RecordedDelivery): string {
    const { body = new Uint8Array(), ...facts } = record;
    const busEvents = busEventsOf(record);
    const rows = busEvents.map((busEvent) => rowOf({ busEvent, origin: busEvent, originProof: "proved" }));
    const shown = rows.map((row) => row && renderRow(row));
    return [JSON.stringify([facts, busEvents]), ...shown, Buffer.from(body).toString()].join("\n");
  }

  it.each(KINDS)("a URL with %s in any member is in nothing that is made of a delivery", async (_, change) => {
    const variants = variantsOf(fixtures, (text) => (isUrl(text) ? change(text) : undefined));
    expect(variants.length).toBeGreaterThan(0);
    for (const variant of variants) {
      const record = await recordOf(variant);
      expect(madeOf(record), variant.name).not.toContain(SECRET);
      const { body } = variant;
      expect(record).toMatchObject({ redacted: true, bodyDigest: sha256Hex(body), bodyBytes: body.length });
    }
  });

  it("a URL with credentials in any text is in nothing that is made of a delivery, and its event and keys stay", async () => {
    for (const variant of variantsOf(fixtures, (text) => `${text} ${LINK}`)) {
      const record = await recordOf(variant);
      expect(madeOf(record), variant.name).not.toContain(SECRET);
      const reading = connected.read(await takenAsAuthentic(requestFor(variant)));
      expect(record, variant.name).toMatchObject({ redacted: true, outcome: reading.outcome });
      const keys = (reading.outcome === "event" ? reading.events : []).map(({ keyParts }) =>
        keyParts.map((part) => (part.includes(SECRET) ? sha256Hex(part) : part)),
      );
      expect(
        (record.events ?? []).map(({ keyParts }) => keyParts),
        variant.name,
      ).toEqual(keys);
    }
  });

  it("a body without a credential is stored as it arrived", async () => {
    for (const fixture of fixtures) {
      const record = await recordOf(fixture);
      const isClean = !Buffer.from(fixture.body).includes("canary-password@");
      expect(record.redacted, fixture.name).toBe(isClean ? undefined : true);
      if (isClean && record.body) expect(Buffer.from(record.body).equals(fixture.body)).toBe(true);
      expect(madeOf(record)).not.toContain("canary-password");
    }
  });
});
