import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../shared/host/clock.ts";
import type { ShownThread } from "../../shared/http/threads.ts";
import { AUDIENCE, consoleBridge, ROBOT } from "../support/console-bridge.ts";
import { edit, push } from "../support/console-traffic.ts";
import { PAGE } from "../support/standalone-bridge.ts";
import { until } from "../support/until.ts";

const COMMIT = "c0ffee0000000000000000000000000000000001";

describe("the thread of one cause", () => {
  let bridge: Awaited<ReturnType<typeof consoleBridge>>;
  let token: string;
  let delivery: string;

  beforeAll(async () => {
    bridge = await consoleBridge();
    token = await bridge.identity.token(ROBOT, AUDIENCE);
    const answer = await bridge.gitlabPush(push("main", { after: COMMIT, checkout_sha: COMMIT }));
    delivery = ((await answer.json()) as { readonly delivery: string }).delivery;
    await until("the run to end", () => threadOf(`delivery=${delivery}`), isComplete);
  });
  afterAll(() => bridge?.stop());

  const get = (query: string) =>
    fetch(new URL(`/v1/threads?${query}`, bridge.url), { headers: { authorization: `Bearer ${token}` } });
  const threadOf = async (query: string): Promise<ShownThread> => (await get(query)).json() as Promise<ShownThread>;
  const runOf = ({ spans = [] }: ShownThread) => spans.find(({ kind }) => kind === "run");
  const isComplete = (thread: ShownThread): boolean =>
    runOf(thread)?.state === "succeeded" && thread.totals.end !== undefined;

  it("a push, its route, the accepted attempt and the run are one thread, each below its cause", async () => {
    const { spans, totals } = await threadOf(`delivery=${delivery}`);
    const [root] = spans;
    expect(root).toMatchObject({ id: delivery, kind: "delivery", depth: 0 });
    const run = runOf({ spans } as ShownThread);
    const route = spans.find(({ id }) => id === run?.parent);
    expect(route).toMatchObject({ kind: "route", route: "push-build", parent: delivery });
    expect(spans.filter(({ kind, parent }) => kind === "attempt" && parent === route?.id)).toHaveLength(1);
    expect(totals.deliveries).toBeGreaterThan(1);
    expect(spans.filter(({ isLongest }) => isLongest)).toHaveLength(1);
  });

  it("the commit, the run and a report of it lead to the same thread", async () => {
    const { spans } = await threadOf(`delivery=${delivery}`);
    const run = runOf({ spans } as ShownThread);
    const ids = spans.map(({ id }) => id);
    for (const query of [`commit=${COMMIT.slice(0, 9)}`, `run=${run?.run?.id}`, `delivery=${run?.delivery}`])
      expect((await threadOf(query)).spans.map(({ id }) => id)).toEqual(ids);
  });

  it("the thread of a page is that of its newest edit, and earlier ones are named", async () => {
    const now = systemClock.now();
    for (const version of [8, 9]) await bridge.pageEdit(edit(version, "ines", now + version));
    const thread = await until(
      "both edits to wait",
      () => threadOf(`page=${PAGE}`),
      ({ spans = [], others = [] }) =>
        others.length === 1 && spans.some(({ kind, end }) => kind === "approval" && end === undefined),
    );
    expect(thread.spans[0]?.what).toContain("version 9");
    expect(thread.totals.end).toBeUndefined();
    const [other] = thread.others ?? [];
    expect((await threadOf(`delivery=${other?.delivery}`)).spans[0]?.what).toContain("version 8");
  });

  it("of several things, the thread has a delivery with all of them", async () => {
    const ids = (await threadOf(`delivery=${delivery}`)).spans.map(({ id }) => id);
    expect((await threadOf(`delivery=${delivery}&commit=${COMMIT}`)).spans.map(({ id }) => id)).toEqual(ids);
    expect((await get(`delivery=${delivery}&page=${PAGE}`)).status).toBe(404);
  });

  it.each(["commit=zz", "delivery=a-1", "page=", "until=2026-11-02T09:00:00Z"])(
    "a query that no thread can have is rejected: %s",
    async (query) => {
      expect((await get(query)).status).toBe(400);
    },
  );

  it("what nobody reported has no thread", async () => {
    for (const query of ["commit=fffffff", "run=none-such", "delivery=d-aaaaaaaaaaaaaaaaaaaaaaaaaa"])
      expect((await get(query)).status).toBe(404);
  });

  it("the console shows it as a waterfall, from the page of the delivery, without a script", async () => {
    const { shown, visitor } = await bridge.signIn("olga", `/console/deliveries/${delivery}`);
    expect(shown.text).toContain(`/console/threads?delivery=${delivery}`);
    const page = await visitor.go(new URL(`/console/threads?commit=${COMMIT}`, bridge.url));
    expect(page.text).toContain('<table class="waterfall">');
    expect(page.text).toContain("longest step");
    const none = await visitor.go(new URL("/console/threads?by=commit&value=fffffff", bridge.url));
    expect(none.text).toContain("Nothing that you may read");
  });
});
