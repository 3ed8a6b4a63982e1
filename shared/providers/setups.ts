import { buildkiteSetups } from "./buildkite/setup.ts";
import { confluenceSetups } from "./confluence/setup.ts";
import { githubSetups } from "./github/setup.ts";
import { gitlabSetups } from "./gitlab/setup.ts";
import { kongSetups } from "./kong/setup.ts";
import type { SenderSetup } from "./sender-setup.ts";
import { statusSetups } from "./status/setup.ts";
import { tektonSetups } from "./tekton/setup.ts";

/** The senders that `drawbridge init` can set up, in the order in which it asks. */
export const senderSetups: readonly SenderSetup[] = [
  ...confluenceSetups,
  ...gitlabSetups,
  ...githubSetups,
  ...buildkiteSetups,
  ...tektonSetups,
  ...kongSetups,
  ...statusSetups,
];
