import { isDay } from "../host/clock.ts";
import type { Command, Invocation, Option, ValueRule } from "./command.ts";

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
  expected: "a time in ISO 8601, like 2026-11-02T09:00:00Z",
  accepts: (value) =>
    /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/.test(value) &&
    isDay(value.slice(0, value.indexOf("T"))) &&
    !Number.isNaN(Date.parse(value)),
};

const config: Option = {
  value: "file",
  summary: "the configuration (default: DRAWBRIDGE_CONFIG, else drawbridge.yaml here)",
};
const url: Option = {
  value: "address",
  summary: "the bridge (default: DRAWBRIDGE_URL, else the playground that runs here, else http://127.0.0.1:8787)",
};
const json: Option = { summary: "print JSON" };
const source: Option = { value: "name", summary: "only deliveries of this source" };
const since: Option = {
  value: "time",
  summary: "received at this time or later (default: seven days ago)",
  rule: time,
};
const until: Option = { value: "time", summary: "received at this time or earlier", rule: time };

const delivery = { name: "delivery" };
const route = { name: "route" };
const approval = { name: "approval" };

const events = () => import("./events.ts");
const approvals = () => import("./approvals.ts");

const store = () => import("./store.ts");
const backupFile = { name: "file" };
const data: Option = { value: "folder", summary: "where the store keeps its files", default: ".drawbridge/data" };

