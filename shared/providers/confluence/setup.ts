import type { SenderSetup, SetupQuestion } from "../sender-setup.ts";

const site = (example: string): SetupQuestion => ({
  option: "site",
  text: "Address of the Confluence site",
  example,
});

const starts = { when: { "detail-type": ["page.updated"] }, params: { page: "$.detail.page.id" } };

export const confluenceSetups: readonly SenderSetup[] = [
  {
    kind: "confluence-data-center",
    provider: "confluence",
    title: "Confluence Data Center",
    source: "wiki",
    questions: [site("https://wiki.example.com")],
    secret: { setting: "hubSignature", form: "hex" },
    settings: (answers, secret) => ({ site: answers["site"], hubSignature: { current: secret } }),
    where: "Administration → Webhooks → Create",
    fields: [
      ["URL", "{url}"],
      ["Secret", "{secret}"],
      [
        "Events",
        "page created, page updated, page moved, page trashed, page restored, page removed, label added, label removed, comment created",
      ],
    ],
    remark: '"Test connection" may send a request without a signature. The bridge answers 401 to it; that is correct.',
    starts,
    reportsBuilds: false,
  },
  {
    kind: "confluence-cloud",
    provider: "confluence",
    title: "Confluence Cloud, by Automation",
    source: "wiki",
    questions: [site("https://example.atlassian.net/wiki")],
    secret: { setting: "automation", form: "hex" },
    settings: (answers, secret) => ({ site: answers["site"], automation: { current: secret } }),
    where: "Automation → Create rule → New action: Send web request",
    fields: [
      ["Web request URL", "{url}"],
      ["Headers", "Authorization: Bearer {secret}"],
      ["HTTP method", "POST"],
      ["Web request body", "Custom data: the JSON of the section Automation, with the smart values of the rule"],
      ["Triggers", "page published, page edited, and the others of that section"],
    ],
    remark:
      "Rules that send web requests need Premium or Enterprise. A Forge app signs instead, and is set up by hand.",
    starts,
    reportsBuilds: false,
  },
];
