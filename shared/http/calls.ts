import type { ReceivedRequest } from "../model/request.ts";
import type { Result } from "../model/result.ts";
import { type ApprovalsApi, decideApproval, listApprovals } from "./approvals.ts";
import { type CredentialsApi, listCredentials } from "./credentials.ts";
import { type DeliveriesApi, getDelivery, listDeliveries } from "./deliveries.ts";
import { type ReplayApi, replayDelivery, rollBackRoute } from "./replay.ts";
import { type SummariesApi, submitSummary } from "./summaries.ts";

export type CallDeps = DeliveriesApi & CredentialsApi & ApprovalsApi & ReplayApi & SummariesApi;

/** One call of the bridge's API. Its handler authenticates the caller. */
interface ApiCall {
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  /** Status of a successful response. */
  readonly status: 200 | 202;
  /** `id` and `target` are the parameters of the path; each is empty if the path has none. */
  readonly handle: (request: ReceivedRequest, id: string, target: string) => Promise<Result<object>>;
}

/** All calls of the API, except those that receive deliveries. */
export const apiCalls = (deps: CallDeps): readonly ApiCall[] => [
  get("/v1/deliveries", (request) => listDeliveries(request, deps)),
  get("/v1/deliveries/:id", (request, id) => getDelivery(request, id, deps)),
  get("/v1/credentials", (request) => listCredentials(request, deps)),
  post("/v1/deliveries/:id/replay", 202, (request, id) => replayDelivery(request, id, deps)),
  post("/v1/rollbacks", 202, (request) => rollBackRoute(request, deps)),
  get("/v1/approvals", (request) => listApprovals(request, deps)),
  post("/v1/approvals/:id", 200, (request, id) => decideApproval(request, id, deps)),
  {
    method: "PUT",
    path: "/v1/targets/:target/pages/:id/summary",
    status: 202,
    handle: (request, page, target) => submitSummary(request, { target, page }, deps),
  },
];

const get = (path: string, handle: ApiCall["handle"]): ApiCall => ({ method: "GET", path, status: 200, handle });
const post = (path: string, status: ApiCall["status"], handle: ApiCall["handle"]): ApiCall => ({
  method: "POST",
  path,
  status,
  handle,
});
