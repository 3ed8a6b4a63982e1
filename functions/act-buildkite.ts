import { buildkite } from "../shared/actions/buildkite/index.ts";
import { actFunction } from "./act-function.ts";

export const handler = actFunction(buildkite);
