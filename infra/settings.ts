import { resolve } from "node:path";
import { RetentionDays } from "aws-cdk-lib/aws-logs";
import type { Node } from "constructs";
import * as v from "valibot";
import { Fault } from "../shared/host/fault.ts";
import { PROJECT_ROOT } from "./bundling.ts";

/** `-c name=value` passes texts, `cdk.json` any JSON value. */
const flag = v.pipe(
  v.union([v.boolean(), v.picklist(["true", "false"])]),
  v.transform((value) => value === true || value === "true"),
);
const count = (min: number, max: number) =>
  v.pipe(v.union([v.number(), v.string()]), v.toNumber(), v.integer(), v.minValue(min), v.maxValue(max));
const arn = v.pipe(v.string(), v.startsWith("arn:"));
const region = v.pipe(v.string(), v.regex(/^[a-z]{2}(-[a-z]+)+-\d$/));
/** A list in `cdk.json`; with `-c`, its members separated by commas. No member may repeat. */
const listOf = (member: v.GenericSchema<string, string>) =>
  v.pipe(
    v.union([
      v.pipe(
        v.string(),
        v.transform((text) => text.split(",")),
      ),
      v.array(v.string()),
    ]),
    v.array(member),
    v.check((members) => new Set(members).size === members.length, "each only once"),
  );

const KEPT_DAYS = Object.values(RetentionDays).filter((days) => typeof days === "number");

/** What `cdk.json` names. In another stage it would replace every route and source of that installation. */
const EXAMPLE = resolve(PROJECT_ROOT, "infra/example/drawbridge.yaml");

const schema = v.pipe(
  v.object({
    /** Name of the installation: part of the stack's name, and a tag. Default `dev`. */
    stage: v.optional(v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,19}$/)), "dev"),
    /** Path of the configuration to compile into the bundles. Default `drawbridge.yaml`. */
    config: v.optional(v.string(), "drawbridge.yaml"),
    /** Region of the stack. Default: the region of the credentials at deployment. */
    region: v.optional(region),
    /** The entry point: an HTTP API, or a function URL (cheaper; no throttling, domain or mutual TLS). */
    ingress: v.optional(v.picklist(["http-api", "function-url"]), "http-api"),
    /** Custom domain of the HTTP API, and the ARN of its certificate in this region. */
    domainName: v.optional(v.string()),
    certificate: v.optional(arn),
    /** Mutual TLS: `s3://bucket/key` of the trusted certificate authorities. Needs `domainName`. */
    trustStore: v.optional(v.pipe(v.string(), v.regex(/^s3:\/\/[^/]+\/.+$/))),
    /** Version of that object. A changed object takes effect with a deployment that names its version. */
    trustStoreVersion: v.optional(v.string()),
    /** Requests per second that the HTTP API allows, and in a burst. Default 500 and 1,000. */
    requestsPerSecond: v.optional(count(1, 100_000), 500),
    requestBurst: v.optional(count(1, 100_000), 1_000),
    /** Concurrency that is reserved for `receive` and is also its maximum. Default: it shares the account's. */
    receiveConcurrency: v.optional(count(1, 100_000)),
    /** Maximum number of actions of one kind that run at once, 2 to 1,000: what the targets can handle. Default 10. */
    actionConcurrency: v.optional(count(2, 1_000), 10),
    /** ARN of the SNS topic that alarms notify. Default: none. */
    alarmTopic: v.optional(arn),
    /** Other regions with a replica of the table. Needs `region`. Default: none. */
    replicaRegions: v.optional(listOf(region), []),
    /** Whether to encrypt the table with a KMS key that the stack creates. Needs `region`. Default false: DynamoDB's key. */
    customerKey: v.optional(flag, false),
    /** Whether the table keeps the index `by-day` of earlier releases, which nothing uses any more. Default false. */
    keepDayIndex: v.optional(flag, false),
    /** ARN of the customer-managed KMS key that encrypts the secrets, if there is one. */
    secretsKey: v.optional(arn),
    /**
     * Names of the signing keys that the stack creates if the configuration has an `identity` without `keys`. The first
     * one signs. Default `a`.
     */
    signingKeys: v.optional(
      v.pipe(listOf(v.pipe(v.string(), v.regex(/^[a-z0-9]{1,20}$/))), v.minLength(1), v.maxLength(5)),
      ["a"],
    ),
    /** Whether table and keys stay when the stack is deleted, and the table has deletion protection. Default true. */
    keep: v.optional(flag, true),
    /** How long logs are stored, in days: a value that CloudWatch allows. Default 30. */
    logDays: v.optional(v.pipe(count(1, 3_653), v.values(KEPT_DAYS)), RetentionDays.ONE_MONTH),
    /** Whether X-Ray records calls of the functions, for a fee. Default false. */
    tracing: v.optional(flag, false),
  }),
  v.check(
    ({ stage, config }) => stage === "dev" || resolve(PROJECT_ROOT, config) !== EXAMPLE,
    "the example is for stage dev only: name your configuration with -c config=<file>",
  ),
  v.check(
    ({ domainName, certificate }) => (domainName === undefined) === (certificate === undefined),
    "domainName and certificate go together",
  ),
  v.check(
    ({ domainName, trustStore }) => trustStore === undefined || domainName !== undefined,
    "trustStore needs domainName",
  ),
  v.check(
    ({ trustStore, trustStoreVersion }) => trustStoreVersion === undefined || trustStore !== undefined,
    "trustStoreVersion needs trustStore",
  ),
  v.check(
    ({ ingress, domainName }) => ingress === "http-api" || domainName === undefined,
    "domainName needs ingress=http-api",
  ),
  v.check(
    ({ region, customerKey, replicaRegions }) => region !== undefined || (!customerKey && replicaRegions.length === 0),
    "customerKey and replicaRegions need region",
  ),
  v.check(
    ({ region, replicaRegions }) => region === undefined || !replicaRegions.includes(region),
    "replicaRegions must not contain the stack's own region",
  ),
  v.check(
    ({ customerKey, replicaRegions }) => !customerKey || replicaRegions.length === 0,
    "customerKey creates a key in one region; replicaRegions needs one in each",
  ),
);

