import { randomUUID } from "node:crypto";
import { ScanCommand } from "@aws-sdk/client-dynamodb";
import { stringify } from "yaml";
import { actions } from "../../shared/actions/registry.ts";
import { digestOf } from "../../shared/config/digest.ts";
import { parseConfig } from "../../shared/config/load.ts";
import type { Config } from "../../shared/config/schema.ts";
import { systemClock } from "../../shared/host/clock.ts";
import { hmacSha256 } from "../../shared/host/hmac.ts";
import { type AwsAccount, loadFunction, sent, startAwsAccount } from "./aws-account.ts";
import { startGateway } from "./aws-gateway.ts";
import { bodyOf, lineageIn, type QueueHandler, SandboxQueue } from "./aws-queue.ts";
import { streamRecord } from "./aws-stream.ts";
import { startSandboxConfluence } from "./sandbox-confluence.ts";
import { GROUPS_TOKEN } from "./sandbox-groups.ts";
import { startSandboxListener } from "./sandbox-listener.ts";

const PAGE = "98310";
/** The kinds of the targets below. */
const KINDS = ["tekton", "confluence"];
const ENVIRONMENT = {
  WIKI: "wiki-secret-for-tests",
  CLUSTER: "cluster-secret-for-tests",
  PAGES: "sandbox-bearer-of-the-bridge",
  PEOPLE: GROUPS_TOKEN,
};

const configFor = (site: string, listener: string) => ({
  sources: {
    wiki: { provider: "confluence", site, hubSignature: { current: "env:WIKI" } },
    cluster: {
      provider: "tekton",
      basic: { username: "tekton", password: { current: "env:CLUSTER" } },
      namespaces: ["ci"],
    },
  },
  targets: {
    listener: { kind: "tekton", url: listener, runsReportedBy: "cluster", namespaces: ["ci"] },
    pages: {
      kind: "confluence",
      product: "data-center",
      site,
      credential: { bearer: "env:PAGES" },
      spaces: ["ENG"],
      progressSeconds: 0,
    },
  },
  routes: {
    "page-build": { when: { "detail-type": ["page.updated"] }, do: { tekton: { target: "listener" } } },
    status: { when: { "detail-type": [{ prefix: "build." }] }, do: { confluence: { target: "pages" } } },
  },
});

/**
 * All functions, with sections `added` to the configuration and the others `changed`, in an account on loopback between
 * a sandbox wiki and a sandbox listener: page edits fire runs.
 */
export async function awsBridge(
  added: Readonly<Record<string, object>> = {},
  changed: (plain: ReturnType<typeof configFor>) => object = (plain) => plain,
) {
  const account = await startAwsAccount();
  const confluence = await startSandboxConfluence({ product: "data-center" });
  let url = new URL("http://127.0.0.1");
  const authorization = `Basic ${Buffer.from(`tekton:${ENVIRONMENT.CLUSTER}`).toString("base64")}`;
  const sink = () => ({ url: new URL("/webhooks/cluster", url), headers: { authorization } });
  const listener = await startSandboxListener({ sink });
  const plain = { ...changed(configFor(confluence.site("data-center"), listener.url.href)), ...added };
  const loaded = parseConfig(stringify(plain), "test.yaml");
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));

  const digest = digestOf(loaded.config);
  const environment = { ...ENVIRONMENT, CONFIGURATION_DIGEST: digest };
  /** `own`: the kind of action whose queue the function is fed by. */
  const load = <T>(from: () => Promise<T>, own?: string) => {
    const urls = KINDS.filter((kind) => kind !== own).map((kind) => `${kind}=${queueUrlOf(account, kind)}`);
    const ACTION_QUEUES = urls.join(" ");
    const QUEUE_URL = own === undefined ? account.environment.QUEUE_URL : queueUrlOf(account, own);
    return loadFunction(account, plain, from, { ...environment, ACTION_QUEUES, QUEUE_URL });
  };
  const receive = await load(async () => (await import("../../functions/receive.ts")).handler);
  const relay = await load(async () => (await import("../../functions/relay.ts")).handler);
  const acts = new Map<string, QueueHandler>();
  for (const action of actions.filter(({ name }) => KINDS.includes(name))) {
    acts.set(
      action.name,
      await load(async () => (await import("../../functions/act-function.ts")).actFunction(action), action.name),
    );
  }
  const gateway = await startGateway(receive, { kind: "http-api", base64: false });
  url = gateway.url;
  const between = new Between(account, loaded.config, relay, acts);
  return {
    account,
    url,
    /** Of the configuration, as one machine has it. */
    digest,
    listener,
    site: confluence.site("data-center"),
    page: () => confluence.page(PAGE).latest,
    comment: (body: string, author: string) => confluence.comment(PAGE, body, { author }),
    /** The events that the relay published. */
    published: between.published,
    turn: () => between.turn(),
    queue: (kind: string) => between.queue(kind),
    sweep: async () => {
      const sweeping = await load(async () => (await import("../../functions/sweep.ts")).handler);
      await sweeping({}, { getRemainingTimeInMillis: () => 50_000 });
    },
    /** Puts a message of somebody else into the queue of the kind. */
    putMessage: (kind: string, body: string) => between.put(kind, body),
    edit: (headers: Readonly<Record<string, string>> = {}, signature?: string) => {
      const body = JSON.stringify({ timestamp: 1_793_600_000_000, event: "page_updated", page: { id: Number(PAGE) } });
      const right = `sha256=${hmacSha256(ENVIRONMENT.WIKI, [body]).toString("hex")}`;
      const all = { ...headers, "content-type": "application/json", "x-hub-signature": signature ?? right };
      return fetch(new URL("/webhooks/wiki", url), { method: "POST", headers: all, body });
    },
    stop: async () => {
      await gateway.close();
      await listener.close();
      await confluence.close();
      await account.stop();
    },
  };
}

