import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { DocumentedPages } from "../../../../shared/actions/confluence/documented-pages.ts";
import { foundPages, searchPath } from "../../../../shared/actions/confluence/page-search.ts";
import { buildEntry } from "../../../support/sandbox-confluence-action.ts";
import { testClock } from "../../../support/test-doubles.ts";

const busEvent = buildEntry();
const happening = { busEvent, origin: busEvent };

describe("the index of pages that say what they document", () => {
  test("ends after ten calls, though Confluence always names one more batch and finds nothing", async () => {
    let calls = 0;
    const search = async () => {
      calls += 1;
      return { ok: true, value: { pages: [], next: "cursor=again" } } as const;
    };
    const pages = new DocumentedPages("docs", testClock());
    await expect(pages.concernedBy(happening, { search })).resolves.toEqual({ ok: true, ids: [], leftOut: 0 });
    expect(calls).toBe(10);
  });

  test("is read again by the next who asks when reading it met a fault", async () => {
    const pages = new DocumentedPages("docs", testClock());
    const broken = { search: () => Promise.reject(new Error("a bug")) };
    await expect(pages.concernedBy(happening, broken)).rejects.toThrow("a bug");
    const search = async () => ({ ok: true, value: { pages: [], next: undefined } }) as const;
    await expect(pages.concernedBy(happening, { search })).resolves.toMatchObject({ ok: true });
  });

  test("is not taken from the batches before the one that failed", async () => {
    const pages = new DocumentedPages("docs", testClock());
    const search = async (_: string, next?: string) =>
      next === undefined
        ? ({ ok: true, value: { pages: [], next: "start=20" } } as const)
        : ({ ok: false, failure: { outcome: "retry", summary: "no" } } as const);
    await expect(pages.concernedBy(happening, { search })).resolves.toEqual({
      ok: false,
      failure: { outcome: "retry", summary: "no", afterSeconds: 60 },
    });
  });
});

describe("a batch of found pages", () => {
  const storage = (value: unknown) => ({ storage: { value, representation: "storage" } });
  const batch = (next?: unknown, ...results: readonly unknown[]) =>
    v.safeParse(foundPages, { results, _links: { next } });

  test("is its pages, without those that are told in another way", () => {
    const good = { id: "7", type: "page", body: storage("<p/>") };
    const others = [
      null,
      7,
      {},
      { ...good, id: 7 },
      { ...good, id: "../7" },
      { id: "8" },
      { id: "9", body: storage(1) },
    ];
    expect(batch(undefined, ...others, good).output).toEqual({ pages: [{ id: "7", body: "<p/>" }], next: undefined });
  });

  test.each([
    ["/rest/api/content/search?cql=x&limit=20&cursor=a%3D%3D", "cursor=a%3D%3D"],
    ["/rest/api/content/search?start=20&limit=20", "start=20"],
    ["https://evil.example.test/?cursor=c&cql=space%3DHR&expand=ancestors", "cursor=c"],
    ["/rest/api/content/search?limit=20", undefined],
    ["", undefined],
    [undefined, undefined],
  ])("is followed by the one at %s", (next, expected) => {
    expect(batch(next)).toMatchObject({ success: true, output: { next: expected } });
  });

  test("is asked for at the same address, but for its place", () => {
    const first = new URL(searchPath("docs"), "https://wiki.example.test");
    const second = new URL(searchPath("docs", "cursor=a%3D%3D"), first);
    expect(first.searchParams.get("cql")).toBe('type = page and label = "docs" order by created');
    expect(second.searchParams.get("cursor")).toBe("a==");
    second.searchParams.delete("cursor");
    expect(second.href).toBe(first.href);
  });

  test.each([[undefined], [{}], [{ results: "none" }], [{ results: [], _links: { next: 7 } }], ["<html>"]])(
    "is not %j",
    (answer) => {
      expect(v.safeParse(foundPages, answer).success).toBe(false);
    },
  );
});
