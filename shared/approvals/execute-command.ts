import { type RollbackTools, rollBack } from "../delivery/rollback.ts";
import { sourceNameOf } from "../model/bus-event.ts";
import type { Identity } from "../store/approvals.ts";
import type { PageAddress } from "../store/boards.ts";
import type { RecordedDelivery } from "../store/deliveries.ts";
import type { Carried, Command, Commands, GivenCommand } from "./command.ts";
import { type DecideTools, decide } from "./decide.ts";
import { MAX_OPEN, type OpenApprovals, openApprovals } from "./open-approvals.ts";
import { personAt } from "./people.ts";

export interface CommandTools extends DecideTools, Pick<RollbackTools, "runs" | "routes"> {
  readonly deliveries: DecideTools["deliveries"] & RollbackTools["deliveries"];
}

/** {@link Commands} over these tools. */
export const commandsOver = (tools: CommandTools): Commands => ({
  whyNone(entry) {
    const { replay, actor } = entry.detail;
    if (replay) return "it is told again by a replay";
    if (actor === undefined) return "nobody is said to have written it";
    const known = personAt(tools.people, sourceNameOf(entry), actor.id);
    return known ? undefined : `${actor.id} is none of the source's people`;
  },
  carryOut: (given) => carryOut(given, tools),
});

/**
 * Does what a person commands, as far as the person may, and tells the timeline of the delivery that told of it. A replay
 * commands nothing, nor does a delivery that nobody proved.
 */
export async function carryOut(given: GivenCommand, tools: CommandTools): Promise<readonly Carried[]> {
  const { command, entry, actor } = given;
  const delivery = entry.detail.replay ? undefined : await tools.deliveries.get(entry.detail.delivery);
  if (delivery === undefined || delivery.refusal) return [];
  const roles = personAt(tools.people, delivery.source, actor)?.roles ?? [];
  const order = { ...given, delivery, by: { ...delivery.principal, roles, actor } };
  const carried: Carried[] = [];
  for await (const one of stepsOf(command, order, tools)) {
    await tools.deliveries.addToTimeline(delivery.id, { at: tools.clock.now(), kind: "decided", by: order.by, ...one });
    carried.push(one);
  }
  return carried;
}

interface Order extends GivenCommand {
  readonly delivery: RecordedDelivery;
  readonly by: Identity;
}

type Decision = Extract<Command, { readonly decision: "grant" | "deny" }>;
type Rollback = Extract<Command, { readonly decision: "rollback" }>;

async function* stepsOf(command: Command, order: Order, tools: CommandTools): AsyncGenerator<Carried> {
  if (command.decision === "rollback") yield rollBackTo(command, order, tools);
  else yield* decideAll(command, order, tools);
}

/** Told again later, a command decides nothing that was requested since. */
async function* decideAll(command: Decision, order: Order, tools: CommandTools): AsyncGenerator<Carried> {
  const { by, at, page, delivery } = order;
  const { decision } = command;
  const about = command.approval ?? page.id;
  const { open, hasMore } = await approvalsMeant(command, page, tools);
  const meant = open.filter(({ requestedAt }) => requestedAt <= at);
  if (hasMore) yield { about, decision, refusal: { reason: "approvals_too_many", limit: MAX_OPEN } };
  else if (meant.length === 0) yield { about, decision, refusal: { reason: "approval_unknown" } };
  for (const approval of meant) {
    const result = await decide(approval, { decision, by, requestId: delivery.requestId }, tools);
    yield { about: approval.id, decision, ...(!result.ok && { refusal: result.rejection }) };
  }
}

async function approvalsMeant(
  { approval: id }: Decision,
  page: PageAddress,
  { approvals }: CommandTools,
): Promise<OpenApprovals> {
  if (id === undefined) {
    const { open, hasMore } = await openApprovals(approvals);
    return { open: open.filter((one) => one.page?.id === page.id && one.page.site === page.site), hasMore };
  }
  const approval = await approvals.get(id);
  return { open: approval ? [approval] : [], hasMore: false };
}

async function rollBackTo({ decision, place }: Rollback, order: Order, tools: CommandTools): Promise<Carried> {
  const { by, key, delivery } = order;
  const { requestId, traceparent } = delivery;
  const result = await rollBack({ place, by, key, requestId, traceparent }, tools);
  return { about: place.route, decision, ...(!result.ok && { refusal: result.rejection }) };
}
