import { type BridgeSource, sendToBridge } from "../shared/cluster/bridge-source.ts";
import { Counters } from "../shared/cluster/counters.ts";
import { INTERCEPTOR_COUNTERS, interceptorApp, MAX_CALL_BYTES } from "../shared/cluster/interceptor.ts";
import { RefusalReports } from "../shared/cluster/refusal-reports.ts";
import { UsedTokens } from "../shared/cluster/used-tokens.ts";
import { bridgeAsIssuer } from "../shared/cluster/verify-trigger.ts";
import { callOut } from "../shared/host/call-out.ts";
import { systemClock as clock } from "../shared/host/clock.ts";
import { Fault, failureOf } from "../shared/host/fault.ts";
import { FollowedFiles } from "../shared/host/followed-files.ts";
import type { Log } from "../shared/host/log.ts";
import { LocalSecrets } from "../shared/host/secrets.ts";
import { ADMISSION_LIMITS, Admission } from "../shared/http/admission.ts";
import { type ListenAddress, listen } from "../shared/http/listen.ts";
import { readTlsSettings } from "../shared/http/tls.ts";
import type { StopOutcome } from "./stop-on-signal.ts";

interface InterceptorOptions {
  readonly issuer: string;
  readonly audience: string | undefined;
  /** Where refusals are reported. Undefined: they are only logged and counted. */
  readonly source: BridgeSource | undefined;
  /** Paths of PEM files. A changed certificate is used for new connections. */
  readonly tls: { readonly certificate: string; readonly key: string };
  readonly address: Omit<ListenAddress, "tls">;
  readonly log: Log;
}

export interface Part {
  readonly url: URL;
  /** Reads the files again, changed or not. */
  reload(): void;
  stop(): Promise<StopOutcome>;
}

/** Serves the ClusterInterceptor over HTTPS. Throws `configuration_invalid` if a setting or a file cannot be used. */
export async function startInterceptor(options: InterceptorOptions): Promise<Part> {
  const { issuer, audience, source, tls, address, log } = options;
  const counters = new Counters(INTERCEPTOR_COUNTERS);
  const reports = source && new RefusalReports({ send: (event) => sendToBridge(event, source), counters, clock, log });
  const bridge = bridgeAsIssuer(issuer, { clock, callOut });
  const usedTokens = new UsedTokens(clock);
  const app = interceptorApp({
    bridge,
    audience,
    usedTokens,
    startedAt: clock.now(),
    clock,
    reports: reports ?? { add: () => undefined },
    counters,
    log,
  });
  // Secrets are read anew each time: the object keeps what it has read.
  const readTls = () => readTlsSettings(tls, new LocalSecrets({}));
  const reload = async (): Promise<void> => {
    try {
      const settings = await readTls();
      if (settings) server.useTls(settings);
      log.info({ certificate: tls.certificate }, "the certificate was reloaded");
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const why = error instanceof Fault ? { errors: error.message } : failureOf(error);
      log.error(why, "the certificate was not reloaded; the earlier one stays in force");
    }
  };
  const files = new FollowedFiles({ paths: async () => [tls.certificate, tls.key], reload, log });
  await files.open();
  const admission = new Admission({ limits: ADMISSION_LIMITS, maxBodyBytes: () => MAX_CALL_BYTES, log });
  const server = await listen(app, { ...address, tls: await readTls() }, admission);
  files.start();
  reports?.start();
  return {
    url: server.url,
    reload: () => files.request(),
    stop: async () => {
      await Promise.all([files.stop(), reports?.stop(), server.close()]);
      return "finished";
    },
  };
}
