import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CallOut, callOut } from "../../shared/host/call-out.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import { memoryBoards, withMethods, withoutLeases } from "../support/memory-stores.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { type Bench, type BenchOptions, benchFor, buildEntry, buildOf } from "../support/sandbox-confluence-action.ts";

const PAGE = "98310";

describe.each(["cloud", "data-center"] as const)("concurrent writes to a page of %s", (product) => {
  let sandbox: SandboxConfluence;

  const bench = (changes?: BenchOptions): Bench => benchFor(sandbox, product, changes);
  const versions = () => sandbox.page(PAGE).versions;
  const body = () => sandbox.page(PAGE).latest.body;

  beforeEach(async () => {
    sandbox = await startSandboxConfluence({ product });
  });
  afterEach(() => sandbox.close());

  test("a person's edit that wins the race is kept, with its title", async () => {
    sandbox.beforeNextWrite(() => sandbox.humanEdit(PAGE, (text) => `<p>Mind the gap.</p>${text}`));
    await expect(bench().run(buildEntry())).resolves.toMatchObject({ outcome: "done" });

    expect(versions()).toHaveLength(3);
    expect(body()).toMatch(/^<p [^>]*>Mind the gap\.<\/p>/);
    expect(body()).toContain("PASSED");
  });

  test("what a person writes into the region during a write is moved below it once, after the conflict", async () => {
    const running = bench();
    await running.run(buildEntry({ state: "running" }));
    sandbox.beforeNextWrite(() =>
      sandbox.humanEdit(PAGE, (text) =>
        text.replace(/<\/table>(?!.*<\/table>)/s, "</table><p>Rolled back by Kim.</p>"),
      ),
    );
    await expect(running.run(buildEntry())).resolves.toMatchObject({
      outcome: "done",
      summary: expect.stringContaining("was moved to below it"),
    });
    await running.run(buildEntry({ number: 513, state: "failed" }));
    expect(body().match(/Rolled back by Kim\.|The content below was moved here\./g)).toEqual([
      "The content below was moved here.",
      "Rolled back by Kim.",
    ]);
    expect(body()).toMatch(/FAILED.*Rolled back by Kim/);
  });

  test("the action is retried later if others keep writing", async () => {
    const edit = () => sandbox.humanEdit(PAGE, (text) => `${text}<p>Again.</p>`);
    for (let tries = 0; tries < 5; tries++) sandbox.beforeNextWrite(edit);
    await expect(bench().run(buildEntry())).resolves.toMatchObject({ outcome: "retry" });

    expect(versions()).toHaveLength(6);
    expect(body().match(/Again\./g)).toHaveLength(5);
  });

  test.each([409, 500, 502, "none"] as const)(
    "a write that succeeded is recognised by its mark although the response was %s",
    async (status) => {
      sandbox.failNext({ on: "PUT", status, landed: true });
      await expect(bench().run(buildEntry())).resolves.toMatchObject({ outcome: "done" });
      expect(versions()).toHaveLength(2);
    },
  );

  test("a write that succeeded is recognised by its mark although no response came", async () => {
    const silent: CallOut = async (call) => {
      const answer = await callOut(call);
      if (call.method === "PUT") throw new Fault("target_timeout", "no answer in time", { retryable: true });
      return answer;
    };
    await expect(bench({ callOut: silent }).run(buildEntry())).resolves.toMatchObject({
      outcome: "done",
      facts: { "page 98310": "version 2" },
    });
    expect(versions()).toHaveLength(2);
  });

  test("a page is written once for one state, although the response was lost and the page was edited since", async () => {
    sandbox.failNext({ on: "PUT", status: "none", landed: true });
    const random = () => {
      sandbox.humanEdit(PAGE, (text) => `${text}<p>Seen.</p>`);
      return 0;
    };
    const expected = { outcome: "done", facts: { "page 98310": "version 2" } };
    await expect(bench({ random }).run(buildEntry())).resolves.toMatchObject(expected);
    expect(versions()).toHaveLength(3);
    expect(body()).toMatch(/PASSED.*Seen\./);
  });

  test.runIf(product === "data-center")("a version is found where Data Center 7.19 has it", async () => {
    sandbox.failNext({ on: "PUT", status: "none", landed: true });
    sandbox.failNext({ on: "version", status: 404 });
    const random = () => {
      sandbox.humanEdit(PAGE, () => "<p>No status here.</p>");
      return 0;
    };
    await expect(bench({ random }).run(buildEntry())).resolves.toMatchObject({ outcome: "done" });
    expect(versions().map(({ by }) => by)).toEqual(["Robin Example", "Drawbridge", "Robin Example"]);
  });

  test("nothing is written again over a person who removed the region after the write", async () => {
    sandbox.failNext({ on: "PUT", status: 504, landed: true });
    // This runs between the tries: the sandbox cannot be changed at any other moment.
    const random = () => {
      sandbox.humanEdit(PAGE, () => "<p>No status here.</p>");
      return 0;
    };
    await expect(bench({ random }).run(buildEntry())).resolves.toMatchObject({ outcome: "done" });
    expect(versions().map(({ by }) => by)).toEqual(["Robin Example", "Drawbridge", "Robin Example"]);
  });

  test("a newer state is left to the attempt that reports it once the own write has succeeded", async () => {
    const boards = memoryBoards();
    const other = { key: "tekton ci/other", build: buildOf({ pipeline: "ci/other" }), delivery: "d-other" };
    const random = () => {
      void boards.advance({ site: sandbox.site(product), id: PAGE }, other);
      return 0;
    };
    sandbox.failNext({ on: "PUT", status: 500, landed: true });
    await expect(bench({ boards, random }).run(buildEntry())).resolves.toMatchObject({ outcome: "done" });
    expect(versions()).toHaveLength(2);
  });

  test("a page never steps back, although the board was read before another attempt wrote the page", async () => {
    const { boards, run } = bench();
    let reads = 0;
    const slow = withMethods(withoutLeases(boards), {
      read: async (page) => {
        const board = await boards.read(page);
        reads += 1;
        // The first read is for the throttle, the second for the write.
        if (reads === 2) await run(buildEntry());
        return board;
      },
    });
    await expect(bench({ boards: slow }).run(buildEntry({ state: "running" }))).resolves.toMatchObject({
      outcome: "done",
    });
    expect(body()).toContain("PASSED");
    expect(versions()).toHaveLength(2);
  });

  test("the outcome is unknown if the write may still succeed", async () => {
    sandbox.failNext({ on: "PUT", status: 503, headers: { "retry-after": "20" } });
    await expect(bench().run(buildEntry())).resolves.toMatchObject({
      outcome: "retry",
      unknownOutcome: true,
      afterSeconds: 20,
    });
    expect(versions()).toHaveLength(1);
  });

  test("the next attempt finds a write that the previous one could not look up", async () => {
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

  test("every person's edit is kept and no state steps back when all write at once", async () => {
    const running = bench({ boards: withoutLeases(memoryBoards()), random: () => 0.05 });
    const pipelines = ["ci/a", "ci/b", "ci/c", "ci/d", "ci/e"];
    const states = ["queued", "running", "failed"] as const;
    const reportAll = async (pipeline: string) => {
      for (const state of states) await settle(running, buildEntry({ pipeline, state }));
    };
    for (let edit = 0; edit < 10; edit++) {
      sandbox.beforeNextWrite(() => sandbox.humanEdit(PAGE, (text) => `<p>Edit ${edit}.</p>${text}`));
    }
    await Promise.all(pipelines.map(reportAll));

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

/** Runs the action until it is done, as the bridge does. */
async function settle(bench: Bench, busEvent: BusEvent): Promise<void> {
  for (let attempt = 1; attempt <= 20; attempt++) {
    const { outcome } = await bench.run(busEvent);
    if (outcome === "done") return;
    expect(outcome).toBe("retry");
  }
  throw new Error("it never settled");
}
