import * as v from "valibot";
import type { BuildState, DeploymentEvent } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import { identifier, line, link, optional, present, readerOf, requiredMoment, wholeNumber } from "../payload.ts";
import { actorOf, repository, user } from "./parts.ts";

const deploymentMembers = {
  action: identifier,
  deployment: v.object({
    id: wholeNumber,
    sha: optional(identifier),
    environment: line,
    production_environment: optional(v.boolean()),
    description: optional(line),
    created_at: requiredMoment,
  }),
  /** The job of GitHub Actions that deploys. */
  check_run: optional(v.object({ id: wholeNumber })),
  repository,
  sender: user,
};

const deploymentBody = v.object(deploymentMembers);

type Body = v.InferOutput<typeof deploymentBody>;

/** A deployment that was created. Its states are events of their own. */
export const deployment = readerOf(deploymentBody, (body, { kind }): Reading => {
  const { action, deployment } = body;
  if (action !== "created") return { outcome: "ignored", kind: `${kind}.${action}` };
  return eventOf(body, { state: "queued", time: deployment.created_at, status: "" });
});

const STATES: ReadonlyMap<string, BuildState> = new Map([
  ["queued", "queued"],
  ["pending", "queued"],
  ["in_progress", "running"],
  ["waiting", "waiting"],
  ["success", "succeeded"],
  ["failure", "failed"],
  ["error", "failed"],
]);

const statusBody = v.object({
  ...deploymentMembers,
  deployment_status: v.object({
    id: wholeNumber,
    state: identifier,
    log_url: optional(link),
    target_url: optional(link),
    environment_url: optional(link),
    created_at: requiredMoment,
  }),
});

/** `inactive` is ignored: a later deployment replaced this one. */
export const deploymentStatus = readerOf(statusBody, (body, { kind }): Reading => {
  const { id, state: reported, log_url, target_url, environment_url, created_at: time } = body.deployment_status;
  const state = STATES.get(reported);
  if (!state) return { outcome: "ignored", kind: `${kind}.${reported}` };
  const url = [log_url, target_url, environment_url].find((one) => one);
  return eventOf(body, { state, time, status: String(id), url });
});

interface Step {
  readonly state: BuildState;
  readonly time: string;
  /** The id of the status; empty for the creation. */
  readonly status: string;
  readonly url?: string | null | undefined;
}

function eventOf(body: Body, { state, time, status, url }: Step): Reading {
  const { id, sha, environment, production_environment, description } = body.deployment;
  const { id: repositoryId, full_name: project } = body.repository;
  const event: DeploymentEvent = present({
    type: `deployment.${state}`,
    keyParts: [String(repositoryId), String(id), status, state],
    time,
    subject: `${project} to ${environment}`,
    actor: actorOf(body.sender),
    deployment: present({
      project,
      id: String(id),
      environment,
      tier: production_environment ? "production" : undefined,
      state,
      commit: sha,
      title: description || undefined,
      url,
      job: body.check_run ? String(body.check_run.id) : undefined,
    }),
  });
  return { outcome: "event", events: [event] };
}
