import type { ActionOutcome } from "../../model/action-outcome.ts";
import type { PageAddress, ReportedRow } from "../../model/board.ts";
import { buildOrder, isTerminal } from "../../model/build-order.ts";
import type { PageReport } from "../../store/change-comments.ts";
import type { ActionDeps } from "../action.ts";
import { changeOfRun, runKeyOf } from "../change-of-run.ts";
import type { EventAndOrigin } from "./row-place.ts";
import { factName } from "./update-page.ts";

interface RowOfPage extends EventAndOrigin {
  readonly row: ReportedRow;
  readonly page: PageAddress;
  readonly deps: Pick<ActionDeps, "boards" | "changeComments">;
}

/**
 * Records what became of the end of a change request's run on a page, for the comment on the change request. A run that
 * goes on is not recorded, because it does not change the comment. Returns the outcome as it is.
 */
export async function recordForChange(outcome: ActionOutcome, of: RowOfPage): Promise<ActionOutcome> {
  const { row, page, busEvent, deps } = of;
  const { detail } = busEvent;
  if (!("build" in detail) || !isTerminal(detail.build.state)) return outcome;
  const change = changeOfRun(of);
  if (change === undefined) return outcome;
  await deps.changeComments.recordPage(change, {
    site: page.site,
    page: page.id,
    row: row.key,
    run: runKeyOf(detail),
    order: buildOrder(row.build),
    isPending: outcome.outcome === "wait" || outcome.outcome === "retry",
    ...(await shownBy(outcome, of)),
  });
  return outcome;
}

async function shownBy(
  outcome: ActionOutcome,
  { row: { build }, page, busEvent, deps }: RowOfPage,
): Promise<Pick<PageReport, "shown">> {
  const isShown = outcome.outcome === "done" && outcome.facts?.[factName(page)] !== undefined;
  if (!isShown) return {};
  const { title } = (await deps.boards.read(page)).record.shown ?? {};
  const { pipeline, state, finishedAt: at = busEvent.detail.time } = build;
  const url = `${page.site}/pages/viewpage.action?pageId=${page.id}`;
  return { shown: { url, ...(title !== undefined && { title }), pipeline, state, at } };
}
