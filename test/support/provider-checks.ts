import { createHmac } from "node:crypto";
import * as fc from "fast-check";
import * as v from "valibot";
import { expect } from "vitest";
import type { BridgeEvent } from "../../shared/model/event.ts";
import type { Reading } from "../../shared/model/reading.ts";
import type { Provider } from "../../shared/providers/provider.ts";
import type { Check } from "./checks.ts";
import type { propertyCases } from "./property-cases.ts";
import {
  connectFixtureSource,
  type Fixture,
  type FixtureSource,
  requestOf,
  SOURCE,
  secretsChanged,
  takenAsAuthentic,
  withNextSecrets,
  withoutCredentials,
} from "./provider-fixtures.ts";
import { isSameScheme, proofOf, singleBitChanges, withHeader } from "./provider-proof.ts";
import { jsonBodies, mutatedBodies } from "./random-bodies.ts";

interface Fixtures {
  readonly fixtures: readonly Fixture[];
  readonly source: FixtureSource;
}

type Cases = ReturnType<typeof propertyCases>;

/**
 * The contract of a provider, over its fixtures. Nothing here names one. `changedBodies` is how many random changes of
 * the body of each fixture are parsed, and the seed of the first fixture.
 */
export function providerChecks(
  provider: Provider,
  { fixtures, source, changedBodies }: Fixtures & { readonly changedBodies: Cases },
): readonly Check[] {
  const proof = proofOf(provider, source);
  const covers = source.coversBody !== false;
  return [
    ...settingsChecks(provider, { fixtures, source }),
    ...fixtures.flatMap((fixture, at) => {
      const cases = { ...changedBodies, seed: changedBodies.seed + at };
      return readingChecks(provider, { fixture, source, changedBodies: cases });
    }),
    ...(proof.canSign ? signedChecks(provider, { fixtures, source }) : []),
    ...(proof.canSign && covers ? coveredBodyChecks(provider, { fixtures, source }) : []),
    ...(proof.canSign && !covers ? [uncoveredBodyCheck(provider, { fixtures, source })] : []),
    ...anyBodyChecks(provider, { fixtures, source }),
    eventKeyCheck(provider, { fixtures, source }),
    secretCheck(provider, { fixtures, source }),
  ];
}

function settingsChecks(provider: Provider, { fixtures, source }: Fixtures): readonly Check[] {
  return [
    {
      title: "the provider has fixtures, and settings that match its schema",
      async run() {
        expect(fixtures.length).toBeGreaterThan(0);
        expect(v.safeParse(provider.settings, source.settings).success).toBe(true);
      },
    },
    {
      title: "settings without any credential are rejected",
      async run() {
        expect(v.safeParse(provider.settings, withoutCredentials(source)).success).toBe(false);
        expect(v.safeParse(provider.settings, {}).success).toBe(false);
      },
    },
  ];
}

interface OneFixture {
  readonly fixture: Fixture;
  readonly source: FixtureSource;
}

/** Reads a body without a proof. */
async function readAs(provider: Provider, { fixture, source }: OneFixture): Promise<Reading> {
  const delivery = await takenAsAuthentic(requestOf(fixture, new Headers(fixture.headers)));
  return connectFixtureSource(provider, source).read(delivery);
}

function readingChecks(
  provider: Provider,
  { fixture, source, changedBodies }: OneFixture & { readonly changedBodies: Cases },
): readonly Check[] {
  const { name } = fixture;
  const proof = proofOf(provider, source);
  const signed: Check = {
    title: `${name} is accepted if it is signed`,
    async run() {
      const result = await proof.check(fixture, await proof.sign(fixture));
      expect(result.ok && result.value.principal).toMatchObject({ subject: SOURCE, credential: "current" });
      expect(result.ok && proof.connected.read(result.value)).toEqual(fixture.expected);
    },
  };
  return [
    {
      title: `${name} is parsed as expected`,
      async run() {
        const reading = await readAs(provider, { fixture, source });
        // As JSON, so that it can be compared with the payload and saved as the expected reading of a new fixture.
        expect(reading, `the reading is ${JSON.stringify(reading, null, 2)}`).toEqual(fixture.expected);
      },
    },
    {
      title: `${name} is rejected if it is unsigned`,
      run: async () => expect(await proof.accepts(fixture, new Headers(fixture.headers))).toBe(false),
    },
    ...(proof.canSign ? [signed] : []),
    {
      title: `${name} with another id is another event`,
      async run() {
        for (const [at, event] of eventsIn(await readAs(provider, { fixture, source })).entries()) {
          const id = idOf(event);
          if (id === undefined) continue;
          const body = withValue(fixture.body, id, `${id}9`);
          const other = eventsIn(await readAs(provider, { fixture: { ...fixture, body }, source }))[at];
          // The id is not a value of the body, or an event with this one is not published.
          if (other === undefined || idOf(other) === id) continue;
          expect(other.keyParts, `the event key of ${event.type} ${id}`).not.toEqual(event.keyParts);
        }
      },
    },
    {
      title: `${name} with far longer texts and lists is parsed into a bounded event`,
      async run() {
        const body = Buffer.from(JSON.stringify(longer(JSON.parse(Buffer.from(fixture.body).toString()))));
        isBounded(await readAs(provider, { fixture: { ...fixture, body }, source }));
      },
    },
    {
      title: `${name} with changed members is parsed without a fault`,
      run: () =>
        fc.assert(
          fc.asyncProperty(mutatedBodies(fixture.body), fc.boolean(), async (body, bare) => {
            const headers = bare ? {} : fixture.headers;
            isBounded(await readAs(provider, { fixture: { ...fixture, body, headers }, source }));
          }),
          changedBodies,
        ),
    },
  ];
}

