import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { deflateRawSync, deflateSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { kindOf } from "../../../shared/host/fault.ts";
import type { BridgeEvents } from "../../../shared/model/event.ts";
import { providers } from "../../../shared/providers/registry.ts";
import { DICTIONARIES } from "../../../shared/store/content-dictionary.ts";
import { type DeliveryContent, packContent, unpackContent } from "../../../shared/store/delivery-content.ts";
import type { Item } from "../../../shared/store/table.ts";
import { sampleDelivery } from "../../support/samples.ts";

function contentOf() {
  const { provider, requestId, bodyDigest, bodyBytes, events, body = new Uint8Array() } = sampleDelivery();
  return { provider, requestId, bodyDigest, bodyBytes, events, body } satisfies DeliveryContent;
}

/** Any text of a sender, in any place of an event, and any bytes beside it. */
const contents = fc
  .record({
    text: fc.string({ unit: "binary" }),
    body: fc.option(fc.uint8Array({ maxLength: 4_000 })),
    isEvent: fc.boolean(),
    isBatch: fc.boolean(),
    hasHeaders: fc.boolean(),
  })
  .map(({ text, body, isEvent, isBatch, hasHeaders }): DeliveryContent => {
    const {
      events: [event],
      body: _,
      ...details
    } = contentOf();
    const named = { ...event, subject: text };
    const events: BridgeEvents = isBatch ? [named, { ...event, subject: `${text} 2` }, event] : [named];
    const headers = { "user-agent": text, "x-gitlab-token": null };
    return { ...details, ...(hasHeaders && { headers }), ...(isEvent && { events }), ...(body && { body }) };
  });

/** The content that is read, or the kind of error that a log would show. */
function readOf(item: Item): DeliveryContent | string {
  try {
    return unpackContent(item);
  } catch (error) {
    return kindOf(error);
  }
}

describe("the content of a delivery", () => {
  it("the content of a delivery is read as it was packed", () => {
    fc.assert(
      fc.property(contents, (content) => {
        expect(unpackContent({ content: packContent(content) })).toEqual(content);
      }),
    );
  });

  it("a record with one event has it where the first release wrote and read it", () => {
    const { events, body: _, ...details } = contentOf();
    const json = JSON.stringify({ ...details, event: events[0] });
    const { texts } = DICTIONARIES.findLast(({ provider }) => provider === details.provider) ?? { texts: [] };
    const dictionary = Buffer.from(texts.join(""));
    const content = deflateSync(Buffer.from(`${Buffer.byteLength(json)}-\n${json}`), { dictionary });
    expect(unpackContent({ content })).toEqual({ ...details, events });
    expect(Buffer.from(packContent({ ...details, events }))).toEqual(content);
  });

  it("a body that would make the item too large is left out, and the rest is kept", () => {
    const { body: _, ...rest } = contentOf();
    const read = unpackContent({ content: packContent({ ...rest, body: randomBytes(300_001) }) });
    expect(read.body?.length).toBeUndefined();
    expect(read).toEqual(rest);
  });

  it("the content leaves out the other fields of a delivery", () => {
    expect(unpackContent({ content: packContent(sampleDelivery()) })).toEqual(contentOf());
  });

  it("content in its first form, without a dictionary and beside the details, can still be read", () => {
    fc.assert(
      fc.property(contents, ({ events, body, redacted: _, headers: _headers, ...details }) => {
        const event = events?.[0];
        const json = event === undefined ? "" : JSON.stringify(event);
        const head = Buffer.from(`${Buffer.byteLength(json)}${body === undefined ? "-" : ""}\n${json}`);
        const content = deflateRawSync(Buffer.concat([head, body ?? new Uint8Array()]));
        const item = { ...details, content } as Item;
        expect(unpackContent(item)).toEqual({ ...details, ...(event && { events: [event] }), ...(body && { body }) });
      }),
    );
  });

  it("changed, cut or foreign bytes are a fault or the same content, never something else", () => {
    const packed = packContent(contentOf());
    const at = fc.nat({ max: packed.length - 1 });
    const changed = fc
      .tuple(at, fc.integer({ min: 1, max: 255 }))
      .map(([place, by]) => packed.map((byte, index) => (index === place ? byte ^ by : byte)));
    const cut = at.map((length) => packed.subarray(0, length));
    fc.assert(
      fc.property(fc.oneof(changed, cut, fc.uint8Array()), (content) => {
        // Another byte may point to the same text at another place.
        expect([contentOf(), "record_unreadable"]).toContainEqual(readOf({ content }));
      }),
      { numRuns: 1_000 },
    );
  });

  it("an item without content is a fault", () => {
    expect(readOf({ content: "text" })).toBe("record_unreadable");
  });
});

describe("the dictionaries", () => {
  it("the dictionaries are the released ones, because content packed with one can be read with no other", () => {
    const released = DICTIONARIES.map(({ id, texts }) => {
      const digest = createHash("sha256").update(texts.join("")).digest("hex");
      return `${id.toString(16)} ${digest.slice(0, 32)}`;
    });
    expect(released).toEqual([
      "e6c57ff8 e4e63294f4ea48424beac3aabc5922f8",
      "6fbda4e1 6731296943d258054d39ca46d67d3a0f",
      "8cb76473 51ae8efed7b9375dc1a09bb767569367",
      "a0f0ffc6 16d912b18d01301fcc00b0705b273670",
      "550d66cf 92c9cb67c71f1b157efacfccd40db6fb",
    ]);
  });

  it.each(DICTIONARIES)("the id of a dictionary is the checksum that zlib writes: $provider", ({ id, texts }) => {
    const dictionary = Buffer.from(texts.join(""));
    expect(idIn(deflateSync("", { dictionary }))).toBe(id);
    // DEFLATE looks back 32 KB.
    expect(dictionary.length).toBeLessThan(32_768);
  });

  it("each provider uses the last dictionary of its own, and a provider without one uses the first", () => {
    const [shared] = DICTIONARIES;
    for (const provider of [...providers.map(({ name }) => name), "status", "another"]) {
      const own = DICTIONARIES.findLast((one) => one.provider === provider);
      expect(idIn(packContent({ ...contentOf(), provider })), provider).toBe((own ?? shared)?.id);
    }
  });

  it("each dictionary is of a provider in the registry, except the shared one", () => {
    const owners = DICTIONARIES.slice(1).map(({ provider }) => provider);
    expect(providers.map(({ name }) => name)).toEqual(expect.arrayContaining(owners));
  });

  it("content that any of the dictionaries packed is read, whichever packs today", () => {
    fc.assert(
      fc.property(contents, fc.constantFrom(...DICTIONARIES), ({ body, events, ...details }, { texts }) => {
        const [event, ...more] = events ?? [];
        const json = JSON.stringify({ ...details, event, ...(more.length > 0 && { more }) });
        const head = Buffer.from(`${Buffer.byteLength(json)}${body === undefined ? "-" : ""}\n${json}`);
        const dictionary = Buffer.from(texts.join(""));
        const content = deflateSync(Buffer.concat([head, body ?? new Uint8Array()]), { dictionary });
        expect(unpackContent({ content })).toEqual({ ...details, ...(events && { events }), ...(body && { body }) });
      }),
    );
  });

  it("content with a dictionary that was never released is a fault", () => {
    const { body: _, ...details } = contentOf();
    const content = deflateSync(`2-\n{}${JSON.stringify(details)}`, { dictionary: Buffer.from("another") });
    expect(readOf({ content })).toBe("record_unreadable");
  });

  it.each(providers)("the dictionary of $name packs its fixtures as small as the shared one", async ({ name }) => {
    const bodies = await recordedBodies(name);
    const sizeWith = (provider: string): number =>
      bodies.reduce((sum, body) => sum + packContent({ ...contentOf(), provider, body }).length, 0);
    expect(bodies.length).toBeGreaterThan(0);
    expect(sizeWith(name) / sizeWith("another")).toBeLessThan(1.02);
  });
});

/** `DICTID` of a zlib stream. */
const idIn = (packed: Uint8Array): number => Buffer.from(packed).readUInt32BE(2);

/** The bodies of a provider's fixtures. */
async function recordedBodies(provider: string): Promise<readonly Buffer[]> {
  const folder = new URL(`../../../shared/providers/${provider}/fixtures/`, import.meta.url);
  const files = (await readdir(folder)).filter((file) => file.endsWith(".body"));
  return Promise.all(files.map((file) => readFile(new URL(file, folder))));
}
