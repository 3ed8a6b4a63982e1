import type { Metric } from "aws-cdk-lib/aws-cloudwatch";

/** The entry point in front of `receive`: an HTTP API or a function URL. */
export interface Ingress {
  /** Base URL. A source posts its webhooks to `<url>/webhooks/<source>`. */
  readonly url: string;
  /** Number of requests, of 4xx and of 5xx responses (sums), and the response time (p95). */
  readonly metrics: {
    readonly requests: Metric;
    readonly rejected: Metric;
    readonly failed: Metric;
    readonly latency: Metric;
  };
}
