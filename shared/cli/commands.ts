import { epochMillis, toIso } from "../host/clock.ts";
import { MAX_ACCESS_MINUTES } from "../model/access-limit.ts";
import { NEEDS_ATTENTION } from "../model/attention.ts";
import { DELIVERY_STATES } from "../model/delivery-state.ts";
import type { Command, Invocation, Option, ValueRule } from "./command.ts";
import { readTime, TIME_FORMS } from "./time.ts";

const oneOf = (...choices: readonly string[]): ValueRule => ({
  expected: `one of ${choices.join(", ")}`,
  accepts: (value) => choices.includes(value),
  choices,
});

const wholeNumber = (from: number, to: number): ValueRule => ({
  expected: `a whole number from ${from} to ${to}`,
  accepts: (value) => /^\d{1,9}$/.test(value) && Number(value) >= from && Number(value) <= to,
});

const time: ValueRule = {
  expected: TIME_FORMS,
  accepts: (value) => readTime(value, epochMillis(0)) !== undefined,
  // A continued list begins at the same time, so it is converted once.
  convert: (value, now) => toIso(readTime(value, now) ?? now),
};

const statesOf = (known: readonly string[]): ValueRule => ({
  expected: `one or more of ${known.join(", ")}`,
  accepts: (value) => stateNames(value).every((name) => known.includes(name)),
  choices: known,
  convert: (value) => stateNames(value).join(),
});
const stateNames = (value: string): readonly string[] => value.replaceAll("-", "_").split(",");

/** Converted into minutes. */
const minutesRule: ValueRule = {
  expected: "minutes or hours, such as 30m or 2h, at most 24h",
  accepts: (value) => minutesOf(value) >= 1 && minutesOf(value) <= MAX_ACCESS_MINUTES,
  convert: (value) => String(minutesOf(value)),
};
const minutesOf = (value: string): number =>
  /^\d{1,4}[mh]$/.test(value) ? Number(value.slice(0, -1)) * (value.endsWith("h") ? 60 : 1) : 0;

/** Converted into seconds. */
const secondsRule: ValueRule = {
  expected: "seconds, minutes or hours, such as 90s, 30m or 2h",
  accepts: (value) => secondsOf(value) >= 1,
  convert: (value) => String(secondsOf(value)),
};
const secondsOf = (value: string): number =>
  /^\d{1,4}s$/.test(value) ? Number(value.slice(0, -1)) : minutesOf(value) * 60;

const namespace: ValueRule = {
  expected: "the name of a namespace: a-z, 0-9 and dashes",
  accepts: (value) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(value),
};

const config: Option = {
  value: "file",
  summary: "the configuration (default: DRAWBRIDGE_CONFIG, else drawbridge.yaml here)",
};
const url: Option = {
  value: "address",
  summary: "the bridge (default: DRAWBRIDGE_URL, else the playground that runs here, else http://127.0.0.1:8787)",
};
const json: Option = { summary: "the same as --output json" };
/** Of every command that lists or shows. */
const format = {
  output: {
    value: "format",
    summary: "table, json, or jsonl: a line of JSON for each record",
    default: "table",
    rule: oneOf("table", "json", "jsonl"),
  },
  json,
} satisfies Readonly<Record<string, Option>>;
const source: Option = { value: "name", summary: "only deliveries of this source" };
const deliveryType: Option = {
  value: "type",
  summary: "only events of this type, or of types with this prefix: page.",
};
const outcome: Option = {
  value: "outcome",
  summary: "only with this outcome: event, ignored, unusable, refused or audit",
  rule: oneOf("event", "ignored", "unusable", "refused", "audit"),
};
const states: Option = {
  value: "states",
  summary:
    "only in these states, with commas between them. To look at: given_up, accepted_without_run, cut, retrying, waiting, refused, unusable",
  rule: statesOf(DELIVERY_STATES),
};
const text: Option = {
  value: "text",
  summary: "only with this text in id, source, type, subject, or in what --find looks up",
};
/** What a list of deliveries can be narrowed to, besides states and times. */
const filters = {
  route: { value: "name", summary: "only deliveries on which this route acted" },
  target: { value: "name", summary: "only deliveries with an action at this target" },
  source,
  type: deliveryType,
  outcome,
  principal: { value: "subject", summary: "only deliveries of this sender; also <trust entry>:<subject>" },
  find: { value: "anything", summary: "an id, commit, page, address, run, !12, branch, pipeline or person" },
  commit: { value: "digits", summary: "only deliveries about this commit, by its first 7 digits or more" },
  branch: { value: "name", summary: "only deliveries about this branch" },
  tag: { value: "name", summary: "only deliveries about this tag" },
  change: { value: "number", summary: "only deliveries about this merge request: 12, or platform/docs!12" },
  page: { value: "page", summary: "only deliveries about this page: its id, title or address" },
  pipeline: { value: "name", summary: "only deliveries about runs of this pipeline" },
  run: { value: "run", summary: "only deliveries about this build, job or run: its id or number" },
  person: { value: "name", summary: "only deliveries that this person caused or sent: a name or an account" },
  trust: { value: "entry", summary: "only deliveries whose token this trust entry accepted" },
  trace: { value: "id", summary: "only deliveries of this trace" },
  correlation: { value: "id", summary: "only what has this correlation id, or this id of a request" },
  text,
} satisfies Readonly<Record<string, Option>>;
const since: Option = {
  value: "time",
  summary: "received at this time or later: 02:00, 2h, 2026-11-02T09:00 (default: seven days ago)",
  rule: time,
};
const until: Option = { value: "time", summary: "received at this time or earlier", rule: time };