/** Every command. A command loads its code when it runs, so it does not load the code of the others. */
export const COMMANDS: readonly Command[] = [
  {
    name: "start",
    group: "Run a bridge",
    summary: "run the bridge, or the playground",
    details:
      "Without a configuration it runs the playground: a bridge between sandboxes, all on this machine. A running bridge takes up changed files again, and on SIGHUP.",
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
      data,
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
      "Reports what is wrong with it, and what is unsafe or useless. Only --live sends requests. With a target and --page it reads that page and shows what the next state would change on it, where, or why nothing; it writes nothing.",
    positionals: [{ name: "target", isOptional: true }],
    options: {
      config,
      strict: { summary: "fail on warnings too" },
      json,
      live: { summary: "send forged requests to the running bridge, which must reject each of them" },
      url: { ...url, summary: `with --live: ${url.summary}` },
      page: { value: "id", summary: "with --live and a target: show what would be written to this page" },
    },
    examples: [
      "check",
      "check --strict",
      "check --live --url https://bridge.example.com",
      "check --live wiki --page 98310",
    ],
    run: async (invocation) => (await import("./check.ts")).checkCommand(invocation),
  },
  {
    name: "send",
    group: "Run a bridge",
    summary: "sign a recorded webhook and post it",
    details:
      "Signs with the secret of the first source of that provider. Without <event> it lists the recorded webhooks, without <provider> the providers.",
    positionals: [
      { name: "provider", isOptional: true },
      { name: "event", isOptional: true },
    ],
    options: { config, url },
    examples: ["send gitlab", "send gitlab push"],
    run: async (invocation) => (await import("./send.ts")).sendCommand(invocation),
  },
  {
    name: "events list",
    group: "Deliveries",
    summary: "list the newest deliveries",
    positionals: [],
    options: {
      source,
      type: { value: "type", summary: "only events of this type, or of types with this prefix: page." },
      outcome: {
        value: "outcome",
        summary: "only with this outcome: event, ignored, unusable or refused",
        rule: oneOf("event", "ignored", "unusable", "refused"),
      },
      principal: { value: "subject", summary: "only deliveries of this sender" },
      text: { value: "text", summary: "only with this text in id, source, type or subject" },
      since,
      until,
      limit: {
        value: "number",
        summary: "the most deliveries to list, up to 200 (default: 50)",
        rule: wholeNumber(1, 200),
      },
      cursor: { value: "cursor", summary: 'continue a list: the value in its "more" line' },
      json,
      url,
    },
    examples: ["events list --outcome unusable", "events list --source wiki --since 2026-11-02T08:00:00Z"],
    run: async (invocation) => (await events()).eventsListCommand(invocation),
  },
  {
    name: "events show",
    group: "Deliveries",
    summary: "show a delivery and what followed it",
    positionals: [delivery],
    options: { json, url },
    examples: ["events show d-twp4klpzkhwviq4i4tluhixvtv"],
    run: async (invocation) => (await events()).eventsShowCommand(invocation),
  },
  {
    name: "events replay",
    group: "Deliveries",
    summary: "run a delivery again",
    details: "For every route that it matched, or for one.",
    positionals: [delivery],
    options: { route: { value: "name", summary: "only for this route" }, url },
    examples: ["events replay d-twp4klpzkhwviq4i4tluhixvtv --route docs-build"],
    run: async (invocation) => (await import("./replay.ts")).replayCommand(invocation),
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
      url,
    },
    examples: ["rollback deploy-docs --environment production"],
    run: async (invocation) => (await import("./replay.ts")).rollbackCommand(invocation),
  },
  {
    name: "report shadow",
    group: "Deliveries",
    summary: "sum up what shadow mode accepted",
    details: "Counts what would have been rejected, by source, issuer and reason.",
    positionals: [],
    options: { source, since, until, url },
    examples: ["report shadow --since 2026-11-02T00:00:00Z"],
    run: async (invocation) => (await import("./report.ts")).reportCommand(invocation),
  },
  {
    name: "approvals list",
    group: "Approvals",
    summary: "list the open approvals that you may decide",
    positionals: [],
    options: { json, url },
    examples: ["approvals list"],
    run: async (invocation) => (await approvals()).approvalsListCommand(invocation),
  },
  {
    name: "approvals show",
    group: "Approvals",
    summary: "show what an open approval is about",
    positionals: [approval],
    options: { url },
    examples: ["approvals show p-4zq2"],
    run: async (invocation) => (await approvals()).approvalsShowCommand(invocation),
  },
  decisionCommand("grant", "approve a run"),
  decisionCommand("deny", "reject a run"),
  decisionCommand("withdraw", "withdraw your own request or approval"),
  {
    name: "token explain",
    group: "Identity and secrets",
    summary: "explain why a token is accepted or rejected",
    details: "Shows each claim, and what its roles may do. The token is sent nowhere.",
    positionals: [],
    options: {
      config,
      file: { value: "file", summary: "read the token from this file (default: standard input)" },
      entry: { value: "name", summary: "check it against this trust entry (default: all entries of its issuer)" },
      offline: { summary: "do not load an issuer's keys over the network" },
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
    options: { config, json, url },
    examples: ["secrets"],
    run: async (invocation) => (await import("./secrets.ts")).secretsCommand(invocation),
  },
  {
    name: "tekton render",
    group: "Set up",
    summary: "print the Kubernetes objects for a route",
    details: "YAML for kubectl: EventListener, TriggerBinding, TriggerTemplate and their rights.",
    positionals: [route],
    options: {
      config,
      pipeline: { value: "name", summary: "the pipeline to run (default: the route's name)" },
      namespace: { value: "name", summary: "the namespace of all objects", default: "default" },
      listener: { value: "name", summary: "the name of the EventListener", default: "drawbridge" },
      "service-account": { value: "name", summary: "the service account of the runs", default: "default" },
    },
    examples: ["tekton render docs-build --namespace ci | kubectl apply -f -"],
    run: async (invocation) => (await import("./tekton.ts")).renderCommand(invocation),
  },
  {
    name: "store check",
    group: "Data of one machine",
    summary: "check the database and its queues",
    details: "Reads every item. A bridge may run meanwhile, but not with --repair.",
    positionals: [],
    options: { data, repair: { summary: "put work into its queue, and make the indexes anew" } },
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
    examples: ["completion bash > ~/.local/share/bash-completion/completions/drawbridge"],
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
