import { sha256Hex } from "../model/idempotency-keys.ts";
import type { Config } from "./schema.ts";

const SHOWN_CHARACTERS = 12;

/**
 * Returns the start of the SHA-256 digest of a configuration with all its defaults. Two files that mean the same have the
 * same digest. It covers the references to secrets and key files, not what they contain.
 */
export const digestOf = (config: Config): string => sha256Hex(JSON.stringify(config)).slice(0, SHOWN_CHARACTERS);
