import * as v from "valibot";
import { actionIdOf } from "../../model/idempotency-keys.ts";
import type { Action } from "../action.ts";
import { eventBody, fillBody } from "./body.ts";
import { send } from "./send.ts";
import { receiverTarget, routeOptions } from "./settings.ts";

/** Sends one POST to any receiver of webhooks, signed as Standard Webhooks. */
export const webhook: Action = {
  name: "webhook",
  target: receiverTarget,
  options: routeOptions,
  maxAttemptMs: 30_000,
  connect({ route, targetName, ...settings }, deps) {
    const target = v.parse(receiverTarget, settings.target);
    const { body, as } = v.parse(routeOptions, settings.options);
    return {
      run: async (context) => {
        const { busEvent } = context;
        // The same for each attempt, and different for two routes to one receiver.
        const id = actionIdOf(route, busEvent.detail.eventKey);
        const filled = body && fillBody(busEvent, body);
        if (as === undefined)
          return (await send(target, { id, body: filled ?? eventBody(busEvent) }, context, deps)).outcome;
        const { sendApprovalMessage } = await import("./approval-message.ts");
        return sendApprovalMessage({ id, targetName, target, as, body: filled ?? {} }, context, deps);
      },
    };
  },
};
