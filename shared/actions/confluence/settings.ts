import * as v from "valibot";
import { nonEmptyText } from "../../host/non-empty-text.ts";
import { secretRef } from "../../host/secrets.ts";
import { baseAddress } from "../../host/secure-url.ts";
import { oauthClient } from "../../outbound/target-identity.ts";
import { isTemplate } from "../../routes/fill.ts";
import type { ActionDeps } from "../action.ts";
import { isPageId } from "./page-address.ts";

/** Settings of a target in `drawbridge.yaml`, next to `kind: confluence`. */
const settings = v.strictObject({
  product: v.picklist(["cloud", "data-center"]),
  /** The start of the address of each of its pages, in events and in links. Cloud's ends in `/wiki`. */
  site: baseAddress,
  /**
   * Base address for calls, if it is not `site`: a token with scopes works only at
   * `https://api.atlassian.com/ex/confluence/<id>/wiki`.
   */
  api: v.optional(baseAddress),
  /**
   * `basic`: a Cloud account and its API token. `bearer`: a Data Center personal access token, or an OAuth access
   * token. `clientCredentials`: OAuth 2.0 of a Cloud service account, with tokens that live for an hour. `forge`: the
   * name of a source whose Forge app receives a token with its events.
   */
  credential: v.union([
    v.strictObject({ basic: v.strictObject({ user: nonEmptyText, token: secretRef }) }),
    v.strictObject({ bearer: secretRef }),
    v.strictObject({ clientCredentials: oauthClient }),
    v.strictObject({ forge: nonEmptyText }),
  ]),
  /**
   * Name of the bridge's region on each page: lower-case letters, digits and hyphens. Each bridge that writes a site
   * needs a name of its own; all targets of a site in one bridge need the same name.
   */
  region: v.optional(
    v.pipe(v.string(), v.regex(/^[a-z][a-z\d-]{0,39}$/, "at most 40 lower-case letters, digits and hyphens")),
    "drawbridge",
  ),
  /** Shortest time between two writes of a page while no run ends, in seconds: 0 to 3,600, default 30. */
  progressSeconds: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(3_600)), 30),
  /** Timeout of one call, in seconds: 1 to 30, default 10. */
  timeoutSeconds: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(30)), 10),
});
export const targetSettings = v.pipe(
  settings,
  v.check(
    ({ credential, product, api }) => !("forge" in credential) || (product === "cloud" && api === undefined),
    "the credential forge needs product: cloud and no api: the token comes with the address that it is valid for",
  ),
);
export type TargetSettings = v.InferOutput<typeof targetSettings>;

/** Options of a route in `drawbridge.yaml`, under `do.confluence`, next to `target`. */
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
  /**
   * Pages with this label that name the pipeline, repository or environment are written too; see `documented-pages.ts`.
   */
  documentedBy: v.optional(
    v.pipe(v.string(), v.regex(/^[a-z\d_-]{1,100}$/, "a label: lower-case letters, digits, hyphens and underscores")),
  ),
  /** What to do with a page that has no region yet. */
  whenMissing: v.optional(v.picklist(["append", "skip"]), "append"),
});
export type RouteOptions = v.InferOutput<typeof routeOptions>;

type CredentialDeps = Pick<ActionDeps, "secrets" | "outbound" | "systemTokens">;

interface Access {
  /** Base address for calls. */
  readonly base: string;
  /** The header `Authorization`. */
  readonly authorization: string;
}

/**
 * Returns the base address of a target and the credential for it. Throws as {@link Secrets.read},
 * {@link OutboundTokens.tokenFor} and {@link SystemTokens.tokenFor} do.
 */
export async function accessTo(target: TargetSettings, name: string, deps: CredentialDeps): Promise<Access> {
  const { credential, api, site } = target;
  if ("forge" in credential) {
    const { base, token } = await deps.systemTokens.tokenFor(credential.forge);
    return { base: `${base}/wiki`, authorization: `Bearer ${token.reveal()}` };
  }
  return { base: api ?? site, authorization: await authorizationFor(credential, name, deps) };
}

async function authorizationFor(
  credential: Exclude<TargetSettings["credential"], { readonly forge: unknown }>,
  target: string,
  { secrets, outbound }: CredentialDeps,
): Promise<string> {
  if ("bearer" in credential) return `Bearer ${(await secrets.read(credential.bearer)).reveal()}`;
  if ("clientCredentials" in credential) {
    const token = await outbound.tokenFor(credential, { target, cause: OWN_CAUSE });
    return `Bearer ${token.reveal()}`;
  }
  const { user, token } = credential.basic;
  const pair = `${user}:${(await secrets.read(token)).reveal()}`;
  return `Basic ${Buffer.from(pair, "utf8").toString("base64")}`;
}

/** A page is written for many deliveries at once, so the token names the bridge itself and no cause. */
const OWN_CAUSE = { source: "drawbridge", principal: { issuer: "drawbridge", subject: "drawbridge" }, delivery: "" };
