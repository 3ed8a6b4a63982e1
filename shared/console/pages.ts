import { accessPage, decideAccessForm, submitAccess } from "./access-page.ts";
import { approvalsPage, submitDecision } from "./approvals-page.ts";
import { credentialsPage } from "./credentials-page.ts";
import { deliveriesPage } from "./deliveries-page.ts";
import { deliveryPage } from "./delivery-page.ts";
import { homePage } from "./home-page.ts";
import { orderPage, ordersPage, placeOrderForm, previewOrderPage } from "./orders-page.ts";
import { promotionsPage, submitPromotion } from "./promotions-page.ts";
import { replayPreviewPage, submitReplay } from "./replay-page.ts";
import { previewPage, replayPage, replaysPage, submitOrder, submitStop } from "./replays-page.ts";
import { requestPage } from "./request-page.ts";
import { rollbacksPage, submitRollback } from "./rollbacks-page.ts";
import { submitTarget, targetsPage } from "./targets-page.ts";
import { threadPage } from "./thread-page.ts";
import type { ApiResult, Page, Visit } from "./visit.ts";

/** Returns the page, or the path of another one to show instead. */
export type PageHandler = (visit: Visit, id: string) => Promise<ApiResult<string | Page>>;
/** Returns the path of the next page, or the page itself. */
export type FormHandler = (visit: Visit, form: URLSearchParams, id: string) => Promise<ApiResult<string | Page>>;

/** All pages in one module, because a function in AWS takes time for each file that it loads. */
export const pages = {
  accessPage,
  approvalsPage,
  credentialsPage,
  deliveriesPage,
  deliveryPage,
  homePage,
  orderPage,
  ordersPage,
  promotionsPage,
  replayPage,
  replayPreviewPage,
  replaysPage,
  rollbacksPage,
  targetsPage,
  threadPage,
} as const satisfies Readonly<Record<string, PageHandler>>;
export type PageName = keyof typeof pages;

export const forms = {
  decideAccessForm,
  placeOrderForm,
  previewOrderPage,
  previewPage,
  requestPage,
  submitAccess,
  submitDecision,
  submitOrder,
  submitPromotion,
  submitReplay,
  submitRollback,
  submitStop,
  submitTarget,
} as const satisfies Readonly<Record<string, FormHandler>>;
export type FormName = keyof typeof forms;
