import { claimAt } from "../claim-match.ts";
import type { Preset } from "./preset.ts";

const CLUSTER = "kubernetes.io";

/**
 * Projected service-account tokens of a cluster
 * (https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/). If the cluster's issuer is not
 * reachable, or names an internal address, the entry contains the keys.
 */
export const kubernetes: Preset = {
  name: "kubernetes",
  algorithms: ["RS256", "ES256"],
  maxLifetimeSeconds: 86_400,
  shown: [
    [CLUSTER, "namespace"],
    [CLUSTER, "pod", "name"],
  ],
  run: (claims) => {
    const [namespace, account, pod] = [["namespace"], ["serviceaccount", "name"], ["pod", "name"]].map((path) =>
      claimAt(claims, [CLUSTER, ...path]),
    );
    if (typeof namespace !== "string" || typeof account !== "string" || typeof pod !== "string") return undefined;
    // The token names the pod, but not its run.
    return { system: "tekton", id: `${namespace}/${pod}`, pipeline: `${namespace}/${account}` };
  },
};
