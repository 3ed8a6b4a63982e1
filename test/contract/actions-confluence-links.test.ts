import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { callOut } from "../../shared/host/call-out.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { type BenchOptions, benchFor, buildEntry } from "../support/sandbox-confluence-action.ts";
import { testClock } from "../support/test-doubles.ts";

const PAGE = "98310";

describe.each(["cloud", "data-center"] as const)("links to pages of %s", (product) => {
  let sandbox: SandboxConfluence;
  let searches: number;
  beforeEach(async () => {
    sandbox = await startSandboxConfluence({
      product,
      pages: [{}, { id: "98311", space: "~kim", title: 'What "now"? A\\B & C' }, { id: "838238209", title: "Tiny" }],
    });
    searches = 0;
  });
  afterEach(() => sandbox.close());

  const address = (path: string) => `${sandbox.site(product)}${path}`;
  const bodyOf = (id: string) => sandbox.page(id).latest.body;
  const bench = (changes: BenchOptions = {}) => {
    const clock = testClock();
    const counting: typeof callOut = (call) => {
      if (call.url.pathname.endsWith("/content/search")) searches += 1;
      return callOut(call);
    };
    return {
      ...benchFor(sandbox, product, {
        clock,
        callOut: counting,
        options: { page: undefined, whenMissing: "append" },
        ...changes,
      }),
      clock,
    };
  };
  let number = 0;
  const linking = (...paths: string[]) => {
    number += 1;
    const createdAt = `2026-11-02T08:${10 + number}:00.000Z`;
    return buildEntry({ message: `See ${paths.map(address).join(" and ")}.`, number, createdAt });
  };

  test("a tiny link leads to its page without a search", async () => {
    await expect(bench().run(linking("/x/AYD2MQ"))).resolves.toMatchObject({ outcome: "done" });
    expect(bodyOf("838238209")).toContain("PASSED");
    expect(searches).toBe(0);
  });

  test("titles are looked up by one search, which is not repeated for five minutes", async () => {
    const { run, clock } = bench();
    const paths = [
      "/display/ENG/Release+4",
      `/pages/viewpage.action?spaceKey=~kim&title=${encodeURIComponent('What "now"? A\\B & C')}`,
    ];
    await expect(run(linking(...paths))).resolves.toMatchObject({ outcome: "done" });
    expect(bodyOf(PAGE)).toContain("PASSED");
    expect(bodyOf("98311")).toContain("PASSED");
    expect(searches).toBe(1);
    clock.advance(299_000);
    await run(linking(...paths));
    expect(searches).toBe(1);
    clock.advance(1_000);
    await run(linking(...paths));
    expect(searches).toBe(2);
  });

  test("a title that no page has is reported, and looked up again after a minute", async () => {
    const { run, clock } = bench();
    const { summary } = await run(linking("/display/ENG/No+such+page"));
    expect(summary).toBe("no page is concerned; space ENG has no page “No such page” that the account may see");
    await run(linking("/display/ENG/No+such+page"));
    expect(searches).toBe(1);
    clock.advance(60_000);
    await run(linking("/display/ENG/No+such+page"));
    expect(searches).toBe(2);
  });

  test("addresses of the site that are of no page are named, without their query", async () => {
    const { run } = bench();
    const { summary } = await run(linking("/spaces/ENG/overview?token=canary", "/dashboard.action"));
    expect(summary).toBe(
      `no page is concerned; ${address("/spaces/ENG/overview")} is the address of no page; ${address("/dashboard.action")} is the address of no page`,
    );
    await expect(run(linking(`/spaces/ENG/pages/${PAGE}`, "/dashboard.action"))).resolves.toMatchObject({
      outcome: "done",
      summary: `page 98310 shows the new state; ${address("/dashboard.action")} is the address of no page`,
    });
    expect(searches).toBe(0);
  });

  test("a failed search is retried, and does not keep the state from other pages", async () => {
    const { run } = bench();
    sandbox.failNext({ on: "search", status: 503 });
    const event = linking("/x/AYD2MQ", "/display/ENG/Release+4");
    await expect(run(event)).resolves.toMatchObject({
      outcome: "retry",
      summary: expect.stringMatching(/^page 838238209 shows the new state; pages could not be looked up .*503/),
    });
    await expect(run(event)).resolves.toMatchObject({ outcome: "done" });
    expect(bodyOf(PAGE)).toContain("PASSED");
    sandbox.failNext({ on: "search", status: 400 });
    await expect(run(linking("/display/ENG/Other"))).resolves.toMatchObject({ outcome: "give_up" });
  });

  test("five links at most are followed, and two of one page are one", async () => {
    const { run } = bench();
    const own = `/spaces/ENG/pages/${PAGE}`;
    const { summary } = await run(
      linking(own, "/display/ENG/Release+4", "/x/AYD2MQ", ...["1", "2", "3"].map((id) => `/spaces/ENG/pages/${id}`)),
    );
    expect(summary.match(/page \d+/g)).toEqual(["page 98310", "page 838238209", "page 1", "page 2"]);
    expect(summary).toMatch(/; 1 more linked page is left out$/);
  });

  test.runIf(product === "data-center")("a blog post that a link leads to is not written", async () => {
    const { run } = bench();
    const comment = await sandbox.comment(PAGE, "<p>Hello</p>");
    await expect(run(linking(`/pages/viewpage.action?pageId=${comment}`))).resolves.toMatchObject({
      outcome: "give_up",
      summary: `page ${comment} is a comment and is not written`,
    });
  });
});
