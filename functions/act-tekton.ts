import { tekton } from "../shared/actions/tekton/index.ts";
import { actFunction } from "./act-function.ts";

export const handler = actFunction(tekton);
