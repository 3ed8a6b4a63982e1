import type { Rejection } from "../model/rejection.ts";
import type { CommandResult } from "./command.ts";

/**
 * Why a command was refused, as a sentence for the person who gave it. It goes where others read it too, so it says
 * nothing that the page and the list of approvals do not show.
 */
export function explainRefusal({ about, decision }: CommandResult, refusal: Rejection): string {
  switch (refusal.reason) {
    case "self_approval":
      return "You requested this run, or what it repeats, so somebody else has to approve it.";
    case "role_missing":
      if (refusal.key !== undefined) return "No role may do this here.";
      return `It needs the role ${refusal.role}, which your account here does not have.`;
    case "group_missing":
      return `It needs the role ${refusal.role}. At ${refusal.askedAt} your account was in none of the groups ${refusal.groups}, as ${refusal.target} said.`;
    case "groups_unknown":
      return `Nothing was decided, because ${refusal.target} did not say whether your account is in ${refusal.groups} (${refusal.problem}). Please try again later.`;
    case "page_not_editable":
      return `Who decides has to be able to edit the page: ${refusal.problem}.`;
    case "editing_unknown":
      return `Nothing was decided, because it is not known ${refusal.problem}. Please try again later.`;
    case "approval_closed":
      return refusal.at === undefined
        ? `It is already ${refusal.state}, by ${refusal.by}.`
        : `It was approved by ${refusal.by} and has been ${refusal.state} at ${refusal.at}.`;
    case "outside_window":
      return `Runs of this route are approved in its weekly windows only. The next one opens at ${refusal.opensAt}.`;
    case "reason_missing":
      return `It needs a reason. Write a comment of its own: drawbridge approve ${about.startsWith("p-") ? `${about} ` : ""}because, and then your reason.`;
    case "approval_outdated":
      return "What it is about has changed since it was requested. The new version asks for an approval of its own.";
    case "approval_too_recent":
      return `It was requested less than ${refusal.minimumSeconds} seconds before, so you may not have seen this version. Look at it, and name it: drawbridge ${decision === "grant" ? "approve" : "deny"} ${about}.`;
    case "reference_unverified":
      return `Nothing was decided, because what it is about could not be verified (${refusal.problem}). Please try again later.`;
    case "approvals_too_many":
      return `More than ${refusal.limit} approvals are open, so the command has to name one by its id.`;
    case "approval_unknown":
      return about.startsWith("p-")
        ? "No approval has this id, or it has expired."
        : "Nothing that was requested before your comment waits for an approval on this page.";
    case "order_unknown":
      return `There is no order ${about}.`;
    case "order_confined":
      return "It may not be placed for these inputs.";
    case "input_invalid":
      return `${refusal.problem}.`;
    case "rollback_impossible":
    case "promotion_impossible":
    case "promotion_outdated":
    case "promotion_running":
      return `${refusal.problem.charAt(0).toUpperCase()}${refusal.problem.slice(1)}.`;
    default:
      return `The ${decision} was refused: ${refusal.reason.replaceAll("_", " ")}.`;
  }
}
