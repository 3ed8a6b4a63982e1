import * as v from "valibot";
import { type CallOut, callOut as defaultCallOut, type OutboundRequest } from "../../host/call-out.ts";
import type { Environment } from "../../host/environment.ts";
import { Fault, type FaultCode } from "../../host/fault.ts";
import { isSecureUrl } from "../../host/secure-url.ts";
import { readJsonObject } from "../../host/strict-json.ts";
import { usageFault } from "../command.ts";

/** Kong's Admin API. Throws `target_unreachable`, `not_allowed`, or `bridge_refused` for any other answer. */
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
    throw new Fault(codeOf(response.status), message, { retryable: response.status >= 500 });
  };
  return {
    async list(kind) {
      const found: object[] = [];
      let offset: string | undefined;
      for (let pages = 0; pages < MAX_PAGES; pages += 1) {
        const rest = offset === undefined ? "" : `&offset=${encodeURIComponent(offset)}`;
        const json = readJsonObject(await call("GET", `/${kind}?size=${PAGE_SIZE}${rest}`));
        const read = v.safeParse(page, json.ok ? json.value : undefined);
        if (!read.success)
          throw new Fault("bridge_refused", `the answer to /${kind} is not one of Kong`, { retryable: false });
        found.push(...read.output.data);
        offset = read.output.offset ?? undefined;
        if (offset === undefined) return found;
      }
      throw new Fault("bridge_refused", `/${kind} has more than ${MAX_PAGES} pages`, { retryable: false });
    },
    put: async (path, body) => void (await call("PUT", path, body)),
    remove: async (path) => void (await call("DELETE", path)),
  };
}

function codeOf(status: number): FaultCode {
  if (status === 401 || status === 403) return "not_allowed";
  return status >= 500 ? "target_unreachable" : "bridge_refused";
}

/** `data` of an empty list may be an object: Lua has one kind of table. */
const page = v.object({
  data: v.union([
    v.array(v.looseObject({})),
    v.pipe(
      v.strictObject({}),
      v.transform(() => []),
    ),
  ]),
  offset: v.nullish(v.string()),
});

/** The configuration of a running Kong, as lists under the names that a file has. */
export async function runningConfiguration(api: Pick<AdminApi, "list">): Promise<object> {
  const kinds = { services: "services", routes: "routes", consumers: "consumers", acls: "acls", jwt_secrets: "jwts" };
  const all = { ...kinds, ca_certificates: "ca_certificates", plugins: "plugins" };
  const lists: [string, readonly object[]][] = [];
  for (const [name, kind] of Object.entries(all)) lists.push([name, await api.list(kind)]);
  return Object.fromEntries(lists);
}
