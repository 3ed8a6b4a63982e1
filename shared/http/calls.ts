import type { Rejection } from "../model/rejection.ts";
import type { ReceivedRequest } from "../model/request.ts";
import type { Result } from "../model/result.ts";
import type { AccessApi } from "./access.ts";
import type { ApprovalsApi } from "./approvals.ts";
import type { Allowed, AuthorizeApi, Authorizer } from "./authorize.ts";
import type { BulkReplaysApi } from "./bulk-replays.ts";
import type { CancellationsApi } from "./cancellations.ts";
import type { CredentialsApi } from "./credentials.ts";
import type { DeliveriesApi } from "./deliveries.ts";
import type { DeliveryCountsApi } from "./delivery-counts.ts";
import type { DeliveryRequestApi } from "./delivery-request.ts";
import type { GatesApi } from "./gates.ts";
import type { IntrospectionApi } from "./introspection.ts";
import type { OrdersApi } from "./orders.ts";
import type { OverviewApi } from "./overview.ts";
import type { RefusalsApi } from "./refusals.ts";
import type { ReplayApi } from "./replay.ts";
import type { RollbacksApi } from "./rollback-preview.ts";
import type { SessionsApi } from "./sessions.ts";
import type { SummariesApi } from "./summaries.ts";
import type { TargetsApi } from "./targets.ts";
import type { ThreadsApi } from "./threads.ts";
import type { TokenExchangeApi } from "./token-exchange.ts";

export type CallDeps = DeliveriesApi &
  DeliveryRequestApi &
  DeliveryCountsApi &
  BulkReplaysApi &
  CancellationsApi &
  CredentialsApi &
  GatesApi &
  RefusalsApi &
  ApprovalsApi &
  AccessApi &
  OrdersApi &
  OverviewApi &
  RollbacksApi &
  ReplayApi &
  SessionsApi &
  SummariesApi &
  TargetsApi &
  ThreadsApi &
  TokenExchangeApi &
  IntrospectionApi &
  AuthorizeApi;

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
  /** The response to a success, if it is not its value as JSON. */
  readonly respond?: (value: object, requestId: string) => Promise<Response>;
  /** The response to a rejection, if it is no problem document. */
  readonly refuse?: (rejection: Rejection, requestId: string) => Promise<Response>;
}

/**
 * All calls of the API, except those that receive deliveries. Their handlers are loaded with the first call, because a
 * function in AWS that starts for a delivery needs none of them, and the sender waits for its start.
 */
export function apiCalls(deps: CallDeps): readonly ApiCall[] {
  const by =
    (name: Handler): ApiCall["handle"] =>
    async (request) =>
      (await handlers())[name](request, deps);
  const byId =
    (name: HandlerById): ApiCall["handle"] =>
    async (request, id) =>
      (await handlers())[name](request, id, deps);
  return [
    get("/v1/deliveries", by("listDeliveries")),
    get("/v1/deliveries/counts", by("countDeliveries")),
    get("/v1/deliveries/:id", byId("getDelivery")),
    get("/v1/deliveries/:id/request", byId("getDeliveryRequest")),
    get("/v1/threads", by("getThread")),
    get("/v1/refusals", by("listRefusals")),
    get("/v1/credentials", by("listCredentials")),
    get("/v1/deliveries/:id/replay", byId("previewReplay")),
    post("/v1/deliveries/:id/replay", 202, byId("replayDelivery")),
    get("/v1/replays", by("listBulkReplays")),
    post("/v1/replays", 202, by("orderBulkReplay")),
    preview("/v1/replay-preview", by("previewBulkReplay")),
    get("/v1/replays/:id", byId("getBulkReplay")),
    post("/v1/replays/:id/stop", 200, byId("stopBulkReplay")),
    get("/v1/rollbacks", by("previewRollback")),
    post("/v1/rollbacks", 202, by("rollBackRoute")),
    get("/v1/promotions", by("previewPromotion")),
    post("/v1/promotions", 202, by("promoteRun")),
    get("/v1/approvals", async (request) => {
      const { asksForEnded, listApprovals, listEndedApprovals } = await handlers();
      return asksForEnded(request) ? listEndedApprovals(request, deps) : listApprovals(request, deps);
    }),
    get("/v1/gates/:id", byId("getGate")),
    post("/v1/cancellations", 200, by("askForCancellations")),
    get("/v1/access", by("listAccess")),
    post("/v1/access", 202, by("placeAccess")),
    get("/v1/access/:id", byId("getAccess")),
    post("/v1/access/:id", 200, byId("decideOneAccess")),
    get("/v1/orders", by("listOrders")),
    post("/v1/orders/:id", 202, byId("placeOrder")),
    preview("/v1/orders/:id/preview", byId("previewOrder")),
    get("/v1/overview", by("getOverview")),
    get("/v1/targets", by("listTargets")),
    post("/v1/targets/:target/pause", 200, async (request, _, target) =>
      (await handlers()).pauseOneTarget(request, target, deps),
    ),
    post("/v1/targets/:target/resume", 200, async (request, _, target) =>
      (await handlers()).resumeOneTarget(request, target, deps),
    ),
    post("/v1/sessions/revoke", 200, by("revokeSessions")),
    post("/v1/approvals/:id", 200, byId("decideApproval")),
    {
      ...post("/oauth/token", 200, by("exchangeToken")),
      contentType: FORM_TYPE,
      refuse: async (...refused) => (await handlers()).oauthError(...refused),
    },
    {
      ...post("/oauth/introspect", 200, by("introspectToken")),
      contentType: FORM_TYPE,
    },
    ...decisionPoints(deps),
    {
      method: "PUT",
      path: "/v1/targets/:target/pages/:id/summary",
      status: 202,
      isRead: false,
      contentType: JSON_TYPE,
      handle: async (request, page, target) => (await handlers()).submitSummary(request, { target, page }, deps),
    },
  ];
}

/** The calls of gateways. What is remembered of tokens is shared by them, and ends with the configuration. */
function decisionPoints(deps: CallDeps): readonly ApiCall[] {
  const forms = async () => (await handlers()).gatewayForms;
  let opening: Promise<Authorizer> | undefined;
  const authorizer = (): Promise<Authorizer> => {
    opening ??= handlers().then(({ Authorizer }) => new Authorizer(deps));
    return opening;
  };
  return (["nginx", "forward", "opa"] as const).map((form) => ({
    method: form === "opa" ? "POST" : "GET",
    path: `/v1/authorize/${form}/:id`,
    status: 200,
    isRead: true,
    contentType: JSON_TYPE,
    handle: async (request, upstream) =>
      (await authorizer()).decide(upstream, (await forms())[form].read(request), request),
    respond: async (value, requestId) => (await forms())[form].allow(value as Allowed, requestId),
    refuse: async (rejection, requestId) => (await forms())[form].refuse(rejection, requestId),
  }));
}

/** The handlers of paths without a parameter, and of those with the parameter `id`. */
type Handler = NamesOf<(request: ReceivedRequest, deps: CallDeps) => Promise<Result<object>>>;
type HandlerById = NamesOf<(request: ReceivedRequest, id: string, deps: CallDeps) => Promise<Result<object>>>;
type NamesOf<F> = { readonly [K in keyof Handlers]: Handlers[K] extends F ? K : never }[keyof Handlers];
type Handlers = Awaited<ReturnType<typeof handlers>>;

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
