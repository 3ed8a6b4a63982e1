import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Fault } from "../../shared/host/fault.ts";
import { type BusEvent, busEventsOf } from "../../shared/model/bus-event.ts";
import type { BoardStore } from "../../shared/store/boards.ts";
import type { AllStores } from "../support/all-stores.ts";
import { memoryStores, withMethods } from "../support/memory-stores.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { type Bench, type BenchOptions, benchFor, buildEntry, entryOf } from "../support/sandbox-confluence-action.ts";
import { type TestClock, testClock } from "../support/test-doubles.ts";

const LABEL = "drawbridge-docs";
const REPOSITORY = "https://gitlab.example.com/platform/docs";

const documenting = (id: string, rows: Readonly<Record<string, string>>) => ({
  id,
  title: `Handbook ${id}`,
  labels: [LABEL],
  body: `<ac:structured-macro ac:name="details"><ac:rich-text-body><table><tbody>${Object.entries(rows)
    .map(([heading, value]) => `<tr><th>${heading}</th><td>${value}</td></tr>`)
    .join("")}</tbody></table></ac:rich-text-body></ac:structured-macro>`,
});
const PAGE = documenting("1", { Repository: "Platform/Docs", Pipeline: "ci/docs", Path: "deploy/, README.md" });

const hash = (n: number): string => n.toString(16).padStart(12, "0").padEnd(40, "a");
const at = (minute: number): string => `2026-11-02T10:${String(minute).padStart(2, "0")}:00.000Z`;

type Code = Extract<BusEvent["detail"], { readonly code: unknown }>["code"];

/** A push of one commit for each list of files, at a minute. */
function push(minute: number, files: readonly (readonly string[])[], changes: Partial<Code> = {}): BusEvent {
  const changed = [...new Set(files.flat())];
  const idOf = (index: number) => hash(minute * 100 + index);
  const code: Code = {
    project: "platform/docs",
    projectUrl: REPOSITORY,
    ref: "refs/heads/main",
    name: "main",
    defaultBranch: "main",
    change: "updated",
    before: hash(minute * 100 + 99),
    commit: idOf(files.length - 1),
    commits: files.map((paths, index) => ({
      id: idOf(index),
      message: "A commit",
      url: `${REPOSITORY}/-/commit/${idOf(index)}`,
      ...(files.length > 1 && { paths: paths.map((path) => changed.indexOf(path)) }),
    })),
    commitCount: files.length,
    paths: { changed, count: changed.length, truncated: false },
    ...changes,
  };
  return entryOf(`d-push-${minute}`, { type: "code.pushed", time: at(minute), subject: code.project, code });
}

