import { type RollbackDeps, rollBack } from "../delivery/rollback.ts";
import type { Identity } from "../model/approval.ts";
import type { PageAddress } from "../model/board.ts";
import { sourceNameOf } from "../model/bus-event.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { Command, CommandResult, Commands, IssuedCommand } from "./command.ts";
import { type DecideDeps, decide } from "./decide.ts";
import { MAX_OPEN, type OpenApprovals, openApprovals } from "./open-approvals.ts";
import { personAt } from "./people.ts";

export interface CommandDeps extends DecideDeps, Pick<RollbackDeps, "runs" | "runReporters"> {
  readonly deliveries: DecideDeps["deliveries"] & RollbackDeps["deliveries"];
}

/** Creates {@link Commands} with these dependencies. */
export const createCommands = (deps: CommandDeps): Commands => ({
  rejectReason(busEvent) {
    const { replay, actor } = busEvent.detail;
    if (replay) return "it comes from a replay";
    if (actor === undefined) return "its author is unknown";
    const known = personAt(deps.people, sourceNameOf(busEvent), actor.id);
    return known ? undefined : `${actor.id} is not among the source's people`;
  },
  executeCommand: (command) => executeCommand(command, deps),
});

/**
 * Executes a person's command as far as the person's roles allow, and adds the results to the timeline of the delivery
 * that reported it. A replay and an unproved delivery command nothing.
 */
export async function executeCommand(issued: IssuedCommand, deps: CommandDeps): Promise<readonly CommandResult[]> {
  const { command, busEvent, actor } = issued;
  const delivery = busEvent.detail.replay ? undefined : await deps.deliveries.get(busEvent.detail.delivery);
  if (delivery === undefined || delivery.refusal) return [];
  const roles = personAt(deps.people, delivery.source, actor)?.roles ?? [];
  const order = { ...issued, delivery, by: { ...delivery.principal, roles, actor } };
  const results: CommandResult[] = [];
  for await (const result of stepsOf(command, order, deps)) {
    await deps.deliveries.addToTimeline(delivery.id, {
      at: deps.clock.now(),
      kind: "decided",
      by: order.by,
      ...result,
    });
    results.push(result);
  }
  return results;
}

interface Order extends IssuedCommand {
  readonly delivery: RecordedDelivery;
  readonly by: Identity;
}

type Decision = Extract<Command, { readonly decision: "grant" | "deny" }>;
type Rollback = Extract<Command, { readonly decision: "rollback" }>;

async function* stepsOf(command: Command, order: Order, deps: CommandDeps): AsyncGenerator<CommandResult> {
  if (command.decision === "rollback") yield rollBackTo(command, order, deps);
  else yield* decideAll(command, order, deps);
}

/** Decides only approvals that were requested before the command: a late repeat of it must not decide newer ones. */
async function* decideAll(command: Decision, order: Order, deps: CommandDeps): AsyncGenerator<CommandResult> {
  const { by, at, page, delivery } = order;
  const { decision } = command;
  const about = command.approval ?? page.id;
  const { open, hasMore } = await approvalsOf(command, page, deps);
  const earlier = open.filter(({ requestedAt }) => requestedAt <= at);
  if (hasMore) yield { about, decision, refusal: { reason: "approvals_too_many", limit: MAX_OPEN } };
  else if (earlier.length === 0) yield { about, decision, refusal: { reason: "approval_unknown" } };
  for (const approval of earlier) {
    const result = await decide(approval, { decision, by, requestId: delivery.requestId }, deps);
    yield { about: approval.id, decision, ...(!result.ok && { refusal: result.rejection }) };
  }
}

async function approvalsOf(
  { approval: id }: Decision,
  page: PageAddress,
  { approvals }: CommandDeps,
): Promise<OpenApprovals> {
  if (id === undefined) {
    const { open, hasMore } = await openApprovals(approvals);
    return {
      open: open.filter((approval) => approval.page?.id === page.id && approval.page.site === page.site),
      hasMore,
    };
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
