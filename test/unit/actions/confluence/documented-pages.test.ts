import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { DocumentedPages } from "../../../../shared/actions/confluence/documented-pages.ts";
import { foundPages, searchPath } from "../../../../shared/actions/confluence/page-search.ts";
import { buildEntry } from "../../../support/sandbox-confluence-action.ts";
import { testClock } from "../../../support/test-doubles.ts";

const busEvent = buildEntry();
const event = { busEvent, origin: busEvent };

describe("the index of pages that say what they document", () => {
  test("reading the index ends after ten calls, even if Confluence always names one more batch and finds no page", async () => {
    let calls = 0;
    const search = async () => {
      calls += 1;
      return { ok: true, value: { pages: [], next: "cursor=again" } } as const;
    };
    const pages = new DocumentedPages("docs", {}, testClock());
    await expect(pages.concernedBy(event, { search })).resolves.toEqual({ ok: true, ids: [], leftOut: 0 });
    expect(calls).toBe(10);
  });

  test("the index is read again when it is five minutes old, even if the clock was set back", async () => {
    const clock = testClock();
    const pages = new DocumentedPages("docs", {}, clock);
    let calls = 0;
    const search = async () => {
      calls += 1;
      return { ok: true, value: { pages: [], next: undefined } } as const;
    };
    await pages.concernedBy(event, { search });
    clock.set(-3_600_000);
    clock.advance(299_000);
    await pages.concernedBy(event, { search });
    expect(calls).toBe(1);
    clock.advance(1_000);
    await pages.concernedBy(event, { search });
    expect(calls).toBe(2);
  });

  test("a failed search is repeated after a minute, even if the clock was set back", async () => {
    const clock = testClock();
    const pages = new DocumentedPages("docs", {}, clock);
    const failing = async () => ({ ok: false, failure: { outcome: "retry", summary: "no" } }) as const;
    await pages.concernedBy(event, { search: failing });
    clock.set(-3_600_000);
    clock.advance(59_000);
    const search = async () => ({ ok: true, value: { pages: [], next: undefined } }) as const;
    await expect(pages.concernedBy(event, { search })).resolves.toMatchObject({ failure: { afterSeconds: 1 } });
    clock.advance(1_000);
    await expect(pages.concernedBy(event, { search })).resolves.toMatchObject({ ok: true });
  });

  test("the index is read again on the next request after a fault", async () => {
    const pages = new DocumentedPages("docs", {}, testClock());
    const broken = { search: () => Promise.reject(new Error("a bug")) };
    await expect(pages.concernedBy(event, broken)).rejects.toThrow("a bug");
    const search = async () => ({ ok: true, value: { pages: [], next: undefined } }) as const;
    await expect(pages.concernedBy(event, { search })).resolves.toMatchObject({ ok: true });
  });

  test("the index is not built from the batches before the one that failed", async () => {
    const pages = new DocumentedPages("docs", {}, testClock());
    const search = async (_: string, next?: string) =>
      next === undefined
        ? ({ ok: true, value: { pages: [], next: "start=20" } } as const)
        : ({ ok: false, failure: { outcome: "retry", summary: "no" } } as const);
    await expect(pages.concernedBy(event, { search })).resolves.toEqual({
      ok: false,
      failure: { outcome: "retry", summary: "no", afterSeconds: 60 },
    });
  });
});

describe("a batch of found pages", () => {
  const storage = (value: unknown) => ({ storage: { value, representation: "storage" } });
  const batch = (next?: unknown, ...results: readonly unknown[]) =>
    v.safeParse(foundPages, { results, _links: { next } });

  test("a batch holds its well-formed pages and leaves the malformed ones out", () => {
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
  ])("a response whose next link is %j continues at %j", (next, expected) => {
    expect(batch(next)).toMatchObject({ success: true, output: { next: expected } });
  });

  test("the next batch is requested at the same address, except for its cursor", () => {
    const first = new URL(searchPath("docs"), "https://wiki.example.test");
    const second = new URL(searchPath("docs", "cursor=a%3D%3D"), first);
    expect(first.searchParams.get("cql")).toBe('type = page and label = "docs" order by created');
    expect(second.searchParams.get("cursor")).toBe("a==");
    second.searchParams.delete("cursor");
    expect(second.href).toBe(first.href);
  });

  test.each([[undefined], [{}], [{ results: "none" }], [{ results: [], _links: { next: 7 } }], ["<html>"]])(
    "the response %j is not a batch of pages",
    (answer) => {
      expect(v.safeParse(foundPages, answer).success).toBe(false);
    },
  );
});
