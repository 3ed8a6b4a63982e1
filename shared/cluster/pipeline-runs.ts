import * as v from "valibot";
import { type ClusterAccess, callCluster, parsedObject } from "./cluster-api.ts";

/** The PipelineRuns of a cluster. Every method throws a retryable Fault if the API server does not answer as expected. */
export interface PipelineRuns {
  /** Undefined if there is none of this name. */
  get(namespace: string, name: string): Promise<PipelineRun | undefined>;
  /** Asks Tekton to cancel a run, if it is still as it was read. Returns the status of the answer. */
  cancel(run: PipelineRun): Promise<number>;
}

const pipelineRun = v.object({
  metadata: v.object({
    name: v.string(),
    namespace: v.string(),
    resourceVersion: v.string(),
    annotations: v.nullish(v.record(v.string(), v.string()), {}),
  }),
  spec: v.object({ status: v.optional(v.string(), "") }),
  status: v.nullish(v.object({ completionTime: v.optional(v.string()) }), {}),
});
export type PipelineRun = v.InferOutput<typeof pipelineRun>;

export const pipelineRuns = (access: ClusterAccess): PipelineRuns => ({
  async get(namespace, name) {
    const answer = await callCluster({ method: "GET", path: pathOf(namespace, name) }, access);
    return answer.status === 404 ? undefined : parsedObject(answer, pipelineRun);
  },
  // https://tekton.dev/docs/pipelines/pipelineruns/#cancelling-a-pipelinerun
  cancel: async ({ metadata: { namespace, name, resourceVersion } }) =>
    (
      await callCluster(
        {
          method: "PATCH",
          path: pathOf(namespace, name),
          contentType: "application/merge-patch+json",
          body: JSON.stringify({ metadata: { resourceVersion }, spec: { status: "Cancelled" } }),
        },
        access,
      )
    ).status,
});

const pathOf = (namespace: string, name: string): string =>
  `apis/tekton.dev/v1/namespaces/${namespace}/pipelineruns/${name}`;
