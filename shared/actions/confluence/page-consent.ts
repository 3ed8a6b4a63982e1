import { isListedInAnyCase } from "../../host/name-pattern.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import type { PageClient, StoredPage } from "./client.ts";
import type { FoundPage } from "./page-search.ts";
import type { SpaceKeys } from "./space-keys.ts";

/** The pages that a target may write: those in one of the spaces, and these pages. All if it names neither. */
export interface AllowedPages {
  readonly spaces?: readonly string[] | undefined;
  readonly pages?: readonly string[] | undefined;
}

/** The outcome for a page that a target excludes by its id alone, without a call; undefined if that is not known yet. */
export const excludedById = (id: string, { spaces, pages }: AllowedPages): ActionOutcome | undefined =>
  spaces === undefined && pages !== undefined && !pages.includes(id)
    ? notWritten(id, 'it is not in the target\'s "pages"')
    : undefined;

export interface ConsentInput {
  readonly allowed: AllowedPages;
  /** Name of the region, and of the label that asks for it. */
  readonly region: string;
  readonly spaceKeys: SpaceKeys;
  readonly client: Pick<PageClient, "spaceKey">;
}

/**
 * The outcome for a page that must not be written, because its readers opted out by a label or the target excludes it. It
 * is `done`: whoever links to a page decides nothing about it, and must not raise an alarm.
 */
export async function excluded(id: string, page: StoredPage, input: ConsentInput): Promise<ActionOutcome | undefined> {
  const off = optOutLabels(input.region).find((label) => page.labels.includes(label));
  if (off) return notWritten(id, `it has the label ${off}`);
  const { spaces, pages } = input.allowed;
  if (spaces === undefined || pages?.includes(id)) return excludedById(id, input.allowed);
  if (page.space === undefined) return notWritten(id, "Confluence does not name its space");
  const key = await input.spaceKeys.keyOf(page.space, input.client);
  if (!key.ok) return key.failure;
  return isListedInAnyCase(key.value, spaces)
    ? undefined
    : notWritten(id, `its space ${key.value} is not in the target's "spaces"`);
}

/** Whether a page that a search found may be written, as far as the search says. */
export function mayBeAllowed({ id, space }: Pick<FoundPage, "id" | "space">, { spaces, pages }: AllowedPages): boolean {
  if (pages?.includes(id)) return true;
  return spaces === undefined ? pages === undefined : space === undefined || isListedInAnyCase(space, spaces);
}

/** `drawbridge-off` stops every bridge. A bridge whose region has another name can also be stopped alone. */
const optOutLabels = (region: string): readonly string[] => ["drawbridge-off", `${region}-off`];

const notWritten = (id: string, why: string): ActionOutcome => ({
  outcome: "done",
  summary: `page ${id} is not written: ${why}`,
});
