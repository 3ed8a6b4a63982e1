import { type PromotionDeps, promote } from "../delivery/promotion.ts";
import { type RollbackDeps, rollBack } from "../delivery/rollback.ts";
import { epochMillis, laterBy, toIso } from "../host/clock.ts";
import type { Identity } from "../model/approval.ts";
import type { PageAddress } from "../model/board.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { Command, CommandResult, IssuedCommand } from "./command.ts";
import { type DecideDeps, decide, isKnownTo, SEEN_AFTER_SECONDS } from "./decide.ts";
import type { GroupAnswer, Groups } from "./groups.ts";
import { MAX_OPEN, type OpenApprovals, openApprovals } from "./open-approvals.ts";
import { personAt } from "./people.ts";
import type { PlaceOrderDeps } from "./place-order.ts";

export interface CommandDeps
  extends DecideDeps,
    Pick<PlaceOrderDeps, "orders">,
    Pick<RollbackDeps, "runs" | "runReporters"> {
  readonly groups: Groups;
  readonly policy: DecideDeps["policy"] & PlaceOrderDeps["policy"];
  readonly deliveries: DecideDeps["deliveries"] & RollbackDeps["deliveries"] & PromotionDeps["deliveries"];
  readonly actions: DecideDeps["actions"] & RollbackDeps["actions"] & PromotionDeps["actions"];
}

/**
 * Executes a person's command as far as the person's roles allow, and adds the results to the timeline of the delivery
 * that reported it. A replay and an unproved delivery command nothing.
 */
