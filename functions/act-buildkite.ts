import { buildkite } from "../shared/actions/buildkite/index.ts";
import { actFunction } from "./act.ts";

export const handler = actFunction(buildkite);
