import { isIP } from "node:net";
import * as v from "valibot";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { secureUrl, withoutWhiteSpace } from "../host/secure-url.ts";

const origin = v.regex(/^https?:\/\/[^/?#@]+$/, "without user, path, query, fragment, and slash at its end");

const hosts = v.pipe(
  v.array(
    v.pipe(v.string(), v.regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, "the name of a host, in small letters")),
  ),
  v.minLength(1),
);

const address = v.pipe(
  v.string(),
  v.check(isAddress, "an IP address, or a range such as 192.0.2.0/24"),
  v.title("IP address or range"),
);

function isAddress(text: string): boolean {
  const [ip = "", bits, ...rest] = text.split("/");
  const version = isIP(ip);
  const isRange = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
  return version !== 0 && isRange && rest.length === 0;
}

/** The section `kong:` of `drawbridge.yaml`: what `drawbridge kong` needs besides the policy. The bridge ignores it. */
export const kongSettings = v.strictObject({
  bridge: v.pipe(
    v.strictObject({
      url: v.pipe(secureUrl, origin, v.description("The bridge, as Kong reaches it.")),
      hosts: v.pipe(hosts, v.description("Names by which the senders reach it at Kong.")),
    }),
    v.description("The bridge behind Kong."),
  ),
  sources: v.optional(
    v.pipe(
      v.record(
        nonEmptyText,
        v.strictObject({
          addresses: v.optional(
            v.pipe(
              v.array(address),
              v.minLength(1),
              v.description("Addresses from which the sender sends. Others are refused. Without it, none is."),
            ),
          ),
          perMinute: v.optional(
            v.pipe(
              v.number(),
              v.integer(),
              v.minValue(1),
              v.maxValue(100_000),
              v.description("Requests per minute of one address, unless a role of the source has a smaller `limit`."),
            ),
            600,
          ),
        }),
      ),
      v.description("Sources by name. All sources have a route, also those that are not here."),
    ),
    {},
  ),
  upstreams: v.optional(
    v.pipe(
      v.record(
        nonEmptyText,
        v.strictObject({
          url: v.pipe(
            v.string(),
            withoutWhiteSpace,
            v.title("`http://` or `https://` address"),
            origin,
            v.description("The service, as Kong reaches it."),
          ),
          hosts: v.pipe(hosts, v.description("Names by which the callers reach it at Kong.")),
          clientCa: v.optional(
            v.pipe(
              nonEmptyText,
              v.description(
                "File with the authority, in PEM, of the certificates that callers must have. Only with Kong Enterprise.",
              ),
            ),
          ),
        }),
      ),
      v.description("Upstreams by name that are behind Kong."),
    ),
    {},
  ),
});
export type KongSettings = v.InferOutput<typeof kongSettings>;
