import { claimAt } from "../claim-at.ts";
import type { Preset, TokenPod } from "./preset.ts";

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
    const pod = podOf(claims);
    const account = claimAt(claims, [CLUSTER, "serviceaccount", "name"]);
    if (pod === undefined || typeof account !== "string") return undefined;
    // The token names the pod, but not its run.
    return { system: "tekton", id: `${pod.namespace}/${pod.name}`, pipeline: `${pod.namespace}/${account}` };
  },
  pod: podOf,
};

function podOf(claims: Readonly<Record<string, unknown>>): TokenPod | undefined {
  const [namespace, name] = [["namespace"], ["pod", "name"]].map((path) => claimAt(claims, [CLUSTER, ...path]));
  return typeof namespace === "string" && typeof name === "string" ? { namespace, name } : undefined;
}
