import { randomUUID } from "node:crypto";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import * as v from "valibot";
import { type Clock, systemClock } from "../../shared/host/clock.ts";
import { PROBE_ROUTE } from "../../shared/model/probe-run.ts";
import { serveOnLoopback } from "./loopback.ts";
import {
  accept,
  answerWith,
  type InjectedAnswer,
  LISTENER,
  NAMESPACE,
  received,
  type SandboxRequest,
} from "./sandbox-tekton-answers.ts";
import { runsPage } from "./sandbox-tekton-dashboard.ts";
import { type RunEnding, type SandboxRun, SandboxTekton } from "./sandbox-tekton-runs.ts";
import { SandboxEventSender, type SentEvent, type SinkSource } from "./sandbox-tekton-sender.ts";

export interface SandboxListenerOptions {
  /** Called for every request, because a bridge may restart at another address. Without it no events are sent. */
  readonly sink?: SinkSource;
  /** Called with each event that the sink did not accept. */
  readonly onDropped?: (event: SentEvent) => void;
  /** From a run's creation to its end. Default 60. */
  readonly runMs?: number;
  /** How a run ends. Default `Succeeded`. */
  readonly resultFor?: (run: SandboxRun) => RunEnding;
  /** Default: any free port. */
  readonly port?: number;
  /** Whether the template writes the bridge's annotations. Otherwise only the event id identifies the origin. */
  readonly annotate?: boolean;
  /** The token that a proxy in front of the listener requires. Without one, anybody can post, as to a real listener. */
  readonly token?: string;
  /** Whether the listener reports to the sink what it did with a request, as with `spec.cloudEventURI`. */
  readonly reportsTriggers?: boolean;
  /** Whether the events controller of Pipelines runs. Default true; otherwise no run is reported. */
  readonly reportsRuns?: boolean;
  readonly clock?: Clock;
}

/**
 * Why a trigger creates nothing, as measured at a real listener, which answers 202 each time. `filter`: a CEL filter or a
 * secret check says no, and the listener logs nothing. `interceptors`: they do not answer. `refused`: the API server refuses
 * the run.
 */
type TriggerFault = "filter" | "interceptors" | "refused";

const LOGGED: Readonly<Record<TriggerFault, string | undefined>> = {
  filter: undefined,
  interceptors: 'Post "https://tekton-triggers-core-interceptors": connect: connection refused',
  refused: "couldn't create resource: admission webhook denied the request: exceeded quota",
};