const eventsIn = (reading: Reading): readonly BridgeEvent[] => (reading.outcome === "event" ? reading.events : []);

/** The id of the thing that an event is about, if it has one: a comment, or a run, page or change request. */
function idOf(event: BridgeEvent): string | undefined {
  const [family = ""] = event.type.split(".");
  const part: unknown = Object.getOwnPropertyDescriptor(event, family === "blogpost" ? "page" : family)?.value;
  const ids = v.object({ id: v.optional(v.string()), comment: v.optional(v.object({ id: v.string() })) });
  const { id, comment } = v.is(ids, part) ? part : {};
  return comment?.id ?? id;
}

/** The body with another value, wherever it has the one that is given, as a text or a number. */
const withValue = (body: Uint8Array, given: string, other: string): Uint8Array =>
  Buffer.from(
    JSON.stringify(JSON.parse(Buffer.from(body).toString()), (_, value: unknown) => {
      if (value === given) return other;
      return typeof value === "number" && String(value) === given ? Number(other) : value;
    }),
  );

function longer(value: unknown): unknown {
  if (typeof value === "string") return `${value}${"a".repeat(20_000)}`;
  // The items of a list keep their texts, because the body has its own limit.
  if (Array.isArray(value)) return value.length === 0 ? value : Array(500).fill(value).flat().slice(0, 500);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, longer(member)]));
}

/** A reading is one of the three, plain JSON, and small. */
function isBounded(reading: Reading): void {
  expect(["event", "ignored", "unusable"]).toContain(reading.outcome);
  const json = JSON.stringify(reading);
  expect(json.length).toBeLessThan(MAX_READING_BYTES);
  expect(JSON.parse(json)).toStrictEqual(reading);
}

/** Far below the limit of the bus. */
const MAX_READING_BYTES = 64_000;

function smallestOf(fixtures: readonly Fixture[]): Fixture {
  const [smallest] = fixtures;
  if (smallest) return smallest;
  throw new Error("there is no fixture");
}

