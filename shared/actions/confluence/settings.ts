import * as v from "valibot";
import { Fault } from "../../host/fault.ts";
import { type Secrets, secretRef } from "../../host/secrets.ts";
import { secureUrl } from "../../host/secure-url.ts";
import { oauthClient } from "../../outbound/target-identity.ts";
import { isTemplate } from "../../routes/fill.ts";
import type { ActionTools } from "../action.ts";
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
  /**
   * `basic`: a Cloud account and its API token. `bearer`: a Data Center personal access token, or an OAuth access token.
   * `clientCredentials`: OAuth 2.0 of a Cloud service account, with tokens that live for an hour.
   */
  credential: v.union([
    v.strictObject({ basic: v.strictObject({ user: v.pipe(v.string(), v.nonEmpty()), token: secretRef }) }),
    v.strictObject({ bearer: secretRef }),
    v.strictObject({ clientCredentials: oauthClient }),
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
  /** Pages with this label that list the pipeline, repository or environment are written too; see `documented-pages.ts`. */
  documentedBy: v.optional(
    v.pipe(v.string(), v.regex(/^[a-z\d_-]{1,100}$/, "a label: lower-case letters, digits, hyphens and underscores")),
  ),
  /** What to do with a page that has no region yet. */
  whenMissing: v.optional(v.picklist(["append", "skip"]), "append"),
});
export type RouteOptions = v.InferOutput<typeof routeOptions>;

interface CredentialTools extends Pick<ActionTools, "outbound"> {
  readonly secrets: Secrets;
}

/** The `Authorization` header for a target's credential. Throws as {@link Secrets.read} and {@link OutboundTokens.tokenFor} do. */
export async function authorizationFor(
  credential: TargetSettings["credential"],
  target: string,
  { secrets, outbound }: CredentialTools,
): Promise<string> {
  if ("bearer" in credential) return `Bearer ${(await secrets.read(credential.bearer)).reveal()}`;
  if ("clientCredentials" in credential) {
    if (!outbound) throw noTokens(target);
    return `Bearer ${(await outbound.tokenFor(credential, { target, cause: OWN_CAUSE })).reveal()}`;
  }
  const { user, token } = credential.basic;
  const pair = `${user}:${(await secrets.read(token)).reveal()}`;
  return `Basic ${Buffer.from(pair, "utf8").toString("base64")}`;
}

/** A page is written for many deliveries at once, so the site is shown the bridge itself and no cause. */
const OWN_CAUSE = { source: "drawbridge", principal: { issuer: "drawbridge", subject: "drawbridge" }, delivery: "" };

const noTokens = (target: string): Fault =>
  new Fault("configuration_invalid", `target "${target}" needs tokens, and there are none`, { retryable: false });
