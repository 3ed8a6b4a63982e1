import { confluence } from "../shared/actions/confluence/index.ts";
import { actFunction } from "./act.ts";

export const handler = actFunction(confluence);
