import { actions } from "../actions/registry.ts";
import { rulesIn } from "../approvals/configured-rules.ts";
import { fewestPeople } from "../approvals/rules.ts";
import { rejectAlone, rejectOrder } from "../identity/order.ts";
import { policyOf } from "../identity/policy.ts";
import { type BusEvent, isMeantFor } from "../model/bus-event.ts";
import { factsOf } from "../model/event-facts.ts";
import type { Rejection } from "../model/rejection.ts";
import { explainMatch, type MatchExplanation } from "../routes/explain-match.ts";
import { fill, whyEmpty } from "../routes/fill.ts";
import { stringsIn } from "./references.ts";
import type { Config, ConfiguredRoute } from "./schema.ts";
import { shownPath } from "./yaml-file.ts";

/** What one route would do with one event. Nothing is sent. */
export interface RouteTest {
  readonly route: string;
  readonly explanation: MatchExplanation;
  /** Whether it would fire, possibly after an approval. */
  readonly fires: boolean;
  /** The event replays another for other routes. */
  readonly isForOtherRoutes: boolean;
  /** The order may not be placed so any more, by the declaration and the sender's roles; shadow mode does not excuse it. */
  readonly orderDenial: Rejection | undefined;
  /** The roles of the sender do not allow it; in shadow mode the route fires nevertheless. */
  readonly denial: Rejection | undefined;
  readonly mode: ConfiguredRoute["mode"];
  /** Undefined if the run needs no approval. */
  readonly approval: { readonly approvers: number; readonly roles: readonly string[] } | undefined;
  readonly target: string;
  readonly action: string;
  readonly options: readonly FilledOption[];
}

/** An option of the action with the event's value. */
interface FilledOption {
  /** `params.branch`. */
  readonly name: string;
  /** As written in the configuration. */
  readonly template: string;
  readonly value: string;
  /** Why it is empty; undefined if it is not. */
  readonly emptyBecause?: string;
}

/** Says whether a route matches an event, what its sender's roles and an approval mean for it, and what would be sent. */
export function testRoute(
  { name, pattern, mode, approval, action, target, options }: ConfiguredRoute,
  { roles, orders }: Pick<Config, "roles" | "orders">,
  event: BusEvent,
): RouteTest {
  const policy = policyOf(roles);
  const about = [factsOf(event.detail)];
  const explanation = explainMatch(pattern, event);
  const isForOtherRoutes = !isMeantFor(name, event.detail);
  const { detail } = event;
  const order = "order" in detail ? detail.order : undefined;
  const orderDenial = order && rejectOrder(detail.principal, order, orders, policy);
  const denial =
    (order && rejectAlone(order, { orders, hasApproval: approval !== undefined })) ??
    policy.rejectRoute(detail.principal, "fire", name, about);
  const isDenied = orderDenial !== undefined || (denial !== undefined && mode !== "shadow");
  return {
    route: name,
    explanation,
    fires: explanation.matched && !isForOtherRoutes && !isDenied,
    isForOtherRoutes,
    orderDenial,
    denial,
    mode,
    approval: approval && {
      approvers: fewestPeople(rulesIn(approval)),
      roles: policy.rolesFor("approve", name, about),
    },
    target,
    action,
    options: stringsIn(options, []).map(([path, template]) => filled(action, shownPath(path), template, event)),
  };
}

function filled(action: string, name: string, template: string, event: BusEvent): FilledOption {
  const value = fill(event, template);
  const hazard = actions.find((one) => one.name === action)?.whyEmptied?.(value);
  if (hazard !== undefined) return { name, template, value: "", emptyBecause: hazard };
  const emptyBecause = value === "" ? whyEmpty(event, template) : undefined;
  return { name, template, value, ...(emptyBecause !== undefined && { emptyBecause }) };
}
