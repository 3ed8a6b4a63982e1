import { gitlab } from "../shared/actions/gitlab/index.ts";
import { actFunction } from "./act-function.ts";

export const handler = actFunction(gitlab);