/** How one installation differs from another: CDK context, from `cdk.json` or `-c name=value`. */
export type Settings = v.InferOutput<typeof schema>;

/** A context name that does not belong to CDK: each of CDK's has a hyphen, a colon or a slash. */
const OWN_NAME = /^\w+$/;

/**
 * Reads the settings from the app's context. Throws `configuration_invalid` with every problem. An unknown name is one too:
 * with a mistyped name, the deployment would silently go to another installation.
 */
export function readSettings(app: Node): Settings {
  const names = Object.keys(schema.pipe[0].entries);
  const values = Object.fromEntries(names.map((name) => [name, app.tryGetContext(name) as unknown]));
  const read = v.safeParse(schema, values);
  const unknown = Object.keys(app.getAllContext()).filter((name) => OWN_NAME.test(name) && !names.includes(name));
  if (read.success && unknown.length === 0) return read.output;
  const problems = [
    ...(read.issues ?? []).map((issue) => [v.getDotPath(issue), issue.message].filter(Boolean).join(": ")),
    ...unknown.map((name) => `${name}: unknown setting; known are ${names.join(", ")}`),
  ];
  throw new Fault("configuration_invalid", `context: ${problems.join("\n")}`, { retryable: false });
}

/** What is allowed and seldom meant, each in one sentence. */
export function warningsAbout({ alarmTopic, ingress, receiveConcurrency }: Settings): readonly string[] {
  return [
    ...(alarmTopic === undefined ? ["alarmTopic is not set: alarms change their colour, and nobody is notified"] : []),
    ...(ingress === "function-url" && receiveConcurrency === undefined
      ? ["receiveConcurrency is not set: a function URL has no other limit of requests, and of their cost"]
      : []),
  ];
}
