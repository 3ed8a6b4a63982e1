import { gitlab } from "../shared/actions/gitlab/index.ts";
import { actFunction } from "./act.ts";

export const handler = actFunction(gitlab);
