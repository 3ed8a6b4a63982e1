import { listOf, type SenderSetup } from "../sender-setup.ts";

/** https://docs.github.com/en/webhooks/using-webhooks/creating-webhooks */
export const githubSetups: readonly SenderSetup[] = [
  {
    kind: "github",
    provider: "github",
    title: "GitHub",
    source: "code",
    questions: [{ option: "repositories", text: "GitHub repositories that may send events", example: "acme/*" }],
    secret: { setting: "secret", form: "hex" },
    settings: ({ repositories }, secret) => ({ secret: { current: secret }, repositories: listOf(repositories) }),
    where: "Settings → Webhooks → Add webhook, of the repository or the organization",
    fields: [
      ["Payload URL", "{url}"],
      ["Content type", "application/json"],
      ["Secret", "{secret}"],
      ["SSL verification", "Enable SSL verification"],
      [
        "Events",
        "Let me select individual events: Pushes, Pull requests, Workflow runs, Check suites, Deployments, Deployment statuses, Releases",
      ],
    ],
    starts: {
      when: { "detail-type": ["code.pushed"], detail: { code: { name: ["main"] } } },
      params: { commit: "$.detail.code.commit" },
    },
    reportsBuilds: true,
  },
];
