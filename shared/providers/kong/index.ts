import { randomUUID } from "node:crypto";
import * as v from "valibot";
import { rotatingSecret } from "../../host/secrets.ts";
import type { Provider } from "../provider.ts";
import { proveByToken } from "../static-token.ts";
import { readDelivery } from "./parse.ts";
import { RecordSelection } from "./select-records.ts";

const settings = v.strictObject({
  token: v.pipe(
    rotatingSecret,
    v.description("The token that the plugin http-log sends in the header `X-Kong-Token`. No other source has it."),
  ),
  keep: v.pipe(
    v.optional(
      v.strictObject({
        refusals: v.pipe(
          v.optional(v.boolean(), true),
          v.description("Keep requests that the gateway refused or could not pass on. Default true."),
        ),
        writes: v.pipe(
          v.optional(v.boolean(), false),
          v.description(
            "Keep requests that passed with another method than GET, HEAD, OPTIONS or TRACE. Default false.",
          ),
        ),
        sample: v.pipe(
          v.optional(v.pipe(v.string(), v.regex(/^(?:\d{1,2}(?:\.\d{1,3})?|100)%$/, "must be 0% to 100%")), "0%"),
          v.description("Keep this share of the other requests that passed, such as `1%`. Default `0%`."),
        ),
      }),
      {},
    ),
    v.description("Which requests are kept one by one. All others are counted in the log."),
  ),
});

/** The source token of https://developer.konghq.com/plugins/http-log/, set with its `headers`. */
const HEADER = "x-kong-token";

/** The log of Kong Gateway: what it refused, and what failed. */
export const kong = {
  name: "kong",
  settings,
  publishes: ["gateway.refused", "gateway.failed", "gateway.passed"],
  secrets: { token: "token" },
  connect({ name, settings: given }, { secrets }) {
    const { token, keep } = v.parse(settings, given);
    const selection = new RecordSelection({ ...keep, sample: Number.parseFloat(keep.sample) / 100 }, randomUUID());
    return {
      authenticate: (request) => proveByToken(request, { source: name, header: HEADER, token, secrets }),
      read: readDelivery,
      select: (delivery) => selection.select(delivery),
      async sign(request) {
        const headers = new Headers(request.headers);
        headers.set(HEADER, (await secrets.read(token.current)).reveal());
        return headers;
      },
    };
  },
} satisfies Provider;
