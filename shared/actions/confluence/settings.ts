import * as v from "valibot";
import type { CallOut } from "../../host/call-out.ts";
import { nonEmptyText } from "../../host/non-empty-text.ts";
import { secretRef } from "../../host/secrets.ts";
import { baseAddress } from "../../host/secure-url.ts";
import { MAX_PUSHES } from "../../model/code-since.ts";
import { namedPrincipal, OWN_ISSUERS } from "../../model/principal.ts";
import { oauthClient } from "../../outbound/target-identity.ts";
import { isTemplate } from "../../routes/fill.ts";
import type { ActionDeps } from "../action.ts";
import { linkHostsOf } from "../link-hosts.ts";
import { paceOf } from "./pace.ts";
import { isPageId } from "./page-address.ts";

/** Settings of a target in `drawbridge.yaml`, next to `kind: confluence`. */
const settings = v.strictObject({
  product: v.pipe(v.picklist(["cloud", "data-center"]), v.description("Which Confluence it is.")),
  site: v.pipe(
    baseAddress,
    v.description("Start of the address of every page; on Cloud it ends in `/wiki`. The same text as in the source."),
  ),
  api: v.optional(
    v.pipe(
      baseAddress,
      v.description(
        "Base address for calls, if it is not `site`. A Cloud token with scopes works only at `https://api.atlassian.com/ex/confluence/<cloud id>/wiki`.",
      ),
    ),
  ),
  credential: v.pipe(
    v.union([
      v.strictObject({
        basic: v.pipe(
          v.strictObject({
            user: v.pipe(nonEmptyText, v.description("E-mail address of the Cloud account.")),
            token: v.pipe(secretRef, v.description("Its API token.")),
          }),
          v.description("Cloud: an account and its API token."),
        ),
      }),
      v.strictObject({
        bearer: v.pipe(secretRef, v.description("Data Center: a personal access token. Cloud: an OAuth access token.")),
      }),
      v.strictObject({
        clientCredentials: v.pipe(
          oauthClient,
          v.description("Cloud: OAuth 2.0 of a service account, with tokens that live for an hour. Needs `api`."),
        ),
      }),
      v.strictObject({
        forge: v.pipe(
          nonEmptyText,
          v.description(
            "Cloud: name of the source that stores the token of its Forge app (`forge.systemToken`). The token brings its own address, so `api` is left out.",
          ),
        ),
      }),
    ]),
    v.description("The account that writes the pages."),
  ),
  region: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[a-z][a-z\d-]{0,39}$/, "at most 40 lower-case letters, digits and hyphens"),
      // The summaries of another target have that region, and that label keeps its pages as they are.
      v.regex(/(?<!-summary|-off)$/, "a name that does not end in `-summary` or `-off`"),
      v.description(
        "Name of the bridge's region on each page: at most 40 lower-case letters, digits and hyphens. Two bridges that write one site need different names; all targets of a site in one bridge need the same.",
      ),
    ),
    "drawbridge",
  ),
  spaces: v.optional(
    v.pipe(
      v.array(
        v.pipe(
          v.string(),
          v.regex(/^(?:[^\s*/]{1,255}\*?|~\*)$/, "a space's key, or the beginning of one and a `*`"),
          v.title("key of a space, or its beginning and a `*`"),
        ),
      ),
      v.minLength(1),
      v.description(
        "Keys of the spaces whose pages are written: exact ones, or `DOC*` for all that begin so. Without `spaces` and `pages`, every page that the account can edit is.",
      ),
    ),
  ),
  pages: v.optional(
    v.pipe(
      v.array(v.pipe(v.string(), v.check(isPageId, "a page's id, as text"), v.title("id of a page"))),
      v.minLength(1),
      v.description("Ids of pages that are written, in addition to those in `spaces`."),
    ),
  ),
  layout: v.optional(
    v.pipe(
      v.picklist(["board", "releases"]),
      v.description(
        "What its pages show: `board`, the newest state of each pipeline and place; or `releases`, one row for each of the last deployments. Targets that write the same pages need the same layout.",
      ),
    ),
    "board",
  ),
  linkHosts: linkHostsOf("the pages"),
  progressSeconds: v.optional(
    v.pipe(
      v.number(),
      v.minValue(0),
      v.maxValue(3_600),
      v.description(
        "Least seconds between two writes of a page while no run ends. Default: 60 on Cloud, 30 on Data Center.",
      ),
    ),
  ),
  endSeconds: v.optional(
    v.pipe(
      v.number(),
      v.minValue(0),
      v.maxValue(3_600),
      v.description(
        "Least seconds between two writes of a page after a run has ended, so that one version shows all ends of that time. At most `progressSeconds`. Default: 60 on Cloud, 2 on Data Center, or `progressSeconds` if that is less.",
      ),
    ),
  ),
  onlyChanges: v.optional(
    v.pipe(
      v.boolean(),
      v.description(
        "Write a version only when a result changes, a run waits or stops waiting, or a row is new. A run that only goes on, or passes like the one before it, is shown with the next version. Default: `true` on Cloud, `false` on Data Center.",
      ),
    ),
  ),
  outdated: v.optional(
    v.pipe(
      v.strictObject({
        after: v.pipe(
          v.number(),
          v.integer(),
          v.minValue(1),
          v.maxValue(MAX_PUSHES),
          v.description("Commits since the last edit or review with which `page.outdated` is published, 1 to 50."),
        ),
      }),
      v.description(
        "Count the commits that changed what a page documents since a person edited or reviewed it. The region's last line shows the count. Off without it. Needs a route with `documentedBy` for pushes, edits and labels.",
      ),
    ),
  ),
  timeoutSeconds: v.optional(
    v.pipe(v.number(), v.minValue(1), v.maxValue(30), v.description("Timeout of one call, in seconds.")),
    10,
  ),
});
export const targetSettings = v.pipe(
  settings,
  v.check(
    ({ credential, product, api }) => !("forge" in credential) || (product === "cloud" && api === undefined),
    "the credential forge needs product: cloud and no api: the token comes with the address that it is valid for",
  ),
  v.check(
    (target) => (target.endSeconds ?? 0) <= paceOf(target).progressSeconds,
    "endSeconds may not be more than progressSeconds: a write while no run ends would show the ends too",
  ),
);
export type TargetSettings = v.InferOutput<typeof targetSettings>;