const delivery = { name: "delivery" };
const route = { name: "route" };
const approval = { name: "approval" };
const target = { name: "target" };
const accessRequest = { name: "request" };

const events = () => import("./events.ts");
const approvals = () => import("./approvals.ts");
const access = () => import("./access.ts");

const targets = () => import("./targets.ts");

const store = () => import("./store.ts");
const backupFile = { name: "file" };
const data: Option = { value: "folder", summary: "where the store keeps its files", default: ".drawbridge/data" };

/** Of what runs beside Tekton. */
const namespaces = (summary: string): Option => ({
  value: "names",
  summary,
  rule: {
    expected: "names of namespaces with commas between them",
    accepts: (value) => value.split(",").every((name) => namespace.accepts(name)),
  },
});

const partOptions = {
  source: { value: "address", summary: "the source of the bridge that it sends events to" },
  image: { value: "name", summary: "an image whose entry point is drawbridge" },
  namespace: { value: "name", summary: "the namespace of all objects", default: "drawbridge", rule: namespace },
  "token-audience": { value: "name", summary: "the audience of its token (default: --source itself)" },
} satisfies Readonly<Record<string, Option>>;

/** Every command. A command loads its code when it runs, so it does not load the code of the others. */
export const COMMANDS: readonly Command[] = [
  {
    name: "init",
    group: "Set up",
    summary: "write a first configuration",
    details:
      "Asks for the senders, and for the issuers of CI jobs and people if there are any. Writes the configuration and new secrets, and prints what to enter at each sender. With a target it writes a route for each sender whose events fire it. On a terminal it asks for what the options leave out; with --bridge and --sender, only for what is necessary. It never changes a file.",
    positionals: [],
    options: {
      sender: {
        value: "sender",
        summary:
          "confluence-data-center, confluence-cloud, gitlab, github, buildkite, tekton or status; <name>=<sender> names the source; can be repeated",
        isRepeatable: true,
      },
      bridge: { value: "address", summary: "the bridge, as the senders reach it" },
      site: { value: "address", summary: "of Confluence: the address of the site" },
      projects: {
        value: "paths",
        summary: "of GitLab: the projects, with commas between them; platform/* for a group",
      },
      repositories: { value: "paths", summary: "of GitHub: the repositories, in the same way" },
      organization: { value: "slug", summary: "of Buildkite: the organization" },
      namespaces: { value: "names", summary: "of Tekton: the namespaces whose runs count, with commas between them" },
      "jobs-issuer": { value: "address", summary: "of status: the OIDC issuer of the CI jobs" },
      "jobs-claim": { value: "claim=value", summary: "of status: a claim that only your jobs have" },
      "people-issuer": { value: "address", summary: "the OIDC issuer of the people on call" },
      "people-group": { value: "name", summary: "their group, in the claim groups" },
      audience: { value: "name", summary: "the audience of these tokens (default: the address of the bridge)" },
      target: {
        value: "kind",
        summary: "a first target: tekton, confluence-data-center, confluence-cloud or webhook",
      },
      "target-url": { value: "address", summary: "the address of the target" },
      "target-user": { value: "address", summary: "of the target confluence-cloud: the account that writes" },
      spaces: { value: "keys", summary: "of the target Confluence: the spaces whose pages it may write" },
      config: { value: "file", summary: "the file to write (default: DRAWBRIDGE_CONFIG, else drawbridge.yaml)" },
      secrets: { value: "folder", summary: "where the secrets are kept", default: ".drawbridge/secrets" },
      "show-secrets": { summary: "also print the secrets on the screen" },
    },
    examples: [
      "init",
      "init --bridge https://bridge.example.com --sender gitlab --projects platform/*",
      "init --bridge https://bridge.example.com --sender wiki=confluence-data-center --site https://wiki.example.com --target webhook --target-url https://hooks.example.com/pages",
    ],
    run: async (invocation) => {
      const { code, start } = await (await import("./init.ts")).initCommand(invocation);
      if (start !== undefined) await startWith(start, invocation);
      return code;
    },
  },
  {
    name: "start",
    group: "Run a bridge",
    summary: "run the bridge, or the playground",
    details:
      "Without a configuration it runs the playground: a bridge between sandboxes, all on this machine. A running bridge takes up changed files again, and on SIGHUP; the playground takes up its changed configuration, and ends on SIGHUP.",
    positionals: [],
    options: {
      config,
      host: { value: "address", summary: "the address to listen on", default: "127.0.0.1" },
      port: {
        value: "port",
        summary: "the port to listen on; the playground also uses the next three",
        default: "8787",
        rule: wholeNumber(0, 65_535),
      },
      "tls-cert": { value: "file", summary: "serve HTTPS with this certificate, in PEM" },
      "tls-key": { value: "file", summary: "the key of that certificate, in PEM" },
      "client-ca": { value: "file", summary: "accept only clients with a certificate of this authority, in PEM" },
      "metrics-port": {
        value: "port",
        summary: "serve the metrics without a token at this port, to this machine alone",
        rule: wholeNumber(0, 65_535),
      },
      data,
      as: {
        value: "part",
        summary: "run a part of the bridge that stays beside Tekton, instead of the bridge",
        rule: oneOf("interceptor", "forwarder", "gate"),
      },
      source: { value: "address", summary: "with --as: the source of the bridge that the part sends events to" },
      token: { value: "file", summary: "with --as: the service-account token for that source" },
      issuer: { value: "address", summary: "with --as interceptor: the bridge, as the issuer of its tokens" },
      audience: { value: "name", summary: "with --as interceptor: the audience of triggers that name none" },
      password: { value: "file", summary: "with --as forwarder: the passwords in the address of the sink" },
      "task-namespaces": namespaces("with --as gate: the namespaces of the tasks, with commas"),
      "run-namespaces": namespaces("with --as gate: the namespaces in which it cancels runs, with commas"),
      kubernetes: {
        value: "address",
        summary: "with --as gate: the API server (default: https://kubernetes.default.svc)",
      },
      "kubernetes-token": {
        value: "file",
        summary: "with --as gate: the token for the API server (default: where Kubernetes mounts it)",
      },
    },
    examples: ["start", "start --config drawbridge.yaml --port 9000"],
    run: async (invocation) => {
      await invocation.start(invocation);
      return 0;
    },
  },
  {
    name: "check",
    group: "Run a bridge",
    summary: "check the configuration",
    details:
      "Reports what is wrong with it, and what is unsafe or useless. Only --live sends requests. With a target that starts runs it starts one that does nothing, and shows how far it comes. With a target and --page it reads that page and shows what the next state would change on it, where, or why nothing; it writes nothing.",
    positionals: [{ name: "target", isOptional: true }],
    options: {
      config,
      strict: { summary: "fail on warnings too" },
      ...format,
      live: { summary: "send forged requests to the running bridge, which must refuse each of them" },
      url: { ...url, summary: `with --live: ${url.summary}` },
      page: { value: "id", summary: "with --live and a target: show what would be written to this page" },
      "dry-run": { summary: "with --live and a target: show what would be sent, and send nothing" },
      timeout: {
        value: "seconds",
        summary: "with --live and a target: how long to wait for the run",
        default: "60",
        rule: wholeNumber(1, 600),
      },
    },
    examples: [
      "check",
      "check --strict",
      "check --live --url https://bridge.example.com",
      "check --live wiki --page 98310",
      "check --live listener --dry-run",
    ],
    run: async (invocation) => (await import("./check.ts")).checkCommand(invocation),
  },
  {
    name: "send",
    group: "Run a bridge",
    summary: "sign a recorded webhook and post it",
    details:
      "Signs with the secret of the first source of that provider. Sent unchanged a second time, it is a duplicate; --new makes it an event of its own, with new ids and present times. Without <event> it lists the recorded webhooks, without <provider> the providers.",
    positionals: [
      { name: "provider", isOptional: true },
      { name: "event", isOptional: true },
    ],
    options: {
      set: {
        value: "path=value",
        summary: "change a value of the payload: build.branch=main, commits.0.title=fix; can be repeated",
        isRepeatable: true,
      },
      new: { summary: "send it with new ids, and the present as its time" },
      config,
      url,
    },
    examples: ["send gitlab", "send gitlab push", "send buildkite build-finished --set build.branch=main --new"],
    run: async (invocation) => (await import("./send.ts")).sendCommand(invocation),
  },
  {
    name: "route test",
    group: "Run a bridge",
    summary: "test which routes an event would fire",
    details:
      "With the local configuration, before it is deployed: the match or the first field that misses, roles, approval, target, and what would be sent. Without <route> it tests all, the nearest first. It sends nothing. It ends with 1 if no route fires.",
    positionals: [{ name: "route", isOptional: true }],
    options: {
      config,
      event: {
        value: "file",
        summary: "a published event as JSON, or a recorded webhook by its name, such as gitlab/push",
      },
      delivery: { value: "id", summary: "the events of this delivery of the bridge" },
      ...format,
      url,
    },
    examples: ["route test docs-build --event event.json", "route test --delivery d-twp4klpzkhwviq4i4tluhixvtv"],
    run: async (invocation) => (await import("./route-test.ts")).routeTestCommand(invocation),
  },
  {
    name: "explain",
    group: "Deliveries",
    summary: "explain why a delivery fired, or not",
    details:
      "Who proved it, whether it is new, each route with the match or the first field that misses, roles, approval, attempts, what came back, and what to check next. <what> is a delivery's id, the id of a refused request, the name of a source, or what a delivery has: a commit, a page, a run, or a text in its subject. Of several, the first that needs a person is explained, else the newest, and the others are listed.",
    positionals: [{ name: "what" }],
    options: { all: { summary: "show all routes, and not only the nearest three that miss" }, ...format, url },
    examples: ["explain d-twp4klpzkhwviq4i4tluhixvtv", "explain platform-gitlab", "explain 98310"],
    run: async (invocation) => (await import("./explain.ts")).explainCommand(invocation),
  },
  {
    name: "events list",
    group: "Deliveries",
    summary: "list the newest deliveries",
    positionals: [],
    options: {
      state: states,
      ...filters,
      since,
      until,
      limit: {
        value: "number",
        summary: "the most deliveries to list, up to 200 (default: 50)",
        rule: wholeNumber(1, 200),
      },
      cursor: { value: "cursor", summary: 'continue a list: the value in its "more" line' },
      ...format,
      url,
    },
    examples: [
      "events list --state given_up,retrying --route docs-build --since 02:00",
      "events list --find 3b1f0c9",
      "events list --branch main --person iokafor --since 2h",
      "events list --since 2h --output jsonl",
    ],
    run: async (invocation) => (await events()).eventsListCommand(invocation),
  },
  {
    name: "events tail",
    group: "Deliveries",
    summary: "print deliveries as they come",
    details:
      "The newest deliveries, in the order in which they came. With --follow it goes on until Ctrl-C, also while the bridge is restarted, and prints each delivery once; with --state, each time that it comes into such a state.",
    positionals: [],
    options: {
      follow: { summary: "print further deliveries as they come" },
      state: {
        value: "states",
        summary: `print each when it comes into one of these states, with commas between them: ${NEEDS_ATTENTION.join(", ")}`,
        rule: statesOf(NEEDS_ATTENTION),
      },
      ...filters,
      since: { ...since, summary: "first print what was received at this time or later: 02:00, 2h, 2026-11-02T09:00" },
      limit: {
        value: "number",
        summary: "without --since: how many of the newest to print first",
        default: "10",
        rule: wholeNumber(1, 200),
      },
      ...format,
      url,
    },
    examples: [
      "events tail --follow",
      "events tail --follow --state given_up,refused --output jsonl",
      "events tail --follow --branch main --person iokafor",
      "events tail --since 10m",
    ],
    run: async (invocation) => (await import("./tail.ts")).tailCommand(invocation),
  },
  {
    name: "events show",
    group: "Deliveries",
    summary: "show a delivery and what followed it",
    positionals: [delivery],
    options: {
      request: { summary: "show its headers and body instead; needs `call: [payloads]`, and each look is recorded" },
      ...format,
      url,
    },
    examples: ["events show d-twp4klpzkhwviq4i4tluhixvtv", "events show d-twp4klpzkhwviq4i4tluhixvtv --request"],
    run: async (invocation) => (await events()).eventsShowCommand(invocation),
  },
  {
    name: "events thread",
    group: "Deliveries",
    summary: "show all that followed from one cause",
    details:
      "Of a delivery, or of the newest one with this commit, page or run that had an effect, or of all with this correlation id. ░ is time in which nothing ran.",
    positionals: [{ name: "delivery", isOptional: true }],
    options: {
      commit: { value: "digits", summary: "the thread of this commit, by its first 7 digits or more" },
      page: { value: "page", summary: "the thread of this page: its id, title or address" },
      run: { value: "run", summary: "the thread of this build, job or run: its id or number" },
      correlation: { value: "id", summary: "the thread of this X-Correlation-Id, or of the id of a refused request" },
      all: { summary: "show also brief steps that say nothing else" },
      ...format,
      url,
    },
    examples: ["events thread d-twp4klpzkhwviq4i4tluhixvtv", "events thread --commit c0ffee1"],
    run: async (invocation) => (await import("./thread.ts")).eventsThreadCommand(invocation),
  },
  {
    name: "events replay",
    group: "Deliveries",
    summary: "run deliveries again",
    details:
      "One, for every route that it matched or for one; or all that are selected, in the background of the bridge, at most 1,000 at once. The same command again goes on where it stopped, and runs nothing twice.",
    positionals: [{ name: "delivery", isOptional: true }],
    options: {
      delivery: { value: "id", summary: "this delivery too; may be repeated", isRepeatable: true },
      state: {
        value: "states",
        summary: "routes in these states, with commas (else given_up, without a delivery or --today)",
      },
      route: { value: "name", summary: "only for this route" },
      target: { value: "name", summary: "only routes to this target" },
      source,
      since: { ...since, summary: "in their state since this time or later: 02:00, 2h (default: seven days ago)" },
      until: { ...until, summary: "in their state since this time or earlier" },
      today: { summary: "also for routes that did not match then and do with today's configuration" },
      reason: { value: "text", summary: "why; it is recorded. Several deliveries need one" },
      rate: { value: "number", summary: "replays in a second", default: "10", rule: wholeNumber(1, 10) },
      "dry-run": { summary: "count what would run, and run nothing" },
      force: { summary: "also what may have run already, or still runs" },
      ...format,
      url,
    },
    examples: [
      "events replay d-twp4klpzkhwviq4i4tluhixvtv --route docs-build",
      "events replay --state given_up --since 2h --route docs-build --dry-run",
      'events replay --since 02:00 --target listener --reason "the cluster was down, INC-4711"',
    ],
    run: async (invocation) => (await import("./replay.ts")).replayCommand(invocation),
  },
  {
    name: "run",
    group: "Deliveries",
    summary: "place an order: start what it leads to",
    details:
      "On a terminal it shows the routes that would act, and who has to approve, and asks. Without <order> it lists the orders that you may place, with their inputs. With --wait it prints the delivery at once, and waits until nothing is left to do and the runs that a source reports have ended; for that your role needs to read deliveries. It ends with 8 unless everything ran and each reported run succeeded, and with 9 if the order is placed and that is not known: your role may not read it, or the time of --for is over. Where no source reports the runs of a target, it does not wait for their result. Ctrl-C stops the waiting, not the order.",
    positionals: [{ name: "order", isOptional: true }],
    options: {
      set: { value: "input=value", summary: "the value of an input; can be repeated", isRepeatable: true },
      key: {
        value: "key",
        summary: "the idempotency key: the same key and inputs start nothing twice (default: a new one)",
      },
      wait: { summary: "wait until nothing is left to do and the reported runs have ended" },
      for: { value: "time", summary: "with --wait: at most for this time: 90s, 30m, 2h", rule: secondsRule },
      ...format,
      url,
    },
    examples: [
      "run",
      "run deploy-docs --set environment=staging --set commit=9f3c2d1e8b7a6f5c4d3e2b1a0f9e8d7c6b5a4f3e",
      "run deploy-docs --set environment=staging --key release-42 --wait --for 30m",
    ],
    run: async (invocation) => (await import("./run-order.ts")).runOrderCommand(invocation),
  },
  {
    name: "mcp",
    group: "Deliveries",
    summary: "serve an agent by MCP, on standard input",
    details:
      "An agent can then find, explain, propose and wait for orders. It is a client of the bridge with your token, or with one that acts for you (DRAWBRIDGE_TOKEN): an agent may do what the token may. It needs the package @modelcontextprotocol/server, which nothing else needs.",
    positionals: [],
    options: { url },
    examples: ["mcp --url https://bridge.example.com"],
    run: async (invocation) => (await import("./mcp.ts")).mcpCommand(invocation),
  },
  {
    name: "rollback",
    group: "Deliveries",
    summary: "run a route again as in its last good run",
    details: "Fires it as its last good run before the newest was fired.",
    positionals: [route],
    options: {
      environment: { value: "name", summary: "only runs of this environment" },
      to: { value: "delivery", summary: "fire it as this delivery did" },
      "dry-run": { summary: "list the runs that it can go back to, and run nothing" },
      url,
    },
    examples: ["rollback deploy-docs --dry-run", "rollback deploy-docs --environment production"],
    run: async (invocation) => (await import("./replay.ts")).rollbackCommand(invocation),
  },
  {
    name: "promote",
    group: "Deliveries",
    summary: "run a good run in the next environment",
    details:
      "Fires exactly the commit and the image digest of the last good run in --from. On a terminal it shows them, and asks. Ends with 1 if it is refused: the run is not the newest good one any more, was rolled back, or another run deploys to --to at this moment.",
    positionals: [route],
    options: {
      from: { value: "environment", summary: "the environment whose last good run is promoted" },
      to: { value: "environment", summary: "the next environment of the route" },
      run: { value: "delivery", summary: "refuse anything but the run that this delivery fired; asks nothing" },
      reason: { value: "text", summary: "why, for the record" },
      key: {
        value: "key",
        summary: "the idempotency key: the same key again gets the first promotion (default: a new one)",
      },
      "dry-run": { summary: "show what would run, and what --to has, and run nothing" },
      ...format,
      url,
    },
    examples: [
      "promote deploy-docs --from staging --to production --dry-run",
      'promote deploy-docs --from staging --to production --reason "release 42"',
    ],
    run: async (invocation) => (await import("./promote.ts")).promoteCommand(invocation),
  },
  {
    name: "report shadow",
    group: "Deliveries",
    summary: "sum up what shadow mode accepted",
    details: "Counts what would have been refused, by source, issuer and reason.",
    positionals: [],
    options: { source, since, until, ...format, url },
    examples: ["report shadow --since 2d"],
    run: async (invocation) => (await import("./report.ts")).reportCommand(invocation),
  },
  {
    name: "approvals list",
    group: "Approvals",
    summary: "list the open approvals that you may decide",
    details:
      "Those that wait for you come first. With --mine it prints no others, and the exit code is 1 if anything waits for you, else 0.",
    positionals: [],
    options: {
      mine: { summary: "only those that wait for you: that you may grant" },
      all: { summary: "also those that wait for others, of deliveries that you may read" },
      ...format,
      url,
    },
    examples: ["approvals list", "approvals list --mine", "approvals list --all"],
    run: async (invocation) => (await approvals()).approvalsListCommand(invocation),
  },
  {
    name: "approvals show",
    group: "Approvals",
    summary: "show an approval, and who may decide it",
    positionals: [approval],
    options: { ...format, url },
    examples: ["approvals show p-4zq2"],
    run: async (invocation) => (await approvals()).approvalsShowCommand(invocation),
  },
  decisionCommand("grant", "approve a run"),
  decisionCommand("deny", "deny a run"),
  decisionCommand("withdraw", "withdraw your own request or approval"),
  {
    name: "approvals emergency",
    group: "Approvals",
    summary: "approve a run alone, in an emergency",
    details:
      "Without the other approvers, and outside the weekly windows. It needs a role that the route names under approval.emergency. The reason is recorded, and each use raises an alarm.",
    positionals: [approval],
    options: { comment: { value: "text", summary: "the reason; it is needed" }, url },
    examples: ['approvals emergency p-4zq2 --comment "the shop is down; INC-4711"'],
    run: async (invocation) => (await approvals()).decideCommand(invocation, "emergency"),
  },
  {
    name: "access request",
    group: "Approvals",
    summary: "request a role for a time",
    details:
      "Somebody else has to grant it. From then on your calls have the role, until it ends by itself. With --wait it ends with 0 when it is granted, with 8 if it is not, and with 130 after Ctrl-C, which stops only the waiting.",
    positionals: [{ name: "role" }],
    options: {
      for: { value: "time", summary: "for how long: 30m, 2h", rule: minutesRule },
      reason: { value: "text", summary: "why; it is needed, and recorded" },
      wait: { summary: "wait until somebody has decided" },
      key: {
        value: "key",
        summary: "the idempotency key: the same key again gets the first request (default: a new one)",
      },
      ...format,
      url,
    },
    examples: ['access request incident --for 30m --reason "the shop is down; INC-4711" --wait'],
    run: async (invocation) => (await access()).accessRequestCommand(invocation),
  },
  {
    name: "access list",
    group: "Approvals",
    summary: "list who holds or wants a role for a time",
    positionals: [],
    options: { all: { summary: "also those of the last 25 hours that are over" }, ...format, url },
    examples: ["access list", "access list --all"],
    run: async (invocation) => (await access()).accessListCommand(invocation),
  },
  {
    name: "access show",
    group: "Approvals",
    summary: "show a request for a role",
    positionals: [accessRequest],
    options: { ...format, url },
    examples: ["access show x-4zq2-1"],
    run: async (invocation) => (await access()).accessShowCommand(invocation),
  },
  accessDecisionCommand("grant", "give the role for the time"),
  accessDecisionCommand("deny", "deny a request for a role"),
  accessDecisionCommand("revoke", "end a role, or a request of yours"),
  {
    name: "login",
    group: "Identity and secrets",
    summary: "log in at a bridge",
    details:
      "With a code that you confirm in any browser, or with the browser of this machine if the issuer has no device grant. The issuer and the audience are those of a trust entry of the configuration, or of --issuer and --audience; the next login at this bridge needs none of them. The token is kept in a file that only you can read, is refreshed before it expires, and is sent to this bridge alone. DRAWBRIDGE_TOKEN goes first.",
    positionals: [],
    options: {
      "client-id": { value: "id", summary: "the client at the issuer; it has no secret" },
      entry: { value: "name", summary: "the trust entry of the configuration (default: the only one)" },
      issuer: { value: "address", summary: "the issuer, as in its tokens" },
      audience: { value: "name", summary: "the audience of the bridge" },
      scope: { value: "scopes", summary: "the scopes to ask for (default: openid offline_access)" },
      browser: { summary: "use the browser of this machine, also if the issuer has a device grant" },
      port: {
        value: "port",
        summary: "with the browser: the port of http://127.0.0.1:<port>/callback; 0 is any",
        default: "0",
        rule: wholeNumber(0, 65_535),
      },
      config,
      url,
    },
    examples: [
      "login --url https://bridge.example.com --client-id drawbridge-cli --entry people",
      "login --client-id drawbridge-cli --issuer https://issuer.example.com --audience https://bridge.example.com",
      "login",
    ],
    run: async (invocation) => (await import("./login.ts")).loginCommand(invocation),
  },
  {
    name: "logout",
    group: "Identity and secrets",
    summary: "end the login at a bridge",
    details: "Removes the token from this machine, and revokes it at the issuer if that is possible.",
    positionals: [],
    options: { url },
    examples: ["logout", "logout --url https://bridge.example.com"],
    run: async (invocation) => (await import("./login.ts")).logoutCommand(invocation),
  },
  {
    name: "status",
    group: "Run a bridge",
    summary: "show whether the bridge is well",
    details:
      "It shows the bridge, each source and each target, the worst first. It ends with 0 if everything is known to be well, with 1 if something fails or needs attention, and with 7 if nothing is known to be wrong and something is not known.",
    positionals: [],
    options: { ...format, url },
    examples: ["status", "status --output json"],
    run: async (invocation) => (await import("./status.ts")).statusCommand(invocation),
  },
  {
    name: "targets list",
    group: "Targets",
    summary: "list the targets with what stops them",
    positionals: [],
    options: { ...format, url },
    examples: ["targets list"],
    run: async (invocation) => (await targets()).targetsListCommand(invocation),
  },
  {
    name: "targets pause",
    group: "Targets",
    summary: "stop all attempts at a target",
    details:
      "Attempts under way end. Its actions wait, without losing an attempt, until it is resumed. The reason is shown on each of them, and recorded.",
    positionals: [target],
    options: { reason: { value: "text", summary: "why; it is needed" }, url },
    examples: ['targets pause docs-listener --reason "upgrade of the cluster, INC-4711"'],
    run: async (invocation) => (await targets()).targetsPauseCommand(invocation),
  },
  {
    name: "targets resume",
    group: "Targets",
    summary: "let the actions of a paused target run",
    details: "A target that keeps failing is tried at once.",
    positionals: [target],
    options: { url },
    examples: ["targets resume docs-listener"],
    run: async (invocation) => (await targets()).targetsResumeCommand(invocation),
  },
  {
    name: "token explain",
    group: "Identity and secrets",
    summary: "explain why a token is accepted or refused",
    details: "Shows each claim, and what its roles may do. The token is sent nowhere.",
    positionals: [],
    options: {
      config,
      file: { value: "file", summary: "read the token from this file (default: standard input)" },
      entry: { value: "name", summary: "check it against this trust entry (default: all entries of its issuer)" },
      offline: { summary: "do not load an issuer's keys over the network" },
      ...format,
    },
    examples: ["token explain --file token.txt", "token explain --entry jobs --offline < token.txt"],
    whyNoMore: "the token is read from standard input or --file: other users can see the arguments of a command",
    run: async (invocation) => (await import("./token.ts")).tokenCommand(invocation),
  },
  {
    name: "secrets",
    group: "Identity and secrets",
    summary: "list when each secret was last used",
    details: "With advice on what to do next while a secret is rotated.",
    positionals: [],
    options: { config, ...format, url },
    examples: ["secrets"],
    run: async (invocation) => (await import("./secrets.ts")).secretsCommand(invocation),
  },
  {
    name: "sessions revoke",
    group: "Identity and secrets",
    summary: "end the console sessions of a person",
    details: "By the subject of the person's token, or your own without it. The person can sign in again.",
    positionals: [{ name: "subject", isOptional: true }],
    options: { url },
    examples: ["sessions revoke", "sessions revoke robin@example.com"],
    run: async (invocation) => (await import("./sessions.ts")).sessionsRevokeCommand(invocation),
  },
  {
    name: "tekton render",
    group: "Set up",
    summary: "print the Kubernetes objects for a target",
    details:
      "YAML for kubectl: the EventListener of the target with its rights, and a Trigger for each of its routes. Parts that are applied separately add up.",
    positionals: [{ name: "target" }],
    options: {
      config,
      route: { value: "name", summary: "only the objects of this route" },
      diff: {
        value: "file",
        summary: "print what differs from the objects in this file, the output of kubectl get -o yaml",
      },
    },
    examples: [
      "tekton render docs-listener | kubectl apply -f -",
      "tekton render docs-listener --route docs-build",
      "tekton render docs-listener --diff cluster.yaml",
    ],
    run: async (invocation) => (await import("./tekton.ts")).renderCommand(invocation),
  },
  {
    name: "tekton interceptor",
    group: "Set up",
    summary: "print the objects of the interceptor",
    details:
      "YAML for kubectl: a ClusterInterceptor that verifies the bridge's tokens inside the cluster, with its Deployment, its Service, a NetworkPolicy, and a service account without rights.",
    positionals: [],
    options: {
      ...partOptions,
      issuer: {
        value: "address",
        summary: "the bridge, as the issuer of its tokens (default: the origin of --source)",
      },
      ca: { value: "file", summary: "the authority of the interceptor's certificate, in PEM" },
    },
    examples: [
      "tekton interceptor --source https://bridge.example.com/webhooks/ci --image registry.example.com/drawbridge --ca ca.crt",
    ],
    run: async (invocation) => (await import("./tekton-parts.ts")).interceptorCommand(invocation),
  },
  {
    name: "tekton forwarder",
    group: "Set up",
    summary: "print the objects of the forwarder",
    details:
      "YAML for kubectl: a sink for Tekton's events that adds a service-account token and keeps them while the bridge is away, with its volume, its Service, a NetworkPolicy, and a service account without rights.",
    positionals: [],
    options: partOptions,
    examples: [
      "tekton forwarder --source https://bridge.example.com/webhooks/ci --image registry.example.com/drawbridge",
    ],
    run: async (invocation) => (await import("./tekton-parts.ts")).forwarderCommand(invocation),
  },
  {
    name: "tekton gate",
    group: "Set up",
    summary: "print the objects of the gate",
    details:
      "YAML for kubectl: the process that lets the bridge decide each ApprovalTask that names it as an approver, with a NetworkPolicy, a service account, and a Role in each namespace of such tasks. With --run-namespaces it cancels the runs of routes with `then: cancel`, and may patch PipelineRuns there.",
    positionals: [],
    options: {
      ...partOptions,
      "task-namespaces": namespaces("the namespaces of the tasks, with commas"),
      "run-namespaces": namespaces("the namespaces in which it cancels runs for a newer one, with commas"),
    },
    examples: [
      "tekton gate --source https://bridge.example.com/webhooks/ci --image registry.example.com/drawbridge --task-namespaces ci",
    ],
    run: async (invocation) => (await import("./tekton-parts.ts")).gateCommand(invocation),
  },
  {
    name: "tekton sink",
    group: "Set up",
    summary: "print the ConfigMap of the sink",
    details:
      "YAML for kubectl, with the password in the address, encoded. Without an address it is that of the forwarder in --namespace.",
    positionals: [{ name: "address", isOptional: true }],
    options: {
      namespace: { value: "name", summary: "the namespace of the forwarder", default: "drawbridge", rule: namespace },
      username: { value: "name", summary: "the user name in the address", default: "tekton" },
      password: { value: "file", summary: "the password in the address: the first line of this file" },
    },
    examples: [
      "tekton sink --password passwords | kubectl apply -f -",
      "tekton sink https://bridge.example.com/webhooks/ci --username tekton --password password.txt",
    ],
    run: async (invocation) => (await import("./tekton-parts.ts")).sinkCommand(invocation),
  },
  {
    name: "kong render",
    group: "Set up",
    summary: "print the configuration of Kong",
    details:
      "Declarative configuration from the section `kong`: a route for each source, routes for the requests of each upstream, and the present keys of the issuers. It loads the keys of the bridge and of the issuers. It has no secret: Kong reads these from its environment. With --check it ends with 1 if something differs.",
    positionals: [],
    options: {
      config,
      edition: {
        value: "edition",
        summary: "oss, or enterprise with openid-connect, opa and mtls-auth",
        default: "oss",
        rule: oneOf("oss", "enterprise"),
      },
      format: {
        value: "format",
        summary: "deck, or kubernetes for objects of Kong's ingress controller",
        default: "deck",
        rule: oneOf("deck", "kubernetes"),
      },
      check: {
        value: "file or address",
        summary: "print how an exported file, or the Kong behind an Admin API, differs from what is rendered",
      },
    },
    examples: [
      "kong render > kong.yaml",
      "kong render --check http://127.0.0.1:8001",
      "kong render --edition enterprise --format kubernetes | kubectl apply -f -",
    ],
    run: async (invocation) => (await import("./kong.ts")).kongRenderCommand(invocation),
  },
  {
    name: "kong keys",
    group: "Set up",
    summary: "bring new keys of issuers to Kong",
    details:
      "Kong's open source edition keeps keys and loads none. Run it often, with --apply: it adds each key that an issuer publishes, and removes one that has not been published for longer than any token lives. Without --apply it prints what it would do, and ends with 1 if there is something.",
    positionals: [{ name: "admin-api" }],
    options: { config, apply: { summary: "change the keys" } },
    examples: ["kong keys http://127.0.0.1:8001", "kong keys http://127.0.0.1:8001 --apply"],
    run: async (invocation) => (await import("./kong.ts")).kongKeysCommand(invocation),
  },
  {
    name: "upstream roles",
    group: "Set up",
    summary: "print Kubernetes roles for scopes",
    details: "YAML for kubectl: a Role for each scope and namespace, and its binding to the group of the scope.",
    positionals: [{ name: "upstream" }],
    options: {
      config,
      authentication: { summary: "print the file for the API server's --authentication-config instead" },
    },
    examples: ["upstream roles cluster | kubectl apply -f -", "upstream roles cluster --authentication"],
    run: async (invocation) => (await import("./upstream.ts")).rolesCommand(invocation),
  },
  {
    name: "store check",
    group: "Data of one machine",
    summary: "check the database and its queues",
    details: "Reads every item. A bridge may run meanwhile, but not with --repair.",
    positionals: [],
    options: { data, repair: { summary: "put work into its queue, and make the indexes anew" }, ...format },
    examples: ["store check", "store check --data /var/lib/drawbridge --repair"],
    run: async (invocation) => (await store()).storeCheckCommand(invocation),
  },
  {
    name: "store backup",
    group: "Data of one machine",
    summary: "copy the database into a file",
    details: "A bridge may run meanwhile. The copy is the state at one instant, and is checked.",
    positionals: [backupFile],
    options: { data, force: { summary: "replace the file if it exists" } },
    examples: ["store backup /backup/drawbridge-monday.db", "store backup /backup/latest.db --force"],
    run: async (invocation) => (await store()).storeBackupCommand(invocation),
  },
  {
    name: "store restore",
    group: "Data of one machine",
    summary: "put a backup into the data folder",
    details: "Checks it first. No bridge may have the folder open. The database that was there is kept beside it.",
    positionals: [backupFile],
    options: { data },
    examples: ["store restore /backup/drawbridge-monday.db"],
    run: async (invocation) => (await store()).storeRestoreCommand(invocation),
  },
  {
    name: "completion",
    group: "Set up",
    summary: "print a completion script for your shell",
    positionals: [{ name: "shell", choices: ["bash", "zsh", "fish"] }],
    options: {},
    examples: [
      "completion bash > ~/.local/share/bash-completion/completions/drawbridge",
      "completion zsh > ~/.zfunc/_drawbridge",
      "completion fish > ~/.config/fish/completions/drawbridge.fish",
    ],
    run: async ({ positionals: [shell = ""], print }) => {
      print((await import("./completion.ts")).completionScript(shell, COMMANDS));
      return 0;
    },
  },
];

