import { createHash } from "node:crypto";

export type Values = Readonly<Record<string, unknown>>;

/** Marks what `drawbridge kong` renders. Nothing without it is ours. */
export const TAG = "drawbridge";
/** Marks a key that no issuer publishes any more, with the time in seconds at which that was noticed. */
export const LEAVING_TAG = "drawbridge-leaving-";

interface Entity {
  /** The same for the same name, so that a new rendering changes nothing by itself. */
  readonly id: string;
  readonly tags: readonly string[];
}

export interface KongPlugin extends Entity {
  readonly name: string;
  readonly enabled: true;
  readonly protocols: readonly string[];
  readonly config: Values;
}

export interface KongRoute extends Entity {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly methods?: readonly string[];
  readonly paths: readonly string[];
  readonly plugins: readonly KongPlugin[];
  readonly [setting: string]: unknown;
}

export interface KongService extends Entity {
  readonly name: string;
  readonly protocol: "http" | "https";
  readonly host: string;
  readonly port: number;
  readonly plugins: readonly KongPlugin[];
  readonly routes: readonly KongRoute[];
  readonly [setting: string]: unknown;
}

interface JwtSecret extends Entity {
  /** The key id in the header of tokens. */
  readonly key: string;
  readonly algorithm: string;
  /** The public key in PEM, of any kind. */
  readonly rsa_public_key: string;
  readonly secret: string;
}

export interface KongConsumer extends Entity {
  readonly username: string;
  readonly custom_id?: string;
  readonly acls: readonly (Entity & { readonly group: string })[];
  readonly jwt_secrets: readonly JwtSecret[];
  readonly plugins: readonly KongPlugin[];
}

export interface CaCertificate extends Entity {
  readonly cert: string;
}

/** A declarative configuration in the format of decK, which Kong itself reads too without a database. */
export interface KongDocument {
  readonly _format_version: "3.0";
  readonly _info: { readonly select_tags: readonly string[] };
  readonly ca_certificates: readonly CaCertificate[];
  readonly consumers: readonly KongConsumer[];
  readonly services: readonly KongService[];
}

/** Returns the id and the tag of an entity of a bridge. The id is a UUID of version 8 (RFC 9562 §5.8). */
export function entity(bridge: string, ...name: readonly string[]): Entity {
  const hex = createHash("sha256")
    .update(JSON.stringify([bridge, ...name]))
    .digest("hex");
  const variant = "89ab"[Number.parseInt(hex[16] ?? "0", 16) % 4];
  const id = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ];
  return { id: id.join("-"), tags: [TAG] };
}
