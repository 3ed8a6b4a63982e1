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

/** The contract of every provider in the registry. Nothing here names one. */
describe.each(providers.map((provider) => [provider.name, provider] as const))("provider %s", (name, provider) => {
  const fixtures = fixturesOf(name);
  const source = fixtureSourceOf(name);
  const proof = proofOf(provider, source);

  it("the provider has fixtures, and settings that match its schema", () => {
    expect(fixtures.length).toBeGreaterThan(0);
    expect(v.safeParse(provider.settings, source.settings).success).toBe(true);
  });

  it("settings without any credential are rejected", () => {
    expect(v.safeParse(provider.settings, withoutCredentials(source)).success).toBe(false);
    expect(v.safeParse(provider.settings, {}).success).toBe(false);
  });

  it.each(fixtures.map((fixture) => [fixture.name, fixture] as const))(
    "%s is parsed as expected",
    async (_, fixture) => {
      const connected = connectFixtureSource(provider, source);
      const delivery = await takenAsAuthentic(requestOf(fixture, new Headers(fixture.headers)));
      expect(connected.read(delivery)).toEqual(fixture.expected);
    },
  );

  it.each(fixtures.map((fixture) => [fixture.name, fixture] as const))(
    "%s is rejected if it is unsigned",
    async (_, fixture) => {
      expect(await proof.accepts(fixture, new Headers(fixture.headers))).toBe(false);
    },
  );

  describe.skipIf(!proof.canSign)("with a credential that the test made", () => {
    const [smallest] = fixtures;
    if (!smallest) throw new Error(`${name} has no fixture`);
    const covers = source.coversBody !== false;

    it.each(fixtures.map((fixture) => [fixture.name, fixture] as const))(
      "%s is accepted if it is signed",
      async (_, fixture) => {
        const headers = await proof.sign(fixture);
        const result = await proof.check(fixture, headers);
        expect(result.ok && result.value.principal).toMatchObject({ subject: SOURCE, credential: "current" });
        expect(result.ok && proof.connected.read(result.value)).toEqual(fixture.expected);
      },
    );

    it.runIf(covers)("a body with any single bit changed is rejected", async () => {
      const headers = await proof.sign(smallest);
      const letIn: string[] = [];
      for (const { bit, changed } of singleBitChanges(smallest.body)) {
        if (await proof.accepts({ ...smallest, body: changed }, headers)) letIn.push(bit);
      }
      expect(letIn).toEqual([]);
    });

    it.runIf(covers)("a body that was serialised again with the same meaning is rejected", async () => {
      for (const fixture of fixtures) {
        const anew = Buffer.from(JSON.stringify(JSON.parse(Buffer.from(fixture.body).toString()), null, 1));
        expect(await proof.accepts({ ...fixture, body: anew }, await proof.sign(fixture))).toBe(false);
      }
    });

    it.runIf(!covers)("any body is accepted, because this credential covers none", async () => {
      expect(await proof.accepts({ ...smallest, body: Buffer.from("{}") }, await proof.sign(smallest))).toBe(true);
    });

    it("a credential with any single bit changed is rejected", async () => {
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

    it("a credential that is missing, doubled or truncated is rejected", async () => {
      const headers = await proof.sign(smallest);
      for (const header of proof.credentialHeaders(smallest, headers)) {
        const value = headers.get(header) ?? "";
        for (const other of [null, "", `${value}, ${value}`, `${value},${value}`, value.slice(0, -1), value.slice(1)]) {
          const sent = withHeader(headers, header, other) ?? headers;
          expect(await proof.accepts(smallest, sent), `${header} of ${other?.length ?? "no"} characters`).toBe(false);
        }
      }
    });

    it("a credential made with another secret is rejected", async () => {
      const stranger = proofOf(provider, secretsChanged(source));
      expect(await proof.accepts(smallest, await stranger.sign(smallest))).toBe(false);
    });

    it("the next secret is accepted beside the current one, and a retired one is rejected", async () => {
      const rotating = withNextSecrets(source);
      const next = secretsChanged(source);
      const result = await proofOf(provider, rotating).check(smallest, await proofOf(provider, next).sign(smallest));
      expect(result.ok && result.value.principal.credential).toBe("next");
      expect(await proofOf(provider, rotating).accepts(smallest, await proof.sign(smallest))).toBe(true);
      expect(await proofOf(provider, next).accepts(smallest, await proof.sign(smallest))).toBe(false);
    });

    it("a redelivery has the same id, although it is signed at another time", async () => {
      for (const fixture of fixtures) {
        const [first, again] = [await proof.sign(fixture), await proof.sign(fixture, { laterByMs: 60_000 })];
        const id = await proof.deliveryId(fixture, first);
        expect(await proof.deliveryId(fixture, again, { laterByMs: 60_000 })).toBe(id);
      }
    });

    it("every fixture has its own id", async () => {
      const ids = await Promise.all(
        fixtures.map(async (fixture) => proof.deliveryId(fixture, await proof.sign(fixture))),
      );
      expect(new Set(ids).size).toBe(fixtures.length);
    });
  });

  describe("any body", () => {
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
      "%s with far longer texts and lists is parsed into a bounded event",
      async (_, { body, headers, url }) => {
        const longer = (value: unknown): unknown => {
          if (typeof value === "string") return `${value}${"a".repeat(20_000)}`;
          // The items of a list keep their texts, because the body has its own limit.
          if (Array.isArray(value)) return value.length === 0 ? value : Array(500).fill(value).flat().slice(0, 500);
          return typeof value === "object" ? mapped(value, longer) : value;
        };
        await readsCalmly(Buffer.from(JSON.stringify(longer(JSON.parse(Buffer.from(body).toString())))), headers, url);
      },
    );

    it("any bytes are parsed without a fault", () =>
      fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), headersOf, urlOf, readsCalmly)));

    it("any JSON is parsed without a fault", () =>
      fc.assert(fc.asyncProperty(jsonBodies, headersOf, urlOf, readsCalmly)));

    it.each(fixtures.map((fixture) => [fixture.name, fixture] as const))(
      "%s with changed members is parsed without a fault",
      (_, fixture) =>
        fc.assert(
          fc.asyncProperty(mutatedBodies(fixture.body), fc.boolean(), (body, bare) =>
            readsCalmly(body, bare ? {} : fixture.headers, fixture.url),
          ),
        ),
    );
  });

  it("nothing that is made of a request contains a secret", async () => {
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
  });
});

const mapped = (value: object | null, map: (member: unknown) => unknown): unknown =>
  value && Object.fromEntries(Object.entries(value).map(([name, member]) => [name, map(member)]));

/** Far below the limit of the bus. */
const MAX_READING_BYTES = 64_000;
