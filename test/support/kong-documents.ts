import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { KongDocument } from "../../shared/cli/kong/document.ts";
import { withKong } from "../../shared/cli/kong/load-issuers.ts";
import type { Edition, RenderInput } from "../../shared/cli/kong/render.ts";
import { kongDocument } from "../../shared/cli/kong.ts";
import { parseConfig } from "../../shared/config/load.ts";
import type { CallOut } from "../../shared/host/call-out.ts";

export const goldenFile = (name: string): string =>
  fileURLToPath(new URL(`../unit/cli/kong/golden/${name}`, import.meta.url));

const AGENTS = "https://agent.buildkite.com";
const KEYS: unknown = JSON.parse(readFileSync(goldenFile("bridge.jwks.json"), "utf8"));

/** Every issuer of the golden configurations publishes the key of the bridge. */
export const publishingKeys: CallOut = async ({ url: { pathname } }) => {
  const answer = pathname.endsWith("/openid-configuration") ? { issuer: AGENTS, jwks_uri: `${AGENTS}/jwks` } : KEYS;
  return { status: 200, headers: new Headers(), body: Buffer.from(JSON.stringify(answer)) };
};

/** Three role tables. */
export const GOLDEN: readonly (readonly [name: string, edition: Edition])[] = [
  ["registry", "oss"],
  ["job-types", "oss"],
  ["agents", "enterprise"],
];

/** `edit` changes the text of the configuration. */
export function kongConfig(name: string, edit: (text: string) => string = (text) => text) {
  const loaded = parseConfig(edit(readFileSync(goldenFile(`${name}.config.yaml`), "utf8")), `${name}.config.yaml`);
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
  return withKong(loaded.config);
}

/** The configuration with a source for the log of Kong. */
export function withLogSource(config: RenderInput["config"]): RenderInput["config"] {
  const log = { name: "edge", provider: "kong", roles: [], people: {}, mode: "enforce", settings: {} } as const;
  return { ...config, sources: [...config.sources, log] };
}

export async function renderedGolden(
  name: string,
  edition: Edition,
  edit?: (text: string) => string,
): Promise<KongDocument> {
  return (await kongDocument(kongConfig(name, edit), edition, { callOut: publishingKeys })).document;
}
