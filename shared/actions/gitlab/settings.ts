import * as v from "valibot";
import { nonEmptyText } from "../../host/non-empty-text.ts";
import { pathList } from "../../host/path-list.ts";
import { secretRef } from "../../host/secrets.ts";
import { baseAddress } from "../../host/secure-url.ts";
import { isTemplate } from "../../routes/fill.ts";
import { linkHostsOf } from "../link-hosts.ts";

/** Settings of a target in `drawbridge.yaml`, next to `kind: gitlab`. */
export const instanceTarget = v.strictObject({
  url: v.pipe(baseAddress, v.description("Base address of the instance, as in the links of its events.")),
  api: v.optional(
    v.pipe(
      baseAddress,
      v.description("Base address at which the bridge reaches the instance, if it is another one. Default: `url`."),
    ),
  ),
  token: v.pipe(
    secretRef,
    v.description("An access token with the scope `api` and the role Developer or above in the projects."),
  ),
  projects: v.optional(
    v.pipe(
      pathList,
      v.description(
        "Projects whose commits may get a status and whose merge requests may get a comment: exact paths, or `platform/*` for all below `platform`. Without it, every project in which the account of `token` may write one.",
      ),
    ),
  ),
  linkHosts: linkHostsOf("commit statuses and comments"),
  timeoutSeconds: v.optional(
    v.pipe(v.number(), v.minValue(1), v.maxValue(20), v.description("Timeout of one call, in seconds.")),
    10,
  ),
});
export type InstanceTarget = v.InferOutput<typeof instanceTarget>;

/** The address to which `/api/v4/` is appended. */
export const apiOf = ({ url, api = url }: InstanceTarget): string => api;

/** Options of a route in `drawbridge.yaml`, under `do.gitlab`, next to `target`. */
export const routeOptions = v.strictObject({
  name: v.optional(
    v.pipe(
      nonEmptyText,
      v.check(isTemplate, "a literal, or a path such as $.detail.build.pipeline"),
      v.description(
        "Name of the commit status: a literal, or a path into the event. A commit has one status per name.",
      ),
    ),
    "$.detail.build.pipeline",
  ),
  comment: v.optional(
    v.pipe(
      v.picklist(["pages"]),
      v.description(
        "Keep one comment on the merge request of a run up to date, and set no status. `pages`: the comment lists the Confluence pages that show the results of the merge request's runs.",
      ),
    ),
  ),
});
export type RouteOptions = v.InferOutput<typeof routeOptions>;
