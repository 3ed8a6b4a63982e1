import * as v from "valibot";
import { type Secrets, secretRef } from "../../host/secrets.ts";
import { secureUrl } from "../../host/secure-url.ts";
import { isTemplate } from "../../routes/fill.ts";
import { isPageId } from "./page-address.ts";

const baseAddress = v.pipe(
  secureUrl,
  v.regex(/^[^?#@]*[^/?#@]$/, "without user, query, fragment, and slash at its end"),
);

/** Lines of a target in `drawbridge.yaml`, next to `kind: confluence`. */
export const targetSettings = v.strictObject({
  product: v.picklist(["cloud", "data-center"]),
  /** What the address of each of its pages starts with, in events and in links; Cloud's ends in `/wiki`. */
  site: baseAddress,
  /** Where calls go if not to `site`: a token with scopes works at `https://api.atlassian.com/ex/confluence/<id>/wiki` only. */
  api: v.optional(baseAddress),
  /** `basic`: a Cloud account and its API token. `bearer`: a Data Center personal access token, or an OAuth access token. */
  credential: v.union([
    v.strictObject({ basic: v.strictObject({ user: v.pipe(v.string(), v.nonEmpty()), token: secretRef }) }),
    v.strictObject({ bearer: secretRef }),
  ]),
  /** Least seconds between two writes of a page while nothing ends; 30 unless told, 0 to 3,600. See `pace.ts`. */
  progressSeconds: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(3_600)), 30),
  /** For one call, in seconds; 10 unless told, 1 to 30. */
  timeoutSeconds: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(30)), 10),
});
export type TargetSettings = v.InferOutput<typeof targetSettings>;

/** Lines of a route in `drawbridge.yaml`, under `do.confluence`, next to `target`. */
export const routeOptions = v.strictObject({
  /** The page to write: its id, or a path such as `$.detail.build.results.page`. Without it, see `pages.ts`. */
  page: v.optional(
    v.pipe(
      v.string(),
      v.check(
        (page) => isPageId(page) || (page.startsWith("$.detail.") && isTemplate(page)),
        "a page's id, or a path below $.detail",
      ),
    ),
  ),
  /** What to do with a page that has no region yet. */
  whenMissing: v.optional(v.picklist(["append", "skip"]), "append"),
});
export type RouteOptions = v.InferOutput<typeof routeOptions>;

/** The `Authorization` header for a target's credential. Throws as {@link Secrets.read} does. */
export async function authorizationFor(credential: TargetSettings["credential"], secrets: Secrets): Promise<string> {
  if ("bearer" in credential) return `Bearer ${(await secrets.read(credential.bearer)).reveal()}`;
  const { user, token } = credential.basic;
  const pair = `${user}:${(await secrets.read(token)).reveal()}`;
  return `Basic ${Buffer.from(pair, "utf8").toString("base64")}`;
}
