import * as v from "valibot";
import type { CurrentState, Subject } from "../../model/approval.ts";
import type { LookedUpTarget, LookUpDeps } from "../action.ts";
import { type PageClient, pageClient } from "./client.ts";
import { cloud } from "./cloud.ts";
import { dataCenter } from "./data-center.ts";
import { isPageId } from "./page-address.ts";
import { NO_COOLDOWN, NO_WRITES } from "./read-only.ts";
import { accessTo, targetSettings } from "./settings.ts";

/**
 * Asks the site for the version of a page. The versions that the bridge itself wrote since `known`, such as the status of
 * the very run that waits, change nothing outside its region.
 */
export async function lookUp(
  subject: Subject,
  known: string | undefined,
  { settings }: LookedUpTarget,
  deps: LookUpDeps,
): Promise<CurrentState> {
  const target = v.parse(targetSettings, settings);
  if (subject.kind !== "page") return unknown("a Confluence target cannot be asked about this event");
  if (subject.site !== target.site) return unknown(`the page is not on ${target.site}`);
  if (!isPageId(subject.id)) return unknown("the event names no page");
  // The API of Cloud for pages answers 404 for a blog post.
  if (subject.isBlogPost && target.product === "cloud") return unknown("blog posts on Cloud cannot be asked about");
  const client = pageClient({
    product: target.product === "cloud" ? cloud : dataCenter,
    ...(await accessTo(target, deps)),
    ownAccount: NO_WRITES,
    credential: "",
    traceparent: undefined,
    timeoutMs: target.timeoutSeconds * 1_000,
    signal: deps.signal,
    cooldown: NO_COOLDOWN,
    clock: deps.clock,
  });
  const page = await client.presentVersion(subject.id);
  if (!page.ok) return page.failure;
  const { status, version } = page.value;
  if (status !== "current") return { state: "ended", why: `the page is ${status}` };
  const isSame = await hasOnlyOwnVersions({ from: Number(known), to: version.number }, subject, { client, ...deps });
  if (typeof isSame !== "boolean") return isSame;
  if (!isSame || known === undefined) return { state: "found", mark: String(version.number) };
  const made = await client.author(subject.id, Number(known));
  return made.ok ? { state: "found", mark: known, since: made.value.at } : made.failure;
}

/** More writes of the bridge than a run that waits causes within its days. */
const MAX_OWN_VERSIONS = 60;
const MAX_AT_ONCE = 10;

/** Whether the bridge itself made each version after `from`, by the authors that the site names. */
async function hasOnlyOwnVersions(
  { from, to }: { readonly from: number; readonly to: number },
  { site, id }: Extract<Subject, { readonly kind: "page" }>,
  { client, ownAccounts }: Pick<LookUpDeps, "ownAccounts"> & { readonly client: Pick<PageClient, "author"> },
): Promise<boolean | Exclude<CurrentState, { readonly state: "found" }>> {
  if (!(from <= to)) return false;
  if (to - from > MAX_OWN_VERSIONS)
    return unknown(`the page has ${to - from} newer versions, which are too many to look at`);
  for (let first = to; first > from; first -= MAX_AT_ONCE) {
    const numbers = Array.from({ length: Math.min(MAX_AT_ONCE, first - from) }, (_, n) => first - n);
    const authors = await Promise.all(numbers.map((number) => client.author(id, number)));
    for (const read of authors) {
      if (!read.ok) return read.failure;
      const { account, at } = read.value;
      if (account === undefined || !(await ownAccounts.isOwn({ site, account }, at))) return false;
    }
  }
  return true;
}

const unknown = (why: string) => ({ state: "unknown", why }) as const;
