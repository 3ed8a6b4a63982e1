import type { ReceivedRequest } from "../model/request.ts";
import type { Result } from "../model/result.ts";
import { type ApprovalsApi, decideApproval, listApprovals } from "./approvals.ts";
import { type CredentialsApi, listCredentials } from "./credentials.ts";
import { type DeliveriesApi, getDelivery, listDeliveries } from "./deliveries.ts";
import { type ReplayApi, replayDelivery, rollBackRoute } from "./replay.ts";

export type CallDeps = DeliveriesApi & CredentialsApi & ApprovalsApi & ReplayApi;

/** One call of the bridge's own interface. Who calls is proved by what answers it. */
interface ApiCall {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Of an answer that is no refusal. */
  readonly status: 200 | 202;
  /** `id` is the path's own, where it has one. */
  readonly answer: (request: ReceivedRequest, id: string) => Promise<Result<object>>;
}

/** All calls but the ways in, which take deliveries. */
export const callsOf = (deps: CallDeps): readonly ApiCall[] => [
  get("/v1/deliveries", (request) => listDeliveries(request, deps)),
  get("/v1/deliveries/:id", (request, id) => getDelivery(request, id, deps)),
  get("/v1/credentials", (request) => listCredentials(request, deps)),
  post("/v1/deliveries/:id/replay", 202, (request, id) => replayDelivery(request, id, deps)),
  post("/v1/rollbacks", 202, (request) => rollBackRoute(request, deps)),
  get("/v1/approvals", (request) => listApprovals(request, deps)),
  post("/v1/approvals/:id", 200, (request, id) => decideApproval(request, id, deps)),
];

const get = (path: string, answer: ApiCall["answer"]): ApiCall => ({ method: "GET", path, status: 200, answer });
const post = (path: string, status: ApiCall["status"], answer: ApiCall["answer"]): ApiCall => ({
  method: "POST",
  path,
  status,
  answer,
});
