import type { Metric } from "aws-cdk-lib/aws-cloudwatch";

/** What stands in front of `receive`, as far as the rest of the stack asks. */
export interface Ingress {
  /** Base address; a source's webhooks go to `<url>/webhooks/<source>`. */
  readonly url: string;
  /** Requests, and those answered 4xx and 5xx: sums. */
  readonly metrics: {
    readonly requests: Metric;
    readonly refused: Metric;
    readonly failed: Metric;
    readonly latency: Metric;
  };
}
