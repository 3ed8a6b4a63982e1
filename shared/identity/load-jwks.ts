import * as v from "valibot";
import { type CallOut, callOut as defaultCallOut } from "../host/call-out.ts";
import { Fault } from "../host/fault.ts";
import { type RemoteAddress, remoteAddress } from "../host/remote-address.ts";
import { readSmallFile } from "../host/small-file.ts";
import { readJsonObject } from "../host/strict-json.ts";
import { type PublicKeySet, publicKeySet } from "./public-key-set.ts";
import type { TrustEntry } from "./trust-entry.ts";

/** Loads the key set. Throws a Fault that says why it cannot; its message never quotes the response. */
export type LoadJwks = () => Promise<PublicKeySet>;

/** Dependencies of loading; the defaults are the real network and file system. */
export interface KeySources {
  readonly callOut?: CallOut | undefined;
  readonly readFile?: ((path: string) => Promise<Uint8Array>) | undefined;
}

/**
 * Creates the loader of an entry's keys. Every address comes from the configuration or the issuer, none from a token.
 */
export function jwksLoader(
  entry: Pick<TrustEntry, "issuer" | "internalOrigins" | "jwks">,
  sources: KeySources = {},
): LoadJwks {
  const { callOut = defaultCallOut, readFile = readSmallFile } = sources;
  const { jwks } = entry;
  if (jwks === undefined) {
    return async () => {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      return asKeySet(await get(callOut, await discover(callOut, entry, signal), signal));
    };
  }
  if ("inline" in jwks) return async () => jwks.inline;
  if ("file" in jwks) return async () => asKeySet(await readFile(jwks.file));
  return async () => asKeySet(await get(callOut, configured(jwks.url)));
}

/** Limit for discovery and keys together. */
const TIMEOUT_MS = 3_000;
const MAX_RESPONSE_BYTES = 256 * 1024;

/** The only members read; a Kubernetes issuer publishes few others (no authorization or token endpoint). */
const discoveryDocument = v.object({ issuer: v.string(), jwks_uri: v.string() });

/**
 * OpenID Connect Discovery 1.0 §4: the path is appended to the issuer without its trailing slash, and a document that
 * names another issuer is rejected (§4.3).
 */
export async function discover(
  callOut: CallOut,
  { issuer, internalOrigins }: Pick<TrustEntry, "issuer" | "internalOrigins">,
  signal: AbortSignal = AbortSignal.timeout(TIMEOUT_MS),
): Promise<RemoteAddress> {
  const address = configured(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
  const document = v.safeParse(discoveryDocument, asObject(await get(callOut, address, signal)));
  if (!document.success) throw noKeys("the discovery document has no issuer or no jwks_uri");
  if (document.output.issuer !== issuer) throw noKeys("the discovery document names another issuer");
  const keys = remoteAddress(document.output.jwks_uri, [address.url.origin, ...internalOrigins]);
  if (keys === undefined) throw noKeys("the discovery document's jwks_uri is not https, or is an internal address");
  return keys;
}

const configured = (url: string): RemoteAddress => ({ url: new URL(url), onlyPublic: false });

async function get(callOut: CallOut, { url, onlyPublic }: RemoteAddress, signal?: AbortSignal): Promise<Uint8Array> {
  const headers = { accept: "application/json, application/jwk-set+json" };
  const limits = { timeoutMs: TIMEOUT_MS, maxResponseBytes: MAX_RESPONSE_BYTES };
  const response = await callOut({ method: "GET", url, headers, onlyPublic, ...limits, ...(signal && { signal }) });
  if (response.status !== 200) throw noKeys(`${url.host} responded ${response.status}`);
  return response.body;
}

function asKeySet(bytes: Uint8Array): PublicKeySet {
  const set = v.safeParse(publicKeySet, asObject(bytes));
  if (!set.success) throw noKeys("the key set is not a set of public keys");
  return set.output;
}

function asObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const json = readJsonObject(bytes);
  if (!json.ok) throw noKeys(json.problem);
  return json.value;
}

const noKeys = (why: string): Fault => new Fault("keys_unavailable", why, { retryable: true });
