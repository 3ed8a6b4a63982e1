import * as v from "valibot";
import { type CallOut, callOut as defaultCallOut, type OutboundRequest } from "../../host/call-out.ts";
import type { Environment } from "../../host/environment.ts";
import { Fault, type FaultCode } from "../../host/fault.ts";
import { isSecureUrl } from "../../host/secure-url.ts";
import { readJsonObject } from "../../host/strict-json.ts";
import { usageFault } from "../command.ts";
import { TAG } from "./document.ts";

/**
 * Kong's Admin API. Throws `not_allowed`, `bridge_refused` for a write that it refuses, and `target_unreachable` for any
 * other failure, also of something that is no Kong: its exit code must not be that of a difference.
 */
export interface AdminApi {
  /** All entities of a kind, over all pages. */
  readonly list: (kind: string) => Promise<readonly object[]>;
  readonly put: (path: string, body: object) => Promise<void>;
  readonly remove: (path: string) => Promise<void>;
}

const TIMEOUT_MS = 10_000;
const MAX_RESPONSE_BYTES = 16 * 1024 * 1024;
const PAGE_SIZE = 500;
/** A Kong with more entities of one kind is not read. */
const MAX_PAGES = 1_000;

export const isAddress = (text: string): boolean => /^https?:\/\//.test(text);

/** The token of a Kong with RBAC is in KONG_ADMIN_TOKEN. */
export function adminApi(
  address: string,
  {
    environment,
    callOut = defaultCallOut,
  }: { readonly environment: Environment; readonly callOut?: CallOut | undefined },
): AdminApi {
  const token = environment["KONG_ADMIN_TOKEN"];
  if (!URL.canParse(address) || !isAddress(address) || /[?#@]/.test(address))
    throw usageFault("the Admin API must be an address such as http://127.0.0.1:8001");
  if (token !== undefined && !isSecureUrl(address))
    throw usageFault("KONG_ADMIN_TOKEN would be sent in clear: give https://, or unset it");
  const base = address.replace(/\/+$/, "");
  const headers = { accept: "application/json", ...(token !== undefined && { "kong-admin-token": token }) };
  const call = async (method: OutboundRequest["method"], path: string, body?: object): Promise<Uint8Array> => {
    const response = await callOut({
      method,
      url: new URL(`${base}${path}`),
      headers: { ...headers, ...(body && { "content-type": "application/json" }) },
      ...(body && { body: JSON.stringify(body) }),
      timeoutMs: TIMEOUT_MS,
      maxResponseBytes: MAX_RESPONSE_BYTES,
    });
    if (response.status >= 200 && response.status < 300) return response.body;
    // The path, and not the body: that may repeat what was sent.
    const message = `the Admin API answered ${response.status} to ${method} ${path.split("?")[0]}`;
    throw new Fault(codeOf(response.status, method), message, { retryable: response.status >= 500 });
  };
  return {
    async list(kind) {
      const found: object[] = [];
      let offset: string | undefined;
      for (let pages = 0; pages < MAX_PAGES; pages += 1) {
        const rest = offset === undefined ? "" : `&offset=${encodeURIComponent(offset)}`;
        const json = readJsonObject(await call("GET", `/${kind}?size=${PAGE_SIZE}${rest}`));
        const read = parseAnswer(page, json.ok ? json.value : undefined, kind);
        found.push(...read.data);
        offset = read.offset ?? undefined;
        if (offset === undefined) return found;
      }
      throw new Fault("target_unreachable", `/${kind} has more than ${MAX_PAGES} pages`, { retryable: false });
    },
    put: async (path, body) => void (await call("PUT", path, body)),
    remove: async (path) => void (await call("DELETE", path)),
  };
}

function codeOf(status: number, method: OutboundRequest["method"]): FaultCode {
  if (status === 401 || status === 403) return "not_allowed";
  return status >= 500 || method === "GET" ? "target_unreachable" : "bridge_refused";
}

/** Parses an answer, or a part of it. Throws `target_unreachable` without a value of it: that may be a secret. */
export function parseAnswer<const Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  kind: string,
): v.InferOutput<Schema> {
  const read = v.safeParse(schema, value);
  if (read.success) return read.output;
  throw new Fault("target_unreachable", `the answer to /${kind} is not one of Kong`, { retryable: false });
}

/** An empty list may be an object: Lua has one kind of table. */
export const listOf = <const Item extends v.GenericSchema>(item: Item) =>
  v.union([
    v.array(item),
    v.pipe(
      v.strictObject({}),
      v.transform((): v.InferOutput<Item>[] => []),
    ),
  ]);

const page = v.object({ data: listOf(v.looseObject({})), offset: v.nullish(v.string()) });

/** The configuration of a running Kong, as lists under the names that a file has. */
export async function runningConfiguration(api: Pick<AdminApi, "list">): Promise<object> {
  const kinds = { services: "services", routes: "routes", consumers: "consumers", acls: "acls", jwt_secrets: "jwts" };
  const all = { ...kinds, ca_certificates: "ca_certificates", plugins: "plugins", upstreams: "upstreams" };
  const lists = new Map<string, readonly object[]>();
  for (const [name, kind] of Object.entries(all)) lists.set(name, await api.list(kind));
  // Of every other kind only what has our tag counts.
  const path = `tags/${TAG}`;
  for (const one of await api.list(path)) {
    const { entity_name: kind, entity_id: id } = parseAnswer(tagged, one, path);
    if (!Object.hasOwn(all, kind)) lists.set(kind, [...(lists.get(kind) ?? []), { id, tags: [TAG] }]);
  }
  return Object.fromEntries(lists);
}

const tagged = v.object({ entity_name: v.string(), entity_id: v.string() });
