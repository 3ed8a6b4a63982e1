import * as v from "valibot";
import type { EditRight } from "../../model/approval.ts";
import type { PageAddress } from "../../model/board.ts";
import { retryAfterSeconds } from "../../model/retry-after.ts";
import type { LookedUpTarget, LookUpDeps } from "../action.ts";
import { isPageId } from "./page-address.ts";
import { targetSettings } from "./settings.ts";
import { callsTo, read } from "./site-calls.ts";

/**
 * Asks Confluence Cloud whether an account may edit a page or blog post:
 * https://developer.atlassian.com/cloud/confluence/rest/v1/api-group-content-permissions/. The answer covers the account's
 * access to Confluence, the permissions of the space, and the restrictions of the page.
 */
export async function mayEdit(
  account: string,
  page: PageAddress,
  { settings }: LookedUpTarget,
  deps: LookUpDeps,
): Promise<EditRight> {
  const target = v.parse(targetSettings, settings);
  if (target.product !== "cloud") return unknown("Data Center does not say who may edit a page");
  if (page.site !== target.site) return unknown(`the page is not on ${target.site}`);
  if (!isPageId(page.id)) return unknown("the event names no page");
  const { post } = await callsTo(target, deps);
  const subject = { type: "user", identifier: account };
  const response = await post(`/rest/api/content/${page.id}/permission/check`, { subject, operation: "update" });
  const answer = read(permission, response);
  if (answer) return { mayEdit: answer.hasPermission };
  const afterSeconds = retryAfterSeconds(response.headers, deps.clock.now());
  return unknown(`Confluence did not say whether the account may edit the page (${response.status})`, afterSeconds);
}

const permission = v.object({ hasPermission: v.boolean() });

const unknown = (why: string, afterSeconds?: number): EditRight => ({
  mayEdit: false,
  unknown: { why, ...(afterSeconds !== undefined && { afterSeconds }) },
});
