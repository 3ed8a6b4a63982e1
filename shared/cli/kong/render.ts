import type { KongSettings } from "../../config/kong.ts";
import type { Config } from "../../config/schema.ts";
import type { Upstream } from "../../identity/upstream.ts";
import { batchSizeFor, LOG_FIELDS } from "../../providers/http-log.ts";
import { type Caller, type CallerLimit, callersOf, groupOf, type Issuer } from "./callers.ts";
import {
  entity,
  type KongConsumer,
  type KongDocument,
  type KongPlugin,
  type KongRoute,
  type KongService,
  type Values,
} from "./document.ts";
import { bucketHeader, clearHeaders, decide, handOn, nameBuckets, observe } from "./lua.ts";

export type Edition = "oss" | "enterprise";

/** What is rendered, with everything that has to be loaded first. */
export interface RenderInput {
  readonly config: Config & { readonly kong: KongSettings };
  readonly edition: Edition;
  /** The issuers whose tokens may pass to an upstream behind Kong: the bridge, and trust entries. In the order of names. */
  readonly issuers: readonly Issuer[];
  /** The authorities of client certificates in PEM, by upstream. */
  readonly clientCas: ReadonlyMap<string, string>;
}

/** What `drawbridge kong render` prints. The same input gives the same document. */
export function renderKong(input: RenderInput): KongDocument {
  const { config, clientCas } = input;
  const upstreams = upstreamsBehind(config);
  const callers = callersOf(input.issuers, { isApart: isApartIn(input), config, upstreams });
  const context = { ...input, bridge: config.kong.bridge.url, callers };
  return {
    _format_version: "3.0",
    _info: { select_tags: entity("").tags },
    ca_certificates: [...clientCas]
      .sort(byName)
      .map(([name, cert]) => ({ ...entity(context.bridge, "ca", name), cert })),
    consumers: callers.map((caller) => consumerOf(caller, context)),
    services: [
      bridgeService(context),
      ...upstreams.map(([name, upstream]) => upstreamService(name, upstream, context)),
    ],
  };
}

/** The upstreams behind Kong by name. */
export const upstreamsBehind = ({ upstreams, kong }: RenderInput["config"]): readonly (readonly [string, Upstream])[] =>
  Object.entries(upstreams)
    .filter(([name]) => kong.upstreams[name] !== undefined)
    .sort(byName);