/** With a credential that the test made. */
function signedChecks(provider: Provider, { fixtures, source }: Fixtures): readonly Check[] {
  const proof = proofOf(provider, source);
  const smallest = smallestOf(fixtures);
  return [
    {
      title: "a credential with any single bit changed is rejected",
      async run() {
        const headers = await proof.sign(smallest);
        const letIn: string[] = [];
        for (const header of proof.credentialHeaders(smallest, headers)) {
          for (const { bit, changed } of singleBitChanges(Buffer.from(headers.get(header) ?? "", "latin1"))) {
            const value = Buffer.from(changed).toString("latin1");
            if (isSameScheme(header, value, headers)) continue;
            const sent = withHeader(headers, header, value);
            if (sent && (await proof.accepts(smallest, sent))) letIn.push(`${header} ${bit}`);
          }
        }
        expect(letIn).toEqual([]);
      },
    },
    {
      title: "a credential that is missing, doubled or truncated is rejected",
      async run() {
        const headers = await proof.sign(smallest);
        for (const header of proof.credentialHeaders(smallest, headers)) {
          const value = headers.get(header) ?? "";
          const others = [null, "", `${value}, ${value}`, `${value},${value}`, value.slice(0, -1), value.slice(1)];
          for (const other of others) {
            const sent = withHeader(headers, header, other) ?? headers;
            expect(await proof.accepts(smallest, sent), `${header} of ${other?.length ?? "no"} characters`).toBe(false);
          }
        }
      },
    },
    {
      title: "a credential of any text is rejected without a fault, and the rejection does not repeat it",
      async run() {
        const headers = await proof.sign(smallest);
        const names = proof.credentialHeaders(smallest, headers);
        const text = fc.oneof(fc.string(), fc.string({ minLength: 64, maxLength: 64, unit: "binary-ascii" }));
        await fc.assert(
          fc.asyncProperty(fc.constantFrom(...names), text, fc.boolean(), async (name, end, isAdded) => {
            const value = isAdded ? `${headers.get(name)}${end}x` : end;
            const sent = withHeader(headers, name, value);
            if (sent === undefined || sent.get(name) === headers.get(name)) return;
            const result = await proof.check(smallest, sent);
            expect(result.ok).toBe(false);
            if (value.length > 40) expect(JSON.stringify(result)).not.toContain(value);
          }),
        );
      },
    },
    {
      title: "a credential with a signed time is rejected a day before and a day after",
      async run() {
        const [now, same, later] = [
          await proof.sign(smallest),
          await proof.sign(smallest),
          await proof.sign(smallest, { laterByMs: DAY_MS }),
        ];
        const values = (headers: Headers) => JSON.stringify([...headers]);
        const hasTime = values(now) === values(same) && values(now) !== values(later);
        if (!hasTime) return;
        expect((await proof.check(smallest, later, { laterByMs: DAY_MS })).ok).toBe(true);
        expect((await proof.check(smallest, now, { laterByMs: DAY_MS })).ok, "a day after").toBe(false);
        expect((await proof.check(smallest, later)).ok, "a day before").toBe(false);
      },
    },
    {
      title: "a credential made with another secret is rejected",
      async run() {
        const stranger = proofOf(provider, secretsChanged(source));
        expect(await proof.accepts(smallest, await stranger.sign(smallest))).toBe(false);
      },
    },
    {
      title: "the next secret is accepted beside the current one, and a retired one is rejected",
      async run() {
        const rotating = proofOf(provider, withNextSecrets(source));
        const next = proofOf(provider, secretsChanged(source));
        const result = await rotating.check(smallest, await next.sign(smallest));
        expect(result.ok && result.value.principal.credential).toBe("next");
        expect(await rotating.accepts(smallest, await proof.sign(smallest))).toBe(true);
        expect(await next.accepts(smallest, await proof.sign(smallest))).toBe(false);
      },
    },
    {
      title: "a redelivery has the same id, although it is signed at another time",
      async run() {
        for (const fixture of fixtures) {
          const [first, again] = [await proof.sign(fixture), await proof.sign(fixture, { laterByMs: 60_000 })];
          const id = await proof.deliveryId(fixture, first);
          expect(await proof.deliveryId(fixture, again, { laterByMs: 60_000 })).toBe(id);
        }
      },
    },
    {
      title: "every fixture has its own id",
      async run() {
        const ids = await Promise.all(
          fixtures.map(async (fixture) => proof.deliveryId(fixture, await proof.sign(fixture))),
        );
        expect(new Set(ids).size).toBe(fixtures.length);
      },
    },
  ];
}

const DAY_MS = 24 * 3_600_000;

interface Weak {
  readonly secret: string;
  readonly body: Uint8Array;
}

/** Headers in which senders have a token or a signature over SHA-1, for a sender that has a better signature. */
function weakCredentials(provider: string, { secret, body }: Weak): readonly (readonly [string, string])[] {
  const sha1 = createHmac("sha1", secret).update(body).digest("hex");
  return [
    ["authorization", `Bearer ${secret}`],
    ["authorization", `Basic ${Buffer.from(`${provider}:${secret}`).toString("base64")}`],
    ["authorization", secret],
    ["x-hub-signature", `sha1=${sha1}`],
    [`x-${provider}-signature`, sha1],
    [`x-${provider}-signature`, `sha1=${sha1}`],
    [`x-${provider}-token`, secret],
    ["x-auth-token", secret],
    ["x-token", secret],
    ["x-api-key", secret],
    ["x-webhook-secret", secret],
  ];
}