export async function executeCommand(issued: IssuedCommand, deps: CommandDeps): Promise<readonly CommandResult[]> {
  const { command, busEvent, actor } = issued;
  const delivery = busEvent.detail.replay ? undefined : await deps.deliveries.get(busEvent.detail.delivery);
  if (delivery === undefined || delivery.refusal) return [];
  const listed = personAt(deps.people, delivery.source, actor)?.roles;
  // Roles in the list count alone, so that it can also take roles away.
  // A stranger's comment about nothing costs no question to the site.
  const isOfNothing = await namesNoApproval(command, deps);
  const answer = listed || isOfNothing ? undefined : await deps.groups.ask(delivery.source, actor, placeOf(busEvent));
  const roles = listed ?? answer?.roles ?? [];
  const order = { ...issued, delivery, by: { ...delivery.principal, roles, actor, source: delivery.source }, answer };
  const results: CommandResult[] = [];
  for await (const step of stepsOf(command, order, deps)) {
    const result = withGroups(step, order);
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

const namesNoApproval = async (command: Command, { approvals }: Pick<CommandDeps, "approvals">): Promise<boolean> =>
  "approval" in command && command.approval !== undefined && (await approvals.get(command.approval)) === undefined;

/** The address of what the command is on, as its sender reports it; undefined if that is known by its site. */
const placeOf = ({ detail }: IssuedCommand["busEvent"]): string | undefined =>
  "change" in detail ? (detail.change.url ?? "") : undefined;

interface Order extends IssuedCommand {
  readonly delivery: RecordedDelivery;
  readonly by: Identity;
  /** What the site says about the person's groups; undefined if the roles do not come from groups. */
  readonly answer: GroupAnswer | undefined;
}

/** Says which groups were asked for a role that is missing. If one of them is not known, the role may not be missing. */
function withGroups(result: CommandResult, { answer }: Order): CommandResult {
  const { refusal } = result;
  if (answer === undefined || refusal?.reason !== "role_missing" || refusal.key !== undefined) return result;
  const { target, asked, groups: held, unknown, askedAt } = answer;
  const groups = asked.filter((group) => !held.includes(group)).join(", ");
  if (unknown === undefined) {
    const { role } = refusal;
    return { ...result, refusal: { reason: "group_missing", role, groups, target, askedAt: toIso(askedAt) } };
  }
  const retryAfterSeconds = Math.ceil(unknown.afterSeconds ?? 60);
  return { ...result, refusal: { reason: "groups_unknown", problem: unknown.why, groups, target, retryAfterSeconds } };
}

type Decision = Extract<Command, { readonly decision: "grant" | "deny" }>;
type Rollback = Extract<Command, { readonly decision: "rollback" }>;
type Promotion = Extract<Command, { readonly decision: "promote" }>;

async function* stepsOf(command: Command, order: Order, deps: CommandDeps): AsyncGenerator<CommandResult> {
  if (command.decision === "rollback") yield rollBackTo(command, order, deps);
  else if (command.decision === "promote") yield promoteLast(command, order, deps);
  else if (command.decision === "order") {
    // The relay starts with this file, and the forms of inputs are large.
    const { placeOrder } = await import("./place-order.ts");
    yield placeOrder(command, order, deps);
  } else yield* decideAll(command, order, deps);
}

/**
 * Decides only approvals that were requested before the command: a late repeat of it must not decide newer ones. Without
 * an id, the command is for what its author could have seen. The time of the command is the sender's, but not later than
 * its arrival, so that a sender's clock that is fast makes nothing older.
 */
async function* decideAll(command: Decision, order: Order, deps: CommandDeps): AsyncGenerator<CommandResult> {
  const { by, at, page, delivery, answer, busEvent } = order;
  const fromGroups = answer && {
    source: answer.source,
    target: answer.target,
    groups: answer.groups,
    askedAt: answer.askedAt,
  };
  const { decision, reason: comment } = command;
  const about = command.approval ?? page?.id ?? busEvent.detail.subject;
  const { open, hasMore } = await approvalsOf(command, page, deps);
  const earlier = open.filter((one) => one.requestedAt <= at && isKnownTo(by, one, deps));
  if (hasMore) yield { about, decision, refusal: { reason: "approvals_too_many", limit: MAX_OPEN } };
  else if (earlier.length === 0) yield { about, decision, refusal: { reason: "approval_unknown" } };
  const arrived = epochMillis(Math.min(at, delivery.receivedAt));
  const sawUntil = command.approval === undefined ? laterBy(arrived, -SEEN_AFTER_SECONDS * 1_000) : undefined;
  for (const approval of earlier) {
    const verdict = { decision, comment, by, fromGroups, requestId: delivery.requestId, sawUntil };
    const result = await decide(approval, verdict, deps);
    yield { about: approval.id, decision, ...(!result.ok && { refusal: result.rejection }) };
    // The site would have to be waited for again for each of the others.
    if (!result.ok && UNANSWERED.includes(result.rejection.reason)) return;
  }
}

const UNANSWERED: readonly string[] = ["reference_unverified", "editing_unknown"];

async function approvalsOf(
  { approval: id }: Decision,
  page: PageAddress | undefined,
  { approvals }: CommandDeps,
): Promise<OpenApprovals> {
  if (id === undefined) {
    if (page === undefined) return { open: [], hasMore: false };
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

/** What was good when the command was given: its author cannot have meant a later run, also if the command is repeated. */
async function promoteLast(
  { decision, route, between }: Promotion,
  { by, key, at, delivery }: Order,
  deps: CommandDeps,
): Promise<CommandResult> {
  const { requestId, traceparent, receivedAt } = delivery;
  const [from, to, ...others] = deps.runReporters.find(({ name }) => name === route)?.environments ?? [];
  const place = between ?? (from !== undefined && to !== undefined && others.length === 0 ? { from, to } : undefined);
  if (place === undefined) {
    const problem = `name the environments: drawbridge promote ${route} from one to the next`;
    return { about: route, decision, refusal: { reason: "promotion_impossible", problem } };
  }
  const run = { asOf: epochMillis(Math.min(at, receivedAt)) };
  const result = await promote({ place: { route, ...place }, run, by, key, requestId, traceparent }, deps);
  return { about: route, decision, ...(!result.ok && { refusal: result.rejection }) };
}
