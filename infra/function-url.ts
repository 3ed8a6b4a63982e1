import { Fn } from "aws-cdk-lib";
import { Metric, Stats } from "aws-cdk-lib/aws-cloudwatch";
import { FunctionUrlAuthType, type IFunction } from "aws-cdk-lib/aws-lambda";
import { Construct } from "constructs";
import type { Ingress } from "./ingress.ts";

/** A function URL. It costs nothing extra; the function's reserved concurrency is the only limit on requests. */
export class BridgeUrl extends Construct implements Ingress {
  readonly url: string;
  readonly metrics: Ingress["metrics"];

  constructor(scope: Construct, id: string, { handler }: { readonly handler: IFunction }) {
    super(scope, id);
    // Senders have no AWS identity; the bridge authenticates each request over its raw bytes.
    const { url } = handler.addFunctionUrl({ authType: FunctionUrlAuthType.NONE });
    // A function URL ends in a slash (API reference, FunctionUrlConfig); the URL of an HTTP API does not.
    this.url = `https://${Fn.select(2, Fn.split("/", url))}`;
    const metric = (metricName: string, statistic: string) =>
      new Metric({
        namespace: "AWS/Lambda",
        metricName,
        dimensionsMap: { FunctionName: handler.functionName },
        statistic,
      });
    this.metrics = {
      requests: metric("UrlRequestCount", Stats.SUM),
      rejected: metric("Url4xxCount", Stats.SUM),
      failed: metric("Url5xxCount", Stats.SUM),
      latency: metric("UrlRequestLatency", Stats.p(95)),
    };
  }
}
