import { readFile } from "node:fs/promises";
import { renderTarget, toYaml } from "../actions/tekton/render.ts";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { Fault } from "../host/fault.ts";
import { type Invocation, usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { differencesFrom, idOf } from "./kubernetes-diff.ts";
import { sessionOf } from "./session.ts";
import { printable } from "./terminal-text.ts";

/**
 * `drawbridge tekton render <target>`: prints the Kubernetes objects of a target, or with `--route` those of one of its
 * routes. With `--diff` it prints instead what differs in a cluster.
 */
export async function renderCommand(invocation: Invocation): Promise<number> {
  const [name = ""] = invocation.positionals;
  const { route, diff } = invocation.options;
  const config = await loadConfig((await sessionOf(invocation)).config());
  const target = targetNamed(name, config);
  const { routes, rendered, all } = renderedOf(target, config);
  const objects = route === undefined ? all : rendered.routes.get(route);
  if (objects === undefined) {
    throw usageFault(
      `the target "${name}" has no route "${route}"; it has: ${routes.map(nameOf).join(", ") || "none"}`,
    );
  }
  if (diff === undefined) {
    invocation.print(toYaml(objects));
    return EXIT.done;
  }
  const differences = differencesFrom(await readFile(diff, "utf8").catch(unreadable(diff)), objects, (id) =>
    targetRendering(id, config, target),
  );
  for (const line of differences) invocation.print(printable(line));
  return differences.length === 0 ? EXIT.done : EXIT.refused;
}

type Target = Config["targets"][number];

function renderedOf(target: Target, config: Config) {
  const routes = config.routes
    .filter((one) => one.action === "tekton" && one.target === target.name && !("gate" in one.options))
    // In shadow mode the route fires without an approval.
    .map((one) => ({ ...one, isApproved: one.approval !== undefined && one.mode === "enforce" }));
  const rendered = renderTarget(target, routes);
  return { routes, rendered, all: [...rendered.listener, ...[...rendered.routes.values()].flat()] };
}

/** The name of another target that renders the object with this id. A target that cannot be rendered renders none. */
function targetRendering(id: string, config: Config, target: Target): string | undefined {
  const others = config.targets.filter(({ kind, name }) => kind === "tekton" && name !== target.name);
  return others.find((other) => {
    try {
      return renderedOf(other, config).all.some((object) => idOf(object) === id);
    } catch (error) {
      if (error instanceof Fault) return false;
      throw error;
    }
  })?.name;
}

const unreadable = (path: string) => (): never => {
  throw usageFault(`--diff: the file ${path} cannot be read`);
};

const nameOf = ({ name }: { readonly name: string }): string => name;

function targetNamed(name: string, { targets, routes }: Config) {
  const listeners = targets.filter(({ kind }) => kind === "tekton");
  const target = listeners.find((one) => one.name === name);
  if (target !== undefined) return target;
  const route = routes.find((one) => one.name === name && one.action === "tekton");
  if (route !== undefined) {
    throw usageFault(`"${name}" is a route: render its target with "tekton render ${route.target} --route ${name}"`);
  }
  throw usageFault(
    `no target "${name}" has the kind tekton; these have: ${listeners.map(nameOf).join(", ") || "none"}`,
  );
}
