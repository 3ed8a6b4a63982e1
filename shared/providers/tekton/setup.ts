import { listOf, type SenderSetup } from "../sender-setup.ts";

/** https://tekton.dev/docs/pipelines/events/ */
export const tektonSetups: readonly SenderSetup[] = [
  {
    kind: "tekton",
    provider: "tekton",
    title: "Tekton",
    source: "prod-cluster",
    questions: [{ option: "namespaces", text: "Namespaces of the cluster whose runs count", example: "ci" }],
    secret: { setting: "basic.password", form: "hex" },
    settings: ({ namespaces }, secret) => ({
      basic: { username: "tekton", password: { current: secret } },
      namespaces: listOf(namespaces),
    }),
    where: "the ConfigMap config-events of the namespace tekton-pipelines, which has the sink of the whole cluster",
    fields: [
      ["formats", "tektonv1"],
      ["sink", "https://tekton:{secret}@{host}/webhooks/{source}"],
    ],
    command: "tekton sink {url} --username tekton --password {secretFile} | kubectl apply -f -",
    remark:
      "Since Tekton 1.12 the Deployment tekton-events-controller sends the events: it must run. If the cluster has a sink already, use the forwarder.",
    reportsBuilds: true,
  },
];
