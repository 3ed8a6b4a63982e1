/** One price: list price, first tier, without free allowances. */
interface Price {
  readonly what: string;
  readonly dollars: number;
  /** Number of `unit` that cost `dollars`. */
  readonly per: number;
  readonly unit: string;
  /** The vendor's page that has the price. */
  readonly page: string;
  /** A stored copy of a page with this price. Undefined if none was found and the price is from memory. */
  readonly confirmedBy?: string;
}

export const REGION = "us-east-1";
/**
 * Day on which the prices were last looked up.
 * The vendor's own pages could not be opened that day, only copies of others.
 */
export const LOOKED_UP = "2026-11-21";

const MILLION = 1_000_000;
const LAMBDA = "https://aws.amazon.com/lambda/pricing/";
const DYNAMODB = "https://aws.amazon.com/dynamodb/pricing/on-demand/";
const EVENTBRIDGE = "https://aws.amazon.com/eventbridge/pricing/";
const CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/";

export const PRICES = {
  httpApiRequest: {
    what: "HTTP API, request of at most 512 KB",
    dollars: 1,
    per: MILLION,
    unit: "requests",
    page: "https://aws.amazon.com/api-gateway/pricing/",
    confirmedBy: "awsforengineers.com, 2025-05",
  },
  lambdaRequest: {
    what: "Lambda, call of a function",
    dollars: 0.2,
    per: MILLION,
    unit: "calls",
    page: LAMBDA,
    confirmedBy: "git.mcrn.ar/mariano, 2026-05",
  },
  lambdaGbSecond: {
    what: "Lambda, arm64, memory × time",
    dollars: 0.0000133334,
    per: 1,
    unit: "GB-seconds",
    page: LAMBDA,
    confirmedBy: "cloudchipr.com, 2024",
  },
  writeUnit: {
    what: "DynamoDB, write request unit, table or index",
    dollars: 0.625,
    per: MILLION,
    unit: "units",
    page: DYNAMODB,
    confirmedBy: "airbyte.com, 2025-07",
  },
  readUnit: {
    what: "DynamoDB, read request unit",
    dollars: 0.125,
    per: MILLION,
    unit: "units",
    page: DYNAMODB,
    confirmedBy: "airbyte.com, 2025-07",
  },
  streamRead: {
    what: "DynamoDB Streams, reads by a Lambda trigger",
    dollars: 0,
    per: MILLION,
    unit: "reads",
    page: DYNAMODB,
    confirmedBy: "DynamoDB developer guide, CostOptimization_StreamsUsage",
  },
  tableStorage: {
    what: "DynamoDB, storage",
    dollars: 0.25,
    per: 1,
    unit: "GB-months",
    page: DYNAMODB,
  },
  pointInTime: {
    what: "DynamoDB, point-in-time recovery",
    dollars: 0.2,
    per: 1,
    unit: "GB-months",
    page: DYNAMODB,
  },
  busEvent: {
    what: "EventBridge, custom event of at most 64 KB; rules and targets in the account included",
    dollars: 1,
    per: MILLION,
    unit: "events",
    page: EVENTBRIDGE,
    confirmedBy: "factualminds.com, 2026-06",
  },
  archived: {
    what: "EventBridge archive, taking in",
    dollars: 0.1,
    per: 1,
    unit: "GB",
    page: EVENTBRIDGE,
  },
  archiveStorage: {
    what: "EventBridge archive, storage",
    dollars: 0.023,
    per: 1,
    unit: "GB-months",
    page: EVENTBRIDGE,
  },
  queueRequest: {
    what: "SQS, standard queue, request of at most 64 KB",
    dollars: 0.4,
    per: MILLION,
    unit: "requests",
    page: "https://aws.amazon.com/sqs/pricing/",
    confirmedBy: "cloudburn.io, 2026-03",
  },
  logged: {
    what: "CloudWatch Logs, taking in",
    dollars: 0.5,
    per: 1,
    unit: "GB",
    page: CLOUDWATCH,
    confirmedBy: "duckbillgroup.com, 2025-05",
  },
  trace: {
    what: "X-Ray, trace recorded",
    dollars: 5,
    per: MILLION,
    unit: "traces",
    page: "https://aws.amazon.com/xray/pricing/",
    confirmedBy: "awsnegotiations.com",
  },
  sentOut: {
    what: "Data sent to the internet",
    dollars: 0.09,
    per: 1,
    unit: "GB",
    page: "https://aws.amazon.com/ec2/pricing/on-demand/",
    confirmedBy: "apigatewaycost.com",
  },
  metric: { what: "CloudWatch, custom metric", dollars: 0.3, per: 1, unit: "metric-months", page: CLOUDWATCH },
  alarm: { what: "CloudWatch, alarm", dollars: 0.1, per: 1, unit: "alarm-months", page: CLOUDWATCH },
  dashboard: { what: "CloudWatch, dashboard", dollars: 3, per: 1, unit: "dashboard-months", page: CLOUDWATCH },
  secret: {
    what: "Secrets Manager, secret",
    dollars: 0.4,
    per: 1,
    unit: "secret-months",
    page: "https://aws.amazon.com/secrets-manager/pricing/",
    confirmedBy: "hivebook.wiki",
  },
} as const satisfies Record<string, Price>;

export type PriceName = keyof typeof PRICES;

/** One line of a bill: an amount of something that has a price. */
export interface Line {
  readonly part: string;
  readonly price: PriceName;
  readonly amount: number;
}

export function dollarsOf({ price, amount }: Pick<Line, "price" | "amount">): number {
  const { dollars, per } = PRICES[price];
  return (amount * dollars) / per;
}

export const totalOf = (lines: readonly Line[]): number => lines.reduce((sum, line) => sum + dollarsOf(line), 0);