export interface SandboxListener {
  readonly url: URL;
  readonly requests: readonly SandboxRequest[];
  /** Runs by name. */
  readonly runs: ReadonlyMap<string, SandboxRun>;
  /** Why a trigger created nothing although the response was 202: a real listener only logs this. */
  readonly rejections: readonly string[];
  readonly events: readonly SentEvent[];
  /** Makes each trigger fail from now on; undefined: they work. */
  breakTriggers(fault: TriggerFault | undefined): void;
  /** Sets the responses to the next requests, in order. */
  answerNext(...answers: readonly InjectedAnswer[]): void;
  /** A restart of the events controller: every run's current state is sent again, under a new id. */
  resendAll(): void;
  /** Deletes every run, so that its name is free again. */
  deleteRuns(): void;
  /** Resolves when every run has ended, and every event was delivered or dropped. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/**
 * An EventListener and a very small Tekton behind it, for tests and the playground. Both speak the real wire formats: the
 * listener's responses, one PipelineRun for each name, and its CloudEvents.
 */
export async function startSandboxListener(options: SandboxListenerOptions = {}): Promise<SandboxListener> {
  const { sink, runMs = 60, resultFor = () => ({ reason: "Succeeded" }), port = 0, clock = systemClock } = options;
  const sender = new SandboxEventSender(sink, clock, options.onDropped ?? (() => undefined));
  const controller = options.reportsRuns === false ? new SandboxEventSender(undefined, clock, () => undefined) : sender;
  const tekton = new SandboxTekton({ namespace: NAMESPACE, runMs, resultFor, sender: controller, clock });
  const requests: SandboxRequest[] = [];
  const rejections: string[] = [];
  const answers: InjectedAnswer[] = [];
  let fault: TriggerFault | undefined;
  const trigger = (eventID: string, request: SandboxRequest) => {
    const rejection = fault ? LOGGED[fault] : runTrigger(eventID, request, tekton, options.annotate ?? true);
    if (rejection) rejections.push(rejection);
    if (!options.reportsTriggers || fault === "filter") return;
    const type = `dev.tekton.event.triggers.${rejection ? "failed" : "successful"}.v1`;
    // Its body has the headers of the request, as a real one.
    const data = { headers: Object.fromEntries(request.headers) };
    sender.send({ id: eventID, type, namespace: NAMESPACE, name: LISTENER, data });
  };

  const app = new Hono<{ Bindings: HttpBindings }>();
  app.get("/live", (c) => c.text("ok"));
  app.get(`${DASHBOARD}/*`, (c) => c.html(runsPage(tekton.runs.values())));
  app.all("*", async (c) => {
    const request = await received(c);
    requests.push(request);
    const injected = answers.shift();
    const authorized = !options.token || request.headers.get("authorization") === `Bearer ${options.token}`;
    if (!authorized) return c.text("Unauthorized", 401);
    return injected ? answerWith(injected, c, () => trigger(randomUUID(), request)) : accept(c, request, trigger);
  });

  const { url, close } = await serveOnLoopback(app, port);
  return {
    url,
    requests,
    rejections,
    runs: tekton.runs,
    events: sender.sent,
    breakTriggers: (next) => {
      fault = next;
    },
    answerNext: (...next) => void answers.push(...next),
    resendAll: () => tekton.resendAll(),
    deleteRuns: () => tekton.deleteAll(),
    settled: async () => {
      await tekton.settled();
      await sender.settled();
    },
    close: async () => {
      await close();
      await tekton.close();
      await sender.close();
    },
  };
}

/** The path of the sandbox's list of runs, as of the Tekton dashboard. A real listener has none. */
export const DASHBOARD = "/dashboard";

/** The members that `$(body.…)` of the rendered bindings reads. A value that is not a string fails the trigger. */
const bound = v.object({
  delivery: v.object({ id: v.string(), key: v.string(), proof: v.string() }),
  params: v.record(v.string(), v.string()),
  actor: v.object({ id: v.string() }),
  payload: v.string(),
});

/** Bindings and template of one route, as `tekton render` writes them. Returns why nothing was created, if so. */
function runTrigger(
  eventID: string,
  { headers, body }: SandboxRequest,
  tekton: SandboxTekton,
  annotate: boolean,
): string | undefined {
  const read = v.safeParse(bound, body);
  if (!read.success) return `binding failed at ${v.getDotPath(read.issues[0]) ?? "the body"}`;
  const { delivery, params, actor, payload } = read.output;
  const trigger = headers.get("drawbridge-route") ?? LISTENER;
  return tekton.create({
    name: `${trigger}-${delivery.key}`,
    pipeline: trigger,
    params: { "drawbridge-payload": payload, ...params },
    labels: {
      "tekton.dev/pipeline": trigger,
      "triggers.tekton.dev/eventlistener": LISTENER,
      "triggers.tekton.dev/trigger": trigger,
      "triggers.tekton.dev/triggers-eventid": eventID,
    },
    // The rendered trigger of a probe annotates nothing.
    annotations: annotate && trigger !== PROBE_ROUTE ? annotationsOf(delivery, actor) : {},
  });
}

const annotationsOf = (
  { id, proof }: v.InferOutput<typeof bound>["delivery"],
  actor: { readonly id: string },
): Readonly<Record<string, string>> => ({
  "drawbridge.dev/delivery": id,
  "drawbridge.dev/proof": proof,
  "drawbridge.dev/started-by": actor.id,
});
