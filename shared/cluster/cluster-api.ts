import * as v from "valibot";
import type { CallOut, OutboundRequest, OutboundResponse } from "../host/call-out.ts";
import { Fault } from "../host/fault.ts";
import { readJsonObject } from "../host/strict-json.ts";
import { readTokenFile } from "./token-file.ts";

/** The API server of a cluster, and how to prove who asks it. */
export interface ClusterAccess {
  readonly url: URL;
  /** Path of a projected service-account token for the API server. */
  readonly tokenFile: string;
  readonly callOut: CallOut;
}

interface ClusterRequest extends Pick<OutboundRequest, "method" | "body"> {
  /** Path of an object or a list, with its query. */
  readonly path: string;
  readonly contentType?: string;
}

/** Asks the API server. Throws if there is no token, or no answer. */
export async function callCluster(
  { path, method, body, contentType = "application/json" }: ClusterRequest,
  { url, tokenFile, callOut }: ClusterAccess,
): Promise<OutboundResponse> {
  const token = await readTokenFile(tokenFile);
  return callOut({
    method,
    url: new URL(`/${path}`, url),
    ...(body !== undefined && { body }),
    headers: { authorization: `Bearer ${token}`, accept: "application/json", "content-type": contentType },
    timeoutMs: 10_000,
    maxResponseBytes: MAX_PAGE_BYTES,
  });
}

/** An object has at most 1.5 MB; one of a task has a few KB. */
const MAX_PAGE_BYTES = 16_777_216;

/** The object in an answer. Throws a retryable Fault if there is none of this form. */
export function parsedObject<T>({ status, body }: OutboundResponse, schema: v.GenericSchema<unknown, T>): T {
  const json = status === 200 ? readJsonObject(body) : undefined;
  const read = json?.ok ? v.safeParse(schema, json.value) : undefined;
  if (read?.success) return read.output;
  const message = `the API server answered ${status}${status === 200 ? " with an unknown form" : ""}`;
  throw new Fault("target_unreachable", message, { retryable: true });
}
