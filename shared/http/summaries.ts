import * as v from "valibot";
import { problemInSummary } from "../actions/summary-text.ts";
import { toIso } from "../host/clock.ts";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import type { Policy } from "../identity/policy.ts";
import { type BridgeEvent, cut, type SummaryPart } from "../model/event.ts";
import { deliveryIdOf, sha256Hex } from "../model/idempotency-keys.ts";
import type { Principal } from "../model/principal.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { Rejection } from "../model/rejection.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { mayRead } from "./deliveries.ts";
import { parseJsonBody } from "./json-body.ts";
import { ownDelivery } from "./own-delivery.ts";
import { idempotencyKey } from "./replay.ts";

export interface SummariesApi extends CallerDeps {
  readonly deliveries: Pick<DeliveryStore, "get" | "record">;
  readonly policy: Pick<Policy, "rejectCall" | "rejectSummary">;
  /** As `RouteOutline.targetHosts`. */
  readonly targetHosts: Readonly<Record<string, readonly string[]>>;
  /** Called after each commit of a new record. It nudges the relay on one machine; in AWS the table's stream does. */
  readonly recorded: (delivery: RecordedDelivery) => void;
}

const MAX_SOURCES = 20;
const PAGE_ID = /^[1-9]\d{0,18}$/;

export const summaryBody = v.strictObject({
  text: v.pipe(v.string(), v.regex(/\S/, "a text")),
  sources: v.pipe(v.array(v.pipe(nonEmptyText, v.maxLength(100))), v.minLength(1), v.maxLength(MAX_SOURCES)),
});

export interface SubmittedSummary {
  readonly delivery: string;
  readonly status: "accepted" | "duplicate";
}

/**
 * `PUT /v1/targets/{target}/pages/{id}/summary`: records a machine's text for a page as a delivery. A route writes it to the
 * page later, with the retries and the timeline of every action.
 */
export async function submitSummary(
  request: ReceivedRequest,
  { target, page }: Pick<SummaryPart, "target" | "page">,
  api: SummariesApi,
): Promise<Result<SubmittedSummary>> {
  const caller = await callerOf(request, "of a target", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  // Without the role for a target, nobody learns whether it exists. A summary is about no event.
  const forbidden = api.policy.rejectSummary(by, target, []);
  if (forbidden) return reject(forbidden, by);
  const hosts = Object.hasOwn(api.targetHosts, target) ? api.targetHosts[target] : undefined;
  if (hosts === undefined) {
    const known = Object.keys(api.targetHosts).filter((name) => api.policy.rejectSummary(by, name, []) === undefined);
    return reject({ reason: "target_unknown", known: known.join(", ") }, by);
  }
  if (!PAGE_ID.test(page)) return reject(invalid('The page in the path is no page id, such as "98310"'), by);
  const body = parseJsonBody(request.body, summaryBody);
  if (!body.ok) return reject(body.rejection, by);
  const problem = problemInSummary(body.value.text, hosts);
  if (problem !== undefined) return reject(invalid(`"text" is refused; expected ${problem}`), by);
  const sources = await readableSources([...new Set(body.value.sources)], by, api);
  if (!sources.ok) return reject(sources.rejection, by);
  const summary = { target, page, text: body.value.text, by: cut(by.subject, 200), sources: sources.value };
  const delivery = recordOf(summary, by, request);
  const isNew = (await api.deliveries.record(delivery)) === "recorded";
  if (isNew) api.recorded(delivery);
  return ok({ delivery: delivery.id, status: isNew ? "accepted" : "duplicate" });
}

/** Each source is a delivery that the principal may read, that is an event, and whose sender was proved. */
async function readableSources(
  ids: readonly string[],
  by: Principal,
  { deliveries, policy }: SummariesApi,
): Promise<Result<SummaryPart["sources"]>> {
  const forbidden = policy.rejectCall(by, "deliveries", "anything");
  if (forbidden) return reject(forbidden);
  const found = await Promise.all(ids.map((id) => deliveries.get(id)));
  const sources = [];
  for (const delivery of found) {
    if (delivery === undefined || !mayRead(by, delivery, policy)) return reject({ reason: "delivery_unknown" });
    const why = whyNoSource(delivery);
    if (why !== undefined) return reject(invalid(`"sources" has the delivery ${delivery.id}, ${why}`));
    sources.push(sourceOf(delivery));
  }
  return ok(sources);
}

function whyNoSource({ outcome, refusal, events }: RecordedDelivery): string | undefined {
  if (outcome !== "event") return "which is not an event";
  if (refusal !== undefined) return "whose sender was not proved: shadow mode let it in";
  // A machine that summarises machines gives its own words the look of a source.
  return events?.some((event) => "summary" in event) ? "which is a summary itself" : undefined;
}

function sourceOf({ id, what, subject, events }: RecordedDelivery): SummaryPart["sources"][number] {
  const version = events?.map(versionOf).find((one) => one !== undefined);
  return {
    delivery: id,
    what: cut(what, 120),
    ...(subject !== undefined && { subject: cut(subject, 120) }),
    ...(version !== undefined && { version }),
  };
}

function versionOf(event: BridgeEvent): string | undefined {
  if ("page" in event && event.page.version !== undefined) return `version ${event.page.version}`;
  const commit = commitOf(event);
  if (commit !== undefined) return `commit ${commit.slice(0, 12)}`;
  return "build" in event && event.build.number !== undefined ? `number ${event.build.number}` : undefined;
}

function commitOf(event: BridgeEvent): string | undefined {
  if ("code" in event) return event.code.commit;
  if ("build" in event) return event.build.commit;
  if ("change" in event) return event.change.commit;
  if ("job" in event) return event.job.commit;
  return "deployment" in event ? event.deployment.commit : undefined;
}

function recordOf(summary: SummaryPart, by: Principal, request: ReceivedRequest): RecordedDelivery {
  const { target, page } = summary;
  const key = [target, page, by.issuer, by.trustEntry ?? "", by.subject, idempotencyKey(request)];
  const id = deliveryIdOf(SOURCE, request.headers.has("idempotency-key") ? key : [...key, sha256Hex(request.body)]);
  const [time, subject] = [toIso(request.receivedAt), `page ${page} of ${target}`];
  const actor = { id: summary.by };
  const event = { type: "summary.submitted", keyParts: [id], time, subject, actor, summary } as const;
  return ownDelivery({ id, source: SOURCE, principal: by, event }, request);
}

const SOURCE = "summaries";

const invalid = (problem: string): Rejection => ({ reason: "body_invalid", problem });
