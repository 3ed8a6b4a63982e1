import * as v from "valibot";
import type { Provider } from "../provider.ts";
import { readDelivery } from "./parse.ts";
import { basicCredential, prove, signWithBasic } from "./verify.ts";

const settings = v.pipe(
  v.strictObject({
    /** Service-account tokens: the trust entries whose tokens are accepted. */
    bearer: v.optional(v.strictObject({ trust: v.union([v.string(), v.array(v.string())]) })),
    /** User name and password in the sink's address. */
    basic: v.optional(basicCredential),
    /** Base address of the Tekton Dashboard, for links to runs. */
    dashboard: v.optional(v.pipe(v.string(), v.url())),
    /**
     * A run that the bridge did not start is ignored if it ended more than this many hours ago. At least 1, default 24.
     */
    maxAgeHours: v.optional(v.pipe(v.number(), v.minValue(1)), 24),
  }),
  v.check(({ bearer, basic }) => bearer !== undefined || basic !== undefined, "needs `bearer`, `basic` or both"),
);

/** Tekton Pipelines, which reports its runs in CloudEvents. */
export const tekton = {
  name: "tekton",
  settings,
  secrets: { "basic.password": "basic" },
  contentTypes: ["application/cloudevents+json"],
  connect(source, deps) {
    const { bearer, basic, dashboard, maxAgeHours } = v.parse(settings, source.settings);
    const credentials = { trust: bearer && [bearer.trust].flat(), basic };
    return {
      authenticate: (request) => prove(request, source.name, credentials, deps),
      read: (delivery) => readDelivery(delivery, { dashboard: dashboard?.replace(/\/+$/, ""), maxAgeHours }),
      ...(basic && { sign: (request) => signWithBasic(request, basic, deps.secrets) }),
    };
  },
} satisfies Provider;
