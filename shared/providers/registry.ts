import { buildkite } from "./buildkite/index.ts";
import { confluence } from "./confluence/index.ts";
import { gitlab } from "./gitlab/index.ts";
import type { Provider } from "./provider.ts";
import { tekton } from "./tekton/index.ts";

/** Every provider. A new one needs its folder and a line here. */
export const providers: readonly Provider[] = [buildkite, confluence, gitlab, tekton];
