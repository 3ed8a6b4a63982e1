import { randomUUID } from "node:crypto";
import { html } from "hono/html";
import { formTokenField } from "./csrf.ts";
import { type Html, NOTHING } from "./html.ts";
import type { Visit } from "./visit.ts";

/** A target as far as its forms say what they would do. */
export interface HeldTarget {
  readonly target: string;
  readonly state: string;
  /** Actions that are due now. */
  readonly due: number;
  readonly may: readonly ("pause" | "resume")[];
}

/**
 * The forms that pause and resume a target, each behind a step that says what it will do. They work without a script.
 * `from`: the page to return to.
 */
export function targetForms(
  { target, state, due, may }: HeldTarget,
  { formToken }: Visit,
  from: "home" | "targets",
): Html {
  if (may.length === 0) return NOTHING;
  const action = `/console/targets/${encodeURIComponent(target)}`;
  const fields = html`${formTokenField(formToken)}<input type="hidden" name="key" value="${randomUUID()}">
<input type="hidden" name="from" value="${from}">`;
  const what = `${due} due ${due === 1 ? "action runs" : "actions run"}, the oldest first.`;
  const resume = html`<details class="confirm"><summary>${state === "failing" ? "Try now" : "Resume"} <span class="hidden">${target}</span></summary>
<form class="decide" method="post" action="${action}">${fields}
<p>${state === "failing" ? "One action is tried at once. If it succeeds, the others follow." : what}</p>
<button name="do" value="resume">${state === "failing" ? "Try" : "Resume"} ${target}</button></form></details>`;
  if (state === "paused") return resume;
  return html`${state === "failing" ? resume : NOTHING}<details class="confirm"><summary>Pause <span class="hidden">${target}</span></summary>
<form class="decide" method="post" action="${action}">${fields}
<p>No attempt at it begins until it is resumed. Its actions wait, and none is lost.</p>
<label>Reason, for those who wait <input name="reason" maxlength="300" required autocomplete="off"></label>
<button name="do" value="pause">Pause ${target}</button></form></details>`;
}
