import { lookup as systemLookup } from "node:dns";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { LookupFunction } from "node:net";
import { Fault } from "./fault.ts";
import { isInternalAddress } from "./remote-address.ts";

interface PublicRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

/**
 * Sends a request with a check of the addresses that are connected to, which `fetch` does not take. A function in AWS
 * starts without these modules of Node.
 */
export async function sendToPublic(request: PublicRequest, lookupFor?: (host: string) => LookupFunction) {
  const { method, url, body, signal } = request;
  const lookup = lookupFor?.(url.hostname) ?? publicLookup(url.hostname, systemLookup);
  const sendRequest = url.protocol === "https:" ? httpsRequest : httpRequest;
  const headers = { ...request.headers, "accept-encoding": "identity" };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    sendRequest(url, { method, headers, signal, lookup }, resolve).once("error", reject).end(body);
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
