import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One entry of a task's approvers. */
interface Approver {
  readonly name: string;
  readonly type: "User" | "Group";
  readonly input: string;
  readonly message?: string;
}

interface Task {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    resourceVersion: string;
  };
  spec: { readonly approvers: readonly Approver[]; readonly numberOfApprovalsRequired: number };
  status: { state: string; approversResponse: readonly object[] };
}

interface NewTask {
  readonly namespace?: string;
  readonly approvers: readonly string[];
  readonly required?: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A token of the API server. Nothing verifies it here: the sandbox reads the account. */
export const apiToken = (account: string): string =>
  `h.${Buffer.from(JSON.stringify({ sub: account })).toString("base64url")}.s`;

/** A PipelineRun that the listener of the sandbox created. */
interface PipelineRun {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    resourceVersion: string;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: { status?: string };
  status: { completionTime?: string };
}

/**
 * A stand-in for the API server with the tasks of Tekton's manual approval gate: its lists, its optimistic locking, the
 * rules of the gate's admission webhook for users, and what the gate's controller makes of the inputs. Beside it an
 * EventListener whose trigger creates a PipelineRun with a fixed name.
 */
export async function sandboxApprovalTasks() {
  const tasks = new Map<string, Task>();
  const runs = new Map<string, object>();
  const pipelineRuns = new Map<string, PipelineRun>();
  const requests: string[] = [];
  /** The role of the gate allows no `patch` of PipelineRuns. */
  let mayPatch = true;
  let version = 1;
  /** Called before a written task is compared with the stored one. */
  let beforeUpdate: () => void = () => undefined;

  const touch = (task: Task) => {
    version += 1;
    task.metadata.resourceVersion = String(version);
  };
  const find = (name: string): Task => {
    const task = [...tasks.values()].find(({ metadata }) => metadata.name === name);
    if (task === undefined) throw new Error(`there is no task ${name}`);
    return task;
  };

  /** The controller: any rejection ends a task, and so do enough approvals. */
  const reconcile = (task: Task) => {
    const { approvers, numberOfApprovalsRequired } = task.spec;
    const answered = approvers.filter(({ input }) => input !== "pending");
    task.status.approversResponse = answered.map(({ name, type, input, message }) => ({
      name,
      type,
      response: input === "approve" ? "approved" : "rejected",
      ...(message && { message }),
    }));
    if (answered.some(({ input }) => input === "reject")) task.status.state = "rejected";
    else if (answered.length >= numberOfApprovalsRequired) task.status.state = "approved";
    touch(task);
  };

  const update = (
    task: Task,
    account: string,
    written: Task,
  ): { readonly status: number; readonly message?: string } => {
    beforeUpdate();
    if (
      written.metadata.uid !== task.metadata.uid ||
      written.metadata.resourceVersion !== task.metadata.resourceVersion
    )
      return { status: 409, message: "the object has been modified" };
    const refusal = refusalOf(task, account, written);
    if (refusal !== undefined) return { status: 400, message: `admission webhook denied the request: ${refusal}` };
    task.spec = written.spec;
    touch(task);
    reconcile(task);
    return { status: 200 };
  };

  const server = createServer((request, response) => void handle(request, response));
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const answer = (status: number, body: object) =>
      void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (request.url?.startsWith("/listener/")) {
      const { delivery } = JSON.parse(await bodyOf(request));
      const name = `docs-build-${delivery.key}`;
      if (!pipelineRuns.has(name))
        pipelineRuns.set(name, {
          metadata: {
            name,
            namespace: "ci",
            uid: `uid-of-${name}`,
            resourceVersion: "1",
            annotations: { "drawbridge.dev/delivery": delivery.id },
          },
          spec: {},
          status: {},
        });
      return answer(202, { eventListener: "docs", namespace: "ci", eventID: `of-${name}` });
    }
    const account = accountOf(request);
    const url = new URL(request.url ?? "", "http://sandbox.test");
    requests.push(`${request.method} ${url.pathname}`);
    const [, namespace, kind, name] =
      /^\/apis\/[\w.-]+\/v1\w*\/namespaces\/([\w-]+)\/(approvaltasks|customruns|pipelineruns)(?:\/([\w.-]+))?$/.exec(
        url.pathname,
      ) ?? [];
    if (account === undefined) return answer(401, {});
    if (kind === "pipelineruns") {
      const run = pipelineRuns.get(name ?? "");
      if (run === undefined || namespace !== "ci") return answer(404, {});
      if (request.method === "GET") return answer(200, run);
      if (!mayPatch) return answer(403, {});
      const patch = JSON.parse(await bodyOf(request));
      if (patch.metadata.resourceVersion !== run.metadata.resourceVersion) return answer(409, {});
      // Tekton's webhook refuses a change of a run that has ended.
      if (run.status.completionTime !== undefined) return answer(400, {});
      Object.assign(run.spec, patch.spec);
      return answer(200, run);
    }
    if (kind === "customruns") {
      const run = runs.get(`${namespace}/${name}`);
      return run === undefined ? answer(404, {}) : answer(200, run);
    }
    if (name === undefined) {
      const all = [...tasks.values()].filter(({ metadata }) => metadata.namespace === namespace);
      const from = Number(url.searchParams.get("continue") ?? 0);
      const limit = Math.min(Number(url.searchParams.get("limit")), LIST_LIMIT);
      const next = from + limit < all.length ? String(from + limit) : "";
      return answer(200, { metadata: { continue: next }, items: all.slice(from, from + limit) });
    }
    const task = tasks.get(`${namespace}/${name}`);
    if (task === undefined) return answer(404, {});
    const { status, message } = update(task, account, JSON.parse(await bodyOf(request)));
    return answer(status, status === 200 ? task : { kind: "Status", message });
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  return {
    url: new URL(`http://127.0.0.1:${port}/`),
    requests,
    find,
    pipelineRuns: (): readonly PipelineRun[] => [...pipelineRuns.values()],
    /** Whether the role of the gate allows it to patch PipelineRuns. */
    allowPatch: (isAllowed: boolean) => {
      mayPatch = isAllowed;
    },
    /** A pipeline reaches its gate: a CustomRun, and the task that the controller creates for it. */
    create(name: string, { namespace = "ci", approvers, required = 1, annotations = {} }: NewTask) {
      const run = name.replace(/-[a-z]+$/, "");
      const labels = {
        "tekton.dev/pipeline": "deploy",
        "tekton.dev/pipelineRun": run,
        "tekton.dev/pipelineTask": name.slice(run.length + 1),
        "tekton.dev/pipelineRunUID": `uid-of-${run}`,
      };
      runs.set(`${namespace}/${name}`, {
        metadata: { name, namespace, uid: `uid-of-run-${name}`, labels, annotations },
        spec: {},
      });
      tasks.set(`${namespace}/${name}`, {
        metadata: { name, namespace, uid: `uid-of-${name}`, resourceVersion: "1" },
        spec: {
          approvers: approvers.map((one) => ({ name: one, type: "User", input: "pending" })),
          numberOfApprovalsRequired: required,
        },
        status: { state: "pending", approversResponse: [] },
      });
    },
    /** Somebody uses the gate's own command line. Returns why the admission webhook refuses it. */
    decideAs(account: string, name: string, input: "approve" | "reject", message = "") {
      const task = find(name);
      const approvers = task.spec.approvers.map((one) => (one.name === account ? { ...one, input, message } : one));
      return update(task, account, { ...task, metadata: { ...task.metadata }, spec: { ...task.spec, approvers } })
        .message;
    },
    timeOut(name: string) {
      const task = find(name);
      task.status.state = "rejected";
      touch(task);
    },
    remove(name: string, namespace = "ci") {
      tasks.delete(`${namespace}/${name}`);
      runs.delete(`${namespace}/${name}`);
    },
    beforeUpdate(run: () => void) {
      beforeUpdate = run;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

/** Small, so that a few tasks are several pages. */
const LIST_LIMIT = 2;

function accountOf({ headers }: IncomingMessage): string | undefined {
  const [, payload] = /^Bearer [\w-]+\.([\w-]+)\.[\w-]+$/.exec(headers.authorization ?? "") ?? [];
  return payload === undefined ? undefined : JSON.parse(Buffer.from(payload, "base64url").toString()).sub;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** The rules of the admission webhook for approvers that are users. */
function refusalOf(task: Task, account: string, written: Task): string | undefined {
  if (task.status.state !== "pending") return "ApprovalTask has already reached its final state";
  const at = task.spec.approvers.findIndex(({ name, type }) => type === "User" && name === account);
  const own = task.spec.approvers[at];
  const next = written.spec.approvers[at];
  if (own === undefined) return "User does not exist in the approval list";
  if (own.input === "reject") return "User has already rejected";
  if (own.input === next?.input) return "User can only update their own approval input";
  if (next?.input !== "approve" && next?.input !== "reject") return "Invalid input change";
  const others = task.spec.approvers.some(
    (one, index) => index !== at && one.input !== written.spec.approvers[index]?.input,
  );
  return others ? "User can only update their own approval input" : undefined;
}
