import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { ACCESS_DECISIONS } from "../approvals/access.ts";
import { nameOf } from "../approvals/people.ts";
import { Fault } from "../host/fault.ts";
import { get, post } from "./bridge-client.ts";
import { type Invocation, usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { type Display, formatOf, printFound, timeText } from "./output.ts";
import { type ListedAccess, listedAccess, placedAccess, type ShownAccess, shownAccess } from "./responses.ts";
import { type Session, sessionOf } from "./session.ts";
import { shellWord } from "./shell-word.ts";
import { printable, table } from "./terminal-text.ts";

/** How often the bridge is asked, in milliseconds. */
const ASK_EVERY_MS = 2_000;

/** `drawbridge access request <role>`. */
export async function accessRequestCommand(invocation: Invocation): Promise<number> {
  const { positionals, options, given } = invocation;
  const [role = ""] = positionals;
  const { for: minutes, reason, key = randomUUID() } = options;
  if (minutes === undefined) throw usageFault("for how long? --for 30m");
  if (!reason?.trim()) throw usageFault("a request for a role needs a reason: --reason");
  const session = await sessionOf(invocation);
  // From now on a Ctrl-C must not lose the key, by which it is requested again safely.
  const signal = invocation.interrupted();
  try {
    const body = { role, minutes: Number(minutes), reason };
    const placed = await place(invocation, session, { body, key, signal });
    if (!given.has("wait")) return printPlaced(invocation, placed, key);
    const printNow = formatOf(invocation) === "table" ? invocation.print : invocation.warn;
    printNow(placedText(placed, key));
    const decided = await waitForDecision(session, placed, signal);
    const found = { ...decided, key };
    printFound(invocation, { whole: found, records: [found], text: () => decidedText(decided) });
    return decided.state === "granted" ? EXIT.done : EXIT.unsuccessful;
  } catch (error) {
    if (signal.aborted) return Number(signal.reason);
    throw error;
  }
}

interface Sent {
  readonly body: { readonly role: string; readonly minutes: number; readonly reason: string };
  readonly key: string;
  readonly signal: AbortSignal;
}

async function place({ warn }: Invocation, session: Session, { body, key, signal }: Sent) {
  try {
    return await post(session, "/v1/access", placedAccess, { body, headers: { "idempotency-key": key }, signal });
  } catch (error) {
    // It may have been recorded. With its key it is never requested twice.
    const isUnknown = error instanceof Fault && error.code === "target_unreachable";
    if (isUnknown || signal.aborted) warn(`to request it again safely: --key ${shellWord(key)}`);
    throw error;
  }
}

function printPlaced(invocation: Invocation, placed: ShownAccess & { readonly status: string }, key: string): number {
  const found = { ...placed, key };
  printFound(invocation, { whole: found, records: [found], text: () => placedText(placed, key) });
  return EXIT.done;
}

function placedText(placed: ShownAccess & { readonly status: string }, key: string): string {
  const { id, role, state, approvers, until, status } = placed;
  if (state === "granted" && status === "duplicate") {
    const rest = "no second request was made, and another time does not count: ask again when it is over";
    return printable(`${role} is held already, until ${until}, by ${id}; ${rest}`);
  }
  if (state !== "requested") return decidedText(placed);
  const before = "was requested before, and another time or reason does not count,";
  const what = status === "duplicate" ? before : "is requested";
  const waits = `it waits until ${until} for ${approvers.join(" or ") || "a role that none has"}`;
  return printable(`${role} ${what} as ${id}, with --key ${shellWord(key)}; ${waits}`);
}

/** Waits until somebody decided, or nobody can any more. It changes nothing. */
async function waitForDecision(session: Session, placed: ShownAccess, signal: AbortSignal): Promise<ShownAccess> {
  for (let seen = placed; ; seen = await getOne(session, placed.id, signal)) {
    if (seen.state !== "requested") return seen;
    await sleep(ASK_EVERY_MS, undefined, { signal });
  }
}

const pathOf = (id: string): string => `/v1/access/${encodeURIComponent(id)}`;

const getOne = (session: Session, id: string, signal?: AbortSignal): Promise<ShownAccess> =>
  get(session, pathOf(id), shownAccess, signal ? { signal } : {});

function decidedText({ id, role, state, until, decision, end }: ShownAccess): string {
  const { by, comment } = end ?? decision ?? {};
  const who = by === undefined ? "" : ` by ${nameOf(by)}`;
  const why = comment ? `: ${comment}` : "";
  return printable(
    state === "granted"
      ? `${id}: ${role} until ${until}, granted${who}${why}`
      : `${id}: ${role} is ${state}${who}${why}`,
  );
}

/** `drawbridge access list`. */
export async function accessListCommand(invocation: Invocation): Promise<number> {
  const listed = await get(await sessionOf(invocation), "/v1/access", listedAccess);
  const shown = invocation.given.has("all") ? listed.access : listed.access.filter(isOpen);
  const whole = { ...listed, access: shown };
  printFound(invocation, { whole, records: shown, text: (display) => listText(whole, display) });
  return EXIT.done;
}

const isOpen = ({ state }: ShownAccess): boolean => state === "requested" || state === "granted";

function listText({ roles, access, hasMore }: ListedAccess, display: Display): string {
  const may = roles.map(
    ({ role, maxMinutes, approvers }) => `${role} (at most ${maxMinutes}m, by ${approvers.join(" or ")})`,
  );
  const more = [
    ...(may.length === 0 ? [] : [printable(`You may request: ${may.join(", ")}`)]),
    ...(hasMore ? ["More requests are over than are listed."] : []),
  ];
  if (access.length === 0)
    return ["Nobody that you may know of holds or requests a role for a time.", ...more].join("\n");
  const rows = access.map((one) => [
    one.id,
    one.state,
    one.role,
    nameOf(one.requester),
    timeText(one.until, display),
    one.decision === undefined ? "" : nameOf(one.decision.by),
    one.may.join(", "),
    one.reason,
  ]);
  const head = [
    "REQUEST",
    "STATE",
    "ROLE",
    { name: "REQUESTED BY", least: 6 },
    "UNTIL",
    { name: "DECIDED BY", least: 6 },
    { name: "YOU MAY", least: 6, isOptional: true },
    { name: "REASON", least: 8, isOptional: true },
  ];
  return [table(head, rows, display), ...more].join("\n");
}

/** `drawbridge access show <request>`. */
export async function accessShowCommand(invocation: Invocation): Promise<number> {
  const [id = ""] = invocation.positionals;
  const found = await getOne(await sessionOf(invocation), id);
  printFound(invocation, { whole: found, records: [found], text: (display) => cardOf(found, display) });
  return EXIT.done;
}

function cardOf(access: ShownAccess, display: Display): string {
  const { id, role, state, minutes, reason, requester, requestedAt, until, decision, end, approvers, may } = access;
  const by = (one: typeof decision): string =>
    one === undefined ? "" : `${nameOf(one.by)} at ${one.at}${one.comment ? `: ${one.comment}` : ""}`;
  const rows = [
    ["Request", `${id}, ${state}`],
    ["Role", `${role} for ${minutes} minutes`],
    ["Reason", reason],
    ["Requested by", nameOf(requester)],
    ["Requested", requestedAt],
    [state === "granted" ? "Ends" : "Until", until],
    [state === "denied" ? "Denied by" : "Granted by", by(decision)],
    ["Ended by", by(end)],
    ["Waits for", state === "requested" ? approvers.join(" or ") || "a role that none has" : ""],
    ["You may", may.join(", ") || "nothing"],
  ];
  const [first = [], ...rest] = rows.filter(([, value]) => value !== "");
  return table(first, rest, display);
}

/** `drawbridge access grant|deny|revoke <request>`. */
export async function accessDecideCommand(
  invocation: Invocation,
  decision: (typeof ACCESS_DECISIONS)[number],
): Promise<number> {
  const {
    positionals: [id = ""],
    options: { comment },
    print,
  } = invocation;
  const body = { decision, ...(comment !== undefined && { comment }) };
  print(decidedText(await post(await sessionOf(invocation), pathOf(id), shownAccess, { body })));
  return EXIT.done;
}
