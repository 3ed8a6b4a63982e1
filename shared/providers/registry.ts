import { buildkite } from "./buildkite/index.ts";
import { confluence } from "./confluence/index.ts";
import { github } from "./github/index.ts";
import { gitlab } from "./gitlab/index.ts";
import { kong } from "./kong/index.ts";
import type { Provider } from "./provider.ts";
import { tekton } from "./tekton/index.ts";

/**
 * Every provider. A new one needs its folder and a line here. Code that is packaged for AWS imports this as `#providers`,
 * which has only the providers of the configured sources there (`infra/bundling.ts`).
 */
export const providers: readonly Provider[] = [buildkite, confluence, github, gitlab, kong, tekton];
