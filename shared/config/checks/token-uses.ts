import type { ConfigProblem } from "../explain.ts";
import { namesUnder } from "../references.ts";
import type { Config } from "../schema.ts";

/** Sources that believe what a CI job has as well: its token for a status would tell whatever the source may tell. */
export function sharedWithJobs({ issuers, roles, sources }: Config): readonly ConfigProblem[] {
  return sources.flatMap(({ name, settings }) =>
    namesUnder(settings, "trust", ["sources", name]).flatMap(([path, trust]) => {
      const telling = issuers[trust]?.roles.find(({ role }) => roles[role]?.call.includes("status"));
      if (telling === undefined) return [];
      const message = `a job whose token earns the role "${telling.role}" can send this source's events too: give "${trust}" to one of the two, and the other an entry with an audience of its own`;
      return [{ path, message }];
    }),
  );
}

/** Trust entries whose proofs name an address that, on one machine, is compared with what the sender says it is. */
export function unaddressed({ identity, issuers }: Config): readonly ConfigProblem[] {
  if (identity !== undefined) return [];
  return Object.entries(issuers)
    .filter(([, { proof }]) => proof === "dpop")
    .map(([name]) => ({
      path: ["issuers", name, "proof"],
      message: `without "identity.issuer" the address in a proof is compared, on one machine, with the sender's own "Host"`,
    }));
}
