import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { parse, stringify } from "yaml";
import { loadConfig } from "../config/load.ts";
import { systemClock } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { readSmallFile } from "../host/small-file.ts";
import type { KeySources } from "../identity/load-jwks.ts";
import { callOutOf } from "../outbound/certificate-authorities.ts";
import { type Invocation, usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { adminApi, isAddress, runningConfiguration } from "./kong/admin-api.ts";
import type { KongDocument } from "./kong/document.ts";
import { driftOf } from "./kong/drift.ts";
import { entitiesIn, upstreamsIn } from "./kong/entities.ts";
import { kubernetesObjects } from "./kong/kubernetes.ts";
import { loadIssuers, withKong } from "./kong/load-issuers.ts";
import { planKeys } from "./kong/plan-keys.ts";
import { type Edition, type RenderInput, renderKong } from "./kong/render.ts";
import { isDeep } from "./kubernetes-diff.ts";
import { sessionOf } from "./session.ts";
import { printable } from "./terminal-text.ts";

/** `drawbridge kong render`: prints the configuration of Kong, or with `--check` how a Kong differs from it. */
export async function kongRenderCommand(invocation: Invocation): Promise<number> {
  const { format, check } = invocation.options;
  if (check !== undefined && format === "kubernetes") {
    // The defaults of an API server depend on its release, and it applies them itself before it compares.
    throw usageFault("--check compares no Kubernetes objects: pipe them to `kubectl diff -f -`");
  }
  const config = withKong(await loadConfig((await sessionOf(invocation)).config()));
  const { document, warnings } = await kongDocument(config, editionOf(invocation));
  for (const warning of warnings) invocation.warn(printable(warning));
  if (check !== undefined) return reportDrift(document, check, invocation);
  invocation.print(toYaml(format === "kubernetes" ? kubernetesObjects(document) : [document]));
  return EXIT.done;
}

async function reportDrift(document: KongDocument, check: string, invocation: Invocation): Promise<number> {
  const lines = driftOf(document, await actualAt(check, invocation));
  for (const line of lines) invocation.print(printable(line));
  return lines.length === 0 ? EXIT.done : EXIT.refused;
}

/** A running Kong, or an exported file. The file may have secrets, so no message repeats a part of it. */
async function actualAt(check: string, { environment }: Invocation): Promise<object> {
  if (isAddress(check)) return runningConfiguration(adminApi(check, { environment }));
  const bytes = await readFile(check).catch(() => {
    throw usageFault(`--check: the file ${check} cannot be read`);
  });
  const notKong = usageFault(`--check: the file ${check} is no declarative configuration of Kong in YAML or JSON`);
  if (isDeep(bytes.toString())) throw notKong;
  try {
    const value: unknown = parse(bytes.toString());
    entitiesIn(value);
    upstreamsIn(value);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    throw notKong;
  }
  throw notKong;
}

export const editionOf = ({ options }: Pick<Invocation, "options">): Edition =>
  options["edition"] === "enterprise" ? "enterprise" : "oss";

/** `drawbridge kong keys`: what has to change in the keys of a running Kong, or with `--apply` changes it. */
export async function kongKeysCommand(invocation: Invocation): Promise<number> {
  const [address = ""] = invocation.positionals;
  const config = withKong(await loadConfig((await sessionOf(invocation)).config()));
  const { issuers, warnings, unavailable } = await loadIssuers(config, "oss", { callOut: callOutOf(config) });
  const api = adminApi(address, { environment: invocation.environment });
  const plan = await planKeys({ config, issuers, isComplete: unavailable.length === 0, api, now: systemClock.now() });
  for (const line of [...warnings, ...plan.problems]) invocation.warn(printable(line));
  for (const step of plan.steps) {
    if (invocation.given.has("apply")) await step.apply?.();
    invocation.print(printable(step.line));
  }
  if (unavailable.length > 0) throw unavailableKeys(unavailable);
  const isOpen = !invocation.given.has("apply") && plan.steps.some(({ apply }) => apply !== undefined);
  return plan.problems.length > 0 || isOpen ? EXIT.refused : EXIT.done;
}

/** Returns what is rendered for a configuration, with the present keys of its issuers. */
export async function kongDocument(
  config: RenderInput["config"],
  edition: Edition,
  sources: KeySources = {},
): Promise<{ readonly document: KongDocument; readonly warnings: readonly string[] }> {
  const clientCas = await clientCasOf(config, edition);
  const { issuers, warnings, unavailable } = await loadIssuers(config, edition, {
    callOut: callOutOf(config),
    ...sources,
  });
  // Without them Kong would refuse all tokens of these issuers.
  if (unavailable.length > 0) throw unavailableKeys(unavailable);
  return { document: renderKong({ config, edition, issuers, clientCas }), warnings };
}

const unavailableKeys = (which: readonly string[]): Fault =>
  new Fault("keys_unavailable", `these keys cannot be loaded: ${which.join("; ")}`, { retryable: true });

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
