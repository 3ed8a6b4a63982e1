import { RetentionDays } from "aws-cdk-lib/aws-logs";
import type { Node } from "constructs";
import * as v from "valibot";
import { Fault } from "../shared/host/fault.ts";

/** `-c name=value` gives texts, `cdk.json` whatever JSON has. */
const flag = v.pipe(
  v.union([v.boolean(), v.picklist(["true", "false"])]),
  v.transform((value) => value === true || value === "true"),
);
const count = (min: number, max: number) =>
  v.pipe(v.union([v.number(), v.string()]), v.toNumber(), v.integer(), v.minValue(min), v.maxValue(max));
const arn = v.pipe(v.string(), v.startsWith("arn:"));
const region = v.pipe(v.string(), v.regex(/^[a-z]{2}(-[a-z]+)+-\d$/));
/** A list in `cdk.json`; with `-c`, its members with commas between them. Each once. */
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

const schema = v.pipe(
  v.object({
    /** Tells installations apart: part of the stack's name and a tag. Default `dev`. */
    stage: v.optional(v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,19}$/)), "dev"),
    /** Path of the configuration that is compiled in. Default `drawbridge.yaml`. */
    config: v.optional(v.string(), "drawbridge.yaml"),
    /** Region of the stack. Default: that of the credentials it is deployed with. */
    region: v.optional(region),
    /** What stands in front: an HTTP API, or the function's own URL (cheaper; no throttling, domain or mutual TLS). */
    ingress: v.optional(v.picklist(["http-api", "function-url"]), "http-api"),
    /** A domain of yours for the HTTP API, with its certificate in this region. */
    domainName: v.optional(v.string()),
    certificate: v.optional(arn),
    /** Mutual TLS: `s3://bucket/key` of the certificate authorities believed. Needs the domain. */
    trustStore: v.optional(v.pipe(v.string(), v.regex(/^s3:\/\/[^/]+\/.+$/))),
    /** Version of that object. A changed one is taken up with a deployment that names another version. */
    trustStoreVersion: v.optional(v.string()),
    /** Requests a second that the HTTP API lets through, and at once. Default 500 and 1,000. */
    requestsPerSecond: v.optional(count(1, 100_000), 500),
    requestBurst: v.optional(count(1, 100_000), 1_000),
    /** Copies of `receive` kept for it, which is also its most. Default: it shares the account's. */
    receiveConcurrency: v.optional(count(1, 100_000)),
    /** Actions of one kind that run at once, 2 to 1,000: what the targets can bear. Default 10. */
    actionConcurrency: v.optional(count(2, 1_000), 10),
    /** Topic that the alarms tell. Default: nobody is told. */
    alarmTopic: v.optional(arn),
    /** Other regions that hold a copy of the table. Needs `region`. Default: none. */
    replicaRegions: v.optional(listOf(region), []),
    /** Encrypt the table with a key of this account's own, made here. Needs `region`. Default: DynamoDB's. */
    customerKey: v.optional(flag, false),
    /** The key that the secrets are encrypted with, if it is one of this account's own. */
    secretsKey: v.optional(arn),
    /**
     * Names of the keys made for the bridge's tokens, where the configuration has an `identity` without `keys`;
     * the first signs.
     */
    signingKeys: v.optional(
      v.pipe(listOf(v.pipe(v.string(), v.regex(/^[a-z0-9]{1,20}$/))), v.minLength(1), v.maxLength(5)),
      ["a"],
    ),
    /** Whether table and keys outlive the stack, and the table refuses to be deleted. Default true. */
    keep: v.optional(flag, true),
    /** How long logs are kept, in days, of those that CloudWatch knows. Default 30. */
    logDays: v.optional(v.pipe(count(1, 3_653), v.values(KEPT_DAYS)), RetentionDays.ONE_MONTH),
    /** Whether X-Ray records calls of the functions, at its price. Default false. */
    tracing: v.optional(flag, false),
  }),
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
    "replicaRegions is without the stack's own region",
  ),
  v.check(
    ({ customerKey, replicaRegions }) => !customerKey || replicaRegions.length === 0,
    "customerKey makes a key in one region; replicaRegions needs one in each",
  ),
);

/** How one installation differs from another: CDK context, from `cdk.json` or `-c name=value`. */
export type Settings = v.InferOutput<typeof schema>;

/** A name in the context that is none of CDK's own: each of those has a hyphen, a colon or a slash. */
const OURS = /^\w+$/;

/**
 * Reads the settings from the app's context. Throws `configuration_invalid` with all that is wrong: a name that is mistyped
 * too, which would silently be another installation's deployment.
 */
export function readSettings(app: Node): Settings {
  const names = Object.keys(schema.pipe[0].entries);
  const given = Object.fromEntries(names.map((name) => [name, app.tryGetContext(name) as unknown]));
  const read = v.safeParse(schema, given);
  const unknown = Object.keys(app.getAllContext()).filter((name) => OURS.test(name) && !names.includes(name));
  if (read.success && unknown.length === 0) return read.output;
  const problems = [
    ...(read.issues ?? []).map((issue) => [v.getDotPath(issue), issue.message].filter(Boolean).join(": ")),
    ...unknown.map((name) => `${name}: there is no such setting; there are ${names.join(", ")}`),
  ];
  throw new Fault("configuration_invalid", `context: ${problems.join("\n")}`, { retryable: false });
}
