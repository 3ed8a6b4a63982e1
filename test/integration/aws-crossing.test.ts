import { ScanCommand } from "@aws-sdk/client-dynamodb";
import { afterEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { parseConfig } from "../../shared/config/load.ts";
import type { Config } from "../../shared/config/schema.ts";
import { systemClock } from "../../shared/host/clock.ts";
import { hmacSha256 } from "../../shared/providers/signature.ts";
import { type AwsAccount, loadFunction, startAwsAccount } from "../support/aws-account.ts";
import { startGateway } from "../support/aws-gateway.ts";
import { bodyOf, type QueueHandler, SandboxQueue } from "../support/aws-queue.ts";
import { storesOf, streamRecord } from "../support/aws-stream.ts";
import { startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { startSandboxListener } from "../support/sandbox-listener.ts";
import { until } from "../support/until.ts";

const PAGE = "98310";
const ENVIRONMENT = { WIKI: "wiki-secret-for-tests", CLUSTER: "cluster-secret-for-tests", PAGES: "sandbox-bearer" };

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

const configFor = (site: string, listener: string) => ({
  sources: {
    wiki: { provider: "confluence", site, hubSignature: { current: "env:WIKI" } },
    cluster: { provider: "tekton", basic: { username: "tekton", password: { current: "env:CLUSTER" } } },
  },
  targets: {
    listener: { kind: "tekton", url: listener, runsReportedBy: "cluster" },
    pages: { kind: "confluence", product: "data-center", site, credential: { bearer: "env:PAGES" } },
  },
  routes: {
    "page-build": { when: { "detail-type": ["page.updated"] }, do: { tekton: { target: "listener" } } },
    status: { when: { "detail-type": [{ prefix: "build." }] }, do: { confluence: { target: "pages" } } },
  },
});

/** What AWS does between the functions: the table's stream, the rules of the bus, and a queue for each kind of action. */
class Between {
  readonly #account: AwsAccount;
  readonly #config: Config;
  readonly #streamed = new Set<string>();
  readonly #queues: ReadonlyMap<string, SandboxQueue>;

  constructor(account: AwsAccount, config: Config) {
    this.#account = account;
    this.#config = config;
    this.#queues = new Map(config.targets.map(({ kind }) => [kind, new SandboxQueue(account, systemClock)]));
  }

  /** Hands on what is there to be handed on. */
  async turn(relay: StreamFunction, acts: ReadonlyMap<string, QueueHandler>): Promise<void> {
    const { Items = [] } = await this.#account.client.send(new ScanCommand({ TableName: "drawbridge" }));
    const fresh = Items.filter(({ pk, sk }) => !this.#streamed.has(`${pk?.S} ${sk?.S}`));
    for (const { pk, sk } of fresh) this.#streamed.add(`${pk?.S} ${sk?.S}`);
    this.#account.calls.length = 0;
    await relay({ Records: fresh.map((item, at) => streamRecord(item, at)) });
    for (const { input } of this.#account.calls.filter(({ target }) => target === "AWSEvents.PutEvents")) {
      for (const one of input.Entries ?? []) this.#route(one);
    }
    for (const [kind, handler] of acts) await this.#queues.get(kind)?.deliver(handler);
  }

  #route({ Source, DetailType, Detail }: { Source: string; DetailType: string; Detail: string }): void {
    const entry = {
      source: Source,
      "detail-type": DetailType,
      time: "2026-11-02T09:00:00Z",
      detail: JSON.parse(Detail),
    };
    for (const { name, action, matches } of this.#config.routes) {
      const asPublished = entry as Parameters<typeof matches>[0];
      if (matches(asPublished)) this.#queues.get(action)?.put(`${name} ${entry.detail.id}`, bodyOf(name, asPublished));
    }
  }
}

type StreamFunction = Awaited<typeof import("../../functions/relay.ts")>["handler"];

describe("a page edit, told to the functions", () => {
  it("fires one run, and its result lands on the page", async () => {
    const account = await startAwsAccount();
    const confluence = await startSandboxConfluence({ product: "data-center" });
    let bridge = new URL("http://127.0.0.1");
    const authorization = `Basic ${Buffer.from(`tekton:${ENVIRONMENT.CLUSTER}`).toString("base64")}`;
    const sink = () => ({ url: new URL("/webhooks/cluster", bridge), headers: { authorization } });
    const listener = await startSandboxListener({ sink });
    cleanups.push(
      account.stop,
      () => confluence.close(),
      () => listener.close(),
    );

    const plain = configFor(confluence.site("data-center"), listener.url.href);
    const loaded = parseConfig(stringify(plain), "test.yaml");
    if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
    const load = <T>(from: () => Promise<T>) => loadFunction(account, plain, from, ENVIRONMENT);
    const receive = await load(async () => (await import("../../functions/receive.ts")).handler);
    const relay = await load(async () => (await import("../../functions/relay.ts")).handler);
    const acts = new Map<string, QueueHandler>([
      ["tekton", await load(async () => (await import("../../functions/act-tekton.ts")).handler)],
      ["confluence", await load(async () => (await import("../../functions/act-confluence.ts")).handler)],
    ]);
    const gateway = await startGateway(receive, { kind: "http-api", base64: false });
    cleanups.push(gateway.close);
    bridge = gateway.url;

    const body = JSON.stringify({ timestamp: 1_793_600_000_000, event: "page_updated", page: { id: Number(PAGE) } });
    const signature = `sha256=${hmacSha256(ENVIRONMENT.WIKI, [body]).toString("hex")}`;
    const headers = { "content-type": "application/json", "x-hub-signature": signature };
    const edit = () => fetch(new URL("/webhooks/wiki", bridge), { method: "POST", headers, body });
    const receipt = (await (await edit()).json()) as { readonly delivery: string };
    expect(await (await edit()).json()).toEqual({ delivery: receipt.delivery, status: "duplicate" });

    const between = new Between(account, loaded.config);
    const page = () => confluence.page(PAGE).latest;
    await until(async () => {
      await between.turn(relay, acts);
      return page().body.includes("PASSED");
    });
    expect(listener.requests).toHaveLength(1);
    expect(listener.refusals).toEqual([]);
    expect(page().message).toMatch(/succeeded \[d-[a-z2-7]{26}\]$/);
    // The function that shows the run does not fire any, and yet traces it back to what did.
    const timeline = await storesOf(account).deliveries.timeline(receipt.delivery);
    expect(timeline).toContainEqual(expect.objectContaining({ kind: "followed_by" }));
  });
});
