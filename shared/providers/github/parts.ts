import * as v from "valibot";
import type { Actor, ChangeRef } from "../../model/event.ts";
import { identifier, identity, link, optional, present, wholeNumber } from "../payload.ts";

/** Members that several events share: https://docs.github.com/en/webhooks/webhook-events-and-payloads */

/** An e-mail address and an avatar are not read. */
export const user = v.nullish(v.fallback(v.object({ id: optional(wholeNumber), login: optional(identifier) }), {}));

export function actorOf(reported: v.InferOutput<typeof user>): Actor | undefined {
  const id = reported?.id ?? reported?.login;
  return id ? present({ id: String(id), username: reported?.login }) : undefined;
}

/** What identifies a person in an event key. */
export const personIn = (reported: v.InferOutput<typeof user>): string => String(reported?.id ?? reported?.login ?? "");

export const repository = v.object({
  id: wholeNumber,
  full_name: identifier,
  html_url: optional(link),
  default_branch: optional(identifier),
});

/** The repository that a commit comes from. Null if a fork was deleted. */
export const headRepository = optional(v.object({ id: wholeNumber, full_name: optional(identifier) }));

/** Whether the commit comes from another repository. Undefined if GitHub does not report where it comes from. */
export const isFork = (head: v.InferOutput<typeof headRepository>, base: { readonly id: number }) =>
  head ? head.id !== base.id : undefined;

interface ReportedChange {
  readonly head: v.InferOutput<typeof headRepository>;
  readonly base: v.InferOutput<typeof repository>;
  readonly sourceBranch: string | null | undefined;
  readonly targetBranch: string | null | undefined;
}

/** The repositories and branches of a change request. */
export const changePlaceOf = ({ head, base, ...branches }: ReportedChange): Omit<Partial<ChangeRef>, "id"> =>
  present({
    sourceProject: head?.full_name ?? (head ? String(head.id) : undefined),
    targetProject: base.full_name,
    ...branches,
    fork: isFork(head, base),
  });

/** The name or id of a pipeline: that of its repository, with that of the workflow or app. */
export const namedPipeline = (place: string | number, name: string | number): string =>
  v.parse(identity, `${place} (${name})`);
