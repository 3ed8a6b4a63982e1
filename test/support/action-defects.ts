import { randomUUID } from "node:crypto";
import type { Action } from "../../shared/actions/action.ts";
import { type CallOut, callOut } from "../../shared/host/call-out.ts";
import { type EpochMillis, toIso } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { ActionContext, ActionOutcome } from "../../shared/model/action-outcome.ts";

interface DefectiveAction {
  readonly defect: string;
  /** How the title begins of a check that finds the defect. */
  readonly failing: string;
  readonly action: Action;
}

/** Known mistakes of actions, each seeded into one that keeps the contract and has its key in the header `key`. */
export function defectiveActions(correct: Action, key: string): readonly DefectiveAction[] {
  const calling = (change: (callOut: CallOut) => CallOut): Action => ({
    ...correct,
    connect: (settings, deps) => correct.connect(settings, { ...deps, callOut: change(deps.callOut) }),
  });
  const ending = (change: (outcome: ActionOutcome, answer: string) => ActionOutcome): Action => ({
    ...correct,
    connect(settings, deps) {
      let answer = "";
      const callOut: CallOut = async (request) => {
        const response = await deps.callOut(request);
        answer = Buffer.from(response.body).toString("utf8");
        return response;
      };
      const connected = correct.connect(settings, { ...deps, callOut });
      return { ...connected, run: async (context) => change(await connected.run(context), answer) };
    },
  });
  const keyedBy = (keyOf: (context: ActionContext, now: EpochMillis) => string): Action => ({
    ...correct,
    connect: (settings, deps) => ({
      run: (context) => {
        const callOut: CallOut = (request) => {
          const headers = { ...request.headers, [key]: keyOf(context, deps.clock.now()) };
          return deps.callOut({ ...request, headers });
        };
        return correct.connect(settings, { ...deps, callOut }).run(context);
      },
    }),
  });
  return [
    {
      defect: "whose repeat has another idempotency key",
      failing: "a repeat is harmless",
      action: calling((callOut) => (request) => {
        return callOut({ ...request, headers: { ...request.headers, [key]: randomUUID() } });
      }),
    },
    {
      defect: "with one idempotency key for all events",
      failing: "another event has another idempotency key",
      action: calling((callOut) => (request) => {
        return callOut({ ...request, headers: { ...request.headers, [key]: correct.name } });
      }),
    },
    {
      defect: "with a key of the delivery, which may report several events",
      failing: "another event has another idempotency key",
      action: keyedBy(({ busEvent }) => busEvent.detail.delivery),
    },
    {
      defect: "with another key on the next day",
      failing: "a second attempt on the next day makes all requests of the fixture",
      action: keyedBy(({ busEvent }, now) => `${busEvent.detail.eventKey} ${toIso(now).slice(0, 10)}`),
    },
    {
      defect: "that takes a second attempt for a repeat of a successful one",
      failing: "a second attempt on the next day makes all requests of the fixture",
      action: {
        ...correct,
        connect(settings, deps) {
          const { run } = correct.connect(settings, deps);
          const done: ActionOutcome = { outcome: "done", summary: "it was sent" };
          return { run: async (context) => (context.attempt > 1 ? done : run(context)) };
        },
      },
    },
    {
      defect: "that makes its request without callOut",
      failing: "a target that accepts gets the requests of the fixture",
      action: calling(() => callOut),
    },
    {
      defect: "that names the credential when the target is not reached",
      failing: "a target that cannot be reached is tried again",
      action: calling((callOut) => async (request) => {
        try {
          return await callOut(request);
        } catch {
          throw new Fault("target_unreachable", JSON.stringify(request.headers), { retryable: true });
        }
      }),
    },
    {
      defect: "that reads an accepting target's JSON without a check",
      failing: "a response with the body of 0 bytes is classified by its status",
      action: ending((outcome, answer) => ({ ...outcome, summary: `${outcome.summary} ${JSON.parse(answer).id}` })),
    },
    {
      defect: "that takes a redirect for success",
      failing: "a response 307 is given up",
      action: calling((callOut) => async (request) => {
        const response = await callOut(request);
        return response.status === 307 ? { ...response, status: 200 } : response;
      }),
    },
    {
      defect: "that reports a time-out as a failure",
      failing: "a target that does not answer in time is tried again",
      action: ending((outcome) =>
        "unknownOutcome" in outcome ? { outcome: "give_up", summary: outcome.summary } : outcome,
      ),
    },
    {
      defect: "that reports a time-out as done",
      failing: "a target that does not answer in time is tried again",
      action: ending((outcome) =>
        "unknownOutcome" in outcome ? { outcome: "done", summary: outcome.summary } : outcome,
      ),
    },
    {
      defect: "that quotes an accepting target, which repeats the credential",
      failing: "a response 200 that repeats the credential reveals it in no outcome",
      action: ending((outcome, answer) => ({ ...outcome, summary: `${outcome.summary}: ${answer}` })),
    },
    {
      defect: "that tries a rejection again",
      failing: "a response 403 is given up",
      action: ending((outcome) =>
        outcome.outcome === "give_up" ? { outcome: "retry", summary: outcome.summary } : outcome,
      ),
    },
  ];
}
