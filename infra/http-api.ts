import { CfnOutput, RemovalPolicy, Stack, Validations } from "aws-cdk-lib";
import { AccessLogFormat } from "aws-cdk-lib/aws-apigateway";
import {
  DomainName,
  HttpApi,
  HttpStage,
  LogGroupLogDestination,
  type MTLSConfig,
  SecurityPolicy,
} from "aws-cdk-lib/aws-apigatewayv2";
import { HttpLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import { Certificate } from "aws-cdk-lib/aws-certificatemanager";
import { Stats } from "aws-cdk-lib/aws-cloudwatch";
import type { IFunction } from "aws-cdk-lib/aws-lambda";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import { Bucket } from "aws-cdk-lib/aws-s3";
import { Construct } from "constructs";
import type { Ingress } from "./ingress.ts";
import type { Settings } from "./settings.ts";

export interface BridgeApiProps {
  readonly handler: IFunction;
  /** The function that serves `/console`. Undefined if no console is configured. */
  readonly pages: IFunction | undefined;
  readonly settings: Settings;
}

/**
 * An HTTP API that passes every request to `receive`, which has the only route table, except those under `/console`. It
 * throttles and logs requests.
 */
export class BridgeApi extends Construct implements Ingress {
  readonly url: string;
  readonly metrics: Ingress["metrics"];

  constructor(scope: Construct, id: string, { handler, pages, settings }: BridgeApiProps) {
    super(scope, id);
    const domain = this.#domain(settings);
    const api = new HttpApi(this, "Api", {
      apiName: Stack.of(this).stackName,
      description: "Drawbridge",
      createDefaultStage: false,
      defaultIntegration: new HttpLambdaIntegration("Receive", handler),
      // The default endpoint would bypass the custom domain and its mutual TLS.
      disableExecuteApiEndpoint: domain !== undefined,
    });
    if (pages !== undefined) {
      const integration = new HttpLambdaIntegration("Console", pages);
      for (const path of ["/console", "/console/{proxy+}"]) api.addRoutes({ path, integration });
    }
    const stage = new HttpStage(this, "Stage", {
      httpApi: api,
      autoDeploy: true,
      throttle: { rateLimit: settings.requestsPerSecond, burstLimit: settings.requestBurst },
      accessLogSettings: { destination: new LogGroupLogDestination(this.#log(settings)), format: ACCESS_LINE },
      ...(domain !== undefined && { domainMapping: { domainName: domain } }),
    });
    this.url = settings.domainName === undefined ? api.apiEndpoint : `https://${settings.domainName}`;
    this.metrics = {
      requests: stage.metricCount(),
      rejected: stage.metricClientError(),
      failed: stage.metricServerError(),
      latency: stage.metricLatency({ statistic: Stats.p(95) }),
    };
    Validations.of(api).acknowledge({
      id: "AwsSolutions-APIG4",
      reason: "the bridge authenticates each request over its raw bytes, which no authorizer of an HTTP API receives",
    });
  }

  #log({ logDays }: Settings): LogGroup {
    return new LogGroup(this, "AccessLog", { retention: logDays, removalPolicy: RemovalPolicy.DESTROY });
  }

  #domain({ domainName, certificate, trustStore, trustStoreVersion }: Settings): DomainName | undefined {
    if (domainName === undefined || certificate === undefined) return undefined;
    const domain = new DomainName(this, "Domain", {
      domainName,
      certificate: Certificate.fromCertificateArn(this, "Certificate", certificate),
      securityPolicy: SecurityPolicy.TLS_1_2,
      ...(trustStore !== undefined && { mtls: this.#mutualTls(new URL(trustStore), trustStoreVersion) }),
    });
    new CfnOutput(this, "DomainTarget", {
      description: `Target of the DNS record for ${domainName}`,
      value: domain.regionalDomainName,
    });
    new CfnOutput(this, "DomainTargetZone", {
      description: "Hosted zone of DomainTarget, for an alias record in Route 53",
      value: domain.regionalHostedZoneId,
    });
    return domain;
  }

  #mutualTls({ hostname, pathname }: URL, version: string | undefined): MTLSConfig {
    const bucket = Bucket.fromBucketName(this, "TrustStore", hostname);
    return { bucket, key: pathname.slice(1), ...(version !== undefined && { version }) };
  }
}

/** Without path and query: a URL may contain anything, and that of Atlassian Connect contains a token. */
const ACCESS_LINE = AccessLogFormat.custom(
  JSON.stringify({
    requestId: "$context.requestId",
    time: "$context.requestTime",
    method: "$context.httpMethod",
    from: "$context.identity.sourceIp",
    status: "$context.status",
    bytes: "$context.responseLength",
    latencyMs: "$context.responseLatency",
    functionStatus: "$context.integration.status",
    error: "$context.error.message",
  }),
);
