import type { PromotionPlace } from "../delivery/judge-promotion.ts";
import type { EpochMillis } from "../host/clock.ts";
import { redactText } from "../host/url-credentials.ts";
import type { PageAddress } from "../model/board.ts";
import type { BusEvent } from "../model/bus-event.ts";
import type { OrderPart } from "../model/event.ts";
import type { Rejection } from "../model/rejection.ts";
import type { RunPlace } from "../store/runs.ts";

/**
 * Labels that people put on a page to decide. The label of a rollback and that of a promotion continue with a dash and the
 * route's name.
 */
export const LABELS = {
  grant: "drawbridge-approve",
  deny: "drawbridge-deny",
  rollback: "drawbridge-rollback",
  promote: "drawbridge-promote",
} as const;

/** A command that a person gives the bridge by a label or a comment on a page. */
export type Command =
  /** Without `approval`, it decides all open approvals of the page. */
  | { readonly decision: "grant" | "deny"; readonly approval?: string; readonly reason?: string }
  | { readonly decision: "rollback"; readonly place: RunPlace }
  /** Without `between`, the route has to have two environments and no more. */
  | { readonly decision: "promote"; readonly route: string; readonly between?: Pick<PromotionPlace, "from" | "to"> }
  | { readonly decision: "order"; readonly order: string; readonly inputs: OrderPart["inputs"] };

/** A command, who gave it, and where. */
export interface IssuedCommand {
  readonly command: Command;
  /** The event that reported it. */
  readonly busEvent: BusEvent;
  /** The account of the person who gave it. */
  readonly actor: string;
  /** Where it was given; undefined for a comment on a change request, which has to name the approval. */
  readonly page?: PageAddress;
  /** The time of the command. It decides only approvals that were requested before. */
  readonly at: EpochMillis;
  /** The idempotency key of the command: it is the same if the command is reported again. */
  readonly key: readonly string[];
}

/** The result of a command for one approval, for the route that it rolls back or promotes, or for the order it places. */
export interface CommandResult {
  /** The id of an approval or of the page, or the name of a route or of an order. */
  readonly about: string;
  readonly decision: Command["decision"];
  readonly refusal?: Rejection;
}

/** Executes the commands that an action finds in its events. */
export interface Commands {
  /** Why this event cannot contain a command, as a clause after "because"; undefined if it can. Makes no call. */
  rejectReason(busEvent: BusEvent): string | undefined;
  /** Executes it and adds the results to the timeline of the event's delivery. Idempotent. Throws a retryable Fault. */
  executeCommand(command: IssuedCommand): Promise<readonly CommandResult[]>;
}

/** Returns the command that a label stands for; undefined if it stands for none. */
export function commandOfLabel(label: string): Command | undefined {
  if (label === LABELS.grant) return { decision: "grant" };
  if (label === LABELS.deny) return { decision: "deny" };
  if (label.startsWith(PROMOTE)) return { decision: "promote", route: label.slice(PROMOTE.length) };
  if (!label.startsWith(ROLLBACK)) return undefined;
  return { decision: "rollback", place: { route: label.slice(ROLLBACK.length) } };
}

const ROLLBACK = `${LABELS.rollback}-`;
const PROMOTE = `${LABELS.promote}-`;

/**
 * Returns the command in a text. The whole text must be the command; a command inside a sentence does not count. Capital
 * letters, blanks and a punctuation mark at the end make no difference, except in the name of an environment, which is
 * matched as it is written, and in the values of an order. A question mark makes a question of it. A reason follows the
 * word `because`, of up to 300 characters.
 */
export function commandOfText(text: string): Command | undefined {
  const trimmed = text.trim();
  if (trimmed.length > MAX_LENGTH) return undefined;
  const placed = ORDER.exec(trimmed)?.groups;
  if (placed?.["order"] !== undefined) return orderOf(placed["order"], placed["inputs"] ?? "");
  const promotion = PROMOTION.exec(trimmed)?.groups;
  if (promotion?.["route"] !== undefined) {
    const { route, from, to } = promotion;
    const between = from === undefined || to === undefined ? {} : { between: { from, to } };
    return { decision: "promote", route: route.toLowerCase(), ...between };
  }
  const { verb, approval, reason, route, environment } = COMMAND.exec(trimmed)?.groups ?? {};
  if (route !== undefined) {
    const place = { route: route.toLowerCase(), ...(environment !== undefined && { environment }) };
    return { decision: "rollback", place };
  }
  if (verb === undefined) return undefined;
  const decision = verb.toLowerCase() === "approve" ? "grant" : "deny";
  return {
    decision,
    ...(approval !== undefined && { approval: approval.toLowerCase() }),
    ...(reason !== undefined && { reason: redactText(reason.replace(/\s+/g, " ")) }),
  };
}

/** Undefined if an input is given twice. */
function orderOf(order: string, given: string): Command | undefined {
  const pairs = given
    .split(/\s+/)
    .filter((pair) => pair !== "")
    .map((pair) => [pair.slice(0, pair.indexOf("=")).toLowerCase(), pair.slice(pair.indexOf("=") + 1)] as const);
  const inputs = new Map(pairs);
  if (inputs.size < pairs.length) return undefined;
  return { decision: "order", order: order.toLowerCase(), inputs: Object.fromEntries(inputs) };
}

/** UTF-16 code units; more than the longest command has. */
const MAX_LENGTH = 600;

/**
 * Ids of approvals have the form of `model/idempotency-keys.ts`, names of routes that of `config/schema.ts`. Without the
 * flag `u`, no letter outside ASCII is taken for one of ASCII.
 */
const COMMAND =
  /^drawbridge\s+(?:(?<verb>approve|deny)(?:\s+(?<approval>p-[a-z2-7]{26}))?(?:\s+because\s+(?<reason>\S[\s\S]{0,299}?)(?<!\?))?|rollback\s+(?<route>[a-z][a-z\d-]{0,33})(?:\s+(?<environment>[^\s.!,;:]\S{0,99}))?)[\s.!,;:]*$/i;

/** Names of environments have the form of `config/environments.ts`; a mark at the end is none of the name. */
const PROMOTION =
  /^drawbridge\s+promote\s+(?<route>[a-z][a-z\d-]{0,33})(?:\s+from\s+(?<from>[^\s?]{1,63})\s+to\s+(?<to>[^\s?]{0,62}[^\s?.!,;:]))?[\s.!,;:]*$/i;

/**
 * Names of orders have the form of `config/schema.ts`, those of inputs that of `identity/order.ts`. A value ends at a blank,
 * and a mark at its end is part of it.
 */
const ORDER = /^\/?drawbridge\s+run\s+(?<order>[a-z][a-z\d-]{0,62})(?<inputs>(?:\s+[a-z][a-z\d_-]{0,39}=\S+)*)$/i;