const byName = ([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number =>
  one < other ? -1 : 1;

/** The plugin jwt finds a consumer by the key, and openid-connect by the issuer. */
export const isApartIn =
  ({ edition }: Pick<RenderInput, "edition">) =>
  (one: Issuer, other: Issuer): boolean =>
    edition === "enterprise"
      ? one.issuer !== other.issuer
      : !one.keys.some(({ kid, pem }) => other.keys.some((key) => key.kid === kid && key.pem === pem));

interface Context extends RenderInput {
  readonly bridge: string;
  readonly callers: readonly Caller[];
}

const PROTOCOLS = ["http", "https"];

function plugin(context: Context, owner: string, name: string, config: Values): KongPlugin {
  return { name, ...entity(context.bridge, "plugin", owner, name), enabled: true, protocols: PROTOCOLS, config };
}

/** In the order of their names. Kong itself runs them by priority. */
const inOrder = (plugins: readonly (KongPlugin | undefined)[]): readonly KongPlugin[] =>
  plugins.filter((one) => one !== undefined).sort((a, b) => (a.name < b.name ? -1 : 1));

/** A repeated request would be a repeated webhook. 29 s is the limit of an API Gateway. */
const SERVICE = { enabled: true, retries: 0, connect_timeout: 3_000, read_timeout: 29_000, write_timeout: 29_000 };

/** Signatures are over raw bytes and paths: nothing is rewritten. */
const ROUTE = {
  protocols: ["https"],
  strip_path: false,
  preserve_host: false,
  request_buffering: true,
  response_buffering: true,
  https_redirect_status_code: 426,
  regex_priority: 0,
  path_handling: "v0",
};

function portOf(url: string): number {
  const { protocol, port } = new URL(url);
  if (port !== "") return Number(port);
  return protocol === "https:" ? 443 : 80;
}

function serviceOf(
  context: Context,
  name: string,
  url: string,
  parts: Pick<KongService, "plugins" | "routes">,
): KongService {
  const { protocol, hostname } = new URL(url);
  const isSecure = protocol === "https:";
  return {
    name,
    ...entity(context.bridge, "service", name),
    protocol: isSecure ? "https" : "http",
    host: hostname,
    port: portOf(url),
    ...SERVICE,
    ...(isSecure && { tls_verify: true }),
    ...parts,
  };
}

const routeOf = (
  context: Context,
  name: string,
  rest: Pick<KongRoute, "hosts" | "methods" | "paths" | "plugins">,
): KongRoute => ({
  name,
  ...entity(context.bridge, "route", name),
  ...ROUTE,
  ...rest,
});

/** Runs in front of every request to a service. */
const always = (context: Context, owner: string): readonly (KongPlugin | undefined)[] => [
  plugin(context, owner, "correlation-id", {
    header_name: "X-Correlation-Id",
    generator: "uuid",
    echo_downstream: true,
  }),
  httpLog(context, owner),
];

function bridgeService(context: Context): KongService {
  const { config, bridge } = context;
  const name = "drawbridge";
  // The log of Kong itself goes straight to the bridge.
  const sources = config.sources
    .filter(({ provider }) => provider !== "kong")
    .map((source) => [source.name, source] as const);
  const routes = [...sources].sort(byName).map(([source, { mode, roles }]) => {
    const route = `drawbridge-source-${source}`;
    const { addresses, perMinute = DEFAULT_PER_MINUTE } = config.kong.sources[source] ?? {};
    const limits = roles.flatMap((role) => {
      const limit = config.roles[role]?.limit;
      return limit === undefined || limit.per.length > 0 ? [] : [limit.perMinute];
    });
    return routeOf(context, route, {
      hosts: config.kong.bridge.hosts,
      methods: ["POST"],
      paths: [`~/webhooks/${source}$`],
      plugins: inOrder(
        // In shadow mode the source accepts every request.
        mode === "shadow"
          ? []
          : [
              plugin(context, route, "rate-limiting", limiting(Math.min(perMinute, ...limits), { limit_by: "ip" })),
              addresses &&
                plugin(context, route, "ip-restriction", { allow: addresses, status: 403, message: "Forbidden" }),
            ],
      ),
    });
  });
  const plugins = inOrder([
    ...always(context, name),
    plugin(context, name, "pre-function", { access: [clearHeaders({ isObserving: false })] }),
    plugin(context, name, "request-size-limiting", {
      allowed_payload_size: config.limits.bodyBytes,
      size_unit: "bytes",
      require_content_length: false,
    }),
  ]);
  return serviceOf(context, name, bridge, { plugins, routes });
}

const DEFAULT_PER_MINUTE = 600;

/** The fixed window of the plugin is a minute of the clock, as that of the bridge. */
const limiting = (minute: number, by: Values): Values => ({
  minute,
  ...by,
  policy: "local",
  fault_tolerant: true,
  hide_client_headers: false,
  error_code: 429,
  error_message: "API rate limit exceeded",
});

function upstreamService(name: string, upstream: Upstream, context: Context): KongService {
  const { kong } = context.config;
  const service = `drawbridge-upstream-${name}`;
  const { url, hosts } = kong.upstreams[name] ?? { url: "", hosts: [] };
  if (upstream.mode === "shadow") {
    const plugins = inOrder([
      ...always(context, service),
      plugin(context, service, "pre-function", { access: [clearHeaders({ isObserving: true })] }),
      plugin(context, service, "post-function", { access: [observe(decisionAt(context, name))] }),
    ]);
    // Every request passes, also one that no rule lists.
    const routes = [routeOf(context, `${service}-any`, { hosts, paths: ["/"], plugins: [] })];
    return serviceOf(context, service, url, { plugins, routes });
  }
  const routes = upstream.requests.map(({ methods, paths }, at) => {
    const route = `${service}-${at + 1}`;
    return routeOf(context, route, {
      hosts,
      methods: [...new Set(methods)].sort(),
      paths: [...new Set(paths)].sort().map(pathOfGlob),
      plugins: [
        plugin(context, route, "acl", {
          allow: scopesAt(upstream, at).map((scope) => groupOf(name, scope)),
          hide_groups_header: true,
        }),
      ],
    });
  });
  const plugins = inOrder([
    ...always(context, service),
    plugin(context, service, "pre-function", { access: [clearHeaders({ isObserving: false }), ...bucketsOf(context)] }),
    ...(context.edition === "oss" ? ossPlugins(context, service, name) : enterprisePlugins(context, service, name)),
  ]);
  return serviceOf(context, service, url, { plugins, routes });
}

const decisionAt = ({ bridge }: Context, upstream: string): string => `${bridge}/v1/authorize/forward/${upstream}`;

/** The bridge does the same for a path in its plain form (`identity/glob.ts`). It refuses any other. */
export const pathOfGlob = (glob: string): string =>
  `~${glob.replace(/\*\*|\*|[$()+.]/g, (part) => WILDCARDS[part] ?? `\\${part}`)}$`;

const WILDCARDS: Readonly<Record<string, string>> = { "**": ".*", "*": "[^/]*" };

/** Kong takes one route for a request. So each route admits the scopes of all rules that the same request may meet. */
function scopesAt({ requests }: Upstream, at: number): readonly string[] {
  const rule = requests[at];
  if (rule === undefined) return [];
  const met = requests.filter(
    ({ methods, paths }) =>
      methods.some((method) => rule.methods.includes(method)) &&
      paths.some((path) => rule.paths.some((own) => mayMeet(path, own))),
  );
  return [...new Set(met.map(({ scope }) => scope))].sort();
}

/** Whether a path can match both. Never false if one can. */
function mayMeet(one: string, other: string): boolean {
  const [a, b] = [one.split("*")[0] ?? "", other.split("*")[0] ?? ""];
  return a.startsWith(b) || b.startsWith(a);
}

function bucketsOf({ callers }: Context): readonly string[] {
  const limits = callers.flatMap(({ limit }) => (limit && limit.claims.length > 0 ? [limit] : []));
  const buckets = [...new Map(limits.map(({ role, claims }) => [role, { role, claims }])).values()];
  return buckets.length === 0 ? [] : [nameBuckets(buckets)];
}

function ossPlugins(context: Context, service: string, upstream: string): readonly KongPlugin[] {
  return [
    plugin(context, service, "jwt", {
      key_claim_name: "kid",
      // Not every issuer sends `nbf`. The bridge verifies it.
      claims_to_verify: ["exp"],
      maximum_expiration: Math.min(
        31_536_000,
        Math.max(
          ...context.issuers.map(({ maxLifetimeSeconds, clockSkewSeconds }) => maxLifetimeSeconds + clockSkewSeconds),
        ),
      ),
      header_names: ["authorization"],
      uri_param_names: [],
      cookie_names: [],
      run_on_preflight: true,
      secret_is_base64: false,
    }),
    plugin(context, service, "post-function", { access: [decide(decisionAt(context, upstream))] }),
  ];
}

function enterprisePlugins(context: Context, service: string, upstream: string): readonly (KongPlugin | undefined)[] {
  const { config, issuers, bridge, clientCas } = context;
  const { protocol, hostname } = new URL(bridge);
  const own = issuers.find(({ entry }) => entry === undefined);
  const audience = config.upstreams[upstream]?.audience ?? "";
  return [
    plugin(context, service, "openid-connect", {
      issuer: own?.issuer,
      issuers_allowed: [...new Set(issuers.map(({ issuer }) => issuer))].sort(),
      extra_jwks_uris: [
        ...new Set(issuers.flatMap(({ entry, keysUrl }) => (entry && keysUrl ? [keysUrl] : []))),
      ].sort(),
      auth_methods: ["bearer"],
      bearer_token_param_type: ["header"],
      audience_claim: ["aud"],
      audience_required: [
        ...new Set([audience, ...issuers.flatMap(({ entry, audiences }) => (entry ? audiences : []))]),
      ].sort(),
      consumer_claims: [["iss"]],
      consumer_by: ["custom_id"],
      consumer_optional: false,
      credential_claim: ["sub"],
      verify_claims: true,
      verify_signature: true,
      leeway: Math.max(...issuers.map(({ clockSkewSeconds }) => clockSkewSeconds)),
      hide_credentials: false,
      run_on_preflight: true,
      display_errors: false,
      ssl_verify: true,
    }),
    plugin(context, service, "opa", {
      opa_protocol: protocol.slice(0, -1),
      opa_host: hostname,
      opa_port: portOf(bridge),
      opa_path: `/v1/authorize/opa/${upstream}`,
      ssl_verify: true,
    }),
    plugin(context, service, "post-function", { access: [handOn] }),
    clientCas.has(upstream)
      ? plugin(context, service, "mtls-auth", {
          ca_certificates: [entity(bridge, "ca", upstream).id],
          skip_consumer_lookup: true,
          revocation_check_mode: "IGNORE_CA_ERROR",
          ssl_verify: true,
        })
      : undefined,
  ];
}

/** Kong does not use it with a public key. Its schema has to have one. */
const NO_SECRET = "not-used-with-a-public-key";

function consumerOf({ issuers, keys, groups, limit }: Caller, context: Context): KongConsumer {
  const { bridge, edition } = context;
  const [first] = issuers;
  const username = consumerName(issuers);
  return {
    username,
    ...entity(bridge, "consumer", username),
    ...(edition === "enterprise" && first && { custom_id: first.issuer }),
    acls: groups.map((group) => ({ group, ...entity(bridge, "acl", username, group) })),
    jwt_secrets: edition === "enterprise" ? [] : keys.map((key) => jwtSecretOf(bridge, key)),
    plugins: limit === undefined ? [] : [limitPlugin(limit, username, context)],
  };
}

export const consumerName = ([first]: readonly Issuer[]): string => `drawbridge-${first?.name ?? ""}`;

/** Of another key under the same kid the id is the same: it takes the place of the old one without a gap. */
export const jwtSecretOf = (bridge: string, { kid, algorithm, pem }: Caller["keys"][number]) => ({
  key: kid,
  ...entity(bridge, "key", kid),
  algorithm,
  rsa_public_key: pem,
  secret: NO_SECRET,
});

function limitPlugin({ role, perMinute, claims }: CallerLimit, username: string, context: Context): KongPlugin {
  const isByClaims = claims.length > 0;
  if (context.edition === "oss") {
    const by = isByClaims ? { limit_by: "header", header_name: bucketHeader(role) } : { limit_by: "consumer" };
    return plugin(context, username, "rate-limiting", limiting(perMinute, by));
  }
  return plugin(context, username, "rate-limiting-advanced", {
    limit: [perMinute],
    window_size: [60],
    window_type: "fixed",
    identifier: isByClaims ? "header" : "consumer",
    ...(isByClaims && { header_name: bucketHeader(role) }),
    namespace: `drawbridge-${role}`,
    strategy: "local",
    sync_rate: -1,
    hide_client_headers: false,
    disable_penalty: true,
    error_code: 429,
    error_message: "API rate limit exceeded",
  });
}

/** The first source for the log of Kong; undefined without one. */
function httpLog(context: Context, owner: string): KongPlugin | undefined {
  const source = context.config.sources
    .filter(({ provider }) => provider === "kong")
    .map(({ name }) => name)
    .sort()[0];
  if (source === undefined) return undefined;
  return plugin(context, owner, "http-log", {
    http_endpoint: `${context.bridge}/webhooks/${source}`,
    method: "POST",
    content_type: "application/json",
    timeout: 10_000,
    keepalive: 60_000,
    // The last open source Kong has no such field and would refuse the file.
    ...(context.edition === "enterprise" && { ssl_verify: true }),
    headers: { "X-Kong-Token": `{vault://env/drawbridge-${source}-token}` },
    queue: {
      max_batch_size: batchSizeFor(context.config.limits.bodyBytes),
      max_coalescing_delay: 2,
      max_entries: 5_000,
      max_bytes: 4_194_304,
      max_retry_time: 120,
    },
    custom_fields_by_lua: LOG_FIELDS,
  });
}
