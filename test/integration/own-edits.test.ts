import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { startStandalone } from "../../functions/standalone.ts";
import type { Bus } from "../../shared/bus/bus.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { Paused } from "../../shared/delivery/paused.ts";
import { relay, relayAll, sweep } from "../../shared/delivery/relay.ts";
import { laterBy } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { BridgeEvent, PageEvent } from "../../shared/model/event.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { bridgeParts } from "../support/bridge-parts.ts";
import { blocksOf } from "../support/documents.ts";
import { sampleDelivery } from "../support/samples.ts";
import { startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { BRIDGE_USER, ROBIN } from "../support/sandbox-confluence-users.ts";
import { startSandboxListener } from "../support/sandbox-listener.ts";
import { secretsOf, silentLog } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const SITE = "https://wiki.example.test";
const HOUR_MS = 3_600_000;

/** Stores, and a bus that records what is published. The bridge writes with {@link BRIDGE_USER}. */
async function relayParts() {
  const parts = await bridgeParts([]);
  closing.push(parts.stop);
  const published: string[] = [];
  const bus: Bus = {
    publish: async (busEvents) => {
      published.push(...busEvents.map(({ detail }) => detail.delivery));
      return busEvents.map(() => ({ published: true }));
    },
  };
  const { clock, deliveries, ownAccounts } = parts;
  await ownAccounts.record({ site: SITE, account: BRIDGE_USER.userKey }, laterBy(clock.now(), 24 * HOUR_MS));
  const deps = { bus, clock, deliveries, ownAccounts, outbox: deliveries, log: silentLog };
  const recordedEdit = async (n: number, account?: string, changes: Partial<RecordedDelivery> = {}) => {
    const {
      events: [event],
      ...delivery
    } = sampleDelivery(n, changes);
    const { actor: _, ...unsigned } = event;
    const edit = {
      ...delivery,
      events: [account === undefined ? unsigned : { ...event, actor: { id: account } }] as const,
    };
    await deliveries.record(edit);
    return edit;
  };
  const timelineOf = ({ id }: RecordedDelivery) => deliveries.timeline(id);
  const waiting = () => deliveries.unrelayed(laterBy(clock.now(), HOUR_MS), 100);
  return { deps, published, recordedEdit, timelineOf, waiting, clock };
}

const IGNORED = { kind: "ignored", reason: "own_account", account: BRIDGE_USER.userKey };

describe("an edit by an account with which the bridge writes", () => {
  it("the edit is not published, leaves the outbox, and has a timeline that says so, also if it is relayed twice", async () => {
    const { deps, published, recordedEdit, timelineOf, waiting } = await relayParts();
    const edit = await recordedEdit(1, BRIDGE_USER.userKey);
    await relay(edit, deps);
    await relay(edit, deps);
    expect(await timelineOf(edit)).toMatchObject([IGNORED]);
    expect([published, await waiting()]).toEqual([[], []]);
  });

  const uploaded = ({ page, ...event }: PageEvent): BridgeEvent => ({
    ...event,
    type: "attachment.created",
    attachment: { site: page.site, id: "98520" },
  });
  const typed = (type: PageEvent["type"]) => (event: PageEvent) => ({ ...event, type });

  it.each<[string, (event: PageEvent) => BridgeEvent]>([
    ["a rewrite", typed("page.rewritten")],
    ["a published live doc", typed("page.published")],
    ["a move", typed("page.moved")],
    ["an archived page", typed("page.archived")],
    ["a blog post", typed("blogpost.updated")],
    ["an upload", uploaded],
  ])("%s by the account is not published, and by a person it is", async (_, change) => {
    const { deps, published, recordedEdit, timelineOf } = await relayParts();
    const report = async (n: number, account: string) => {
      const { events, ...delivery } = await recordedEdit(n, account);
      return { ...delivery, events: [change(events[0])] as const };
    };
    const [own, others] = [await report(1, BRIDGE_USER.userKey), await report(2, ROBIN.userKey)];
    for (const delivery of [own, others]) await relay(delivery, deps);
    expect(published).toEqual([others.id]);
    expect(await timelineOf(own)).toMatchObject([IGNORED]);
  });

  it("the edit is not published from a stream, and the other edits are", async () => {
    const { deps, published, recordedEdit, timelineOf } = await relayParts();
    const edits = [
      await recordedEdit(1, ROBIN.userKey),
      await recordedEdit(2, BRIDGE_USER.userKey),
      await recordedEdit(3),
      await recordedEdit(4, BRIDGE_USER.userKey.toUpperCase()),
    ] as const;
    expect(await relayAll(edits, deps)).toEqual([]);
    expect(published).toEqual([edits[0].id, edits[2].id]);
    for (const own of [edits[1], edits[3]]) expect(await timelineOf(own)).toMatchObject([{ kind: "ignored" }]);
    expect(await timelineOf(edits[0])).toEqual([]);
  });

  it("the edit is published if a person runs it again", async () => {
    const { deps, published, recordedEdit, timelineOf } = await relayParts();
    const replay = { of: "d-1", routes: ["docs"], isRollback: false };
    const edit = await recordedEdit(1, BRIDGE_USER.userKey, { replay });
    await relay(edit, deps);
    expect([published, await timelineOf(edit)]).toEqual([[edit.id], []]);
  });

  it("the edit is published if it was received after the account was no longer the bridge's", async () => {
    const { deps, published, recordedEdit, clock } = await relayParts();
    const during = await recordedEdit(1, BRIDGE_USER.userKey);
    clock.advance(25 * HOUR_MS);
    const after = await recordedEdit(2, BRIDGE_USER.userKey, { receivedAt: clock.now() });
    for (const edit of [during, after]) await relay(edit, deps);
    expect(published).toEqual([after.id]);
  });

  it("the edit stays in the outbox while the account cannot be looked up, and is ignored afterwards", async () => {
    const { deps, published, recordedEdit, timelineOf, waiting, clock } = await relayParts();
    const edit = await recordedEdit(1, BRIDGE_USER.userKey);
    const isOwn = async () => {
      throw new Fault("store_unavailable", "the table did not answer", { retryable: true });
    };
    await relay(edit, { ...deps, ownAccounts: { isOwn } });
    expect(await relayAll([edit], { ...deps, ownAccounts: { isOwn } })).toEqual([]);
    expect([published, await waiting()]).toEqual([[], [edit.id]]);
    clock.advance(10_000);
    await sweep(deps, new Paused());
    expect([published, await waiting()]).toEqual([[], []]);
    expect(await timelineOf(edit)).toMatchObject([IGNORED]);
  });
});

describe("the README's configuration on a Data Center", () => {
  it("each edit of a person starts one run, and a write of the bridge starts none", async () => {
    const secret = "wiki-secret-for-tests";
    let bridgeUrl = new URL("http://127.0.0.1");
    const answers: number[] = [];
    const confluence = await startSandboxConfluence({
      product: "data-center",
      webhook: {
        get url() {
          return new URL("/webhooks/wiki", bridgeUrl);
        },
        secret,
        sendsOwnWrites: true,
        onDropped: (_, status) => void answers.push(status),
      },
    });
    closing.push(confluence.close);
    const authorization = `Basic ${Buffer.from("tekton:cluster-secret").toString("base64")}`;
    const sink = () => ({ url: new URL("/webhooks/prod-cluster", bridgeUrl), headers: { authorization } });
    // Each run ends in another state than the one before it: the same state would change nothing on the page.
    const listener = await startSandboxListener({
      sink,
      resultFor: () => ({ reason: listener.runs.size % 2 === 0 ? "Failed" : "Succeeded" }),
    });
    closing.push(listener.close);
    const config = readmeConfig(confluence.site("data-center"), listener.url.href);
    const named = Array.from(JSON.stringify(config).matchAll(/"env:(\w+)"/g), ([, name = ""]) => name);
    const bridge = await startStandalone({
      config,
      secrets: secretsOf({
        ...Object.fromEntries(named.map((name) => [name, `value-of-${name}-for-tests`])),
        WIKI_WEBHOOK_SECRET: secret,
        CLUSTER_SECRET: "cluster-secret",
        WIKI_TOKEN: confluence.credentials.bearer,
      }),
      log: silentLog,
      retry: { baseMs: 20, capMs: 200, maxAttempts: 10 },
      address: { hostname: "127.0.0.1", port: 0 },
    });
    closing.push(bridge.stop);
    bridgeUrl = bridge.url;

    const shown = () => confluence.page("98310").latest.message;
    for (const [before, end] of ["PASSED", "FAILED", "PASSED"].entries()) {
      const edits = before + 1;
      await edit(confluence.pageUrl("98310"), `edit ${edits}`);
      await until("the edit's run to end on the page", shown, (message) => message.includes(` ${end} `));
      // The earlier states of this run, and all states of the previous run, were written before: their edits have
      // arrived.
      expect(listener.requests).toHaveLength(edits);
    }
    expect(answers).toEqual([]);
  });
});

/**
 * The configuration in the README, with the addresses of these sandboxes and without the throttle between two writes.
 */
function readmeConfig(site: string, listener: string) {
  const text = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const found = blocksOf(text, "yaml").find((block) => block.startsWith("# drawbridge.yaml")) ?? "";
  const config = parse(found.replaceAll("https://wiki.example.com", site).replace("https://el.example.com", listener));
  config.targets.pages.progressSeconds = 0;
  const loaded = parseConfig(stringify(config), "README.md");
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
  return loaded.config;
}

async function edit(page: URL, line: string): Promise<void> {
  const url = new URL("/sandbox/pages/98310/edit", page);
  const body = new URLSearchParams({ line });
  const answer = await fetch(url, { method: "POST", headers: { origin: url.origin }, body, redirect: "manual" });
  expect(answer.status).toBe(303);
}
