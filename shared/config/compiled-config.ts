import type { BusEvent } from "../model/bus-event.ts";
import { matches } from "../routes/matches.ts";
import { compilePattern } from "../routes/pattern.ts";
import { compiledValue, invalid, outlineOf, partsOf } from "./compiled.ts";
import type { ConfiguredRoute, ConfigWithoutOrders, Outline } from "./schema.ts";

/**
 * The configuration that was compiled into this bundle. It was validated before that, so only the provider or action that
 * connects a part parses the part's own settings: a bundle contains only the providers and actions that it uses. A module
 * of its own, because a function that matches no routes does not load the code for patterns at its start. Orders are loaded
 * when the first one is judged, see `compiledOrders`.
 * Throws `configuration_invalid`.
 */
export function compiledConfig(): ConfigWithoutOrders {
  const { orders: _, ...value } = compiledValue();
  const compiled = outlineOf(value);
  const routes = Object.entries(compiled.routes).map(([name, part]) => route(name, part));
  return { ...partsOf(compiled), routes };
}

function route(
  name: string,
  { when, mode, approval, flow, do: actionsOfRoute }: Outline["routes"][string],
): ConfiguredRoute {
  const [chosen] = Object.entries(actionsOfRoute);
  const compiled = compilePattern(when);
  if (chosen === undefined || !compiled.ok) throw invalid(`the compiled route "${name}" is invalid`);
  const [action, { target, ...options }] = chosen;
  const { pattern } = compiled;
  return {
    name,
    when,
    pattern,
    matches: (busEvent: BusEvent) => matches(pattern, busEvent),
    mode,
    approval,
    ...(flow && { flow }),
    action,
    target,
    options,
  };
}
