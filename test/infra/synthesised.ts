import { App } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { BridgeStack } from "../../infra/bridge-stack.ts";
import { type CompiledConfig, compileConfig } from "../../infra/compile-config.ts";
import { readSettings } from "../../infra/settings.ts";

export const EXAMPLE = "infra/example/drawbridge.yaml";

export interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
  readonly DeletionPolicy?: string;
}

export interface Synthesised {
  readonly template: Template;
  /** Resources of a type by logical id, the hash at its end cut off. */
  resources(type: string): ReadonlyMap<string, Resource>;
  /** For a role: what may be done, by resource. */
  permissions(role: string): Readonly<Record<string, readonly string[]>>;
}

/** The stack of a context and a configuration, with no code in its functions and unchecked: `checks.test.ts` does that. */
export async function synthesise(
  context: Readonly<Record<string, unknown>> = {},
  compiled?: CompiledConfig,
): Promise<Synthesised> {
  const app = new App({
    context: { "aws:cdk:bundling-stacks": [], ...context },
    builtinCloudFormationValidation: false,
  });
  const settings = readSettings(app.node);
  const stack = new BridgeStack(app, { settings, compiled: compiled ?? (await compileConfig(EXAMPLE)) });
  const template = Template.fromStack(stack);
  const resources = (type: string) =>
    // A template's resources have this shape, whatever their type.
    new Map(
      Object.entries(template.findResources(type) as Record<string, Resource>).map(([id, one]) => [nameOf(id), one]),
    );
  return { template, resources, permissions: (role) => permissionsOf(role, resources("AWS::IAM::Policy")) };
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

/** A template's value as one text: references by name, joins joined. */
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
