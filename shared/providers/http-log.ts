/**
 * What the plugin http-log changes in a record before it sends it, as Lua by the name of the member. Headers, queries and
 * addresses have credentials of clients, and their length would be of the client's choice. Of the response's headers,
 * those stay that the bridge reads.
 */
export const LOG_FIELDS: Readonly<Record<string, string>> = {
  "request.headers": "return nil",
  "request.querystring": "return nil",
  "request.uri": "return kong.request.get_path()",
  "request.url": "return nil",
  "response.headers":
    'return { ["x-kong-request-id"] = kong.response.get_header("X-Kong-Request-Id"), ["x-drawbridge-request"] = kong.response.get_header("X-Drawbridge-Request") }',
  upstream_uri: "return nil",
};

/**
 * A record with {@link LOG_FIELDS} is at most this long in JSON. nginx takes 8 KB of a request line and of a header
 * (`large_client_header_buffers`). Of the line the path stays, and a quote or slash in it has 2 bytes in JSON. Of the
 * headers one stays, as `correlation_id`, and a control character in it has 6. 16 KB are for all other members.
 */
const MAX_RECORD_BYTES = 8_192 * 2 + 8_192 * 6 + 16_384;

/** How many records one request may have, so that no client can make it longer than the bridge takes. */
export const batchSizeFor = (bodyBytes: number): number =>
  Math.min(MAX_BATCH, Math.max(1, Math.floor(bodyBytes / MAX_RECORD_BYTES)));

const MAX_BATCH = 50;
