import * as v from "valibot";
import type { Resource, Template } from "./assembly.ts";

/** Types that the emulator's CloudFormation does not create, and one that it must not. */
const LEFT_OUT: ReadonlyMap<string, string> = new Map([
  ["AWS::ApiGatewayV2::Api", "moto's CloudFormation makes none; the rehearsal plays the HTTP API"],
  ["AWS::ApiGatewayV2::Integration", "moto's CloudFormation makes none; the rehearsal plays the HTTP API"],
  ["AWS::ApiGatewayV2::Route", "moto's CloudFormation makes none; the rehearsal plays the HTTP API"],
  ["AWS::ApiGatewayV2::Stage", "moto's CloudFormation makes none; the rehearsal plays the HTTP API"],
  ["AWS::CloudWatch::Alarm", "moto's CloudFormation makes none"],
  ["AWS::Lambda::EventInvokeConfig", "moto's CloudFormation makes none"],
  ["AWS::Lambda::EventSourceMapping", "moto would run the functions in Docker; the rehearsal plays the Lambda service"],
  ["AWS::SQS::QueuePolicy", "moto's CloudFormation makes none; nobody's permissions are enforced here"],
  ["AWS::Scheduler::Schedule", "moto's CloudFormation makes none; the rehearsal calls the sweep itself"],
]);

export interface Adapted {
  readonly template: Template;
  /** The differences from the template, with their reasons. */
  readonly changes: readonly string[];
}

/** The part of the template that the emulator can create. */
export function adapt(template: Template): Adapted {
  const changes: string[] = [];
  const kept = new Map(Object.entries(template.Resources));
  const leaveOut = (why: (resource: Resource) => string | undefined): boolean => {
    const without = [...kept].flatMap(([id, resource]) => {
      const reason = why(resource);
      return reason === undefined ? [] : [{ id, type: resource.Type, reason }];
    });
    for (const { id } of without) kept.delete(id);
    for (const line of counted(without)) changes.push(line);
    return without.length > 0;
  };
  leaveOut(({ Type }) => LEFT_OUT.get(Type));
  const gone = (value: unknown): string | undefined => referencesIn(value).find((id) => isGone(id));
  const isGone = (id: string): boolean => id in template.Resources && !kept.has(id);
  while (leaveOut(({ Properties }) => (gone(Properties) === undefined ? undefined : "it refers to one left out")));

  const outputs = Object.entries(template.Outputs ?? {});
  const Outputs = Object.fromEntries(outputs.filter(([, output]) => gone(output) === undefined));
  for (const [name] of outputs.filter(([name]) => !(name in Outputs)))
    changes.push(`left out: output ${name}: it refers to one left out`);

  const Resources = Object.fromEntries(
    [...kept].map(([id, one]) => [id, restated(withoutDependenciesOn(isGone, one), template)]),
  );
  changes.push("restated: AWS::DynamoDB::GlobalTable, of one region, as AWS::DynamoDB::Table: moto makes no other");
  changes.push("restated: a Ref to the bus is its name in text: moto takes it for the bus itself");
  changes.push("restated: AWS::Events::Archive has its pattern as text: moto takes no object");
  changes.push('restated: InputTemplate has "<id>" for <id>: moto gives texts no quotes');
  return { template: { ...template, Resources, Outputs }, changes };
}

function counted(without: readonly { readonly type: string; readonly reason: string }[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { type, reason } of without) {
    const line = `${type}: ${reason}`;
    counts.set(line, (counts.get(line) ?? 0) + 1);
  }
  return [...counts].map(([line, count]) => `left out: ${count} × ${line}`);
}

function withoutDependenciesOn(isGone: (id: string) => boolean, { DependsOn = [], ...resource }: Resource): Resource {
  return { ...resource, DependsOn: [DependsOn].flat().filter((id) => !isGone(id)) };
}

function restated(resource: Resource, template: Template): Resource {
  const { Type, Properties, DependsOn = [] } = resource;
  if (Type === "AWS::DynamoDB::GlobalTable") return asTable(resource);
  if (Type === "AWS::Events::Archive") {
    return { ...resource, Properties: { ...Properties, EventPattern: JSON.stringify(Properties["EventPattern"]) } };
  }
  const buses = new Map(
    referencesIn(Properties).flatMap((id) => {
      const { Type: type, Properties: its } = template.Resources[id] ?? {};
      return type === "AWS::Events::EventBus" ? [[id, its?.["Name"]] as const] : [];
    }),
  );
  const restate = (member: string, value: unknown): unknown =>
    member === "InputTemplate" && typeof value === "string" ? quoted(value) : nameOf(value, buses);
  // The same members, with texts in place of some values.
  const replaced = JSON.parse(JSON.stringify(Properties), restate) as Resource["Properties"];
  return { ...resource, Properties: replaced, DependsOn: [...DependsOn, ...buses.keys()] };
}

/** A global table of one region as a plain table. */
function asTable(resource: Resource): Resource {
  const { Replicas, SSESpecification: _, ...rest } = resource.Properties;
  const [{ Region: __, GlobalSecondaryIndexes: ___, ...own }] = v.parse(replicas, Replicas);
  return { ...resource, Type: "AWS::DynamoDB::Table", Properties: { ...rest, ...own } };
}

const replicas = v.tuple([v.record(v.string(), v.unknown())]);

const quoted = (template: string): string => template.replaceAll(/<(\w+)>/g, '"<$1>"');

/** A bus's name in place of a Ref to it; any other value unchanged. */
function nameOf(value: unknown, buses: ReadonlyMap<string, unknown>): unknown {
  if (typeof value !== "object" || value === null || !("Ref" in value)) return value;
  return buses.get(String(value.Ref)) ?? value;
}

/** The logical ids that a value refers to; CDK writes no other forms of reference. */
export function referencesIn(value: unknown): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([member, below]) => {
    if (member === "Ref") return [String(below)];
    if (member === "Fn::GetAtt" && Array.isArray(below)) return [String(below[0])];
    return referencesIn(below);
  });
}
