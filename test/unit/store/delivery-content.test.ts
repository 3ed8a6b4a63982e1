import { createHash, randomBytes } from "node:crypto";
import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { kindOf } from "../../../shared/host/fault.ts";
import { CONTENT_DICTIONARY } from "../../../shared/store/content-dictionary.ts";
import { type DeliveryContent, packContent, unpackContent } from "../../../shared/store/delivery-content.ts";
import type { Item } from "../../../shared/store/table.ts";
import { sampleDelivery } from "../../support/samples.ts";

function contentOf() {
  const { provider, requestId, bodyDigest, bodyBytes, event, body = new Uint8Array() } = sampleDelivery();
  return { provider, requestId, bodyDigest, bodyBytes, event, body } satisfies DeliveryContent;
}

/** Any text of a sender, in any place of an event, and any bytes beside it. */
const contents = fc
  .record({
    text: fc.string({ unit: "binary" }),
    body: fc.option(fc.uint8Array({ maxLength: 4_000 })),
    isEvent: fc.boolean(),
  })
  .map(({ text, body, isEvent }): DeliveryContent => {
    const { event, body: _, ...details } = contentOf();
    return { ...details, ...(isEvent && { event: { ...event, subject: text } }), ...(body && { body }) };
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
      fc.property(contents, ({ event, body, ...details }) => {
        const json = event === undefined ? "" : JSON.stringify(event);
        const head = Buffer.from(`${Buffer.byteLength(json)}${body === undefined ? "-" : ""}\n${json}`);
        const content = deflateRawSync(Buffer.concat([head, body ?? new Uint8Array()]));
        const item = { ...details, content } as Item;
        expect(unpackContent(item)).toEqual({ ...details, ...(event && { event }), ...(body && { body }) });
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

describe("the dictionary", () => {
  it("the dictionary is the released one, because content packed with it can be read with no other", () => {
    const digest = createHash("sha256").update(CONTENT_DICTIONARY).digest("hex");
    expect(digest).toBe("e4e63294f4ea48424beac3aabc5922f80412b69ac24f0e1bc7524a4009b7b727");
  });

  it("the dictionary is within the window of DEFLATE, which looks back 32 KB", () => {
    expect(CONTENT_DICTIONARY.length).toBeLessThan(32_768);
  });
});
