import { Fn } from "aws-cdk-lib";
import { Metric, Stats } from "aws-cdk-lib/aws-cloudwatch";
import { FunctionUrlAuthType, type IFunction } from "aws-cdk-lib/aws-lambda";
import { Construct } from "constructs";
import type { Ingress } from "./ingress.ts";

/** The function's own address: nothing in front costs money, and nothing in front bounds but its reserved concurrency. */
export class BridgeUrl extends Construct implements Ingress {
  readonly url: string;
  readonly metrics: Ingress["metrics"];

  constructor(scope: Construct, id: string, { handler }: { readonly handler: IFunction }) {
    super(scope, id);
    // Senders have no AWS identity; each proves itself over the raw bytes of its request.
    const { url } = handler.addFunctionUrl({ authType: FunctionUrlAuthType.NONE });
    // It ends in a slash (API reference, FunctionUrlConfig); an HTTP API's does not.
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
      refused: metric("Url4xxCount", Stats.SUM),
      failed: metric("Url5xxCount", Stats.SUM),
      latency: metric("UrlRequestLatency", Stats.p(95)),
    };
  }
}
