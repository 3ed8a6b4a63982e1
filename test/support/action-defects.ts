import { randomUUID } from "node:crypto";
import type { Action } from "../../shared/actions/action.ts";
import type { CallOut } from "../../shared/host/call-out.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";

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
      failing: "a response 401 is given up",
      action: ending((outcome) =>
        outcome.outcome === "give_up" ? { outcome: "retry", summary: outcome.summary } : outcome,
      ),
    },
  ];
}
