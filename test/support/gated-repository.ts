import type { OutboundRequest, OutboundResponse } from "../../shared/host/call-out.ts";
import { toIso } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { BridgeEvent, ChangeEvent, CodeEvent, DeploymentEvent } from "../../shared/model/event.ts";
import { deliveryIdOf } from "../../shared/model/idempotency-keys.ts";
import { sourcePrincipal } from "../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import type { Route } from "../../shared/routes/route.ts";
import { EDITOR, gatedBridge } from "./gated-bridge.ts";
import { sampleDelivery } from "./samples.ts";
import { REPOSITORY_TOKEN, SandboxRepository } from "./sandbox-gitlab-repository.ts";
import { secretsOf, silentLog } from "./test-doubles.ts";

const PROJECT = "platform/docs";
const INSTANCE = "https://gitlab.example.test";
const URL_OF_PROJECT = `${INSTANCE}/${PROJECT}`;

/** Parts of events; the time is the bridge's, as that of a push is. */
export const codeEvent = (type: CodeEvent["type"], ref: string, commit?: string) => ({
  type,
  undated: true as const,
  code: {
    project: PROJECT,
    projectUrl: URL_OF_PROJECT,
    ref,
    name: ref.replace(/^refs\/(heads|tags)\//, ""),
    change: commit === undefined ? ("deleted" as const) : ("updated" as const),
    ...(commit !== undefined && { commit }),
    commits: [],
    commitCount: 0,
  },
});
export const changeEvent = (type: ChangeEvent["type"], commit?: string) => ({
  type,
  change: {
    project: PROJECT,
    id: "7",
    number: 7,
    url: `${URL_OF_PROJECT}/-/merge_requests/7`,
    ...(commit !== undefined && { commit }),
  },
});
export const releaseEvent = (type: "release.published" | "release.deleted", commit?: string) => ({
  type,
  release: {
    project: PROJECT,
    tag: "v9",
    url: `${URL_OF_PROJECT}/-/releases/v9`,
    ...(commit !== undefined && { commit }),
  },
});
export const deploymentEvent = (
  type: DeploymentEvent["type"],
  id: string,
  commit: string,
  environment = "production",
) => ({
  type,
  deployment: {
    project: PROJECT,
    id,
    environment,
    state: "running" as const,
    url: `${URL_OF_PROJECT}/-/jobs/${id}`,
    commit,
  },
});

export type EventPart = DistributiveOmit<BridgeEvent, "keyParts" | "time" | "subject">;
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** A gated bridge with a GitLab source. If `isVerified`, the route names a target that asks the repository. */
export async function gatedRepository(
  outcomes: readonly ActionOutcome[],
  { isVerified, ...changes }: Partial<Route> & { readonly isVerified: boolean },
) {
  const repository = new SandboxRepository(PROJECT);
  let isReachable = true;
  let answersAfterMs = 0;
  const callOut = async ({ url, method, headers }: OutboundRequest): Promise<OutboundResponse> => {
    if (!isReachable) throw new Fault("target_unreachable", "no connection", { retryable: true });
    bridge.clock.advance(answersAfterMs);
    const response = await repository.app.request(url, { method, headers });
    return { status: response.status, headers: response.headers, body: new Uint8Array(await response.arrayBuffer()) };
  };
  const target = { name: "code", kind: "gitlab", settings: { url: INSTANCE, token: "env:GITLAB" } };
  const bridge = await gatedBridge(outcomes, changes, [], silentLog, {
    verifiers: isVerified ? { docs: target } : {},
    secrets: secretsOf({ GITLAB: REPOSITORY_TOKEN }),
    callOut,
  });
  let sent = 0;
  return {
    ...bridge,
    repository,
    /** The instance stops or starts to answer. */
    reach: (reachable: boolean) => {
      isReachable = reachable;
    },
    /** From now on, the instance answers after this time. */
    slowDown: (milliseconds: number) => {
      answersAfterMs = milliseconds;
    },
    /** GitLab sends an event a second after the last, with a key of its own. */
    send: async (part: EventPart): Promise<RecordedDelivery> => {
      bridge.clock.advance(1_000);
      const { events: _, ...delivery } = sampleDelivery();
      const n = String(++sent);
      const receivedAt = bridge.clock.now();
      // `as`: the part is one of an event, which the spread makes a union of everything.
      const event = {
        ...part,
        keyParts: [n],
        time: toIso(receivedAt),
        subject: PROJECT,
        actor: { id: EDITOR },
      } as BridgeEvent;
      return bridge.takeIn({
        ...delivery,
        id: deliveryIdOf("code", [n]),
        source: "code",
        provider: "gitlab",
        principal: sourcePrincipal("code", "signature", "current"),
        receivedAt,
        what: event.type,
        subject: event.subject,
        events: [event],
      });
    },
  };
}
