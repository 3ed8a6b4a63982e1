import { type RollbackDeps, rollBack } from "../delivery/rollback.ts";
import type { Identity } from "../model/approval.ts";
import type { PageAddress } from "../model/board.ts";
import { sourceNameOf } from "../model/bus-event.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { Command, CommandResult, Commands, GivenCommand } from "./command.ts";
import { type DecideDeps, decide } from "./decide.ts";
import { MAX_OPEN, type OpenApprovals, openApprovals } from "./open-approvals.ts";
import { personAt } from "./people.ts";

export interface CommandDeps extends DecideDeps, Pick<RollbackDeps, "runs" | "runReporters"> {
  readonly deliveries: DecideDeps["deliveries"] & RollbackDeps["deliveries"];
}

/** {@link Commands} over these tools. */
export const createCommands = (deps: CommandDeps): Commands => ({
  rejectReason(busEvent) {
    const { replay, actor } = busEvent.detail;
    if (replay) return "it is told again by a replay";
    if (actor === undefined) return "nobody is said to have written it";
    const known = personAt(deps.people, sourceNameOf(busEvent), actor.id);
    return known ? undefined : `${actor.id} is none of the source's people`;
  },
  executeCommand: (given) => executeCommand(given, deps),
});

/**
 * Does what a person commands, as far as the person may, and tells the timeline of the delivery that told of it. A replay
 * commands nothing, nor does a delivery that nobody proved.
 */
export async function executeCommand(given: GivenCommand, deps: CommandDeps): Promise<readonly CommandResult[]> {
  const { command, busEvent, actor } = given;
  const delivery = busEvent.detail.replay ? undefined : await deps.deliveries.get(busEvent.detail.delivery);
  if (delivery === undefined || delivery.refusal) return [];
  const roles = personAt(deps.people, delivery.source, actor)?.roles ?? [];
  const order = { ...given, delivery, by: { ...delivery.principal, roles, actor } };
  const carried: CommandResult[] = [];
  for await (const one of stepsOf(command, order, deps)) {
    await deps.deliveries.addToTimeline(delivery.id, { at: deps.clock.now(), kind: "decided", by: order.by, ...one });
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

async function* stepsOf(command: Command, order: Order, deps: CommandDeps): AsyncGenerator<CommandResult> {
  if (command.decision === "rollback") yield rollBackTo(command, order, deps);
  else yield* decideAll(command, order, deps);
}

/** Told again later, a command decides nothing that was requested since. */
async function* decideAll(command: Decision, order: Order, deps: CommandDeps): AsyncGenerator<CommandResult> {
  const { by, at, page, delivery } = order;
  const { decision } = command;
  const about = command.approval ?? page.id;
  const { open, hasMore } = await approvalsMeant(command, page, deps);
  const meant = open.filter(({ requestedAt }) => requestedAt <= at);
  if (hasMore) yield { about, decision, refusal: { reason: "approvals_too_many", limit: MAX_OPEN } };
  else if (meant.length === 0) yield { about, decision, refusal: { reason: "approval_unknown" } };
  for (const approval of meant) {
    const result = await decide(approval, { decision, by, requestId: delivery.requestId }, deps);
    yield { about: approval.id, decision, ...(!result.ok && { refusal: result.rejection }) };
  }
}

async function approvalsMeant(
  { approval: id }: Decision,
  page: PageAddress,
  { approvals }: CommandDeps,
): Promise<OpenApprovals> {
  if (id === undefined) {
    const { open, hasMore } = await openApprovals(approvals);
    return { open: open.filter((one) => one.page?.id === page.id && one.page.site === page.site), hasMore };
  }
  const approval = await approvals.get(id);
  return { open: approval ? [approval] : [], hasMore: false };
}

async function rollBackTo({ decision, place }: Rollback, order: Order, deps: CommandDeps): Promise<CommandResult> {
  const { by, key, delivery } = order;
  const { requestId, traceparent } = delivery;
  const result = await rollBack({ place, by, key, requestId, traceparent }, deps);
  return { about: place.route, decision, ...(!result.ok && { refusal: result.rejection }) };
}
