import { randomUUID } from "node:crypto";
import { Fault } from "../host/fault.ts";
import { isSuccess, orderAfter, type SeenOrder } from "./await-order.ts";
import { get, post } from "./bridge-client.ts";
import { type Invocation, usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { type Display, formatOf, printFound } from "./output.ts";
import {
  type ListedOrders,
  listedOrders,
  type OrderInput,
  type OrderPreview,
  orderPreview,
  placedOrder,
} from "./responses.ts";
import { type Session, sessionOf } from "./session.ts";
import { shellWord } from "./shell-word.ts";
import { printable, table } from "./terminal-text.ts";

/** `drawbridge run [<order>]`. Without an order it lists those that the caller may place. */
export async function runOrderCommand(invocation: Invocation): Promise<number> {
  const { positionals, options, lists, given } = invocation;
  const [order] = positionals;
  if (order === undefined) {
    if (["set", "key", "wait", "for"].some((name) => given.has(name)))
      throw usageFault("which order? Without one, run lists them");
    return listCommand(invocation);
  }
  if (given.has("for") && !given.has("wait")) throw usageFault("--for is the longest time of --wait");
  const inputs = inputsOf(lists["set"] ?? []);
  const session = await sessionOf(invocation);
  const path = `/v1/orders/${encodeURIComponent(order)}`;
  if (!(await confirmed(invocation, session, { path, inputs }))) return EXIT.refused;
  const key = options["key"] ?? randomUUID();
  // From now on a Ctrl-C must not lose the key, by which the order is placed again safely.
  const signal = invocation.interrupted();
  const wanted = { path, inputs, key, signal };
  try {
    const placed = { ...(await place(invocation, session, wanted)), key };
    return given.has("wait")
      ? await waitCommand(invocation, session, { order, placed, signal })
      : printPlaced(invocation, order, placed);
  } catch (error) {
    if (signal.aborted) return Number(signal.reason);
    throw error;
  }
}

interface Placed {
  readonly delivery: string;
  readonly status: string;
  readonly key: string;
}

function printPlaced(invocation: Invocation, order: string, placed: Placed): number {
  printFound(invocation, { whole: placed, records: [placed], text: () => placedText(order, placed) });
  return EXIT.done;
}

/**
 * Prints at once what was placed, and what became of it when nothing is left to do, or the time of `--for` is over. A role
 * that may place an order need not be allowed to read it.
 */
async function waitCommand(
  invocation: Invocation,
  session: Session,
  { order, placed, signal }: { readonly order: string; readonly placed: Placed; readonly signal: AbortSignal },
): Promise<number> {
  // The result of the other formats is one value, at the end.
  const printNow = formatOf(invocation) === "table" ? invocation.print : invocation.warn;
  printNow(placedText(order, placed));
  const seconds = Number(invocation.options["for"] ?? Infinity);
  let seen: SeenOrder;
  try {
    seen = await orderAfter(session, placed.delivery, { seconds, signal });
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "not_allowed") throw error;
    invocation.warn(`${order} is placed. Its end is not awaited: ${error.message}`);
    if (formatOf(invocation) !== "table") printPlaced(invocation, order, placed);
    return EXIT.unseen;
  }
  const { isOpen, ...shown } = { ...placed, ...seen };
  const found = { ...shown, runs: seen.runs.map(({ isOpen: _, ...run }) => run) };
  printFound(invocation, { whole: found, records: [found], text: () => endedText({ ...placed, ...seen }) });
  if (isOpen) {
    invocation.warn(`${order} is placed and goes on; the time of --for is over`);
    return EXIT.unseen;
  }
  return isSuccess(seen) ? EXIT.done : EXIT.unsuccessful;
}

interface Wanted {
  readonly path: string;
  readonly inputs: Readonly<Record<string, string>>;
}

interface Keyed extends Wanted {
  readonly key: string;
  readonly signal: AbortSignal;
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

async function place({ warn }: Invocation, session: Session, { path, inputs, key, signal }: Keyed) {
  const content = { body: { inputs }, headers: { "idempotency-key": key }, signal };
  try {
    return await post(session, path, placedOrder, content);
  } catch (error) {
    // It may have been recorded. With its key it is never placed twice.
    const isUnknown = error instanceof Fault && error.code === "target_unreachable";
    if (isUnknown || signal.aborted) warn(`to place it again safely: --key ${shellWord(key)}`);
    throw error;
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
    problem ?? (approval ? waitText(approval) : "runs at once"),
  ]);
  return table(["ROUTE", "TARGET", "THEN"], rows, { columns });
}

function waitText({ people, roles, rules = [] }: NonNullable<OrderPreview["routes"][number]["approval"]>): string {
  const byRule = rules.length === 0 ? "" : `, or the rule ${rules.join(" or ")}`;
  return `needs ${people} of ${roles.join(" or ") || "nobody"}, not you${byRule}`;
}

function placedText(order: string, { delivery, status, key }: Placed): string {
  const what = status === "duplicate" ? "was placed before with this key, as" : "is placed as";
  return printable(`${order} ${what} ${delivery}, with --key ${shellWord(key)}`);
}

function endedText({
  delivery,
  state,
  waitsFor,
  runs,
}: Placed & Pick<SeenOrder, "state" | "waitsFor" | "runs">): string {
  const lines = runs.map(({ what, state: of }) => `  ${what}: ${of}`);
  const waiting = waitsFor === undefined ? "" : `, for ${waitsFor}`;
  return [`${delivery}: ${state}${waiting}`, ...lines].map(printable).join("\n");
}
