import * as fc from "fast-check";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { providers } from "../../shared/providers/registry.ts";
import {
  connectFixtureSource,
  fixtureSourceOf,
  fixturesOf,
  requestOf,
  SOURCE,
  secretsChanged,
  takenAsAuthentic,
  withNextSecrets,
  withoutCredentials,
} from "../support/provider-fixtures.ts";
import { isSameScheme, proofOf, singleBitChanges, withHeader } from "../support/provider-proof.ts";
import { jsonBodies, mutatedBodies } from "../support/random-bodies.ts";

/** What every provider in the registry must hold to; nothing here names one. */
describe.each(providers.map((provider) => [provider.name, provider] as const))("provider %s", (name, provider) => {
  const fixtures = fixturesOf(name);
  const source = fixtureSourceOf(name);
  const proof = proofOf(provider, source);

  it("has fixtures, and settings that its schema takes", () => {
    expect(fixtures.length).toBeGreaterThan(0);
    expect(v.safeParse(provider.settings, source.settings).success).toBe(true);
  });

  it("refuses settings without any credential", () => {
    expect(v.safeParse(provider.settings, withoutCredentials(source)).success).toBe(false);
    expect(v.safeParse(provider.settings, {}).success).toBe(false);
  });

  it.each(fixtures.map((fixture) => [fixture.name, fixture] as const))("reads %s as expected", async (_, fixture) => {
    const connected = connectFixtureSource(provider, source);
    const delivery = await takenAsAuthentic(requestOf(fixture, new Headers(fixture.headers)));
    expect(connected.read(delivery)).toEqual(fixture.expected);
  });

  it.each(fixtures.map((fixture) => [fixture.name, fixture] as const))("refuses %s unsigned", async (_, fixture) => {
    expect(await proof.accepts(fixture, new Headers(fixture.headers))).toBe(false);
  });

  describe.skipIf(!proof.canSign)("with a credential of our making", () => {
    const [smallest] = fixtures;
    if (!smallest) throw new Error(`${name} has no fixture`);
    const covers = source.coversBody !== false;

    it.each(fixtures.map((fixture) => [fixture.name, fixture] as const))(
      "accepts %s when signed",
      async (_, fixture) => {
        const headers = await proof.sign(fixture);
        const result = await proof.check(fixture, headers);
        expect(result.ok && result.value.principal).toMatchObject({ subject: SOURCE, credential: "current" });
        expect(result.ok && proof.connected.read(result.value)).toEqual(fixture.expected);
      },
    );

    it.runIf(covers)("refuses any single bit of the body changed", async () => {
      const headers = await proof.sign(smallest);
      const letIn: string[] = [];
      for (const { bit, changed } of singleBitChanges(smallest.body)) {
        if (await proof.accepts({ ...smallest, body: changed }, headers)) letIn.push(bit);
      }
      expect(letIn).toEqual([]);
    });

    it.runIf(covers)("refuses the body written anew with the same meaning", async () => {
      for (const fixture of fixtures) {
        const anew = Buffer.from(JSON.stringify(JSON.parse(Buffer.from(fixture.body).toString()), null, 1));
        expect(await proof.accepts({ ...fixture, body: anew }, await proof.sign(fixture))).toBe(false);
      }
    });

    it.runIf(!covers)("takes any body, because this credential covers none", async () => {
      expect(await proof.accepts({ ...smallest, body: Buffer.from("{}") }, await proof.sign(smallest))).toBe(true);
    });

    it("refuses any single bit of the credential changed", async () => {
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
    });

    it("refuses a credential that is missing, doubled or cut short", async () => {
      const headers = await proof.sign(smallest);
      for (const header of proof.credentialHeaders(smallest, headers)) {
        const value = headers.get(header) ?? "";
        for (const other of [null, "", `${value}, ${value}`, `${value},${value}`, value.slice(0, -1), value.slice(1)]) {
          const sent = withHeader(headers, header, other) ?? headers;
          expect(await proof.accepts(smallest, sent), `${header} of ${other?.length ?? "no"} characters`).toBe(false);
        }
      }
    });

    it("refuses a credential made with another secret", async () => {
      const stranger = proofOf(provider, secretsChanged(source));
      expect(await proof.accepts(smallest, await stranger.sign(smallest))).toBe(false);
    });

    it("accepts the next secret beside the current one, and refuses a retired one", async () => {
      const rotating = withNextSecrets(source);
      const next = secretsChanged(source);
      const result = await proofOf(provider, rotating).check(smallest, await proofOf(provider, next).sign(smallest));
      expect(result.ok && result.value.principal.credential).toBe("next");
      expect(await proofOf(provider, rotating).accepts(smallest, await proof.sign(smallest))).toBe(true);
      expect(await proofOf(provider, next).accepts(smallest, await proof.sign(smallest))).toBe(false);
    });

    it("gives a redelivery the same id, though it is signed at another time", async () => {
      for (const fixture of fixtures) {
        const [first, again] = [await proof.sign(fixture), await proof.sign(fixture, { laterByMs: 60_000 })];
        const id = await proof.deliveryId(fixture, first);
        expect(await proof.deliveryId(fixture, again, { laterByMs: 60_000 })).toBe(id);
      }
    });

    it("gives every fixture an id of its own", async () => {
      const ids = await Promise.all(
        fixtures.map(async (fixture) => proof.deliveryId(fixture, await proof.sign(fixture))),
      );
      expect(new Set(ids).size).toBe(fixtures.length);
    });
  });

  describe("whatever the body holds", () => {
    const connected = connectFixtureSource(provider, source);
    const headersOf = fc.constantFrom(...fixtures.map(({ headers }) => headers));
    const urlOf = fc.constantFrom(...fixtures.map(({ url }) => url));

    const readsCalmly = async (body: Uint8Array, headers: Record<string, string>, url: URL) => {
      const reading = connected.read(await takenAsAuthentic(requestOf({ url, body }, new Headers(headers))));
      expect(["event", "ignored", "unusable"]).toContain(reading.outcome);
      const json = JSON.stringify(reading);
      expect(json.length).toBeLessThan(MAX_READING_BYTES);
      expect(JSON.parse(json)).toStrictEqual(reading);
    };

    it.each(fixtures.map((fixture) => [fixture.name, fixture] as const))(
      "reads %s with texts and lists far longer, to no longer an event",
      async (_, { body, headers, url }) => {
        const longer = (value: unknown): unknown => {
          if (typeof value === "string") return `${value}${"a".repeat(20_000)}`;
          // A list's items keep their texts: the body has a limit of its own.
          if (Array.isArray(value)) return value.length === 0 ? value : Array(500).fill(value).flat().slice(0, 500);
          return typeof value === "object" ? mapped(value, longer) : value;
        };
        await readsCalmly(Buffer.from(JSON.stringify(longer(JSON.parse(Buffer.from(body).toString())))), headers, url);
      },
    );

    it("reads bytes of any kind", () =>
      fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), headersOf, urlOf, readsCalmly)));

    it("reads JSON of any kind", () => fc.assert(fc.asyncProperty(jsonBodies, headersOf, urlOf, readsCalmly)));

    it.each(fixtures.map((fixture) => [fixture.name, fixture] as const))(
      "reads %s with members changed",
      (_, fixture) =>
        fc.assert(
          fc.asyncProperty(mutatedBodies(fixture.body), fc.boolean(), (body, bare) =>
            readsCalmly(body, bare ? {} : fixture.headers, fixture.url),
          ),
        ),
    );
  });

  it("lets nothing secret out of what it makes of a request", async () => {
    const secrets = Object.values(source.environment);
    for (const fixture of fixtures) {
      const signed = proof.canSign ? await proof.sign(fixture) : new Headers(fixture.headers);
      const accepted = await proof.check(fixture, signed);
      const refused = await proof.check({ ...fixture, body: Buffer.from("{}") }, signed);
      const told = JSON.stringify([
        fixture.expected,
        accepted.ok ? accepted.value.principal : accepted,
        refused.ok || refused,
      ]);
      expect(told).not.toContain("canary");
      for (const secret of secrets) expect(told).not.toContain(secret);
    }
  });
});

const mapped = (value: object | null, map: (member: unknown) => unknown): unknown =>
  value && Object.fromEntries(Object.entries(value).map(([name, member]) => [name, map(member)]));

/** Far below what the bus takes. */
const MAX_READING_BYTES = 64_000;