function coveredBodyChecks(provider: Provider, { fixtures, source }: Fixtures): readonly Check[] {
  const proof = proofOf(provider, source);
  const stranger = proofOf(provider, secretsChanged(source));
  const otherSignature = (fixture: Fixture) => stranger.sign(fixture);
  const smallest = smallestOf(fixtures);
  return [
    {
      title: "a body with any single bit changed is rejected",
      async run() {
        const headers = await proof.sign(smallest);
        const letIn: string[] = [];
        for (const { bit, changed } of singleBitChanges(smallest.body)) {
          if (await proof.accepts({ ...smallest, body: changed }, headers)) letIn.push(bit);
        }
        expect(letIn).toEqual([]);
      },
    },
    {
      title: "a body that was serialised again with the same meaning is rejected",
      async run() {
        for (const fixture of fixtures) {
          const anew = Buffer.from(JSON.stringify(JSON.parse(Buffer.from(fixture.body).toString()), null, 1));
          expect(await proof.accepts({ ...fixture, body: anew }, await proof.sign(fixture))).toBe(false);
        }
      },
    },
    {
      title: "the secret itself, or a weaker signature made with it, is rejected",
      async run() {
        for (const secret of Object.values(source.environment)) {
          for (const [name, value] of weakCredentials(provider.name, { secret, body: smallest.body })) {
            for (const headers of [new Headers(smallest.headers), await otherSignature(smallest)]) {
              const sent = withHeader(headers, name, value);
              if (sent) expect(await proof.accepts(smallest, sent), name).toBe(false);
            }
          }
          for (const member of ["token", "secret", "key", "access_token"]) {
            const url = new URL(smallest.url);
            url.searchParams.set(member, secret);
            const accepted = await proof.accepts({ ...smallest, url }, new Headers(smallest.headers));
            expect(accepted, `${member} in the query`).toBe(false);
          }
        }
      },
    },
    {
      title: "an id that no credential covers does not decide alone which delivery it is",
      async run() {
        for (const fixture of fixtures) {
          const signed = await proof.sign(fixture);
          const id = await proof.deliveryId(fixture, signed);
          const spaced = { ...fixture, body: Buffer.concat([fixture.body, Buffer.from(" ")]) };
          for (const header of Object.keys(fixture.headers)) {
            const changed = withHeader(signed, header, `${signed.get(header)}-other`);
            if (!changed || !(await proof.accepts(fixture, changed))) continue;
            if ((await proof.deliveryId(fixture, changed)) === id) continue;
            const other = await proof.deliveryId(spaced, await proof.sign(spaced));
            expect(other, `${fixture.name}: another body with the same ${header}`).not.toBe(id);
          }
        }
      },
    },
    {
      title: "headers that no credential covers make no other event of a body",
      async run() {
        const headersOfAll = new Map(fixtures.map(({ headers }) => [JSON.stringify(headers), headers]));
        for (const fixture of fixtures) {
          const types = eventsIn(fixture.expected).map(({ type }) => type);
          for (const headers of headersOfAll.values()) {
            const reading = await readAs(provider, { fixture: { ...fixture, headers }, source });
            const others = eventsIn(reading).filter(({ type }) => !types.includes(type));
            expect(others, `${fixture.name} with ${JSON.stringify(headers)}`).toEqual([]);
          }
        }
      },
    },
  ];
}

const uncoveredBodyCheck = (provider: Provider, { fixtures, source }: Fixtures): Check => ({
  title: "any body is accepted, because this credential covers none",
  async run() {
    const proof = proofOf(provider, source);
    const smallest = smallestOf(fixtures);
    expect(await proof.accepts({ ...smallest, body: Buffer.from("{}") }, await proof.sign(smallest))).toBe(true);
  },
});

function anyBodyChecks(provider: Provider, { fixtures, source }: Fixtures): readonly Check[] {
  const fixtureOf = fc.constantFrom(...fixtures);
  const readsCalmly = async (body: Uint8Array, like: Fixture, headersOf: Fixture) =>
    isBounded(await readAs(provider, { fixture: { ...like, body, headers: headersOf.headers }, source }));
  return [
    {
      title: "any bytes are parsed without a fault",
      run: () => fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fixtureOf, fixtureOf, readsCalmly)),
    },
    {
      title: "any JSON is parsed without a fault",
      run: () => fc.assert(fc.asyncProperty(jsonBodies, fixtureOf, fixtureOf, readsCalmly)),
    },
  ];
}

/** The type of an event is a part of its key. */
const eventKeyCheck = (provider: Provider, { fixtures, source }: Fixtures): Check => ({
  title: "events with one key are one event: of one delivery each has its own, and of two they have one time",
  async run() {
    const times = new Map<string, string>();
    for (const fixture of fixtures) {
      const events = eventsIn(await readAs(provider, { fixture, source }));
      const keys = events.map(({ type, keyParts }) => JSON.stringify([type, ...keyParts]));
      expect(new Set(keys).size, fixture.name).toBe(keys.length);
      for (const [at, key] of keys.entries()) {
        const time = events[at]?.time ?? "";
        expect(time, `${fixture.name}: the time of ${key}`).toBe(times.get(key) ?? time);
        times.set(key, time);
      }
    }
  },
});

const secretCheck = (provider: Provider, { fixtures, source }: Fixtures): Check => ({
  title: "nothing that is made of a request contains a secret",
  async run() {
    const proof = proofOf(provider, source);
    const secrets = Object.values(source.environment);
    for (const fixture of fixtures) {
      const signed = proof.canSign ? await proof.sign(fixture) : new Headers(fixture.headers);
      const accepted = await proof.check(fixture, signed);
      const rejected = await proof.check({ ...fixture, body: Buffer.from("{}") }, signed);
      const made = JSON.stringify([
        fixture.expected,
        accepted.ok ? accepted.value.principal : accepted,
        rejected.ok || rejected,
      ]);
      expect(made).not.toContain("canary");
      for (const secret of secrets) expect(made).not.toContain(secret);
    }
  },
});
