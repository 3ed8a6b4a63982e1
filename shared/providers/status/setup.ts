import type { SenderSetup } from "../sender-setup.ts";

/** CI jobs that report their own build. `docs/status.md` has a job of each system. */
export const statusSetups: readonly SenderSetup[] = [
  {
    kind: "status",
    provider: undefined,
    title: "Status callbacks of CI jobs",
    source: "status",
    questions: [],
    settings: () => ({}),
    where: "the job, with a token that its CI system gives it",
    fields: [
      ["Audience of the token", "{audience}"],
      ["Request", "POST {bridge}/v1/status"],
      ["Header", "Authorization: Bearer <the token of the job>"],
      ["Header", "Content-Type: application/json"],
      ["Body", '{"state":"succeeded"}'],
    ],
    reportsBuilds: true,
  },
];
