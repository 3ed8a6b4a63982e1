import { claimAt } from "../claim-match.ts";
import type { Preset } from "./preset.ts";

const CLUSTER = "kubernetes.io";

/**
 * Projected service-account tokens of a cluster
 * (https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/). Where the cluster's issuer cannot be
 * reached, or names an address inside, the entry gives the keys.
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
    // The token knows the pod, and not of which run it is.
    return { system: "tekton", id: `${namespace}/${pod}`, pipeline: `${namespace}/${account}` };
  },
};
