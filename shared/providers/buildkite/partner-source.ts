import * as v from "valibot";
import type { Source } from "../../delivery/receive.ts";
import type { Proof } from "../../model/authentic-delivery.ts";
import { ok, type Result, reject } from "../../model/result.ts";
import { confined } from "../confine.ts";
import { listedPipelines, rejectEvents } from "./listed-pipelines.ts";
import { METHOD, partnerSource, readPartnerEvent } from "./partner.ts";

/** A configured source: the part of it that partner events need. */
interface Configured {
  readonly name: string;
  readonly provider: string;
  readonly roles: readonly string[];
  readonly settings: object;
}

const settings = v.object({ partnerEvents: partnerSource, ...listedPipelines.entries });

/** The sources that receive Buildkite's partner events, by the name of their event source in AWS. */
export function partnerSources(sources: readonly Configured[]): ReadonlyMap<string, Source> {
  const found = new Map<string, Source>();
  for (const { name, provider, roles, settings: configured } of sources) {
    const read = v.safeParse(settings, configured);
    if (!read.success || provider !== "buildkite") continue;
    const { partnerEvents, organization, pipelines } = read.output;
    const listed = { source: name, organization, pipelines };
    found.set(partnerEvents, {
      name,
      provider,
      roles,
      contentTypes: [],
      read: confined(readPartnerEvent, (events) => rejectEvents(events, listed)),
      authenticate: async ({ body }) => prove(body, partnerEvents),
    });
  }
  return found;
}

const envelope = v.pipe(v.string(), v.parseJson(), v.object({ source: v.string() }));

/**
 * Only the partner can put an event whose source begins with `aws.` on the bus of its name, and only that bus's rule
 * can send to the function's queue (`infra/receive-partner.ts`). AWS has therefore proved the sender already.
 * https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html
 */
function prove(body: Uint8Array, partnerEvents: string): Result<Proof> {
  const read = v.safeParse(envelope, new TextDecoder().decode(body));
  if (!read.success || read.output.source !== partnerEvents) return reject({ reason: "source_unknown" });
  return ok({
    principal: { issuer: "aws:events", subject: partnerEvents, method: METHOD, credential: "partner", roles: [] },
  });
}
