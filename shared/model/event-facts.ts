import type { BridgeEvent, OrderPart } from "./event.ts";
import type { Promotion, RecordedDelivery } from "./recorded-delivery.ts";

/** What an event is about, as a role can name it. A fact that the sender does not report is absent. */
export interface EventFacts {
  readonly project?: string | undefined;
  readonly space?: string | undefined;
  readonly namespace?: string | undefined;
  readonly environment?: string | undefined;
  readonly pipeline?: string | undefined;
}

type WithoutKey<Event> = Event extends unknown ? Omit<Event, "keyParts"> : never;

/**
 * The facts of an event, recorded or published. A step of an approval has none: it belongs to the run that waits. A
 * promotion is about the environment to which it leads.
 */
export function factsOf(event: WithoutKey<BridgeEvent> & { readonly promotion?: Promotion | undefined }): EventFacts {
  const facts = factsOfEvent(event);
  return event.promotion === undefined ? facts : { ...facts, environment: event.promotion.to };
}

function factsOfEvent(event: WithoutKey<BridgeEvent>): EventFacts {
  if ("page" in event) return { space: event.page.space };
  if ("attachment" in event) return { space: event.attachment.space };
  if ("code" in event) return { project: event.code.project };
  if ("change" in event) return { project: event.change.project };
  if ("release" in event) return { project: event.release.project };
  if ("deployment" in event) return { project: event.deployment.project, environment: event.deployment.environment };
  if ("build" in event) return factsOfRun(event.build);
  if ("job" in event) return { ...factsOfRun(event.job), environment: event.job.environment };
  if ("approval" in event && event.approval.gate === undefined) {
    return { ...factsOfRun(event.approval), environment: event.approval.environment };
  }
  // A group has no path below another's project, so a path with a slash is not one of each.
  if ("token" in event && event.token.owner?.includes("/")) return { project: event.token.owner };
  if ("order" in event) return factsOfInputs(event.order.inputs);
  if ("trigger" in event) return { namespace: firstPart(event.trigger.listener ?? event.trigger.name ?? "") };
  return {};
}

/** The inputs with the name of a fact say what an order is about. */
const factsOfInputs = ({ project, space, namespace, environment, pipeline }: OrderPart["inputs"]): EventFacts => ({
  project,
  space,
  namespace,
  environment,
  pipeline,
});

/** The facts of each event of a delivery; none if it is not an event. */
export const factsOfDelivery = ({
  events,
  replay,
}: Pick<RecordedDelivery, "events" | "replay">): readonly EventFacts[] =>
  events?.map((event) => factsOf({ ...event, promotion: replay?.promotion })) ?? [];

/**
 * A pipeline has the name of its project or namespace, which something else may follow: `platform/docs (child)`,
 * `ci/docs-build`. Older servers of GitLab report a job by a name for people, which has blanks around the slash.
 */
export function factsOfRun({ system, pipeline }: { readonly system: string; readonly pipeline: string }): EventFacts {
  if (system === "tekton") return { pipeline, namespace: firstPart(pipeline) };
  if (!NAMED_AFTER_PROJECT.has(system)) return { pipeline };
  return { pipeline, project: /^[^\s:]+\/[^\s:]+(?=[\s:]|$)/.exec(pipeline)?.[0] };
}

/** Systems whose pipelines are named after their project. */
const NAMED_AFTER_PROJECT: ReadonlySet<string> = new Set(["gitlab", "github"]);

const firstPart = (name: string): string | undefined => /^([^/]+)\/./.exec(name)?.[1];
