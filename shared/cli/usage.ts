import type { ParseArgsConfig } from "node:util";

export const USAGE = `drawbridge <command>

  start                         run the bridge on this machine; with no configuration, the playground
    --config <file>             default: DRAWBRIDGE_CONFIG, else drawbridge.yaml here if there is one
    --host <address>            default 127.0.0.1
    --port <port>               default 8787
    --tls-cert --tls-key <file> serve HTTPS: certificate and key in PEM
    --client-ca <file>          and take only clients with a certificate of this authority
    --data <folder>             where the store keeps its files, default .drawbridge/data
  check                         say what is wrong with the configuration, and what is unsafe
    --live                      send the running bridge forged requests instead, which it must refuse
  send <provider> <event>       sign a fixture with the configured secret and post it; without <event>, list them
  events list                   the newest deliveries
    --source --type --outcome --principal --text --since --until --limit --cursor
  events show <delivery>        one delivery and all that followed it
  events replay <delivery>      run it again, for every route that it met
    --route <name>              or for this one
  rollback <route>              fire a route again as its last good run before the newest was fired
    --environment <name>        of this environment
    --to <delivery>             as this delivery fired it
  approvals list                what waits for an approval that you may give
  approvals grant <approval>    let it through; deny and withdraw are the other two
    --comment <text>            kept with the decision
  approvals deny <approval>     keep it from being fired
  approvals withdraw <approval> take back what you have asked for, or approved
  report shadow                 what shadow mode let in that would have been refused: by source, issuer and reason
    --source --since --until
  secrets                       when each secret of a source or target was last used, and which can go
  tekton render <route>         the Kubernetes objects that fit a route, as YAML
    --pipeline <name>           default: the route's name
    --namespace <name>          default: default
    --listener <name>           default: drawbridge
    --service-account <name>    default: default
  token explain                 why the token on standard input is let in or refused, claim by claim; it is sent nowhere
    --file <file>               read the token from there
    --entry <name>              hold it against this trust entry; default: all of its issuer
    --offline                   ask no issuer for its keys

Commands that talk to a bridge take --url (default: DRAWBRIDGE_URL, else the playground that runs here, else
http://127.0.0.1:8787) and read a bearer token from DRAWBRIDGE_TOKEN; the playground gives its own.

    --help                      say this
    --version                   say which version this is
`;

const VALUE = { type: "string" } as const;
const FLAG = { type: "boolean" } as const;

/** Every option of every command, as `parseArgs` of `node:util` takes them. */
export const OPTIONS = {
  config: VALUE,
  host: VALUE,
  port: VALUE,
  "tls-cert": VALUE,
  "tls-key": VALUE,
  "client-ca": VALUE,
  data: VALUE,
  live: FLAG,
  source: VALUE,
  type: VALUE,
  outcome: VALUE,
  principal: VALUE,
  text: VALUE,
  since: VALUE,
  until: VALUE,
  limit: VALUE,
  cursor: VALUE,
  route: VALUE,
  environment: VALUE,
  to: VALUE,
  comment: VALUE,
  pipeline: VALUE,
  namespace: VALUE,
  listener: VALUE,
  "service-account": VALUE,
  file: VALUE,
  entry: VALUE,
  offline: FLAG,
  url: VALUE,
  help: FLAG,
  version: FLAG,
} as const satisfies ParseArgsConfig["options"];
