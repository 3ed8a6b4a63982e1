import type { Action } from "./action.ts";
import { buildkite } from "./buildkite/index.ts";
import { confluence } from "./confluence/index.ts";
import { gitlab } from "./gitlab/index.ts";
import { tekton } from "./tekton/index.ts";
import { webhook } from "./webhook/index.ts";

/** Every kind of action. A new one needs its folder and a line here. */
export const actions: readonly Action[] = [buildkite, confluence, gitlab, tekton, webhook];
