import * as v from "valibot";
import { withoutHidden } from "../host/hidden-characters.ts";
import { hazardIn } from "../host/inert.ts";
import { compileLinearPattern } from "../host/linear-pattern.ts";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { cut, type OrderPart } from "../model/event.ts";
import { factsOf } from "../model/event-facts.ts";
import { expectedOf, INERT, type InputForm, type InputShape } from "../model/order-input.ts";
import type { Rejection } from "../model/rejection.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { Policy } from "./policy.ts";
import { isInScope, scope } from "./scope.ts";

/** Characters of a value. A longer one is no input of a run, but a document. */
const MAX_LENGTH = 1_000;
const MAX_INPUTS = 20;
/** Characters of the name of an input. */
const MAX_NAME_LENGTH = 40;
const MAX_CHOICES = 100;

const description = v.optional(
  v.pipe(nonEmptyText, v.maxLength(200), v.description("What it is, for the people who place it.")),
);

/** A value as it arrives in a run: without what a TriggerTemplate, a shell or a page reads as something else. */
const isInert = (text: string): boolean => hazardIn(text) === undefined && withoutHidden(text) === text;

const pattern = v.pipe(
  v.string(),
  v.maxLength(300),
  v.title("regular expression"),
  v.check(
    (text) => compileLinearPattern(text).ok,
    ({ input }) => `a regular expression: ${problemIn(input)}`,
  ),
  v.description("The form of the whole value, as a regular expression that is anchored at both ends."),
);
const problemIn = (source: string): string => {
  const compiled = compileLinearPattern(source);
  return compiled.ok ? "" : compiled.problem;
};

/** The declaration of one input. Its own key says which kind it is. */
const input = v.union([
  v.strictObject({
    choice: v.pipe(
      v.array(v.pipe(nonEmptyText, v.maxLength(200), v.check(isInert, INERT))),
      v.minLength(1),
      v.maxLength(MAX_CHOICES),
      v.description("The value is one of these."),
    ),
    description,
  }),
  v.strictObject({
    pattern,
    maxLength: v.optional(
      v.pipe(
        v.number(),
        v.integer(),
        v.minValue(1),
        v.maxValue(MAX_LENGTH),
        v.description("Longest value of a `pattern`, in characters."),
      ),
      200,
    ),
    description,
  }),
  v.strictObject({
    page: v.pipe(nonEmptyText, v.description("The value is the id of a page of this target.")),
    description,
  }),
  v.strictObject({
    ref: v.pipe(
      v.picklist(["branch", "tag", "commit"]),
      v.description(
        "The value is the short name of a branch or a tag, or the 40 or 64 hexadecimal digits of a commit.",
      ),
    ),
    description,
  }),
]);
type Input = v.InferOutput<typeof input>;

const inputName = v.pipe(
  v.string(),
  v.regex(
    /^[a-z][a-z0-9_-]{0,39}$/,
    "an input's name: a-z, 0-9, dashes and underscores, a letter first, at most 40 in all",
  ),
);

/** One entry under `orders:` in `drawbridge.yaml`: what may be started by identity, with what, and by whom. */
export const order = v.strictObject({
  description,
  roles: v.pipe(
    v.array(nonEmptyText),
    v.minLength(1, "at least one role: an order that nobody may place is no order"),
    v.description("Roles whose holders may place it."),
  ),
  agents: v.optional(
    v.pipe(
      v.picklist(["approved", "unattended"]),
      v.description(
        "Orders of agents, whose token has the claim `act`. `approved`: they fire only routes with an `approval`. `unattended`: also others.",
      ),
    ),
    "approved",
  ),
  in: v.optional(
    v.pipe(
      scope,
      v.description(
        "What the order is confined to, by its inputs `project`, `space`, `namespace`, `environment` and `pipeline`.",
      ),
    ),
  ),
  inputs: v.optional(
    v.pipe(
      v.record(inputName, input),
      v.maxEntries(MAX_INPUTS),
      v.description("What has to be given with it, each by its name. All are needed."),
    ),
    {},
  ),
});
export type Order = v.InferOutput<typeof order>;
export type Orders = Readonly<Record<string, Order>>;

export const inputShapes = ({ inputs }: Order): readonly InputShape[] =>
  Object.entries(inputs).map(([name, one]) => ({
    name,
    ...(one.description !== undefined && { description: one.description }),
    ...kindOf(one),
  }));

function kindOf(one: Input): InputForm {
  if ("choice" in one) return { kind: "choice", choices: one.choice };
  if ("pattern" in one) return { kind: "pattern", pattern: one.pattern, maxLength: one.maxLength };
  if ("page" in one) return { kind: "page", target: one.page };
  return { kind: "ref", of: one.ref };
}