function decisionCommand(decision: "grant" | "deny" | "withdraw", summary: string): Command {
  return {
    name: `approvals ${decision}`,
    group: "Approvals",
    summary,
    positionals: [approval],
    options: { comment: { value: "text", summary: "a comment that is recorded with the decision" }, url },
    examples: [`approvals ${decision} p-4zq2 --comment "as agreed"`],
    run: async (invocation: Invocation) => (await approvals()).decideCommand(invocation, decision),
  };
}

function accessDecisionCommand(decision: "grant" | "deny" | "revoke", summary: string): Command {
  return {
    name: `access ${decision}`,
    group: "Approvals",
    summary,
    positionals: [accessRequest],
    options: { comment: { value: "text", summary: "a comment that is recorded with the decision" }, url },
    examples: [`access ${decision} x-4zq2-1 --comment "as agreed"`],
    run: async (invocation: Invocation) => (await access()).accessDecideCommand(invocation, decision),
  };
}

/** Starts the bridge as `start --config <path>` does. */
async function startWith(path: string, invocation: Invocation): Promise<void> {
  const start = COMMANDS.find(({ name }) => name === "start");
  const defaults = Object.entries(start?.options ?? {}).map(([name, option]) => [name, option.default]);
  const options = { ...Object.fromEntries(defaults), config: path };
  await invocation.start({ ...invocation, options, given: new Set(["config"]) });
}
