import { describe, expect, test } from "vitest";
import { pagesConcerned } from "../../../../shared/actions/confluence/pages.ts";
import type { AuthenticDelivery } from "../../../../shared/model/authentic-delivery.ts";
import type { BusEvent } from "../../../../shared/model/bus-event.ts";
import type { Reading } from "../../../../shared/model/reading.ts";
import { readDelivery as readBuildkite } from "../../../../shared/providers/buildkite/parse.ts";
import { readDelivery as readGitlab } from "../../../../shared/providers/gitlab/parse.ts";
import { fixturesOf, requestOf, takenAsAuthentic } from "../../../support/provider-fixtures.ts";
import { buildEntry, entryOf } from "../../../support/sandbox-confluence-action.ts";

const SITE = "https://wiki.example.test";
const LINK = `${SITE}/spaces/ENG/pages/98310`;

type Reader = (delivery: AuthenticDelivery) => Reading | Promise<Reading>;
type Json = { [member: string]: unknown };

/** The event of a fixture with the link written into one of its texts. */
async function eventWithLink(
  provider: string,
  fixture: string,
  read: Reader,
  path: readonly string[],
): Promise<BusEvent> {
  const found = fixturesOf(provider).find(({ name }) => name === fixture);
  if (!found) throw new Error(`there is no fixture ${fixture}`);
  const body: Json = JSON.parse(Buffer.from(found.body).toString());
  const [member = "", ...above] = path.toReversed();
  const holder = above.reduceRight<Json>((part, name) => Object(part[name]), body);
  holder[member] = `See ${LINK} for it.\n\nSigned off.`;
  const request = requestOf({ url: found.url, body: Buffer.from(JSON.stringify(body)) }, new Headers(found.headers));
  const reading = await read(await takenAsAuthentic(request));
  if (reading.outcome !== "event") throw new Error(JSON.stringify(reading));
  const { keyParts: _, ...event } = reading.events[0];
  return entryOf("d-1", event);
}

describe("a page that senders link to", () => {
  test.each<[string, string, string, Reader, readonly string[]]>([
    ["a pipeline's commit", "gitlab", "pipeline", readGitlab, ["commit", "message"]],
    ["the title of a pipeline's merge request", "gitlab", "pipeline-failed", readGitlab, ["merge_request", "title"]],
    ["a deployment's commit", "gitlab", "deployment", readGitlab, ["commit_title"]],
    ["a build's message", "buildkite", "build-finished", readBuildkite, ["build", "message"]],
  ])("a page linked in %s is concerned by that run", async (_, provider, fixture, read, path) => {
    const busEvent = await eventWithLink(provider, fixture, read, path);
    expect(pagesConcerned({ busEvent, origin: busEvent }, { site: SITE, page: undefined, ofChange: "" })).toEqual({
      links: [{ id: "98310" }],
      areLinked: true,
    });
  });

  test.each<[string, string, readonly string[]]>([
    ["a pushed commit", "push", ["commits", "0", "message"]],
    ["a merge request's title", "merge-request", ["object_attributes", "title"]],
    ["a merge request's description", "merge-request", ["object_attributes", "description"]],
    ["the description of a merged merge request", "merge-request-merged", ["object_attributes", "description"]],
    ["the description of a merge request with a new comment", "note", ["merge_request", "description"]],
  ])("a page linked in %s is concerned by the run that this event started", async (_, fixture, path) => {
    const origin = await eventWithLink("gitlab", fixture, readGitlab, path);
    expect(pagesConcerned({ busEvent: buildEntry(), origin }, { site: SITE, page: undefined, ofChange: "" })).toEqual({
      links: [{ id: "98310" }],
      areLinked: true,
    });
  });
});
