import * as v from "valibot";
import { renderTekton } from "../actions/tekton/render.ts";
import { loadConfig } from "../config/load.ts";
import { type Invocation, usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { sessionOf } from "./session.ts";

/** `drawbridge tekton render <route>`: prints the Kubernetes objects for a route. */
export async function renderCommand(invocation: Invocation): Promise<number> {
  const [name = ""] = invocation.positionals;
  const session = await sessionOf(invocation);
  const config = await loadConfig(session.config());
  const route = config.routes.find((one) => one.name === name && one.action === "tekton");
  if (route === undefined) {
    const names = config.routes.filter(({ action }) => action === "tekton").map((one) => one.name);
    throw usageFault(`no route "${name}" has the action tekton; these have: ${names.join(", ") || "none"}`);
  }
  const { namespace = "", listener = "", pipeline = name, "service-account": serviceAccount = "" } = invocation.options;
  const params = Object.keys(v.parse(withParams, route.options).params);
  invocation.print(renderTekton({ name, params }, { namespace, listener, pipeline, serviceAccount }));
  return EXIT.done;
}

const withParams = v.object({ params: v.optional(v.record(v.string(), v.string()), {}) });
