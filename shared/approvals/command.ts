import type { EpochMillis } from "../host/clock.ts";
import type { PageAddress } from "../model/board.ts";
import type { BusEvent } from "../model/bus-event.ts";
import type { Rejection } from "../model/rejection.ts";
import type { RunPlace } from "../store/runs.ts";

/** Labels by which people decide on a page. The label of a rollback continues with a dash and the route. */
export const LABELS = {
  grant: "drawbridge-approve",
  deny: "drawbridge-deny",
  rollback: "drawbridge-rollback",
} as const;

/** What a person has the bridge do, by a label or a comment on a page. */
export type Command =
  /** Without `approval`, all that waits for the page. */
  | { readonly decision: "grant" | "deny"; readonly approval?: string }
  | { readonly decision: "rollback"; readonly place: RunPlace };

/** A command, and who gave it where. */
export interface GivenCommand {
  readonly command: Command;
  /** The event that tells of it. */
  readonly busEvent: BusEvent;
  /** The account that gave it. */
  readonly actor: string;
  readonly page: PageAddress;
  /** It counts for what was requested before. */
  readonly at: EpochMillis;
  /** What makes two tellings of it one. */
  readonly key: readonly string[];
}

/** What a command came to about one approval, or about the route that it rolls back. */
export interface CommandResult {
  readonly about: string;
  readonly decision: Command["decision"];
  readonly refusal?: Rejection;
}

/** For an action that finds commands in what it is run with. */
export interface Commands {
  /** Why nothing that this event tells of can be a command, in words that follow "because"; no call is made. */
  rejectReason(busEvent: BusEvent): string | undefined;
  /** Carries it out, and tells the timeline of the event's delivery. Harmless when repeated. Throws a retryable Fault. */
  executeCommand(given: GivenCommand): Promise<readonly CommandResult[]>;
}

/** The command that a label stands for. */
export function commandOfLabel(label: string): Command | undefined {
  if (label === LABELS.grant) return { decision: "grant" };
  if (label === LABELS.deny) return { decision: "deny" };
  if (!label.startsWith(ROLLBACK)) return undefined;
  return { decision: "rollback", place: { route: label.slice(ROLLBACK.length) } };
}

const ROLLBACK = `${LABELS.rollback}-`;

/** The command that a text is, from its first letter to its last; a sentence that has one in it is none. */
export function commandOfText(text: string): Command | undefined {
  const { verb, approval, route, environment } = COMMAND.exec(text)?.groups ?? {};
  if (route !== undefined) {
    return { decision: "rollback", place: { route, ...(environment !== undefined && { environment }) } };
  }
  if (verb === undefined) return undefined;
  return { decision: verb === "approve" ? "grant" : "deny", ...(approval !== undefined && { approval }) };
}

/** Ids of approvals as `model/idempotency-keys.ts` makes them, names of routes as `config/schema.ts` takes them. */
const COMMAND =
  /^drawbridge (?:(?<verb>approve|deny)(?: (?<approval>p-[a-z2-7]{26}))?|rollback (?<route>[a-z][a-z\d-]{0,33})(?: (?<environment>\S{1,100}))?)$/;
