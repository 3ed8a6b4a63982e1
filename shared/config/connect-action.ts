import type { Action, ActionDeps } from "../actions/action.ts";
import type { RunReporter } from "../delivery/run-tracking.ts";
import { Fault } from "../host/fault.ts";
import { policyOf } from "../identity/policy.ts";
import type { Route } from "../routes/route.ts";
import type { Config } from "./schema.ts";
import { type CredentialUseDeps, trackCredentialUse } from "./track-credential-use.ts";

/** The configured routes of one kind of action, ready to run, in a process that has no other. */
export function connectAction(
  action: Action,
  { routes, targets, roles }: Pick<Config, "routes" | "targets" | "roles">,
  deps: ActionDeps & CredentialUseDeps,
): readonly Route[] {
  const policy = policyOf(roles);
  return routes
    .filter((route) => route.action === action.name)
    .map(({ name, matches, mode, approval, target, options }) => {
      const settings = settingsOf(target, targets);
      const connected = action.connect(
        { route: name, targetName: target, target: settings, options },
        { ...deps, callOut: trackCredentialUse(target, settings, deps) },
      );
      const { runsReportedBy } = connected;
      return {
        name,
        matches,
        mode,
        refuse: (principal) => policy.rejectRoute(principal, "fire", name),
        action: action.name,
        target,
        maxAttemptMs: action.maxAttemptMs,
        ...(approval && { approval: { ...approval, approvers: policy.rolesFor("approve", name) } }),
        run: (context) => connected.run(context),
        ...(runsReportedBy !== undefined && { runsReportedBy }),
      };
    });
}

/** Which source reports the runs of each route, of whatever kind, as its target's settings have it. */
export const runReporters = ({ routes, targets }: Pick<Config, "routes" | "targets">): readonly RunReporter[] =>
  routes.map(({ name, target }) => {
    const settings = settingsOf(target, targets);
    const told = "runsReportedBy" in settings ? settings.runsReportedBy : undefined;
    return { name, ...(typeof told === "string" && { runsReportedBy: told }) };
  });

function settingsOf(target: string, targets: Config["targets"]): object {
  const found = targets.find(({ name }) => name === target);
  if (found) return found.settings;
  throw new Fault("configuration_invalid", `there is no target "${target}"`, { retryable: false });
}
