import * as v from "valibot";
import { rotatingSecret } from "../../host/secrets.ts";
import type { Provider } from "../provider.ts";
import { readDelivery } from "./parse.ts";
import { sign } from "./sign.ts";
import { prove } from "./verify.ts";

const settings = v.pipe(
  v.strictObject({
    /** The hook's signing token, `whsec_…` (GitLab 19.0 and later). */
    signingToken: v.optional(rotatingSecret),
    /** The hook's secret token, sent in clear: for older servers, and during a migration to the signing token. */
    token: v.optional(rotatingSecret),
  }),
  v.check(
    ({ signingToken, token }) => signingToken !== undefined || token !== undefined,
    "needs `signingToken`, `token` or both",
  ),
);

/** GitLab's project, group and system hooks. */
export const gitlab = {
  name: "gitlab",
  settings,
  secrets: { signingToken: "standard-webhooks", token: "token" },
  connect(source, deps) {
    const { signingToken, token } = v.parse(settings, source.settings);
    return {
      authenticate: (request) => prove(request, { source: source.name, signingToken, token }, deps),
      read: readDelivery,
      sign: (request) => sign(request, { signingToken, token }, deps),
    };
  },
} satisfies Provider;
