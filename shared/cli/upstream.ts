import { stringify } from "yaml";
import { loadConfig } from "../config/load.ts";
import { authenticationConfiguration, scopeRoles } from "../identity/scope-roles.ts";
import { type Invocation, usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { sessionOf } from "./session.ts";

/** `drawbridge upstream roles <upstream>`: prints what a Kubernetes cluster needs to know of an upstream's scopes. */
export async function rolesCommand(invocation: Invocation): Promise<number> {
  const [name = ""] = invocation.positionals;
  const session = await sessionOf(invocation);
  const { upstreams, identity } = await loadConfig(session.config());
  const upstream = Object.hasOwn(upstreams, name) ? upstreams[name] : undefined;
  const withRules = Object.keys(upstreams).filter((one) => Object.keys(upstreams[one]?.kubernetes ?? {}).length > 0);
  if (upstream === undefined || identity === undefined || !withRules.includes(name)) {
    throw usageFault(`no upstream "${name}" has rules for kubernetes; these have: ${withRules.join(", ") || "none"}`);
  }
  const objects = invocation.given.has("authentication")
    ? [authenticationConfiguration(identity.issuer, upstream)]
    : scopeRoles(name, upstream);
  const texts = objects.map((object) =>
    stringify(object, { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN", lineWidth: 0 }),
  );
  invocation.print(texts.join("---\n"));
  return EXIT.done;
}
