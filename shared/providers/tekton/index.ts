import * as v from "valibot";
import { namespaceList } from "../../host/namespace-list.ts";
import type { Provider } from "../provider.ts";
import { readDelivery } from "./parse.ts";
import { basicCredential, prove, signWithBasic } from "./verify.ts";

const settings = v.pipe(
  v.strictObject({
    bearer: v.optional(
      v.pipe(
        v.strictObject({
          trust: v.pipe(
            v.union([v.string(), v.array(v.string())]),
            v.description("Names of the trust entries whose tokens are accepted."),
          ),
        }),
        v.description("The cluster proves itself with a service-account token."),
      ),
    ),
    basic: v.optional(
      v.pipe(basicCredential, v.description("The cluster proves itself with a secret in the address of its sink.")),
    ),
    dashboard: v.optional(
      v.pipe(
        v.string(),
        v.url(),
        v.title("address"),
        v.description("Base address of the Tekton Dashboard. Without it, runs have no link."),
      ),
    ),
    namespaces: v.optional(
      v.pipe(
        namespaceList,
        v.description(
          "Namespaces whose runs are accepted: exact names, or `ci-*` for all that begin so. Events of others are recorded as ignored. Without it, every namespace of the cluster can report runs.",
        ),
      ),
    ),
    maxAgeHours: v.optional(
      v.pipe(
        v.number(),
        v.minValue(1),
        v.description("A run that the bridge did not start is ignored when it ended more hours ago than this."),
      ),
      24,
    ),
  }),
  v.check(({ bearer, basic }) => bearer !== undefined || basic !== undefined, "needs `bearer`, `basic` or both"),
);

/** Tekton Pipelines and Triggers, which report runs and listeners in CloudEvents. */
export const tekton = {
  name: "tekton",
  settings,
  publishes: [
    "build.queued",
    "build.running",
    "build.succeeded",
    "build.failed",
    "build.cancelled",
    "build.timed_out",
    "job.queued",
    "job.running",
    "job.succeeded",
    "job.failed",
    "job.cancelled",
    "job.timed_out",
    "trigger.started",
    "trigger.succeeded",
    "trigger.failed",
    "trigger.done",
    "trigger.refused",
    "approval.requested",
    "approval.granted",
    "approval.denied",
  ],
  secrets: { "basic.password": "basic" },
  // Only Pipelines-as-Code labels a run with what it is for.
  hiddenForks: () => ({ parts: ["build", "job"], startedBy: [] }),
  clusterOf: (value) => {
    const { namespaces, bearer } = v.parse(settings, value);
    return { namespaces, trust: bearer ? [bearer.trust].flat() : [] };
  },
  contentTypes: ["application/cloudevents+json"],
  connect(source, deps) {
    const { bearer, basic, dashboard, namespaces, maxAgeHours } = v.parse(settings, source.settings);
    const options = { source: source.name, dashboard: dashboard?.replace(/\/+$/, ""), namespaces, maxAgeHours };
    const credentials = { trust: bearer && [bearer.trust].flat(), basic };
    return {
      authenticate: (request) => prove(request, source.name, credentials, deps),
      read: (delivery) => readDelivery(delivery, options),
      ...(basic && { sign: (request) => signWithBasic(request, basic, deps.secrets) }),
    };
  },
} satisfies Provider;