const queueUrlOf = ({ environment }: AwsAccount, kind: string): string => `${environment.QUEUE_URL}/${kind}`;

/** The page after AWS has passed on everything that is pending. */
export const pageAfterTurn =
  ({ turn, page }: Pick<Awaited<ReturnType<typeof awsBridge>>, "turn" | "page">) =>
  async (): Promise<string> => {
    await turn();
    return page().body;
  };

/**
 * The parts of AWS between the functions: the table's stream, the rules of the bus, and a queue for each kind of
 * action.
 */
class Between {
  readonly published: Parameters<Config["routes"][number]["matches"]>[0][] = [];
  readonly #account: AwsAccount;
  readonly #config: Config;
  readonly #relay: StreamFunction;
  readonly #acts: ReadonlyMap<string, QueueHandler>;
  readonly #streamed = new Set<string>();
  readonly #queues: ReadonlyMap<string, SandboxQueue>;

  constructor(account: AwsAccount, config: Config, relay: StreamFunction, acts: ReadonlyMap<string, QueueHandler>) {
    this.#account = account;
    this.#config = config;
    this.#relay = relay;
    this.#acts = acts;
    this.#queues = new Map(config.targets.map(({ kind }) => [kind, new SandboxQueue(account, systemClock)]));
    account.answers.set("AmazonSQS.SendMessage", ({ MessageBody = "", DelaySeconds, QueueUrl = "" }, trace) => {
      const kind = KINDS.find((one) => QueueUrl === queueUrlOf(account, one)) ?? "";
      const delayed = { delaySeconds: DelaySeconds ?? 0, lineage: lineageIn(trace) };
      this.#queues.get(kind)?.put(randomUUID(), MessageBody, delayed);
      return sent(MessageBody);
    });
  }

  queue(kind: string): SandboxQueue {
    const queue = this.#queues.get(kind);
    if (queue === undefined) throw new Error(`no target is of the kind ${kind}`);
    return queue;
  }

  put(kind: string, body: string): void {
    this.#queues.get(kind)?.put(randomUUID(), body);
  }

  /** Passes on everything that is pending. */
  async turn(): Promise<void> {
    const { Items = [] } = await this.#account.client.send(new ScanCommand({ TableName: "drawbridge" }));
    const fresh = Items.filter(({ pk, sk }) => !this.#streamed.has(`${pk?.S} ${sk?.S}`));
    for (const { pk, sk } of fresh) this.#streamed.add(`${pk?.S} ${sk?.S}`);
    this.#account.calls.length = 0;
    await this.#relay({ Records: fresh.map((item, at) => streamRecord(item, at)) });
    for (const { input } of this.#account.calls.filter(({ target }) => target === "AWSEvents.PutEvents")) {
      for (const one of input.Entries ?? []) this.#route(one);
    }
    for (const [kind, handler] of this.#acts) await this.#queues.get(kind)?.deliver(handler);
  }

  #route({ Source, DetailType, Detail }: { Source: string; DetailType: string; Detail: string }): void {
    const entry = {
      source: Source,
      "detail-type": DetailType,
      time: "2026-11-02T09:00:00Z",
      detail: JSON.parse(Detail),
    };
    const asPublished = entry as (typeof this.published)[number];
    this.published.push(asPublished);
    for (const { name, action, matches } of this.#config.routes) {
      if (matches(asPublished)) this.#queues.get(action)?.put(`${name} ${entry.detail.id}`, bodyOf(name, asPublished));
    }
  }
}

type StreamFunction = Awaited<typeof import("../../functions/relay.ts")>["handler"];
