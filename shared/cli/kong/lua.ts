// Lua for Kong's plugins pre-function and post-function. Kong runs it in its sandbox: `kong.conf` has to allow the modules,
// with `untrusted_lua_sandbox_requires = resty.http,cjson.safe`.

/** Text as a literal of Lua. Names of the configuration and addresses have no control characters. */
const literal = (text: string): string => JSON.stringify(text);

/** Headers that name somebody. Only what runs behind this function may set them. */
const IDENTITY_HEADERS = [
  "x-anonymous-consumer",
  "x-authenticated-groups",
  "x-credential-identifier",
  "x-id-token",
  "x-access-token",
  "x-userinfo",
];

/**
 * Removes headers by which a client could name itself, in all spellings that servers take for the same. `isObserving`: no
 * request is refused.
 */
export const clearHeaders = ({ isObserving }: { readonly isObserving: boolean }): string =>
  `
local names = { ${IDENTITY_HEADERS.map((name) => `[${literal(name)}] = true`).join(", ")} }
local headers${isObserving ? "" : ", problem"} = kong.request.get_headers(1000)
${
  isObserving
    ? ""
    : `-- A header that is listed in Connection is removed behind the plugins. Of more headers than 1000 not all are seen.
local connection = (kong.request.get_header("connection") or ""):lower():gsub("_", "-")
if problem or connection:find("drawbridge", 1, true) or connection:find("authorization", 1, true) then
  return kong.response.exit(400, { message = "Bad request" })
end
`
}for name in pairs(headers) do
  local plain = name:lower():gsub("_", "-")
  if names[plain] or plain:find("^x%-consumer%-") or plain:find("^x%-drawbridge%-") then
    kong.service.request.clear_header(name)
  end
end
`.trimStart();

/** Which count of a role a request belongs to. `claims`: the path of each claim by whose values the role is counted. */
export interface Bucket {
  readonly role: string;
  readonly claims: readonly (readonly string[])[];
}

export const bucketHeader = (role: string): string => `X-Drawbridge-Bucket-${role}`;

/**
 * Names the counts of the request for rate-limiting, from claims of the token. The plugin jwt verifies the same token before
 * rate-limiting reads the names, so what is not proved yet counts for nothing.
 */
export const nameBuckets = (buckets: readonly Bucket[]): string =>
  `
local json = require "cjson.safe"
local part = (kong.request.get_header("authorization") or ""):match("^%s*[Bb]earer%s+[^.%s]+%.([^.%s]+)%.") or ""
part = part:gsub("%-", "+"):gsub("_", "/")
local claims = json.decode(ngx.decode_base64(part .. ("="):rep(-#part % 4)) or "")
local function value(...)
  local found = claims
  for _, name in ipairs({ ... }) do
    found = type(found) == "table" and found[name] or nil
  end
  if type(found) == "number" then return ("%d"):format(found) end
  return type(found) == "string" and ngx.escape_uri(found) or ""
end
${buckets.map(setBucket).join("\n")}
`.trimStart();

const setBucket = ({ role, claims }: Bucket): string =>
  `kong.service.request.set_header(${literal(bucketHeader(role))}, ${bucketValue(claims)})`;

/** The mark in front keeps the value from being empty: then Kong would count by address. */
const bucketValue = (claims: readonly (readonly string[])[]): string =>
  ['"="', ...claims.map((path) => `value(${path.map(literal).join(", ")})`)].join(' .. "&" .. ');

/** What the bridge hands on. */
const HANDED_ON = [
  "X-Drawbridge-Principal",
  "X-Drawbridge-Trust-Entry",
  "X-Drawbridge-Roles",
  "X-Drawbridge-Scope",
  "X-Drawbridge-Request",
];

/** What the caller gets of a refusal. */
const SHOWN = [
  "Content-Type",
  "WWW-Authenticate",
  "Retry-After",
  "RateLimit-Limit",
  "RateLimit-Remaining",
  "RateLimit-Reset",
  "X-Drawbridge-Request",
];

const asks = (address: string, timeouts: string): string =>
  `
local headers = kong.request.get_headers(1000)
for _, name in ipairs({ "host", "content-length", "transfer-encoding", "connection", "upgrade", "expect", "te" }) do
  headers[name] = nil
end
headers["x-forwarded-method"] = kong.request.get_method()
headers["x-forwarded-uri"] = kong.request.get_path_with_query()
local client = require("resty.http").new()
client:set_timeouts(${timeouts})
local answer = client:request_uri(${literal(address)}, { method = "GET", headers = headers, ssl_verify = true })
`.trim();

/**
 * Asks the bridge whether the request may pass (docs/gateways.md), and hands its token on. It is for post-function, behind
 * the plugins that refuse what needs no question. Nothing passes while the bridge does not answer.
 */
export const decide = (address: string): string =>
  `
${asks(address, "1000, 2000, 2000")}
if not answer then
  return kong.response.exit(503, { title = "The bridge does not answer", status = 503 }, {
    ["Content-Type"] = "application/problem+json", ["Retry-After"] = "2",
  })
end
if answer.status ~= 200 or not answer.headers["X-Drawbridge-Token"] then
  local shown = {}
  for _, name in ipairs({ ${SHOWN.map(literal).join(", ")} }) do
    shown[name] = answer.headers[name]
  end
  local status = answer.status >= 400 and answer.status < 500 and answer.status or 503
  return kong.response.exit(status, answer.status >= 400 and answer.body or nil, shown)
end
kong.service.request.set_header("Authorization", "Bearer " .. answer.headers["X-Drawbridge-Token"])
for _, name in ipairs({ ${HANDED_ON.map(literal).join(", ")} }) do
  kong.service.request.set_header(name, answer.headers[name] or "")
end
kong.response.set_header("X-Drawbridge-Request", answer.headers["X-Drawbridge-Request"] or "")
`.trimStart();

/** Asks the bridge as {@link decide} does, and lets every request pass as it is. */
export const observe = (address: string): string =>
  `
pcall(function()
${asks(address, "200, 500, 500").replace(/^/gm, "  ")}
  local would = answer and answer.headers["X-Drawbridge-Would-Refuse"] or "bridge_unavailable"
  kong.service.request.set_header("X-Drawbridge-Would-Refuse", would)
end)
`.trimStart();

/** After the plugin opa: the service gets the token of the bridge in place of the client's. */
export const handOn = `
local token = kong.request.get_header("X-Drawbridge-Token")
if not token or token == "" then
  return kong.response.exit(503, { title = "The bridge does not answer", status = 503 })
end
kong.service.request.set_header("Authorization", "Bearer " .. token)
kong.service.request.clear_header("X-Drawbridge-Token")
`.trimStart();
