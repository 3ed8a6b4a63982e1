import { confluence } from "../shared/actions/confluence/index.ts";
import { actFunction } from "./act-function.ts";

export const handler = actFunction(confluence);
