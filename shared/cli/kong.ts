import { X509Certificate } from "node:crypto";
import { stringify } from "yaml";
import { loadConfig } from "../config/load.ts";
import { readSmallFile } from "../host/small-file.ts";
import type { KeySources } from "../identity/load-jwks.ts";
import { type Invocation, usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import type { KongDocument } from "./kong/document.ts";
import { kubernetesObjects } from "./kong/kubernetes.ts";
import { loadIssuers, withKong } from "./kong/load-issuers.ts";
import { type Edition, type RenderInput, renderKong } from "./kong/render.ts";
import { sessionOf } from "./session.ts";
import { printable } from "./terminal-text.ts";

/** `drawbridge kong render`: prints the configuration of Kong, or with `--check` how a Kong differs from it. */
export async function kongRenderCommand(invocation: Invocation): Promise<number> {
  const { format } = invocation.options;
  const config = withKong(await loadConfig((await sessionOf(invocation)).config()));
  const { document, warnings } = await kongDocument(config, editionOf(invocation));
  for (const warning of warnings) invocation.warn(printable(warning));
  invocation.print(toYaml(format === "kubernetes" ? kubernetesObjects(document) : [document]));
  return EXIT.done;
}

export const editionOf = ({ options }: Pick<Invocation, "options">): Edition =>
  options["edition"] === "enterprise" ? "enterprise" : "oss";

/** Returns what is rendered for a configuration, with the present keys of its issuers. */
export async function kongDocument(
  config: RenderInput["config"],
  edition: Edition,
  sources: KeySources = {},
): Promise<{ readonly document: KongDocument; readonly warnings: readonly string[] }> {
  const clientCas = await clientCasOf(config, edition);
  const { issuers, warnings } = await loadIssuers(config, edition, sources);
  return { document: renderKong({ config, edition, issuers, clientCas }), warnings };
}

async function clientCasOf({ kong }: RenderInput["config"], edition: Edition): Promise<ReadonlyMap<string, string>> {
  const named = Object.entries(kong.upstreams).flatMap(([name, { clientCa }]) =>
    clientCa === undefined ? [] : [[name, clientCa] as const],
  );
  const [first] = named;
  if (first !== undefined && edition === "oss") {
    throw usageFault(`kong.upstreams.${first[0]}.clientCa: only Kong Enterprise verifies certificates of clients`);
  }
  return new Map(await Promise.all(named.map(async ([name, file]) => [name, await certificateIn(file)] as const)));
}

/** Only the certificate: the file may have a key too. */
async function certificateIn(file: string): Promise<string> {
  try {
    return new X509Certificate(await readSmallFile(file)).toString();
  } catch {
    throw usageFault(`the file ${file} is no certificate in PEM`);
  }
}

export const toYaml = (documents: readonly object[]): string =>
  documents
    .map((document) => stringify(document, { lineWidth: 0, aliasDuplicateObjects: false, blockQuote: "literal" }))
    .join("---\n");
