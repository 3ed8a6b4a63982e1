/**
 * What Kong fills in (3.9 to 3.15) beside false, zero, null and empty values, by the path in `config` of a plugin. A running
 * Kong and its exports have these although nobody asked for them.
 */
export const DEFAULTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "http-log": {
    "queue.concurrency_limit": 1,
    "queue.initial_retry_delay": 0.01,
    "queue.max_retry_delay": 60,
    ssl_verify: true,
  },
  "mtls-auth": {
    authenticated_group_by: "CN",
    cache_ttl: 60,
    cert_cache_ttl: 60_000,
    consumer_by: ["username", "custom_id"],
    http_timeout: 30_000,
  },
  "rate-limiting": { sync_rate: -1 },
  "rate-limiting-advanced": {
    dictionary_name: "kong_rate_limiting_counters",
    lock_dictionary_name: "kong_locks",
    "throttling.interval": 5,
    "throttling.queue_limit": 5,
    "throttling.retry_times": 3,
  },
  "openid-connect": {
    cache_introspection: true,
    cache_token_exchange: true,
    cache_tokens: true,
    cache_ttl: 3_600,
    cache_user_info: true,
    dpop_proof_lifetime: 300,
    expose_error_code: true,
    forbidden_error_message: "Forbidden",
    groups_claim: ["groups"],
    http_version: 1.1,
    keepalive: true,
    "principals.directory": "default",
    "principals.error_on_miss": true,
    "principals.match_consumer": true,
    "principals.match_consumer_groups": true,
    proof_of_possession_auth_methods_validation: true,
    proof_of_possession_dpop: "off",
    proof_of_possession_mtls: "off",
    rediscovery_lifetime: 30,
    roles_claim: ["roles"],
    scopes: ["openid"],
    scopes_claim: ["scope"],
    timeout: 10_000,
    "token_exchange.cache.enabled": true,
    unauthorized_error_message: "Unauthorized",
    upstream_access_token_header: "authorization:bearer",
    verify_nonce: true,
  },
};

/** Parts of a plugin that what is rendered does not use: no counter is in Redis, and nobody signs in. */
const UNUSED: Readonly<Record<string, readonly string[]>> = {
  "rate-limiting": ["redis."],
  "rate-limiting-advanced": ["redis."],
  "openid-connect": [
    "authorization_cookie_",
    "authorization_rolling_timeout",
    "client_arg",
    "client_credentials_param_type",
    "cluster_cache_",
    "forbidden_destroy_session",
    "id_token_param_type",
    "introspection_",
    "jwt_session_claim",
    "login_",
    "logout_",
    "password_param_type",
    "proof_of_possession_mtls_from_header.",
    "redis.",
    "refresh_token",
    "response_",
    "revocation_token_param_name",
    "session_",
    "tls_client_auth_ssl_verify",
    "unauthorized_destroy_session",
    "userinfo_accept",
  ],
};

export const isUnused = (plugin: string, path: string): boolean =>
  UNUSED[plugin]?.some((start) => path.startsWith(start)) === true;
