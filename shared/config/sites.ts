import type { Sites } from "../approvals/verify.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { AskEditDeps } from "./ask-edit.ts";
import type { AskSite } from "./ask-site.ts";
import type { RouteOutline } from "./route-outline.ts";
import type { Config } from "./schema.ts";
import { trackCredentialUse } from "./track-credential-use.ts";

/** The sites that the routes of a configuration name under `approval.verifyWith`. */
export function openSites(
  config: Pick<Config, "sources">,
  verifiers: RouteOutline["verifiers"],
  deps: AskEditDeps,
): Sites {
  let asking: Promise<AskSite> | undefined;
  const opened = (): Promise<AskSite> => {
    asking ??= import("./ask-site.ts").then(({ siteAsker }) => siteAsker(deps));
    return asking;
  };
  let askingForEdits: Promise<Sites["mayEdit"]> | undefined;
  return {
    targetOf: (route) => verifiers[route]?.name,
    async current(route, subject, known) {
      const target = verifiers[route];
      if (target === undefined) return { state: "unknown", why: "the route names no target to ask" };
      try {
        const ask = await opened();
        return await ask(subject, known, { target, callOut: trackCredentialUse(target.name, target.settings, deps) });
      } catch (error) {
        return { state: "unknown", why: error instanceof Fault ? error.message : `asking failed (${kindOf(error)})` };
      }
    },
    async mayEdit(...asked) {
      askingForEdits ??= import("./ask-edit.ts").then(({ editAsker }) => editAsker(config, verifiers, deps));
      return (await askingForEdits)(...asked);
    },
  };
}
