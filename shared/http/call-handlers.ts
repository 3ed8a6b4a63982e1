import { decideOneAccess, getAccess, listAccess, placeAccess } from "./access.ts";
import { decideApproval, listApprovals } from "./approvals.ts";
import { Authorizer } from "./authorize.ts";
import { getBulkReplay, listBulkReplays, orderBulkReplay, previewBulkReplay, stopBulkReplay } from "./bulk-replays.ts";
import { askForCancellations } from "./cancellations.ts";
import { listCredentials } from "./credentials.ts";
import { getDelivery, listDeliveries } from "./deliveries.ts";
import { countDeliveries } from "./delivery-counts.ts";
import { getDeliveryRequest } from "./delivery-request.ts";
import { asksForEnded, listEndedApprovals } from "./ended-approvals.ts";
import { getGate } from "./gates.ts";
import { gatewayForms } from "./gateway-forms.ts";
import { introspectToken } from "./introspection.ts";
import { oauthError } from "./oauth-form.ts";
import { listOrders, placeOrder, previewOrder } from "./orders.ts";
import { getOverview } from "./overview.ts";
import { previewPromotion, promoteRun } from "./promotions.ts";
import { listRefusals } from "./refusals.ts";
import { previewReplay, replayDelivery, rollBackRoute } from "./replay.ts";
import { previewRollback } from "./rollback-preview.ts";
import { revokeSessions } from "./sessions.ts";
import { submitSummary } from "./summaries.ts";
import { listTargets, pauseOneTarget, resumeOneTarget } from "./targets.ts";
import { getThread } from "./threads.ts";
import { exchangeToken } from "./token-exchange.ts";

/** The handlers of all calls in one module, because a function in AWS takes time for each file that it loads. */
export const callHandlers = {
  Authorizer,
  gatewayForms,
  askForCancellations,
  asksForEnded,
  countDeliveries,
  decideApproval,
  decideOneAccess,
  exchangeToken,
  getAccess,
  getBulkReplay,
  getDelivery,
  getDeliveryRequest,
  getGate,
  getOverview,
  getThread,
  introspectToken,
  listAccess,
  listApprovals,
  listBulkReplays,
  listCredentials,
  listDeliveries,
  listEndedApprovals,
  listOrders,
  listRefusals,
  listTargets,
  oauthError,
  orderBulkReplay,
  pauseOneTarget,
  placeAccess,
  placeOrder,
  previewBulkReplay,
  previewOrder,
  previewPromotion,
  previewReplay,
  previewRollback,
  promoteRun,
  replayDelivery,
  resumeOneTarget,
  revokeSessions,
  rollBackRoute,
  stopBulkReplay,
  submitSummary,
} as const;
