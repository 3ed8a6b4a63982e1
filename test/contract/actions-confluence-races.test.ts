import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { BusEntry } from "../../shared/bus/entry.ts";
import type { BoardStore } from "../../shared/store/boards.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import {
  type Bench,
  type BenchOptions,
  benchFor,
  buildEntry,
  buildOf,
  memoryBoards,
} from "../support/sandbox-confluence-action.ts";

const PAGE = "98310";

describe.each(["cloud", "data-center"] as const)("writing a page of %s that others write too", (product) => {
  let sandbox: SandboxConfluence;

  const bench = (changes?: BenchOptions): Bench => benchFor(sandbox, product, changes);
  const versions = () => sandbox.page(PAGE).versions;
  const body = () => sandbox.page(PAGE).latest.body;

  beforeEach(async () => {
    sandbox = await startSandboxConfluence({ product });
  });
  afterEach(() => sandbox.close());

  test("keeps a person's edit that wins the race, with the title they gave", async () => {
    sandbox.beforeNextWrite(() => sandbox.humanEdit(PAGE, (text) => `<p>Mind the gap.</p>${text}`));
    await expect(bench().run(buildEntry())).resolves.toMatchObject({ outcome: "done" });

    expect(versions()).toHaveLength(3);
    expect(body()).toMatch(/^<p [^>]*>Mind the gap\.<\/p>/);
    expect(body()).toContain("PASSED");
  });

  test("leaves it for later when others keep writing", async () => {
    const edit = () => sandbox.humanEdit(PAGE, (text) => `${text}<p>Again.</p>`);
    for (let tries = 0; tries < 5; tries++) sandbox.beforeNextWrite(edit);
    await expect(bench().run(buildEntry())).resolves.toMatchObject({ outcome: "retry" });

    expect(versions()).toHaveLength(6);
    expect(body().match(/Again\./g)).toHaveLength(5);
  });

  test.each([409, 500, 502, "none"] as const)(
    "recognises by its mark a write that landed, answered %s",
    async (status) => {
      sandbox.failNext({ on: "PUT", status, landed: true });
      await expect(bench().run(buildEntry())).resolves.toMatchObject({ outcome: "done" });
      expect(versions()).toHaveLength(2);
    },
  );

  test("does not write again over a person who has removed the region since it landed", async () => {
    sandbox.failNext({ on: "PUT", status: 504, landed: true });
    // Between the tries: there is no other moment at which the sandbox could be touched.
    const random = () => {
      sandbox.humanEdit(PAGE, () => "<p>No status here.</p>");
      return 0;
    };
    await expect(bench({ random }).run(buildEntry())).resolves.toMatchObject({ outcome: "done" });
    expect(versions().map(({ by }) => by)).toEqual(["Robin Example", "Drawbridge", "Robin Example"]);
  });

  test("leaves a newer state to the one who tells it, once its own has landed", async () => {
    const boards = memoryBoards();
    const other = { pipeline: "tekton ci/other", build: buildOf({ pipeline: "ci/other" }), delivery: "d-other" };
    const random = () => {
      void boards.advance({ site: sandbox.site(product), id: PAGE }, other);
      return 0;
    };
    sandbox.failNext({ on: "PUT", status: 500, landed: true });
    await expect(bench({ boards, random }).run(buildEntry())).resolves.toMatchObject({ outcome: "done" });
    expect(versions()).toHaveLength(2);
  });

  test("does not step back when it read the board before another wrote the page", async () => {
    const { boards, run } = bench();
    let isFirst = true;
    const slow: BoardStore = {
      advance: boards.advance,
      rows: async (page) => {
        const rows = await boards.rows(page);
        if (isFirst) {
          isFirst = false;
          await run(buildEntry());
        }
        return rows;
      },
    };
    await expect(bench({ boards: slow }).run(buildEntry({ state: "running" }))).resolves.toMatchObject({
      outcome: "done",
    });
    expect(body()).toContain("PASSED");
    expect(versions()).toHaveLength(2);
  });

  test("says that the outcome is unknown when the write may land yet", async () => {
    sandbox.failNext({ on: "PUT", status: 503, headers: { "retry-after": "20" } });
    await expect(bench().run(buildEntry())).resolves.toMatchObject({
      outcome: "retry",
      unknownOutcome: true,
      afterSeconds: 20,
    });
    expect(versions()).toHaveLength(1);
  });

  test("finds in the next attempt what landed in one that could not look it up", async () => {
    const { boards, run } = bench({
      random: () => {
        sandbox.failNext({ on: "GET", status: 500 });
        return 0;
      },
    });
    sandbox.failNext({ on: "PUT", status: "none", landed: true });
    await expect(run(buildEntry())).resolves.toMatchObject({ outcome: "retry", unknownOutcome: true });
    await expect(bench({ boards }).run(buildEntry())).resolves.toMatchObject({ outcome: "done" });
    expect(versions()).toHaveLength(2);
  });

  test("keeps every person's edit and never steps back when all write at once", async () => {
    const running = bench({ random: () => 0.05 });
    const pipelines = ["ci/a", "ci/b", "ci/c", "ci/d", "ci/e"];
    const states = ["queued", "running", "failed"] as const;
    const tellAll = async (pipeline: string) => {
      for (const state of states) await settle(running, buildEntry({ pipeline, state }));
    };
    for (let edit = 0; edit < 10; edit++) {
      sandbox.beforeNextWrite(() => sandbox.humanEdit(PAGE, (text) => `<p>Edit ${edit}.</p>${text}`));
    }
    await Promise.all(pipelines.map(tellAll));

    expect(body().match(/Edit \d\./g)).toHaveLength(10);
    for (const pipeline of pipelines) {
      const shown = versions().flatMap((version) => stateShown(version.body, pipeline) ?? []);
      expect(shown.at(-1)).toBe("FAILED");
      expect(shown).toEqual(shown.toSorted((one, other) => LIFE.indexOf(one) - LIFE.indexOf(other)));
    }
  });
});

const LIFE = ["QUEUED", "RUNNING", "FAILED"];

const stateShown = (body: string, pipeline: string): string | undefined =>
  new RegExp(`<td>${pipeline} .*?(${LIFE.join("|")})`).exec(body)?.[1];

/** Runs the action until it has an ending, as the bridge does. */
async function settle(bench: Bench, entry: BusEntry): Promise<void> {
  for (let attempt = 1; attempt <= 20; attempt++) {
    const { outcome } = await bench.run(entry);
    if (outcome === "done") return;
    expect(outcome).toBe("retry");
  }
  throw new Error("it never settled");
}
