import { listOf, type SenderSetup } from "../sender-setup.ts";

/** https://docs.gitlab.com/user/project/integrations/webhooks/ */
export const gitlabSetups: readonly SenderSetup[] = [
  {
    kind: "gitlab",
    provider: "gitlab",
    title: "GitLab",
    source: "platform-gitlab",
    questions: [{ option: "projects", text: "GitLab projects that may send events", example: "platform/*" }],
    secret: { setting: "signingToken", form: "whsec" },
    settings: ({ projects }, secret) => ({ signingToken: { current: secret }, projects: listOf(projects) }),
    where: "Settings → Webhooks → Add new webhook, of the project or the group",
    fields: [
      ["URL", "{url}"],
      ["Signing token", "{secret}"],
      [
        "Trigger",
        "Push events, Tag push events, Comments, Merge request events, Job events, Pipeline events, Deployment events, Releases events",
      ],
      ["SSL verification", "Enable SSL verification"],
    ],
    remark: "A server before GitLab 19.0 has no signing tokens: use `token` instead of `signingToken`.",
    starts: {
      when: { "detail-type": ["code.pushed"], detail: { code: { name: ["main"] } } },
      params: { commit: "$.detail.code.commit" },
    },
    reportsBuilds: true,
  },
];
