import type { Rejection } from "../model/rejection.ts";
import type { ReceivedRequest } from "../model/request.ts";
import type { Result } from "../model/result.ts";
import type { ApprovalsApi } from "./approvals.ts";
import type { BulkReplaysApi } from "./bulk-replays.ts";
import type { CredentialsApi } from "./credentials.ts";
import type { DeliveriesApi } from "./deliveries.ts";
import type { DeliveryCountsApi } from "./delivery-counts.ts";
import type { DeliveryRequestApi } from "./delivery-request.ts";
import type { IntrospectionApi } from "./introspection.ts";
import type { OrdersApi } from "./orders.ts";
import type { OverviewApi } from "./overview.ts";
import type { PromotionsApi } from "./promotions.ts";
import type { RefusalsApi } from "./refusals.ts";
import type { ReplayApi } from "./replay.ts";
import type { SessionsApi } from "./sessions.ts";
import type { SummariesApi } from "./summaries.ts";
import type { TargetsApi } from "./targets.ts";
import type { ThreadsApi } from "./threads.ts";
import type { TokenExchangeApi } from "./token-exchange.ts";

export type CallDeps = DeliveriesApi &
  DeliveryRequestApi &
  DeliveryCountsApi &
  BulkReplaysApi &
  CredentialsApi &
  RefusalsApi &
  ApprovalsApi &
  OrdersApi &
  OverviewApi &
  PromotionsApi &
  ReplayApi &
  SessionsApi &
  SummariesApi &
  TargetsApi &
  ThreadsApi &
  TokenExchangeApi &
  IntrospectionApi;

/** One call of the bridge's API. Its handler authenticates the caller. `docs/http/operations.ts` describes each call. */
export interface ApiCall {
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  /** Status of a successful response. */
  readonly status: 200 | 202;
  /** `id` and `target` are the parameters of the path; each is empty if the path has none. */
  readonly handle: (request: ReceivedRequest, id: string, target: string) => Promise<Result<object>>;
  /** It changes nothing, whatever its method. */
  readonly isRead: boolean;
  /** The type of a body that is not empty. */
  readonly contentType: string;
  /** The response to a rejection, if it is no problem document. */
  readonly refuse?: (rejection: Rejection, requestId: string) => Promise<Response>;
}

/**
 * All calls of the API, except those that receive deliveries. Their handlers are loaded with the first call, because a
 * function in AWS that starts for a delivery needs none of them, and the sender waits for its start.
 */
export const apiCalls = (deps: CallDeps): readonly ApiCall[] => [
  get("/v1/deliveries", async (request) => (await handlers()).listDeliveries(request, deps)),
  get("/v1/deliveries/counts", async (request) => (await handlers()).countDeliveries(request, deps)),
  get("/v1/deliveries/:id", async (request, id) => (await handlers()).getDelivery(request, id, deps)),
  get("/v1/deliveries/:id/request", async (request, id) => (await handlers()).getDeliveryRequest(request, id, deps)),
  get("/v1/threads", async (request) => (await handlers()).getThread(request, deps)),
  get("/v1/refusals", async (request) => (await handlers()).listRefusals(request, deps)),
  get("/v1/credentials", async (request) => (await handlers()).listCredentials(request, deps)),
  get("/v1/deliveries/:id/replay", async (request, id) => (await handlers()).previewReplay(request, id, deps)),
  post("/v1/deliveries/:id/replay", 202, async (request, id) => (await handlers()).replayDelivery(request, id, deps)),
  get("/v1/replays", async (request) => (await handlers()).listBulkReplays(request, deps)),
  post("/v1/replays", 202, async (request) => (await handlers()).orderBulkReplay(request, deps)),
  preview("/v1/replay-preview", async (request) => (await handlers()).previewBulkReplay(request, deps)),
  get("/v1/replays/:id", async (request, id) => (await handlers()).getBulkReplay(request, id, deps)),
  post("/v1/replays/:id/stop", 200, async (request, id) => (await handlers()).stopBulkReplay(request, id, deps)),
  get("/v1/rollbacks", async (request) => (await handlers()).previewRollback(request, deps)),
  post("/v1/rollbacks", 202, async (request) => (await handlers()).rollBackRoute(request, deps)),
  get("/v1/promotions", async (request) => (await handlers()).previewPromotion(request, deps)),
  post("/v1/promotions", 202, async (request) => (await handlers()).promoteRun(request, deps)),
  get("/v1/approvals", async (request) => {
    const { asksForEnded, listApprovals, listEndedApprovals } = await handlers();
    return asksForEnded(request) ? listEndedApprovals(request, deps) : listApprovals(request, deps);
  }),
  get("/v1/orders", async (request) => (await handlers()).listOrders(request, deps)),
  post("/v1/orders/:id", 202, async (request, id) => (await handlers()).placeOrder(request, id, deps)),
  preview("/v1/orders/:id/preview", async (request, id) => (await handlers()).previewOrder(request, id, deps)),
  get("/v1/overview", async (request) => (await handlers()).getOverview(request, deps)),
  get("/v1/targets", async (request) => (await handlers()).listTargets(request, deps)),
  post("/v1/targets/:target/pause", 200, async (request, _, target) =>
    (await handlers()).pauseOneTarget(request, target, deps),
  ),
  post("/v1/targets/:target/resume", 200, async (request, _, target) =>
    (await handlers()).resumeOneTarget(request, target, deps),
  ),
  post("/v1/sessions/revoke", 200, async (request) => (await handlers()).revokeSessions(request, deps)),
  post("/v1/approvals/:id", 200, async (request, id) => (await handlers()).decideApproval(request, id, deps)),
  {
    ...post("/oauth/token", 200, async (request) => (await handlers()).exchangeToken(request, deps)),
    contentType: FORM_TYPE,
    refuse: async (...refused) => (await handlers()).oauthError(...refused),
  },
  {
    ...post("/oauth/introspect", 200, async (request) => (await handlers()).introspectToken(request, deps)),
    contentType: FORM_TYPE,
  },
  {
    method: "PUT",
    path: "/v1/targets/:target/pages/:id/summary",
    status: 202,
    isRead: false,
    contentType: JSON_TYPE,
    handle: async (request, page, target) => (await handlers()).submitSummary(request, { target, page }, deps),
  },
];

const handlers = async () => (await import("./call-handlers.ts")).callHandlers;

const JSON_TYPE = "application/json";
const FORM_TYPE = "application/x-www-form-urlencoded";

const get = (path: string, handle: ApiCall["handle"]): ApiCall => ({
  method: "GET",
  path,
  status: 200,
  isRead: true,
  contentType: JSON_TYPE,
  handle,
});
const post = (path: string, status: ApiCall["status"], handle: ApiCall["handle"]): ApiCall => ({
  method: "POST",
  path,
  status,
  isRead: false,
  contentType: JSON_TYPE,
  handle,
});
const preview = (path: string, handle: ApiCall["handle"]): ApiCall => ({ ...post(path, 200, handle), isRead: true });
