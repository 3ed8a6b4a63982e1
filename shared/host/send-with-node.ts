import { lookup as systemLookup } from "node:dns";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { LookupFunction } from "node:net";
import { Fault } from "./fault.ts";
import { isInternalAddress } from "./remote-address.ts";

interface NodeRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
  /** Fails if the host resolves to an internal address. */
  readonly onlyPublic?: boolean;
  /** Certificates in PEM, in place of the public authorities. */
  readonly ca?: string | undefined;
}

/**
 * Sends a request with a check of the addresses that are connected to, or with other certificate authorities: `fetch` takes
 * neither. A function in AWS starts without these modules of Node.
 */
export async function sendWithNode(request: NodeRequest, lookupFor?: (host: string) => LookupFunction) {
  const { method, url, body, signal, onlyPublic, ca } = request;
  const lookup = onlyPublic && (lookupFor?.(url.hostname) ?? publicLookup(url.hostname, systemLookup));
  const sendRequest = url.protocol === "https:" ? httpsRequest : httpRequest;
  const headers = { ...request.headers, "accept-encoding": "identity" };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = { method, headers, signal, ...(lookup && { lookup }), ...(ca !== undefined && { ca }) };
    sendRequest(url, options, resolve).once("error", reject).end(body);
  });
  const received = new Headers();
  for (const [name, values] of Object.entries(response.headersDistinct)) {
    for (const value of values ?? []) received.append(name, value);
  }
  return { status: response.statusCode ?? 0, headers: received, body: response };
}

/** Resolves a name as `node:dns` does. */
type Lookup = typeof systemLookup;

/**
 * Returns a lookup for a connection to `host` that fails if one of the name's addresses is internal. The addresses that are
 * checked are those that are connected to, so that a name cannot change its answer in between (DNS rebinding). The name of
 * a proxy, which the operator configures, is looked up without a check.
 */
export const publicLookup =
  (host: string, lookup: Lookup): LookupFunction =>
  (name, options, callback) => {
    lookup(name, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      if (name === host && addresses.some(({ address }) => isInternalAddress(address))) {
        return callback(
          new Fault("target_unreachable", `${host} resolves to an internal address`, { retryable: true }),
          [],
        );
      }
      if (options.all) return callback(null, addresses);
      const [first] = addresses;
      return callback(null, first?.address ?? "", first?.family);
    });
  };