describe.each(["cloud", "data-center"] as const)("the commits since an edit of a page of %s", (product) => {
  let sandbox: SandboxConfluence;
  let stores: AllStores;
  let clock: TestClock;
  let recorded: string[];
  beforeEach(async () => {
    recorded = [];
    sandbox = await startSandboxConfluence({ product, pages: [PAGE] });
    clock = testClock("2026-11-02T11:00:00Z");
    stores = memoryStores({ clock });
  });
  afterEach(() => sandbox.close());

  const bench = (changes: BenchOptions = {}): Bench =>
    benchFor(sandbox, product, {
      clock,
      boards: stores.boards,
      deliveries: {
        record: async (delivery) => {
          const result = await stores.deliveries.record(delivery);
          if (result === "recorded") recorded.push(delivery.id);
          return result;
        },
      },
      ...changes,
      options: { page: undefined, documentedBy: LABEL, ...changes.options },
      target: { outdated: { after: 3 }, ...changes.target },
    });
  const pageEvent = (type: "page.updated" | "page.labeled", minute: number, changes: object = {}): BusEvent =>
    entryOf(`d-${type}-${minute}`, {
      type,
      time: at(minute),
      subject: "1",
      actor: { id: "wiki-user-7" },
      page: { site: sandbox.site(product), id: "1" },
      ...(type === "page.labeled" && { label: "drawbridge-reviewed" }),
      ...changes,
    });
  /** The published events of the deliveries that were recorded, newest first. */
  const reported = async () => {
    const deliveries = await Promise.all(recorded.toReversed().map((id) => stores.deliveries.get(id)));
    return deliveries.flatMap((delivery) => (delivery ? busEventsOf(delivery) : [])).map(({ detail }) => detail);
  };
  /** The words of the region's last line, after the page was written for another reason. */
  const lastLine = async (bridge: Bench, number: number): Promise<string> => {
    await bridge.run(buildEntry({ number, state: number % 2 ? "failed" : "succeeded" }));
    return textOf(sandbox.page("1").latest.body).match(/(?:At least )?\d+ commits?.*?\d\./)?.[0] ?? "";
  };

  test("the last line counts the commits that touched the documented paths, with a link, in the next version for another reason", async () => {
    const bridge = bench();
    await bridge.run(pageEvent("page.updated", 1));
    expect(await bridge.run(push(2, [["deploy/a.yaml"], ["src/x.ts"], ["readme.md", "src/y.ts"]]))).toEqual({
      outcome: "done",
      summary: "page 1 has 2 commits since it was edited",
    });
    expect(sandbox.page("1").versions).toHaveLength(1);
    expect(await lastLine(bridge, 1)).toBe(
      "2 commits touched README.md, deploy/ in platform/docs since this page was edited on 2026-11-02.",
    );
    expect(sandbox.page("1").latest.body).toContain(`${REPOSITORY}/-/compare/${hash(299)}...${hash(202)}`);
    await bridge.run(push(3, [["deployments/a.yaml"], ["x/deploy/a.yaml"]]));
    await bridge.run(push(4, [["deploy/sub/b.yaml"]]));
    const versions = sandbox.page("1").versions.length;
    expect(await bridge.run(buildEntry({ number: 1, state: "failed" }))).toMatchObject({ outcome: "done" });
    expect(sandbox.page("1").versions).toHaveLength(versions);
    expect(await lastLine(bridge, 2)).toContain("3 commits touched README.md, deploy/ in platform/docs since");
    expect(sandbox.page("1").latest.body).toContain(`${hash(299)}...${hash(400)}`);
  });

  test("the page is reported as outdated once when the commits reach the number, and again only after an edit or a review", async () => {
    const bridge = bench();
    await bridge.run(push(1, [["deploy/a"], ["deploy/b"]]));
    expect(await reported()).toEqual([]);
    await bridge.run(pageEvent("page.updated", 2));
    await bridge.run(push(3, [["deploy/a"], ["deploy/b"]]));
    expect(await reported()).toEqual([]);
    expect(await bridge.run(push(4, [["deploy/c"]]))).toMatchObject({
      summary: "page 1 has 3 commits since it was edited, and is reported as outdated",
    });
    for (const again of [push(4, [["deploy/c"]]), push(5, [["deploy/d"], ["deploy/e"]])]) await bridge.run(again);
    expect(await reported()).toMatchObject([
      {
        type: "page.outdated",
        subject: "1",
        page: { site: sandbox.site(product), id: "1", title: "Handbook 1", kind: "page" },
        outdated: {
          commits: 3,
          after: 3,
          projects: ["platform/docs"],
          paths: ["deploy/"],
          since: at(2),
          how: "edited",
        },
        origin: { delivery: "d-push-4" },
        principal: { subject: "pages" },
      },
    ]);
    await bridge.run(pageEvent("page.labeled", 6));
    await bridge.run(pageEvent("page.labeled", 6));
    clock.advance(86_400_000);
    await bridge.run(push(7, [["deploy/a"], ["deploy/b"]]));
    expect(await reported()).toHaveLength(1);
    await bridge.run(push(8, [["deploy/c"]]));
    expect(await reported()).toMatchObject([
      { outdated: { commits: 3, since: at(6), how: "reviewed" }, origin: { delivery: "d-push-8" } },
      { outdated: { since: at(2) } },
    ]);
    expect(sandbox.page("1").versions).toHaveLength(1);
  });

  test("a page is reported once a day at most, however often it is edited", async () => {
    const bridge = bench({ target: { outdated: { after: 1 } } });
    for (let minute = 1; minute < 20; minute += 2) {
      await bridge.run(push(minute, [["deploy/a"]]));
      await bridge.run(pageEvent("page.updated", minute + 1));
    }
    expect(await reported()).toHaveLength(1);
  });

  test("a crash after the event was recorded leads to no second one, and a crash before it loses none", async () => {
    const failing = (calls: number): BoardStore => {
      let left = calls;
      return withMethods(stores.boards, {
        changeCode: async (...given) => {
          if (left-- === 0) throw new Fault("store_unavailable", "the process was killed", { retryable: true });
          return stores.boards.changeCode(...given);
        },
      });
    };
    const last = push(1, [["deploy/a"], ["deploy/b"], ["deploy/c"]]);
    const unrecorded = {
      record: async () => Promise.reject(new Fault("store_unavailable", "killed", { retryable: true })),
    };
    await expect(bench({ deliveries: unrecorded }).run(last)).rejects.toThrow("killed");
    expect(await reported()).toEqual([]);
    await expect(bench({ boards: failing(1) }).run(last)).rejects.toThrow("killed");
    expect(await reported()).toHaveLength(1);
    await bench().run(last);
    await bench().run(push(2, [["deploy/d"]]));
    expect(await reported()).toMatchObject([{ outdated: { commits: 3 } }]);
  });

  test.each<[string, (site: string) => BusEvent, string]>([
    ["a push to another branch", () => push(1, [["deploy/a"]], { ref: "refs/heads/x" }), "only pushes to the default"],
    [
      "a push of another repository",
      () => push(1, [["deploy/a"]], { project: "platform/x" }),
      "no page documents what",
    ],
    ["a push that is not proved", () => unproved(push(1, [["deploy/a"]])), "the sender is not proved"],
  ])("%s does not count", async (_, event, why) => {
    const outcome = await bench().run(event(sandbox.site(product)));
    expect(outcome).toMatchObject({ outcome: "done", summary: expect.stringContaining(why) });
    expect((await stores.boards.read({ site: sandbox.site(product), id: "1" })).code).toBeUndefined();
  });

  test.each<[string, BusEvent["detail"]["type"] & ("page.updated" | "page.labeled"), object, string]>([
    ["another label", "page.labeled", { label: "important" }, "only the label drawbridge-reviewed counts"],
    ["an edit by nobody who is named", "page.updated", { actor: undefined }, "nobody is named"],
    ["an edit on another site", "page.updated", { page: { site: "https://x.example", id: "1" } }, "not the target's"],
  ])("%s does not start the count anew", async (_, type, changes, why) => {
    const bridge = bench();
    await bridge.run(push(1, [["deploy/a"]]));
    expect(await bridge.run(pageEvent(type, 2, changes))).toMatchObject({ summary: expect.stringContaining(why) });
    expect(await lastLine(bridge, 1)).toContain("1 commit touched deploy/ in platform/docs since the count began on");
  });

  test("the line says that there are more commits if the sender did not report all of them or their files", async () => {
    const bridge = bench();
    const many = push(1, [["deploy/a"], ["src/b"]], {
      commitCount: 40,
      paths: { changed: ["deploy/a", "src/b"], count: 2, truncated: true },
    });
    await bridge.run(many);
    expect(await lastLine(bridge, 1)).toContain("At least 1 commit touched deploy/");
  });

  test("an address on a host that the target does not list is not linked", async () => {
    const bridge = bench({ target: { outdated: { after: 3 }, linkHosts: ["ci.example.test"] } });
    await bridge.run(push(1, [["deploy/a"]]));
    expect(await lastLine(bridge, 1)).toContain("1 commit touched deploy/");
    expect(sandbox.page("1").latest.body).not.toContain("/-/compare/");
  });

  test("without the setting a push counts nothing and a page has no such line", async () => {
    await bench().run(push(1, [["deploy/a"]]));
    const bridge = bench({ target: { outdated: undefined } });
    expect(await bridge.run(push(2, [["deploy/a"]]))).toMatchObject({ outcome: "give_up" });
    expect(await lastLine(bridge, 1)).toBe("");
  });
});

const unproved = (event: BusEvent): BusEvent => ({
  ...event,
  detail: { ...event.detail, principal: { ...event.detail.principal, unproved: true } },
});

/** The words of a page in either format. */
const textOf = (body: string): string => body.replace(/<time datetime="([^"]*)" ?\/?>/g, "$1").replace(/<[^>]*>/g, "");
