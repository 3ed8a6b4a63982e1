import * as v from "valibot";
import type { OutboundResponse } from "../../host/call-out.ts";
import type { LookUpDeps } from "../action.ts";
import { jsonOf } from "../response-text.ts";
import { accessTo, type TargetSettings } from "./settings.ts";

/** What asks the site of a target about its accounts. */
export async function callsTo(
  target: TargetSettings,
  deps: Omit<LookUpDeps, "ownAccounts">,
): Promise<{ readonly get: Call; readonly post: Post }> {
  const { base, authorization, callOut } = await accessTo(target, deps);
  const headers = { authorization, accept: "application/json" };
  const bounds = {
    timeoutMs: target.timeoutSeconds * 1_000,
    maxResponseBytes: MAX_RESPONSE_BYTES,
    signal: deps.signal,
  };
  return {
    get: (path) => callOut({ method: "GET", url: new URL(`${base}${path}`), headers, ...bounds }),
    post: (path, body) =>
      callOut({
        method: "POST",
        url: new URL(`${base}${path}`),
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify(body),
        ...bounds,
      }),
  };
}

/** Two hundred groups, one user, or one permission. */
const MAX_RESPONSE_BYTES = 1_000_000;

export type Call = (path: string) => Promise<OutboundResponse>;
export type Post = (path: string, body: object) => Promise<OutboundResponse>;

/** The body of an answer with the status 200; undefined if it has another form. */
export function read<T>(schema: v.GenericSchema<unknown, T>, { status, body }: OutboundResponse): T | undefined {
  const parsed = v.safeParse(schema, status === 200 ? jsonOf(body) : undefined);
  return parsed.success ? parsed.output : undefined;
}
