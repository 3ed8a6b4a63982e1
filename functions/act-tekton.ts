import { tekton } from "../shared/actions/tekton/index.ts";
import { actFunction } from "./act.ts";

export const handler = actFunction(tekton);
