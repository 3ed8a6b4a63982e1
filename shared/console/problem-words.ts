import { html } from "hono/html";
import type { RejectionReason } from "../model/rejection.ts";
import { HINTS } from "../model/rejection-hints.ts";
import { type Html, hintFor, NOTHING, whatToDo } from "./html.ts";

/**
 * What to do next, for somebody who reads a page. The hints of the API are for whoever wrote the request. Empty: the title
 * says it all.
 */
const WORDS: Partial<Readonly<Record<RejectionReason, string>>> = {
  body_invalid: "Go back and correct the form. The title says which value does not fit",
  input_invalid: "Go back and correct the form. The title says which value does not fit",
  order_confined: "Your role places this order only for other values. Go back and correct them, or ask somebody else",
  idempotency_key_missing: "Go back, reload the page, and send the form again",
  idempotency_key_reused:
    "The form was sent before, with other values. Go back and reload the page before you send it again",
  approval_closed: "Nothing is left to decide",
  access_too_many: "Ask somebody who has the role, or request it tomorrow",
  approvals_too_many: "Decide each approval on its own",
  outside_window: "Grant it again when the window has opened, if it has not expired by then",
  reason_missing: "Go back and write a reason",
  approval_outdated: "Look at what is there now, and request the run again",
  approval_too_recent: "Look at what waits now under Approvals, and decide it there",
  reference_unverified: "Nothing was decided. Try it again later: the title says what could not be verified",
  replay_impossible: "",
  replay_unsafe: "See what its target did before you run it again",
  rollback_impossible: "Choose another run to go back to",
  rate_exceeded: "Wait a minute. The people who keep the configuration of the bridge can raise the limit of your role",
  // The page says it in its own words.
  role_missing: "",
  query_invalid: "",
};

/** The hint for a page about a rejection. Undefined `reason`: the API gave none. */
export function hintOnPage(reason: string | undefined): Html {
  if (reason === undefined || !isKnown(reason)) return NOTHING;
  const words = WORDS[reason];
  if (words === "") return NOTHING;
  return words === undefined ? hintFor(reason) : html`${whatToDo(words)}`;
}

const isKnown = (reason: string): reason is RejectionReason => Object.hasOwn(HINTS, reason);
