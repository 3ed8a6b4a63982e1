import { GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import * as v from "valibot";
import type { GatewayEvent, gatewayHandler } from "../../shared/aws/gateway-events.ts";
import { sendFixture } from "../../shared/cli/send.ts";
import type { Config } from "../../shared/config/schema.ts";
import { signingDeps } from "../../shared/config/signing-deps.ts";
import { systemClock as clock } from "../../shared/host/clock.ts";
import { Secret } from "../../shared/host/secrets.ts";
import { DynamoDbTable } from "../../shared/store/dynamodb/table.ts";
import { openAllStores } from "../support/all-stores.ts";
import { startGateway } from "../support/aws-gateway.ts";
import type { Account } from "./account.ts";
import type { Deployed } from "./deploy.ts";
import type { FunctionProcess } from "./function-process.ts";
import type { EventSources } from "./functions.ts";
import { resourcesOf } from "./read-back.ts";
import { PAGES, type Surroundings } from "./surroundings.ts";
import type { Witness } from "./witness.ts";

const PAGE_EDIT = { provider: "confluence", event: "page-updated" };
const FIXTURES = [
  PAGE_EDIT,
  { provider: "gitlab", event: "push" },
  { provider: "buildkite", event: "build-finished" },
  { provider: "tekton", event: "pipelinerun-succeeded" },
];
/** Far more than the crossing takes. */
const CROSSING_MS = 60_000;
const PAUSE_MS = 50;

export interface CrossingParts {
  readonly account: Account;
  readonly stack: Deployed;
  readonly config: Config;
  readonly tableName: string;
  readonly receive: FunctionProcess;
  readonly sources: EventSources;
  readonly witness: Witness;
  readonly surroundings: Surroundings;
}

/** A line of the closing table: what was checked, and what was found. */
export type Seen = readonly [what: string, seen: string];

/**
 * Sends a fixture of each provider, waits for its consequences, and checks them. Throws if one is wrong.
 */
export async function cross(parts: CrossingParts): Promise<readonly Seen[]> {
  const gateway = await startGateway(frontOf(parts.receive), { kind: "http-api", base64: false });
  try {
    parts.surroundings.meet(gateway.url);
    const sent = await sendAll(gateway.url, parts);
    await waitForConsequences(parts);
    return [
      ...(await checkDeliveries(sent, parts)),
      ...(await checkOtherActions(sent, parts)),
      ...checkRuns(parts),
      ...checkPages(sent, parts),
      await checkQueues(parts),
    ];
  } finally {
    await gateway.close();
  }
}

const answer = v.object({
  statusCode: v.number(),
  headers: v.record(v.string(), v.string()),
  body: v.string(),
  isBase64Encoded: v.boolean(),
});

const frontOf =
  (receive: FunctionProcess): ReturnType<typeof gatewayHandler> =>
  async (event: GatewayEvent) =>
    v.parse(answer, await receive.call(event));

/** Ids of deliveries by provider, or by provider and event for the providers outside the scenario. */
type SentDeliveries = ReadonlyMap<string, string>;

const keyOf = ({ provider, event }: { readonly provider: string; readonly event: string }): string =>
  FIXTURES.some((one) => one.provider === provider) ? provider : `${provider} ${event}`;

async function sendAll(bridge: URL, { config, surroundings }: CrossingParts): Promise<SentDeliveries> {
  const secrets = { read: (ref: string) => Promise.resolve(new Secret(surroundings.secrets.get(ref) ?? "")) };
  const deps = signingDeps(config, secrets, clock);
  const sent = new Map<string, string>();
  for (const fixture of [...FIXTURES, ...surroundings.others.sent]) {
    if (sent.has(keyOf(fixture))) continue;
    const { status, delivery } = await sendFixture(bridge, fixture, config, deps);
    if (delivery === "") throw new Error(`${fixture.provider} ${fixture.event} was answered ${status}`);
    sent.set(keyOf(fixture), delivery);
  }
  const again = await sendFixture(bridge, PAGE_EDIT, config, deps);
  if (!again.answer.includes('"duplicate"')) throw new Error("the same page edit, sent again, is no duplicate");
  return sent;
}

/** Waits until nothing is left to pass on, and every page shows the end of a build. */
async function waitForConsequences({ account, stack, sources, surroundings }: CrossingParts): Promise<void> {
  const endAt = clock.now() + CROSSING_MS;
  while (clock.now() < endAt) {
    const handed = await sources.turn();
    if (handed > 0) continue;
    await surroundings.listener.settled();
    const pages = [...PAGES.values()].map((id) => surroundings.confluence.page(id).latest);
    const shown = pages.every(({ body }) => body.includes("PASSED"));
    if (shown && (await sources.turn()) === 0 && (await waiting(account, stack)) === 0) return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  const { requests, runs } = surroundings.listener;
  const left = await waiting(account, stack);
  const seen = `${requests.length} requests to the listener, ${runs.size} runs, ${left} messages in queues`;
  throw new Error(`not every page shows the end of a build after ${CROSSING_MS / 1_000} s: ${seen}`);
}

/** Messages in all queues of the stack, including hidden ones, given-up ones and undeliverable ones. */
async function waiting(account: Account, stack: Deployed): Promise<number> {
  let messages = 0;
  for (const [id] of resourcesOf(stack, "AWS::SQS::Queue")) {
    const QueueUrl = account.queueAt(stack.physicalIds.get(id) ?? "");
    const { Attributes = {} } = await account.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }),
    );
    messages += Number(Attributes["ApproximateNumberOfMessages"]);
    messages += Number(Attributes["ApproximateNumberOfMessagesNotVisible"]);
  }
  return messages;
}

