import { batchSizeFor, LOG_FIELDS } from "../http-log.ts";
import type { SenderSetup } from "../sender-setup.ts";

/** The default of `limits.bodyBytes`. */
const BODY_BYTES = 2_097_152;

/** https://developer.konghq.com/plugins/http-log/ */
export const kongSetups: readonly SenderSetup[] = [
  {
    kind: "kong",
    provider: "kong",
    title: "Kong Gateway",
    source: "edge",
    questions: [],
    secret: { setting: "token", form: "hex" },
    settings: (_, secret) => ({ token: { current: secret } }),
    where: "the plugin http-log of each service, or of the whole gateway",
    fields: [
      ["config.http_endpoint", "{url}"],
      ["config.headers.X-Kong-Token", "{secret}"],
      ["config.queue.max_batch_size", String(batchSizeFor(BODY_BYTES))],
      ["config.queue.max_bytes", "4194304"],
      ["config.queue.max_retry_time", "120"],
      ...Object.entries(LOG_FIELDS).map(([field, lua]) => [`config.custom_fields_by_lua["${field}"]`, lua] as const),
    ],
    remark: "Kong takes the token from a vault, too: {vault://env/drawbridge-edge-token}.",
    reportsBuilds: false,
  },
];
