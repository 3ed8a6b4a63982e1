import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, type AppProps } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { inject } from "vitest";
import { BridgeStack } from "../../infra/bridge-stack.ts";
import { type CompiledConfig, compileConfig } from "../../infra/compile-config.ts";
import { readSettings } from "../../infra/settings.ts";

export const EXAMPLE = "infra/example/drawbridge.yaml";
/** Every kind of source, action and identity. */
export const EVERYTHING = "test/infra/everything.yaml";

export interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
  readonly DeletionPolicy?: string;
  readonly DependsOn?: string | readonly string[];
}

export interface Synthesised {
  readonly template: Template;
  /** Resources of a type by logical id, without the hash at its end. */
  resources(type: string): ReadonlyMap<string, Resource>;
  /** The allowed actions of a role, by resource. */
  permissions(role: string): Readonly<Record<string, readonly string[]>>;
}

/** An app whose functions have no code. It writes into its own folder, which is deleted when `use` has ended. */
export async function withApp<T>(
  context: Readonly<Record<string, unknown>>,
  use: (app: App) => T | Promise<T>,
  props: AppProps = {},
): Promise<T> {
  const outdir = await mkdtemp(join(tmpdir(), "drawbridge-app-"));
  try {
    return await use(new App({ outdir, context: { "aws:cdk:bundling-stacks": [], ...context }, ...props }));
  } finally {
    await rm(outdir, { recursive: true });
  }
}

/**
 * The stack of a context and a configuration, without code in its functions and without checks, which `checks.test.ts`
 * makes. Test files of a run share each template.
 */
export async function synthesise(
  context: Readonly<Record<string, unknown>> = {},
  compiled?: CompiledConfig,
): Promise<Synthesised> {
  const configuration = compiled ?? (await compileConfig(EXAMPLE));
  const template = Template.fromJSON(await templateOf(context, configuration));
  const resources = (type: string) =>
    // A template's resources have this shape, whatever their type.
    new Map(
      Object.entries(template.findResources(type) as Record<string, Resource>).map(([id, one]) => [nameOf(id), one]),
    );
  return { template, resources, permissions: (role) => permissionsOf(role, resources("AWS::IAM::Policy")) };
}

/** Reads the template from the folder of the run if the same sources made it of the same context and configuration. */
async function templateOf(
  context: Readonly<Record<string, unknown>>,
  compiled: CompiledConfig,
): Promise<Readonly<Record<string, unknown>>> {
  sourcesHash ??= hashSources();
  const key = createHash("sha256").update(JSON.stringify([await sourcesHash, context, compiled]));
  const path = join(inject("runFolder"), `template-${key.digest("hex")}.json`);
  const kept = await readFile(path, "utf8").catch(() => undefined);
  if (kept !== undefined) return JSON.parse(kept);
  const template = await withApp(
    context,
    (app) => Template.fromStack(new BridgeStack(app, { settings: readSettings(app.node), compiled })).toJSON(),
    { builtinCloudFormationValidation: false },
  );
  const written = `${path}.${process.pid}`;
  await writeFile(written, JSON.stringify(template));
  await rename(written, path);
  return template;
}

/** The sources of a template. In watch mode they change within a run. */
const SOURCES = ["infra", "shared", "functions", "cdk.json", "package-lock.json"];
let sourcesHash: Promise<string> | undefined;

async function hashSources(): Promise<string> {
  const hash = createHash("sha256");
  const found = await Promise.all(SOURCES.map(filesIn));
  for (const path of found.flat().sort()) hash.update(`${path}\n`).update(await readFile(path));
  return hash.digest("hex");
}

async function filesIn(path: string): Promise<readonly string[]> {
  if ((await stat(path)).isFile()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
}

function permissionsOf(role: string, policies: ReadonlyMap<string, Resource>): Record<string, readonly string[]> {
  const found: Record<string, string[]> = {};
  for (const { Properties } of policies.values()) {
    const { Roles, PolicyDocument } = Properties as { Roles: unknown[]; PolicyDocument: { Statement: Statement[] } };
    if (!Roles.some((one) => readable(one) === role)) continue;
    for (const { Action, Resource } of PolicyDocument.Statement) {
      for (const resource of [Resource].flat().map(readable)) {
        found[resource] = [...(found[resource] ?? []), ...[Action].flat()].sort();
      }
    }
  }
  return found;
}

/** CDK ends a logical id with eight hex digits of its path. */
const nameOf = (logicalId: string): string => logicalId.replace(/[0-9A-F]{8}$/, "");

/** A template's value as text: references by name, and joins joined. */
export function readable(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const [[intrinsic, operand] = ["", undefined]] = Object.entries(value) as [string, unknown][];
  if (intrinsic === "Ref") return nameOf(String(operand)).replace(/^AWS::/, "aws-");
  if (intrinsic === "Fn::GetAtt") {
    const [id = "", attribute] = operand as string[];
    return attribute === "Arn" ? nameOf(id) : `${nameOf(id)}.${attribute}`;
  }
  if (intrinsic === "Fn::Join") {
    const [separator, parts] = operand as [string, unknown[]];
    return parts.map(readable).join(separator);
  }
  return JSON.stringify(value);
}
