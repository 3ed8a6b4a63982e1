import { type BusEvent, type EventDetail, providerOf } from "../../model/bus-event.ts";
import { fill } from "../../routes/fill.ts";
import { isPageId, type PageLink, pageLinksIn } from "./page-address.ts";

interface PagesConcerned {
  readonly links: readonly PageLink[];
  /** A text links to them, and neither the route nor an edit names them: anybody can write such a text. */
  readonly areLinked: boolean;
}

/**
 * Returns the pages of `site` that show an event: the page that the route names, otherwise the page whose event is the
 * origin, otherwise the pages that the texts of the commits, the change or the build link to. `ofChange`: the
 * links of the change that the build is for, which its report does not have.
 */
export function pagesConcerned(
  { busEvent, origin }: { readonly busEvent: BusEvent; readonly origin: BusEvent },
  { site, page, ofChange }: { readonly site: string; readonly page: string | undefined; readonly ofChange: string },
): PagesConcerned {
  if (page !== undefined) {
    return { links: [fill(busEvent, page)].filter(isPageId).map((id) => ({ id })), areLinked: false };
  }
  const started = startingPage(origin.detail, site);
  if (started !== undefined) return { links: [{ id: started }], areLinked: false };
  const reported = pageOfReport(busEvent);
  if (reported !== undefined) return { links: [{ id: reported }], areLinked: true };
  const text = [...textsOf(origin.detail), ...textsOf(busEvent.detail), ofChange].join("\n");
  return { links: pageLinksIn(text, site), areLinked: true };
}

/** A blog post cannot be written as a page, and a live doc is not written, so neither shows what it started. */
function startingPage(detail: EventDetail, site: string): string | undefined {
  if (!("page" in detail)) return undefined;
  const { site: reported, id, kind = "page" } = detail.page;
  return reported === site && kind === "page" && isPageId(id) ? id : undefined;
}

/** The page that a CI job names by its id. Such a report has no site, so it is a page of every site that gets the event. */
function pageOfReport(busEvent: BusEvent): string | undefined {
  if (providerOf(busEvent) !== "status" || !("build" in busEvent.detail)) return undefined;
  const { message = "" } = busEvent.detail.build;
  return isPageId(message) ? message : undefined;
}

function textsOf(detail: EventDetail): readonly string[] {
  if ("code" in detail) return detail.code.commits.map((commit) => commit.message);
  if ("change" in detail) return [detail.change.title ?? "", detail.change.description ?? ""];
  if ("deployment" in detail) return [detail.deployment.title ?? ""];
  if ("build" in detail) return [detail.build.message ?? detail.build.title ?? ""];
  return [];
}
