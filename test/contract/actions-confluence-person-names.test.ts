import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CallOut, callOut } from "../../shared/host/call-out.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import type { GatePart } from "../../shared/model/event.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { type Bench, benchFor, buildEntry, buildOf, entryOf } from "../support/sandbox-confluence-action.ts";
import type { Failure } from "../support/sandbox-confluence-site.ts";
import { ROBIN } from "../support/sandbox-confluence-users.ts";
import { type TestClock, testClock } from "../support/test-doubles.ts";

const DAY_MS = 86_400_000;

describe.each(["cloud", "data-center"] as const)("the people on a page of %s", (product) => {
  const account = product === "cloud" ? ROBIN.accountId : ROBIN.userKey;
  const shown = `${account.slice(0, 15)}…`;
  let sandbox: SandboxConfluence;
  let clock: TestClock;
  let asked: string[];
  beforeEach(async () => {
    sandbox = await startSandboxConfluence({ product, pages: [{ labels: ["drawbridge"] }] });
    clock = testClock();
    asked = [];
  });
  afterEach(() => sandbox.close());

  const bench = (layout: "board" | "releases" = "board"): Bench => {
    const counting: CallOut = (request) => {
      if (request.url.pathname.endsWith("/user")) asked.push(request.url.search);
      return callOut(request);
    };
    return benchFor(sandbox, product, { clock, callOut: counting, target: { layout } });
  };
  const edit = (id: string, more: object = {}): BusEvent =>
    entryOf("d-edit", {
      type: "page.updated",
      time: "2026-11-02T09:00:00.000Z",
      subject: "98310",
      actor: { id },
      page: { site: sandbox.site(product), id: "98310" },
      ...more,
    });
  const step = (gate: Partial<GatePart>): BusEvent =>
    entryOf(`d-${gate.state}`, {
      type: gate.state === "requested" ? "approval.requested" : "approval.granted",
      time: "2026-11-02T09:05:00.000Z",
      subject: "deploy of 98310",
      approval: {
        system: "drawbridge",
        build: "p-1",
        pipeline: "deploy",
        gate: {
          state: "granted",
          approvers: ["lead"],
          requestedAt: "2026-11-02T09:00:00.000Z",
          until: "2026-11-03T09:00:00.000Z",
          ...gate,
        },
      },
    });
  const words = (): string =>
    sandbox
      .page("98310")
      .latest.body.replace(/<[^>]*>/g, " ")
      .replaceAll("&hellip;", "…")
      .replace(/\s+/g, " ");

  test("who started a run is shown by the name that the site has, with the account below it, for one call a day", async () => {
    const bridge = bench();
    for (const number of [1, 2, 3]) await bridge.run(buildEntry({ number }), { origin: edit(account) });
    expect(words()).toContain(`“Robin Example” account ${shown} of ci at issuer.example.test (verified)`);
    expect(asked).toEqual([`?${product === "cloud" ? "accountId" : "key"}=${encodeURIComponent(account)}`]);
    clock.advance(DAY_MS);
    await bridge.run(buildEntry({ number: 4 }), { origin: edit(account) });
    expect(asked).toHaveLength(2);
  });

  test("who approved a run is shown by name, beside the account and the source that reported it", async () => {
    const bridge = bench();
    const progress = { needed: 2, grantedBy: [`${account} of wiki`], missingRoles: [] };
    await bridge.run(step({ state: "requested", progress }));
    expect(words()).toContain(`1 of 2 approved: “Robin Example” (${account} of wiki)`);
    await bridge.run(step({ state: "granted", by: `${account} of wiki` }));
    expect(words()).toContain(`by “Robin Example” (${account} of wiki)`);
    expect(asked).toHaveLength(1);
  });

  test("a record of releases names the person who approved a deployment", async () => {
    const bridge = bench("releases");
    const origin = edit(account);
    await bridge.run(step({ by: `${account} of wiki` }), { origin });
    const deployed = entryOf("d-deployed", {
      type: "build.succeeded",
      time: "2026-11-02T09:10:00.000Z",
      subject: "run-1",
      build: buildOf({ results: { environment: "production" } }),
    });
    await bridge.run(deployed, { origin });
    expect(words()).toContain("approved by “Robin Example”");
    expect(words()).toContain(`account ${shown} of wiki (verified)`);
  });

  test.each<[string, Pick<Failure, "status">]>([
    ["no answer", { status: "none" }],
    ["a failure", { status: 500 }],
    ["a refusal for too many calls", { status: 429 }],
    ["no permission", { status: 403 }],
  ])(
    "with %s for the name, the page is written with the account, and no name is asked for during a minute",
    async (_, failure) => {
      const bridge = bench();
      sandbox.failNext({ on: "user name", ...failure });
      expect(await bridge.run(buildEntry({ number: 1 }), { origin: edit(account) })).toMatchObject({ outcome: "done" });
      expect(words()).toContain(`“${account}” named by ci`);
      await bridge.run(buildEntry({ number: 2 }), { origin: edit(account) });
      expect(asked).toHaveLength(1);
      clock.advance(61_000);
      await bridge.run(buildEntry({ number: 3 }), { origin: edit(account) });
      expect(words()).toContain("“Robin Example”");
    },
  );

  test.each(["()", "“”", "[{«»}]", "\u202e", "\u3164 \u200b"])(
    "an account whose name %j has no letter is shown as it is",
    async (name) => {
      const nameless: CallOut = async (request) => {
        const response = await callOut(request);
        if (!request.url.pathname.endsWith("/user")) return response;
        const user: object = JSON.parse(Buffer.from(response.body).toString("utf8"));
        return { ...response, body: Buffer.from(JSON.stringify({ ...user, publicName: name, displayName: name })) };
      };
      const bridge = benchFor(sandbox, product, { clock, callOut: nameless });
      await bridge.run(buildEntry({ number: 1 }), { origin: edit(account) });
      expect(words()).toContain(account);
    },
  );

  test("an account that the site does not know is shown as it is, and asked for once an hour", async () => {
    const bridge = bench();
    for (const number of [1, 2]) await bridge.run(buildEntry({ number }), { origin: edit("5b10ac8d82e05b22cc7d4ef5") });
    expect(words()).toContain("“5b10ac8d82e05b22cc7d4ef5” named by ci");
    expect(asked).toHaveLength(1);
  });

  test.each<[string, object]>([
    ["a person whom the event names", { actor: { id: "7", name: "Kim" } }],
    ["an edit on another site", { page: { site: "https://other.example.test", id: "98310" } }],
  ])("nobody is asked for the name of %s", async (_, more) => {
    await bench().run(buildEntry(), { origin: edit(account, more) });
    expect(asked).toEqual([]);
    expect(sandbox.page("98310").versions).toHaveLength(2);
  });
});