/** Options of a route in `drawbridge.yaml`, under `do.confluence`, next to `target`. */
export const routeOptions = v.strictObject({
  page: v.optional(
    v.pipe(
      v.string(),
      v.description(
        "The page to write: its id, or a path below `$.detail`. Without it: the page whose edit caused the run, else the pages that the commits, the change or the build link to.",
      ),
      v.check(
        (page) => isPageId(page) || (page.startsWith("$.detail.") && isTemplate(page)),
        "a page's id, or a path below $.detail",
      ),
    ),
  ),
  documentedBy: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[a-z\d_-]{1,100}$/, "a label: lower-case letters, digits, hyphens and underscores"),
      v.description("A label. Pages with it that list the pipeline, repository or environment are written too."),
    ),
  ),
  whenMissing: v.optional(
    v.pipe(
      v.picklist(["append", "skip"]),
      v.description(
        "What to do with a page that has no region yet: append one, or skip the page unless it has the label that is named as the region. Without it: `skip` for a page that only a text links to, else `append`.",
      ),
    ),
  ),
});
export type RouteOptions = v.InferOutput<typeof routeOptions>;

type CredentialDeps = Pick<ActionDeps, "secrets" | "outbound" | "systemTokens" | "callOut">;

interface Access {
  /** Sends calls. After an answer of 401 to a requested token, the next attempt requests another one. */
  readonly callOut: CallOut;
  /** Base address for calls. */
  readonly base: string;
  /** The header `Authorization`. */
  readonly authorization: string;
}

/**
 * Returns the base address of a target and the credential for it, and what sends calls with it. Throws as
 * {@link Secrets.read}, {@link OutboundTokens.tokenFor} and {@link SystemTokens.tokenFor} do.
 */
export async function accessTo(target: TargetSettings, deps: CredentialDeps): Promise<Access> {
  const { credential, api, site } = target;
  if ("forge" in credential) {
    const { base, token } = await deps.systemTokens.tokenFor(credential.forge);
    return { base: `${base}/wiki`, authorization: `Bearer ${token.reveal()}`, callOut: deps.callOut };
  }
  return { base: api ?? site, ...(await authorizationFor(credential, deps)) };
}

async function authorizationFor(
  credential: Exclude<TargetSettings["credential"], { readonly forge: unknown }>,
  { secrets, outbound, callOut }: CredentialDeps,
): Promise<Omit<Access, "base">> {
  if ("bearer" in credential)
    return { authorization: `Bearer ${(await secrets.read(credential.bearer)).reveal()}`, callOut };
  if ("clientCredentials" in credential) {
    const token = await outbound.tokenFor(credential, OWN_CAUSE);
    return {
      authorization: `Bearer ${token.reveal()}`,
      callOut: async (request) => {
        const response = await callOut(request);
        if (response.status === 401) outbound.rejected(credential, OWN_CAUSE, token);
        return response;
      },
    };
  }
  const { user, token } = credential.basic;
  const pair = `${user}:${(await secrets.read(token)).reveal()}`;
  return { authorization: `Basic ${Buffer.from(pair, "utf8").toString("base64")}`, callOut };
}

/** A page is written for many deliveries at once, so the token names the bridge itself and no cause. */
const OWN_CAUSE = { principal: namedPrincipal({ issuer: OWN_ISSUERS.bridge, subject: "pages" }) };
