import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../host/fault.ts";
import { get, post } from "./bridge-client.ts";
import { type Invocation, usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { type Display, printFound } from "./output.ts";
import {
  type ListedOrders,
  listedOrders,
  type OrderInput,
  type OrderPreview,
  orderPreview,
  placedOrder,
  shownDelivery,
} from "./responses.ts";
import { type Session, sessionOf } from "./session.ts";
import { printable, table } from "./terminal-text.ts";

/** How often `--wait` asks, in milliseconds. */
const ASK_EVERY_MS = 2_000;

/** States in which something is left to do. A failed route may still be run again, so the others have ended. */
const OPEN_STATES: readonly string[] = ["pending", "waiting", "retrying", "expecting_run"];

/** `drawbridge run [<order>]`. Without an order it lists those that the caller may place. */
export async function runOrderCommand(invocation: Invocation): Promise<number> {
  const { positionals, options, lists, given } = invocation;
  const [order] = positionals;
  if (order === undefined) {
    if (["set", "key", "wait"].some((name) => given.has(name)))
      throw usageFault("which order? Without one, run lists them");
    return listCommand(invocation);
  }
  const inputs = inputsOf(lists["set"] ?? []);
  const session = await sessionOf(invocation);
  const path = `/v1/orders/${encodeURIComponent(order)}`;
  if (!(await confirmed(invocation, session, { path, inputs }))) return EXIT.refused;
  const key = options["key"] ?? randomUUID();
  const placed = await place(invocation, session, { path, inputs, key });
  const ended = given.has("wait") ? await waitForEnd(invocation, session, placed.delivery) : undefined;
  const found = { ...placed, key, ...(ended && { state: ended }) };
  printFound(invocation, { whole: found, records: [found], text: () => placedText(order, found) });
  return ended === undefined || ended === "ran" ? EXIT.done : EXIT.refused;
}

interface Wanted {
  readonly path: string;
  readonly inputs: Readonly<Record<string, string>>;
}

/** Shows on a terminal what would run, and asks. Without a terminal nobody is asked. */
async function confirmed(
  { openTerminal, warn, columns }: Invocation,
  session: Session,
  { path, inputs }: Wanted,
): Promise<boolean> {
  if (openTerminal === undefined) return true;
  warn(previewText(await post(session, `${path}/preview`, orderPreview, { body: { inputs } }), columns));
  const terminal = openTerminal();
  try {
    return /^y(es)?$/i.test((await terminal.ask("Place it? [y/N] ")).trim());
  } finally {
    terminal.close();
  }
}

async function place({ warn }: Invocation, session: Session, { path, inputs, key }: Wanted & { readonly key: string }) {
  try {
    return await post(session, path, placedOrder, { body: { inputs }, headers: { "idempotency-key": key } });
  } catch (error) {
    // It may have been recorded. With its key it is never placed twice.
    if (error instanceof Fault && error.code === "target_unreachable") warn(`to place it again safely: --key ${key}`);
    throw error;
  }
}

/** The state in which nothing is left to do. Nothing is decided here: who stops waiting changes nothing. */
async function waitForEnd({ interrupted }: Invocation, session: Session, id: string): Promise<string> {
  const signal = interrupted();
  for (;;) {
    const { delivery } = await get(session, `/v1/deliveries/${encodeURIComponent(id)}`, shownDelivery, { signal });
    const { state = "pending" } = delivery;
    if (!OPEN_STATES.includes(state)) return state;
    await sleep(ASK_EVERY_MS, undefined, { signal });
  }
}

function inputsOf(assignments: readonly string[]): Readonly<Record<string, string>> {
  const entries = assignments.map((one) => {
    const at = one.indexOf("=");
    if (at < 1) throw usageFault("--set needs an input and its value: --set environment=staging");
    return [one.slice(0, at), one.slice(at + 1)] as const;
  });
  const names = entries.map(([name]) => name);
  if (new Set(names).size < names.length) throw usageFault("--set names an input twice");
  return Object.fromEntries(entries);
}

async function listCommand(invocation: Invocation): Promise<number> {
  const listed = await get(await sessionOf(invocation), "/v1/orders", listedOrders);
  printFound(invocation, { whole: listed, records: listed.orders, text: (display) => listText(listed, display) });
  return EXIT.done;
}

function listText({ orders }: ListedOrders, display: Display): string {
  if (orders.length === 0) return "You may place no order.";
  const rows = orders.map(({ order, inputs, description = "" }) => [
    order,
    inputs.map((one) => `${one.name}=<${formOf(one)}>`).join(" "),
    description,
  ]);
  return table(["ORDER", "INPUTS", { name: "WHAT", least: 10, isOptional: true }], rows, display);
}

function formOf(input: OrderInput): string {
  switch (input.kind) {
    case "choice":
      return input.choices.join("|");
    case "pattern":
      return input.pattern;
    case "page":
      return `page of ${input.target}`;
    case "ref":
      return input.of;
  }
}

function previewText({ order, routes }: OrderPreview, columns: number | undefined): string {
  if (routes.length === 0) return printable(`No route matches ${order}: it would be recorded, and nothing would run.`);
  const rows = routes.map(({ route, target, approval, problem }) => [
    route,
    target,
    problem ??
      (approval ? `needs ${approval.people} of ${approval.roles.join(" or ") || "nobody"}, not you` : "runs at once"),
  ]);
  return table(["ROUTE", "TARGET", "THEN"], rows, { columns });
}

function placedText(
  order: string,
  { delivery, status, state }: { readonly delivery: string; readonly status: string; readonly state?: string },
): string {
  const what = status === "duplicate" ? "was placed before with this key, as" : "is placed as";
  return printable(`${order} ${what} ${delivery}${state === undefined ? "" : `: ${state}`}`);
}
