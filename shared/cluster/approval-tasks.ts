import * as v from "valibot";
import { Fault } from "../host/fault.ts";
import { readJsonObject } from "../host/strict-json.ts";
import { type ClusterAccess, callCluster, parsedObject } from "./cluster-api.ts";
import { readTokenFile } from "./token-file.ts";

/**
 * The `ApprovalTask` objects of Tekton's manual approval gate (https://github.com/openshift-pipelines/manual-approval-gate)
 * in a cluster. Every method throws a retryable Fault if the API server does not answer as expected.
 */
export interface ApprovalTasks {
  /** The user name of this process, as the admission webhook compares it with the names of approvers. */
  account(): Promise<string>;
  list(namespace: string): Promise<readonly ApprovalTask[]>;
  /** The metadata of the CustomRun that waits for a task; undefined if it is gone. */
  runOf(task: ApprovalTask): Promise<RunMetadata | undefined>;
  /**
   * Writes the input of one approver, if the task is still as it was read. The admission webhook refuses whatever else than
   * the own input changes, and everything once the task has ended. Returns the status of the answer.
   */
  decide(
    task: ApprovalTask,
    account: string,
    input: { readonly decision: string; readonly message: string },
  ): Promise<number>;
}

const approver = v.object({
  name: v.string(),
  /** Absent before v0.6: a user. */
  type: v.optional(v.string(), "User"),
  input: v.optional(v.string(), "pending"),
});
const response = v.object({
  name: v.string(),
  response: v.string(),
  message: v.optional(v.string(), ""),
  groupMembers: v.nullish(v.array(v.object({ name: v.string(), response: v.string() })), []),
});
const metadata = v.object({ name: v.string(), namespace: v.string(), uid: v.string() });
const task = v.object({
  metadata,
  spec: v.object({ approvers: v.nullish(v.array(approver), []) }),
  status: v.nullish(
    v.object({ state: v.optional(v.string(), ""), approversResponse: v.nullish(v.array(response), []) }),
    { state: "" },
  ),
});

export interface ApprovalTask extends v.InferOutput<typeof task> {
  /** The object as it was read. It is written back whole. */
  readonly raw: Readonly<Record<string, unknown>>;
}

const texts = v.nullish(v.record(v.string(), v.string()), {});
const customRun = v.object({
  metadata: v.object({
    ...metadata.entries,
    labels: texts,
    annotations: texts,
    ownerReferences: v.nullish(v.array(v.object({ kind: v.string(), name: v.string(), uid: v.string() })), []),
  }),
});
export type RunMetadata = v.InferOutput<typeof customRun>["metadata"];

const page = v.object({
  metadata: v.nullish(v.object({ continue: v.optional(v.string(), "") }), {}),
  items: v.array(v.record(v.string(), v.unknown())),
});

const GROUP = "apis/openshift-pipelines.org/v1alpha1";

export function approvalTasks(access: ClusterAccess): ApprovalTasks {
  return {
    account: async () => subjectOf(await readTokenFile(access.tokenFile)),
    async list(namespace) {
      const tasks: ApprovalTask[] = [];
      for (let next: string | undefined = ""; next !== undefined; ) {
        const from: string = next === "" ? "" : `&continue=${encodeURIComponent(next)}`;
        const path = `${GROUP}/namespaces/${namespace}/approvaltasks?limit=${PAGE}${from}`;
        const read = parsedObject(await callCluster({ method: "GET", path }, access), page);
        tasks.push(...read.items.flatMap((raw) => taskIn(raw)));
        next = read.metadata?.continue || undefined;
      }
      return tasks;
    },
    async runOf({ metadata: { namespace, name } }) {
      const path = `apis/tekton.dev/v1beta1/namespaces/${namespace}/customruns/${name}`;
      const answer = await callCluster({ method: "GET", path }, access);
      return answer.status === 404 ? undefined : parsedObject(answer, customRun).metadata;
    },
    async decide({ raw, metadata: { namespace, name } }, account, { decision, message }) {
      const path = `${GROUP}/namespaces/${namespace}/approvaltasks/${name}`;
      const body = JSON.stringify(withInput(raw, account, { input: decision, message }));
      return (await callCluster({ method: "PUT", path, body }, access)).status;
    },
  };
}

const PAGE = 100;

/** An object that is not as documented is left out: it must not hold up the others. */
function taskIn(raw: Readonly<Record<string, unknown>>): readonly ApprovalTask[] {
  const read = v.safeParse(task, raw);
  return read.success ? [{ ...read.output, raw }] : [];
}

/** Items of a list have neither kind nor version. The object has its `resourceVersion`, so no newer one is overwritten. */
function withInput(
  raw: ApprovalTask["raw"],
  account: string,
  input: { readonly input: string; readonly message: string },
) {
  const { spec } = v.parse(written, raw);
  const approvers = spec.approvers.map((one) => (isUser(one, account) ? { ...one, ...input } : one));
  return { ...raw, apiVersion: "openshift-pipelines.org/v1alpha1", kind: "ApprovalTask", spec: { ...spec, approvers } };
}

const written = v.object({ spec: v.looseObject({ approvers: v.array(v.looseObject(approver.entries)) }) });

/** Whether an entry of a task is that of an account. A group there has no colon, and those of service accounts have. */
export const isUser = ({ type, name }: v.InferOutput<typeof approver>, account: string): boolean =>
  (type === "User" || type === "") && name === account;

/** The account that a token of the API server is for. The server verifies it; this process only needs its own name. */
function subjectOf(token: string): string {
  const json = readJsonObject(Buffer.from(token.split(".")[1] ?? "", "base64url"));
  const subject = json.ok ? json.value["sub"] : undefined;
  if (typeof subject === "string") return subject;
  throw new Fault("token_unavailable", "the token for the API server names no account", { retryable: true });
}