const deliveriesOf = ({ account, config, tableName }: CrossingParts) =>
  openAllStores(new DynamoDbTable(account.dynamoDb, tableName), {
    retentionDays: config.limits.retentionDays,
    markUnrelayed: false,
    singleProcess: false,
    clock,
  }).deliveries;

/** The actions outside the scenario: each is done at its first attempt. */
async function checkOtherActions(sent: SentDeliveries, parts: CrossingParts): Promise<readonly Seen[]> {
  const deliveries = deliveriesOf(parts);
  const rows: Seen[] = [];
  for (const fired of parts.surroundings.others.fired) {
    const timeline = await deliveries.timeline(sent.get(keyOf(fired)) ?? "");
    const attempts = timeline.flatMap((line) =>
      line.kind === "attempt" && line.route === fired.route ? [`${line.outcome}: ${line.summary}`] : [],
    );
    if (attempts.length !== 1 || !/^(done|accepted): /.test(attempts[0] ?? ""))
      throw new Error(`the action ${fired.action} of ${keyOf(fired)} was not done at once: ${attempts.join("; ")}`);
    rows.push([`${fired.action}: fired by ${keyOf(fired)}`, attempts.join()]);
  }
  return rows;
}

async function checkDeliveries(sent: SentDeliveries, parts: CrossingParts): Promise<readonly Seen[]> {
  const deliveries = deliveriesOf(parts);
  await parts.witness.look();
  const rows: Seen[] = [];
  for (const [provider, id] of sent) {
    const recorded = await deliveries.get(id);
    if (recorded?.outcome !== "event") throw new Error(`the delivery of ${provider} is not recorded as an event`);
    if (!parts.witness.seen.has(id)) throw new Error(`the delivery of ${provider} did not reach the bus`);
    rows.push([`${provider}: recorded and relayed`, `${recorded.what} ${id}`]);
  }
  return rows;
}

/** The fired runs, by the start of their names. */
const RUNS = ["docs-build", "push-build"];

function checkRuns({ surroundings: { listener } }: CrossingParts): readonly Seen[] {
  const names = [...listener.runs.keys()].sort();
  const dropped = listener.events.filter(({ answers }) => (answers.at(-1) ?? 0) >= 300 || answers.at(-1) === 0);
  if (names.length !== RUNS.length || !RUNS.every((route, at) => names[at]?.startsWith(`${route}-`)))
    throw new Error(`not one run of each of ${RUNS}: ${names}`);
  if (listener.rejections.length > 0)
    throw new Error(`the listener created no run for a request: ${listener.rejections}`);
  if (dropped.length > 0) throw new Error(`${dropped.length} events of the runs were not taken`);
  return [
    ...names.map((name, at) => [`${RUNS[at]}: one run`, name] as const),
    ["runs: events forwarded and taken", String(listener.events.length)],
  ];
}

/** A version names the delivery that it shows: Buildkite's own, or for the others that of a run's end. */
function checkPages(sent: SentDeliveries, { surroundings: { confluence } }: CrossingParts): readonly Seen[] {
  return [...PAGES].map(([provider, page]) => {
    const { message, number } = confluence.page(page).latest;
    const [, delivery] = /PASSED \[(d-[a-z2-7]{26})\]$/.exec(message) ?? [];
    const isOwn = delivery === sent.get(provider);
    if (delivery === undefined || isOwn !== (provider === "buildkite"))
      throw new Error(`the version of page ${page}, for ${provider}, says: ${message}`);
    return [`${provider}: page ${page} shows the end`, `version ${number}: ${message}`];
  });
}

async function checkQueues({ account, stack }: CrossingParts): Promise<Seen> {
  const left = await waiting(account, stack);
  if (left > 0) throw new Error(`${left} messages are left in queues`);
  return ["queues, dead letters, failures", "empty"];
}
