import { nameOf } from "../../approvals/people.ts";
import { missingText, progressText } from "../../approvals/rules.ts";
import { type EpochMillis, toIso } from "../../host/clock.ts";
import { withoutHidden } from "../../host/hidden-characters.ts";
import type { Approval, ShownRun } from "../../model/approval.ts";
import { type ApprovalProgress, cut } from "../../model/event.ts";

/** What a message shows, before it has the format of its receiver. Each text is safe to show as plain text. */
export interface Card {
  readonly title: string;
  readonly facts: readonly Fact[];
  /** The only link of the message. Undefined if there is no console. */
  readonly button?: { readonly text: string; readonly url: string };
}

export interface Fact {
  readonly name: string;
  /** One line each. */
  readonly lines: readonly string[];
}

export interface CardDeps {
  /** The address of the page of approvals. */
  readonly console: string | undefined;
}

interface Shown {
  /** After the step, if several people have to grant it. */
  readonly progress?: ApprovalProgress | undefined;
  readonly isReminder: boolean;
}

/** The card of one approval, as it is now. */
export function cardOf(approval: Approval, { progress, isReminder }: Shown, { console }: CardDeps): Card {
  const { id, route, subject, shows = {}, state, approvers, until, grants, decision, endedFor } = approval;
  const isOpen = state === "requested";
  // The grant of a rule that the route has lost decides nothing any more.
  const people = grants.filter(({ rule }) => rule === undefined);
  const by = isOpen || !decision ? undefined : nameOf(decision.by);
  const facts: GivenFacts = [
    ["Run", [`${route} of ${subject}`]],
    ["Parameters", paramsOf(shows)],
    ["For", [shows.title]],
    ["Commits", commitsOf(shows)],
    ["Requested by", [requesterOf(approval)]],
    ["Approved by", isOpen && progress === undefined ? people.map((grant) => nameOf(grant.by)) : []],
    ["Progress", [isOpen && progress && progress.grantedBy.length > 0 ? progressText(progress) : undefined]],
    ["May decide", [isOpen ? missingText(approvers, progress) : undefined]],
    ["Until", [isOpen ? utc(until) : undefined]],
    ["Decided by", [by]],
    ["Comment", [isOpen ? undefined : decision?.comment]],
    ["Because", [endedFor]],
    ["To decide", [isOpen && console === undefined ? `drawbridge approvals show ${id}` : undefined]],
  ];
  return {
    title: plain(`${isReminder && isOpen ? REMINDER : TITLES[state]}: ${route}`, MAX_TITLE),
    facts: shownFacts(facts),
    ...(console !== undefined && {
      button: isOpen
        ? { text: "Look at it and decide", url: `${console}?${new URLSearchParams({ id })}` }
        : { text: "Decided approvals", url: `${console}?state=ended` },
    }),
  };
}

export type GivenFacts = readonly (readonly [name: string, lines: readonly (string | undefined)[]])[];

/** The facts that have a text, each made safe to show. */
export const shownFacts = (facts: GivenFacts): readonly Fact[] =>
  facts.flatMap(([name, lines]) => {
    const shown = lines.flatMap((line) => (line === undefined || line === "" ? [] : [plain(line, MAX_LINE)]));
    return shown.length === 0 ? [] : [{ name, lines: shown }];
  });

/** An approval that waits, as a line of {@link gatheredCard}. */
export const lineOf = ({ route, subject }: Approval): string => plain(`${route} of ${subject}`, MAX_LINE);

/** An approval for which nobody has to decide any more, as a line of {@link endedCard}. */
export function endLineOf({ route, subject, state, decision }: Approval): string {
  const by = decision && state !== "requested" ? ` by ${nameOf(decision.by)}` : "";
  return plain(`${TITLES[state]}${by}: ${route} of ${subject}`, MAX_LINE);
}

/** One card for many approvals that wait. */
export function gatheredCard(lines: readonly string[], isMore: boolean, { console }: CardDeps): Card {
  const count = `${lines.length}${isMore ? " or more" : ""}`;
  return {
    title: lines.length === 1 ? "1 approval waits for you" : `${count} approvals wait for you`,
    facts: [{ name: "Waiting", lines: firstOf(lines, 10) }],
    ...(console !== undefined && { button: { text: "Look at them and decide", url: console } }),
  };
}

/** One card for many approvals for which nobody has to decide any more. */
export function endedCard(lines: readonly string[], isMore: boolean, { console }: CardDeps): Card {
  const count = `${lines.length}${isMore ? " or more" : ""}`;
  return {
    title: lines.length === 1 ? "1 approval waits no longer" : `${count} approvals wait no longer`,
    facts: [{ name: "Ended", lines: firstOf(lines, 10) }],
    ...(console !== undefined && { button: { text: "Decided approvals", url: `${console}?state=ended` } }),
  };
}

const REMINDER = "Reminder, approval needed";
const TITLES = {
  requested: "Approval needed",
  granted: "Approved",
  fired: "Approved",
  denied: "Denied",
  withdrawn: "Withdrawn",
  expired: "Expired, nobody decided",
  superseded: "Superseded",
  void: "Void",
} as const satisfies Readonly<Record<Approval["state"], string>>;

/** UTF-16 code units. With at most 30 lines a message is smaller than the 28 KB of Teams. */
export const MAX_LINE = 200;
/** Less than the 150 of a header in Slack. */
export const MAX_TITLE = 140;
const MAX_PARAMS = 8;

const paramsOf = ({ params = {} }: ShownRun): readonly string[] =>
  firstOf(
    Object.entries(params).map(([name, value]) => `${name} = ${value}`),
    MAX_PARAMS,
  );

function commitsOf({ commits = [], commitCount = 0 }: ShownRun): readonly string[] {
  const lines = commits.map(({ id, title, author }) => `${id.slice(0, 8)} ${title}${author ? ` (${author})` : ""}`);
  return commitCount > lines.length ? [...lines, `and ${commitCount - lines.length} more`] : lines;
}

/** The name is the sender's; the account behind it was verified. */
function requesterOf({ requester, shows }: Approval): string {
  const name = shows?.requesterName;
  return name === undefined ? nameOf(requester) : `${name} (${nameOf(requester)})`;
}

const firstOf = (lines: readonly string[], count: number): readonly string[] =>
  lines.length <= count ? lines : [...lines.slice(0, count), `and ${lines.length - count} more`];

export const utc = (at: EpochMillis): string => `${toIso(at).slice(0, 16).replace("T", " ")} UTC`;

/**
 * Makes a text of a sender harmless in any format: one line without hidden characters, in which no receiver sees an address
 * to link to, or a mention of everybody.
 */
export const plain = (text: string, limit: number): string =>
  cut(
    withoutHidden(text.toWellFormed())
      .replace(/[\p{C}\s]+/gu, " ")
      .replace(/:(?=\/\/)/g, ": ")
      .replace(/www\./gi, "www ")
      .replace(/@(?=channel|here|everyone|group)/gi, "@ ")
      .trim(),
    limit,
  );
