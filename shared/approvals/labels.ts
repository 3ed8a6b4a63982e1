import type { Bus, PublishResult } from "../bus/bus.ts";
import type { BusEntry } from "../bus/entry.ts";
import type { Rejection } from "../delivery/rejection.ts";
import { type RollbackTools, rollBack } from "../delivery/rollback.ts";
import { epochMillis } from "../host/clock.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import type { Identity } from "../store/approvals.ts";
import type { RecordedDelivery } from "../store/deliveries.ts";
import { changeIn } from "./change.ts";
import { type DecideTools, decide } from "./decide.ts";
import { LABELS } from "./label-names.ts";
import { personAt } from "./people.ts";

export interface LabelTools extends DecideTools, Pick<RollbackTools, "runs"> {
  readonly deliveries: DecideTools["deliveries"] & RollbackTools["deliveries"];
  /** Whether any route needs an approval: only then changes are kept. */
  readonly hasGates: boolean;
  readonly log: Log;
}

/** Open approvals that one label is held against. */
const MOST_OPEN = 500;

/**
 * A bus that first heeds what an entry says to the bridge itself: that something changed, or that somebody decided by a
 * label. All entries pass here at least once, on one machine and in AWS, and one that could not be heeded counts as not
 * published, so that it comes again.
 */
export function heedLabels(bus: Bus, tools: LabelTools): Bus {
  return {
    async publish(entries) {
      const failures = await Promise.all(entries.map((entry) => failureOf(entry, tools)));
      const heeded = entries.filter((_, at) => failures[at] === undefined);
      const results = heeded.length === 0 ? [] : [...(await bus.publish(heeded))];
      return failures.map((code): PublishResult => {
        if (code !== undefined) return { published: false, code };
        return results.shift() ?? { published: false, code: "no_result" };
      });
    },
  };
}

async function failureOf(entry: BusEntry, tools: LabelTools): Promise<string | undefined> {
  try {
    await heed(entry, tools);
    return undefined;
  } catch (error) {
    const delivery = entry.detail.delivery;
    tools.log.error({ delivery, error: kindOf(error) }, "what a delivery decides could not be carried out");
    // A mistake of ours must not keep the event itself back for ever.
    return error instanceof Fault ? error.code : undefined;
  }
}

async function heed(entry: BusEntry, tools: LabelTools): Promise<void> {
  const change = tools.hasGates ? changeIn(entry) : undefined;
  if (change) await tools.approvals.noteChange(change);
  const { detail } = entry;
  // A label that is told again by a replay decides nothing.
  if (detail.type !== "page.labeled" || !("page" in detail) || detail.replay) return;
  const { label = "" } = detail;
  if (!Object.values(LABELS).some((known) => label.startsWith(known))) return;
  const delivery = await tools.deliveries.get(detail.delivery);
  const actor = detail.actor?.id;
  // Nor does one that nobody proved, or nobody gave.
  if (delivery === undefined || delivery.refusal || actor === undefined) return;
  const roles = personAt(tools.people, delivery.source, actor)?.roles ?? [];
  const given = { entry, page: detail.page, delivery, by: { ...delivery.principal, roles, actor } };
  if (label === LABELS.grant) await decideAll("grant", given, tools);
  if (label === LABELS.deny) await decideAll("deny", given, tools);
  if (label.startsWith(`${LABELS.rollback}-`)) {
    await rollBackByLabel(label.slice(LABELS.rollback.length + 1), given, tools);
  }
}

interface GivenLabel {
  readonly entry: BusEntry;
  readonly page: { readonly site: string; readonly id: string };
  readonly delivery: RecordedDelivery;
  readonly by: Identity;
}

/** A label counts for what was requested before it was put on: told again later, it grants nothing that came since. */
async function decideAll(decision: "grant" | "deny", given: GivenLabel, tools: LabelTools): Promise<void> {
  const { entry, page, delivery, by } = given;
  const givenAt = epochMillis(Date.parse(entry.detail.time));
  const open = (await tools.approvals.open(MOST_OPEN)).filter(
    (one) => one.page?.id === page.id && one.page.site === page.site && one.requestedAt <= givenAt,
  );
  if (open.length === 0)
    await note({ about: page.id, decision, refusal: { reason: "approval_unknown" } }, given, tools);
  for (const approval of open) {
    const result = await decide(approval, { decision, by, requestId: delivery.requestId }, tools);
    await note({ about: approval.id, decision, ...(!result.ok && { refusal: result.rejection }) }, given, tools);
  }
}

async function rollBackByLabel(route: string, given: GivenLabel, tools: LabelTools): Promise<void> {
  const { entry, delivery, by } = given;
  const { requestId, traceparent } = delivery;
  const forbidden = tools.policy.refuseRoute(by, "replay", route);
  // The happening is in the key: told by two deliveries, it rolls back once.
  const order = { place: { route }, by, key: ["label", entry.detail.eventKey], requestId, traceparent };
  const result = forbidden ? undefined : await rollBack(order, tools);
  const refusal = forbidden ?? (result?.ok === false ? result.rejection : undefined);
  await note({ about: route, decision: "rollback", ...(refusal && { refusal }) }, given, tools);
}

async function note(
  told: {
    readonly about: string;
    readonly decision: "grant" | "deny" | "rollback";
    readonly refusal?: Rejection;
  },
  { delivery, by }: GivenLabel,
  { deliveries, clock }: LabelTools,
): Promise<void> {
  await deliveries.addToTimeline(delivery.id, { at: clock.now(), kind: "decided", by, ...told });
}
