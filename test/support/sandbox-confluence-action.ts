import type { ConnectedAction } from "../../shared/actions/action.ts";
import { confluence } from "../../shared/actions/confluence/index.ts";
import type { Commands } from "../../shared/approvals/command.ts";
import { type CallOut, callOut } from "../../shared/host/call-out.ts";
import type { Clock } from "../../shared/host/clock.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import type { BuildPart, OriginProof } from "../../shared/model/event.ts";
import { namedPrincipal } from "../../shared/model/principal.ts";
import type { BoardStore } from "../../shared/store/boards.ts";
import type { ChangeCommentStore } from "../../shared/store/change-comments.ts";
import type { ChangeLinkStore } from "../../shared/store/change-links.ts";
import type { CommentReplyStore } from "../../shared/store/comment-replies.ts";
import type { DeliveryStore } from "../../shared/store/deliveries.ts";
import type { OwnAccountStore } from "../../shared/store/own-accounts.ts";
import { memoryBoards } from "./memory-stores.ts";
import type { SandboxConfluence } from "./sandbox-confluence.ts";
import { actionDeps, secretsOf } from "./test-doubles.ts";

export interface Bench {
  readonly boards: BoardStore;
  readonly connected: ConnectedAction;
  run(
    busEvent: BusEvent,
    changes?: { readonly origin?: BusEvent; readonly originProof?: OriginProof; readonly signal?: AbortSignal },
  ): Promise<ActionOutcome>;
}

export interface BenchOptions {
  readonly options?: object;
  readonly target?: object;
  readonly targetName?: string;
  readonly boards?: BoardStore;
  readonly random?: () => number;
  readonly clock?: Clock;
  readonly callOut?: CallOut;
  readonly commands?: Commands | undefined;
  readonly changeLinks?: ChangeLinkStore;
  readonly changeComments?: ChangeCommentStore;
  readonly commentReplies?: CommentReplyStore;
  readonly ownAccounts?: Pick<OwnAccountStore, "record">;
  readonly deliveries?: Pick<DeliveryStore, "record">;
  /** Secrets for the references of the target's credential, in addition to the sandbox's own. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** The action, connected to the sandbox as the given product. By default it writes page 98310, without a throttle. */
export function benchFor(
  sandbox: SandboxConfluence,
  product: "cloud" | "data-center",
  changes: BenchOptions = {},
): Bench {
  const { user, token, bearer } = sandbox.credentials;
  const boards = changes.boards ?? memoryBoards();
  const basic = { basic: { user, token: "env:TOKEN" } };
  const action = confluence.connect(
    {
      route: "status",
      targetName: changes.targetName ?? "wiki",
      target: {
        product,
        site: sandbox.site(product),
        credential: product === "cloud" ? basic : { bearer: "env:BEARER" },
        progressSeconds: 0,
        onlyChanges: false,
        ...changes.target,
      },
      options: { page: "98310", ...changes.options },
    },
    actionDeps({
      secrets: secretsOf({ TOKEN: token, BEARER: bearer, ...changes.environment }),
      callOut: changes.callOut ?? callOut,
      boards,
      ...(changes.changeLinks && { changeLinks: changes.changeLinks }),
      ...(changes.changeComments && { changeComments: changes.changeComments }),
      ...(changes.commentReplies && { commentReplies: changes.commentReplies }),
      ...(changes.ownAccounts && { ownAccounts: changes.ownAccounts }),
      ...(changes.deliveries && { deliveries: changes.deliveries }),
      ...(changes.clock && { clock: changes.clock }),
      ...(changes.random && { random: changes.random }),
      ...(changes.commands && { commands: changes.commands }),
    }),
  );
  return {
    boards,
    connected: action,
    run: (busEvent, { origin = busEvent, originProof = "proved", signal = new AbortController().signal } = {}) =>
      action.run({ busEvent, origin, originProof, attempt: 1, signal }),
  };
}

export function buildOf(changes: Partial<BuildPart> = {}): BuildPart {
  const { number = 512, state = "succeeded" } = changes;
  const hasEnded = !["queued", "running", "waiting"].includes(state);
  return {
    system: "tekton",
    id: `run-${number}`,
    number,
    pipeline: "ci/docs",
    state,
    url: `https://ci.example.test/runs/${number}`,
    commit: "6c1f0de2a94b7358c0d1e2f3a4b5c6d7e8f90123",
    createdAt: "2026-11-02T08:59:00.000Z",
    startedAt: "2026-11-02T08:59:10.000Z",
    ...(hasEnded && { finishedAt: "2026-11-02T09:01:15.000Z" }),
    ...changes,
  };
}

/** A build's event as published. The delivery is named after its content. */
export function buildEntry(changes: Partial<BuildPart> = {}): BusEvent {
  const build = buildOf(changes);
  const id = `d-${build.pipeline.replace(/\W/g, "-")}-${build.number}-${build.state}`;
  return entryOf(id, { type: `build.${build.state}`, time: "2026-11-02T09:01:15.000Z", subject: build.id, build });
}

type Detail = BusEvent["detail"];
type GivenDetail<T> = T extends unknown ? Omit<T, "id" | "source" | "delivery" | "eventKey" | "principal"> : never;

export function entryOf(delivery: string, detail: GivenDetail<Detail>): BusEvent {
  return {
    source: "drawbridge.example",
    "detail-type": detail.type,
    time: detail.time,
    detail: {
      ...detail,
      id: delivery,
      source: "/sources/example",
      delivery,
      eventKey: `e-${delivery}`,
      principal: { ...namedPrincipal({ issuer: "https://issuer.example.test", subject: "ci" }), roles: [] },
    },
  };
}
