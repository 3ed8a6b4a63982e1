import type { SenderSetup } from "../sender-setup.ts";

/** https://buildkite.com/docs/apis/webhooks/pipelines */
export const buildkiteSetups: readonly SenderSetup[] = [
  {
    kind: "buildkite",
    provider: "buildkite",
    title: "Buildkite",
    source: "ci",
    questions: [{ option: "organization", text: "Slug of the Buildkite organization", example: "example" }],
    secret: { setting: "signature", form: "hex" },
    settings: ({ organization }, secret) => ({ signature: { current: secret }, organization }),
    where: "Settings → Notification Services → Add → Webhook",
    fields: [
      ["Webhook URL", "{url}"],
      ["Token", "{secret}"],
      ["How the token is sent", "an HMAC signature (X-Buildkite-Signature)"],
      [
        "Events",
        "build.scheduled, build.running, build.failing, build.finished, build.skipped, job.scheduled, job.started, job.finished, job.activated, agent.lost",
      ],
    ],
    remark: "If the form shows a token of its own, put that one into the file.",
    starts: { when: { "detail-type": ["build.succeeded"] }, params: { commit: "$.detail.build.commit" } },
    reportsBuilds: true,
  },
];