type Inputs = OrderPart["inputs"];

/**
 * Reads the inputs of an order by their declaration: each of them, and no other. A rejection names the input, and never a
 * value.
 */
export function readInputs(given: Inputs, { inputs }: Order): Result<Inputs> {
  const extra = Object.keys(given).find((name) => !Object.hasOwn(inputs, name));
  if (extra !== undefined) {
    const known = Object.keys(inputs).join(", ") || "none";
    const input = cut(withoutHidden(extra), MAX_NAME_LENGTH);
    return invalid(input, `There is no input "${input}"; the inputs are: ${known}`);
  }
  for (const [name, declared] of Object.entries(inputs)) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    const why = value === undefined ? "is missing; it must be" : whyUnfit(value, declared);
    if (why !== undefined) return invalid(name, `The input "${name}" ${why} ${expectedOf(kindOf(declared))}`);
  }
  return ok(given);
}

const invalid = (input: string, problem: string) => reject({ reason: "input_invalid", input, problem });

/** Why a text is no value of the input, before what it must be; undefined if it is one. */
function whyUnfit(value: string, declared: Input): string | undefined {
  if (withoutHidden(value) !== value) return "has hidden characters; it must be";
  return v.is(schemaOfInput(declared), value) ? undefined : "must be";
}

function schemaOfInput(one: Input): v.GenericSchema<unknown, string> {
  const text = v.pipe(v.string(), v.maxLength(MAX_LENGTH), v.check(isInert));
  if ("choice" in one) return v.picklist(one.choice);
  if ("page" in one) return v.pipe(text, v.regex(PAGE_ID));
  if ("ref" in one)
    return v.pipe(
      text,
      v.check((value) => (one.ref === "commit" ? COMMIT.test(value) : isRefName(value))),
    );
  const compiled = compileLinearPattern(one.pattern);
  return v.pipe(
    text,
    v.maxLength(one.maxLength),
    v.check((value) => compiled.ok && compiled.matches(value)),
  );
}

/** As Confluence writes it: a 64-bit number. */
const PAGE_ID = /^[1-9]\d{0,18}$/;
const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** The rules of https://git-scm.com/docs/git-check-ref-format for a short name, which also cannot look like an option. */
const isRefName = (name: string): boolean =>
  name.length <= 250 &&
  /^[^-/.]/.test(name) &&
  !/[\s~^:?*[\\]|\.\.|@\{|\/\/|\/\.|\.lock(?:\/|$)|[/.]$/.test(name) &&
  name !== "@" &&
  !name.startsWith("refs/");

type Holder = Parameters<Policy["rejectOrder"]>[0];

/** Why the holder of roles may not place this order, as it is declared now; undefined if they may. */
export function rejectOrder(holder: Holder, part: OrderPart, orders: Orders, policy: Pick<Policy, "rejectOrder">) {
  const declared = orderIn(orders, part.name);
  if (declared === undefined) return { reason: "order_unknown" } as const;
  const forbidden = rejectPlacing(holder, part, declared, policy);
  if (forbidden !== undefined) return forbidden;
  const read = readInputs(part.inputs, declared);
  return read.ok ? undefined : read.rejection;
}

/** The declaration of an order; undefined if there is none. */
export const orderIn = (orders: Orders, name: string): Order | undefined =>
  Object.hasOwn(orders, name) ? orders[name] : undefined;

/** The same for inputs that are known to be valid. */
export function rejectPlacing(
  holder: Holder,
  part: OrderPart,
  { roles, in: confined }: Order,
  policy: Pick<Policy, "rejectOrder">,
): Rejection | undefined {
  const facts = factsOf({ type: "order.placed", time: "", subject: "", order: part });
  const forbidden = policy.rejectOrder(holder, roles, "anything");
  if (forbidden !== undefined) return forbidden;
  if (policy.rejectOrder(holder, roles, [facts]) !== undefined) {
    const role = holder.roles.filter((name) => roles.includes(name)).join(" or ");
    return { reason: "order_confined", role };
  }
  return confined !== undefined && !isInScope(confined, facts) ? { reason: "order_confined" } : undefined;
}

/** Why an agent's order may not fire a route alone; undefined if it may, and for orders of others. */
export function rejectAlone(
  { name, act }: OrderPart,
  { orders, hasApproval }: { readonly orders: Orders; readonly hasApproval: boolean },
): Rejection | undefined {
  const mayFire = act === undefined || hasApproval || orderIn(orders, name)?.agents === "unattended";
  return mayFire ? undefined : { reason: "agent_unattended" };
}
