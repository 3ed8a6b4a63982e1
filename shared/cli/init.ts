import { existsSync, lstatSync } from "node:fs";
import { dirname, isAbsolute, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { Document, stringify, visit } from "yaml";
import { checkLoadedHere } from "../config/check.ts";
import { type ConfigFinding, parseConfig } from "../config/load.ts";
import { sourceName } from "../config/schema.ts";
import { systemClock } from "../host/clock.ts";
import { LocalSecrets, Secret, type Secrets } from "../host/secrets.ts";
import { isSecureUrl } from "../host/secure-url.ts";
import { presetFor } from "../identity/presets/registry.ts";
import type { Answers, SenderSetup, SetupQuestion } from "../providers/sender-setup.ts";
import { senderSetups } from "../providers/setups.ts";
import { type Invocation, usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { Answering } from "./init-answers.ts";
import { fileExists, keptSecret, newSecret, writeNewFile, writeSecret } from "./init-files.ts";
import { type NewSecret, type TargetSetup, targetSetups } from "./init-target.ts";
import { displayOf } from "./output.ts";
import { shellWord } from "./shell-word.ts";
import { factLine, printable, wrapped } from "./terminal-text.ts";

/** A sender that was chosen, with the name of its source. */
interface Chosen {
  readonly setup: SenderSetup;
  readonly source: string;
}

interface Plan {
  readonly path: string;
  /** The folder of the secrets. */
  readonly folder: string;
  /** The address of the bridge as the senders see it. */
  readonly bridge: string;
  readonly audience: string;
  readonly chosen: readonly Chosen[];
  readonly target: TargetSetup | undefined;
  readonly hasPeople: boolean;
  readonly answers: Answers;
  readonly config: object;
  readonly secrets: readonly NewSecret[];
}

/**
 * `drawbridge init`: asks for what is missing, writes a configuration and its secrets, and prints what to enter at each
 * sender. Returns the exit code, and the path of the configuration if the bridge shall be started now.
 */
export async function initCommand(invocation: Invocation): Promise<{ readonly code: number; readonly start?: string }> {
  const { options, print, environment } = invocation;
  const path = options["config"] ?? environment["DRAWBRIDGE_CONFIG"] ?? DEFAULT_PATH;
  // A link that leads nowhere is there too, and the file could not be written in its place.
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw fileExists(path);
  const answering = new Answering(invocation);
  try {
    const plan = await planOf(path, answering, invocation);
    const values = await secretsOf(plan);
    const text = textOf(plan);
    const findings = await findingsIn(text, plan, values, invocation);
    const kept: string[] = [];
    for (const { file, form: _, value, isKept } of values) {
      if (isKept) kept.push(join(plan.folder, file));
      else await writeSecret(join(plan.folder, file), value);
    }
    await writeNewFile(path, text);
    for (const line of report(plan, { values, kept, findings }, invocation)) print(line);
    // Everything is written, so the end of the input is a no.
    const start = await answering.yes("Start the bridge now?").catch(() => false);
    return start ? { code: EXIT.done, start: path } : { code: EXIT.done };
  } finally {
    answering.close();
  }
}

const DEFAULT_PATH = "drawbridge.yaml";

async function planOf(path: string, answering: Answering, { options, lists }: Invocation): Promise<Plan> {
  const folder = options["secrets"] ?? "";
  const bridge = await answering.ask(BRIDGE, {
    problemOf: (text) => (isOrigin(text) ? undefined : "an https:// address without user, path, query or fragment"),
  });
  const chosen = await chosenSenders(answering, lists["sender"] ?? []);
  const answers: Record<string, string> = {};
  for (const one of chosen) await askFor(one, answers, answering);
  const jobs = chosen.some(({ setup }) => setup.provider === undefined)
    ? await answering.ask(JOBS_ISSUER, { problemOf: issuerProblem })
    : undefined;
  const jobsClaim = jobs === undefined ? undefined : await answering.optional(JOBS_CLAIM, { problemOf: claimProblem });
  const people = await answering.optional(PEOPLE_ISSUER, { problemOf: issuerProblem });
  const group = people === undefined ? undefined : await answering.ask(PEOPLE_GROUP, {});
  const audience = answering.given("audience") ?? bridge;
  const target = await chosenTarget(answering, options["target"]);
  if (target?.kind === "tekton" && !chosen.some(({ setup }) => setup.kind === "tekton")) {
    const setup = senderSetups.find(({ kind }) => kind === "tekton");
    if (setup !== undefined) {
      answering.say("The sender tekton is added: it reports the runs of the target.");
      chosen.push({ setup, source: setup.source });
      await askFor({ setup, source: setup.source }, answers, answering);
    }
  }
  for (const question of target?.questions ?? []) answers[question.option] = await answering.ask(question, {});
  const refOf = (file: string): string => `file:${join(folder, file)}`;
  const cluster = chosen.find(({ setup }) => setup.kind === "tekton")?.source ?? "";
  const configured = chosen.filter(({ setup }) => setup.provider !== undefined);
  const sources = configured.map(({ setup, source }) => [
    source,
    { provider: setup.provider, ...setup.settings(answers, refOf(source)) },
  ]);
  const issuers = {
    ...(jobs !== undefined && { jobs: { ...trust(jobs, audience), ...claimOf(jobsClaim), roles: ["ci"] } }),
    ...(people !== undefined && {
      people: {
        ...trust(people, audience),
        roles: [{ role: "on-call", when: [{ path: "groups", equals: group }] }],
      },
    }),
  };
  const routes = target === undefined ? {} : routesOf(chosen, target);
  const config = {
    ...(Object.keys(issuers).length > 0 && { issuers }),
    sources: Object.fromEntries(sources),
    ...(target && { targets: { [target.name]: target.settings(answers, refOf, cluster) }, routes }),
  };
  const secrets = [
    ...configured.flatMap(({ setup, source }) => (setup.secret ? [{ file: source, form: setup.secret.form }] : [])),
    ...(target?.secrets ?? []),
  ];
  const hasPeople = people !== undefined;
  return { path, folder, bridge, audience, chosen, target, hasPeople, answers, config, secrets };
}

const BRIDGE: SetupQuestion = {
  option: "bridge",
  text: "Address of the bridge, as the senders reach it",
  example: "https://bridge.example.com",
};
const JOBS_ISSUER: SetupQuestion = {
  option: "jobs-issuer",
  text: "OIDC issuer of the CI jobs",
  example: "https://gitlab.example.com",
};
const JOBS_CLAIM: SetupQuestion = {
  option: "jobs-claim",
  text: "A claim that only your jobs have",
  example: "namespace_id=72",
};
const PEOPLE_ISSUER: SetupQuestion = {
  option: "people-issuer",
  text: "OIDC issuer of the people on call",
  example: "https://login.example.com",
};
const PEOPLE_GROUP: SetupQuestion = {
  option: "people-group",
  text: "The group of the people on call, in the claim groups",
  example: "on-call",
};

const isOrigin = (text: string): boolean => isSecureUrl(text) && /^https?:\/\/[^/?#]+$/.test(text);
const issuerProblem = (text: string): string | undefined =>
  isSecureUrl(text) && !text.includes("?") ? undefined : "an https:// address without user, query or fragment";
const claimProblem = (text: string): string | undefined =>
  /^[\w.:/-]+=./.test(text) ? undefined : "the name of a claim, =, and its value";

const trust = (issuer: string, audience: string) => {
  const preset = presetFor(issuer);
  return { ...(preset && { preset: preset.name }), issuer, audience };
};

function claimOf(claim: string | undefined) {
  if (claim === undefined) return {};
  const at = claim.indexOf("=");
  return { claims: [{ path: claim.slice(0, at), equals: claim.slice(at + 1) }] };
}

/** `gitlab`, or `docs-gitlab=gitlab` with a name for the source. */
async function chosenSenders(answering: Answering, given: readonly string[]): Promise<Chosen[]> {
  const kinds = senderSetups.map(({ kind }) => kind);
  const texts =
    given.length > 0
      ? given
      : await answering.list(
          { option: "sender", text: `The senders, of ${kinds.join(", ")}`, example: "confluence-data-center,gitlab" },
          {
            problemOf: (text) =>
              senderSetups.some(({ kind }) => kind === kindIn(text)) ? nameProblem(text) : `of ${kinds.join(", ")}`,
          },
        );
  const chosen = texts.map((text): Chosen => {
    const setup = senderSetups.find(({ kind }) => kind === kindIn(text));
    if (setup === undefined) throw usageFault(`--sender must be one of ${kinds.join(", ")}, or <name>=<one of them>`);
    const problem = nameProblem(text);
    if (problem !== undefined) throw usageFault(`--sender is not valid; expected ${problem}`);
    return { setup, source: text.includes("=") ? text.slice(0, text.indexOf("=")) : setup.source };
  });
  for (const [of, names] of [
    ["sender", chosen.map(({ setup }) => setup.kind)],
    ["name of a source", chosen.map(({ source }) => source)],
  ] as const)
    if (new Set(names).size < names.length)
      throw usageFault(`--sender has one ${of} twice; add the second to the file`);
  return chosen;
}

/** What is wrong with the name of a source in `<name>=<sender>`. */
function nameProblem(text: string): string | undefined {
  if (!text.includes("=")) return undefined;
  const { issues } = v.safeParse(sourceName, text.slice(0, text.indexOf("=")));
  return issues && `before the "=", ${issues[0].message}`;
}

const kindIn = (text: string): string => text.slice(text.indexOf("=") + 1);

/** Asks until the settings of the source are valid. */
async function askFor({ setup, source }: Chosen, answers: Record<string, string>, answering: Answering): Promise<void> {
  const isSource = setup.provider !== undefined;
  for (const question of setup.questions) {
    const problemOf = (text: string): string | undefined =>
      isSource
        ? problemIn(source, {
            provider: setup.provider,
            ...setup.settings({ ...answers, [question.option]: text }, "env:A"),
          })
        : undefined;
    answers[question.option] = await answering.ask(question, { problemOf });
  }
  const problem = isSource
    ? problemIn(source, { provider: setup.provider, ...setup.settings(answers, "env:A") })
    : undefined;
  if (problem !== undefined) throw usageFault(`--sender ${setup.kind}: ${problem}`);
}

/** The first mistake of a source, without its place: there is no file yet. */
function problemIn(source: string, settings: object): string | undefined {
  const loaded = parseConfig(stringify({ sources: { [source]: settings } }), "init");
  return loaded.ok ? undefined : loaded.findings[0]?.message.replace(/^init:\d+:\d+ /, "");
}

async function chosenTarget(answering: Answering, given: string | undefined): Promise<TargetSetup | undefined> {
  const kinds = targetSetups.map(({ kind }) => kind);
  const kind =
    given ??
    (await answering.optional(
      { option: "target", text: `A first target, of ${kinds.join(", ")}`, example: "tekton" },
      { problemOf: (text) => (kinds.includes(text) ? undefined : `one of ${kinds.join(", ")}`) },
    ));
  if (kind === undefined) return undefined;
  const target = targetSetups.find((one) => one.kind === kind);
  if (target === undefined) throw usageFault(`--target must be one of ${kinds.join(", ")}`);
  return target;
}

/** A route for each sender whose events fire the target, with the name of its source. */
function routesOf(chosen: readonly Chosen[], target: TargetSetup): Readonly<Record<string, object>> {
  const routes = new Map<string, object>();
  for (const { setup, source } of chosen) {
    const route = target.route(setup, source);
    if (route === undefined) continue;
    const short = source.slice(0, MAX_ROUTE_NAME).replace(/-+$/, "");
    const name = routes.has(short) ? `${short.slice(0, MAX_ROUTE_NAME - 3)}-${routes.size}` : short;
    routes.set(name, route);
  }
  return Object.fromEntries(routes);
}

/** A run is named after its route. */
const MAX_ROUTE_NAME = 34;

function textOf({ path, config }: Plan): string {
  const schema = schemaFor(path);
  return [
    ...(schema === undefined ? [] : [`# yaml-language-server: $schema=${schema}`]),
    "# Written by drawbridge init. docs/configuration.md explains each key.",
    yamlOf(config),
  ].join("\n");
}

/** What fits a line is in one. */
function yamlOf(config: object): string {
  const document = new Document(config);
  visit(document, {
    Collection: (_, node) => {
      if (JSON.stringify(node.toJSON()).length <= MAX_IN_LINE) node.flow = true;
    },
  });
  if (document.contents !== null && "flow" in document.contents) document.contents.flow = false;
  return document.toString({ lineWidth: 0 });
}

const MAX_IN_LINE = 80;

/** The path of the schema from the file, if this program is in a checkout; undefined if there is none to point to. */
function schemaFor(path: string): string | undefined {
  const schema = fileURLToPath(new URL("../../docs/drawbridge.schema.json", import.meta.url));
  if (!existsSync(schema)) return undefined;
  const from = relative(dirname(path), schema);
  return from.startsWith("..") || isAbsolute(from) ? schema : `./${from}`;
}

interface SecretValue extends NewSecret {
  readonly value: string;
  readonly isKept: boolean;
}

/** New values, and those of an earlier `init` that ended before it wrote the configuration. */
async function secretsOf({ folder, secrets }: Plan): Promise<readonly SecretValue[]> {
  const values: SecretValue[] = [];
  for (const secret of secrets) {
    const kept = await keptSecret(join(folder, secret.file));
    values.push({ ...secret, value: kept ?? newSecret(secret.form), isKept: kept !== undefined });
  }
  return values;
}

/** What `check` will say. Throws `usage_invalid` for an error that only another answer, or another kept secret, removes. */
async function findingsIn(
  text: string,
  { path, folder }: Plan,
  values: readonly SecretValue[],
  { environment }: Invocation,
): Promise<readonly ConfigFinding[]> {
  const local = new LocalSecrets(environment);
  const checkWith = async (all: readonly SecretValue[]): Promise<readonly ConfigFinding[]> => {
    const made = new Map(all.map(({ file, value }) => [`file:${join(folder, file)}`, new Secret(value)]));
    const secrets: Secrets = { read: async (ref) => made.get(ref) ?? local.read(ref) };
    return checkLoadedHere(parseConfig(text, path), path, secrets, systemClock);
  };
  const findings = await checkWith(values);
  const errors = errorsIn(findings);
  if (errors.length === 0) return findings;
  const lines = errors.map(({ message }) => message);
  const renewed = values.map((one): SecretValue => ({ ...one, value: newSecret(one.form) }));
  const unavoidable = errorsIn(await checkWith(renewed)).length;
  for (const [at, one] of values.entries()) {
    if (!one.isKept) continue;
    const withIt = errorsIn(await checkWith(renewed.with(at, one))).length;
    if (withIt > unavoidable)
      lines.push(`${join(folder, one.file)}, of an earlier init, cannot be used: remove it, and init makes a new one`);
  }
  throw usageFault(["nothing was written, because the configuration would be invalid:", ...lines].join("\n"));
}

const errorsIn = (findings: readonly ConfigFinding[]): readonly ConfigFinding[] =>
  findings.filter(({ level, id }) => level === "error" && id !== "unreadable-secret");

interface Written {
  readonly values: readonly SecretValue[];
  readonly kept: readonly string[];
  readonly findings: readonly ConfigFinding[];
}

function report(plan: Plan, { values, kept, findings }: Written, invocation: Invocation): readonly string[] {
  const { path, folder, chosen, target, hasPeople, answers } = plan;
  const { given, program, environment } = invocation;
  const files = values.map(({ file }) => join(folder, file)).filter((file) => !kept.includes(file));
  const width = displayOf(invocation).columns ?? Number.POSITIVE_INFINITY;
  const line = (text: string): string => wrapped(printable(text), width).join("\n");
  const shown = given.has("show-secrets") ? values : [];
  // The commands find this file without the option.
  const isFound = path === (environment["DRAWBRIDGE_CONFIG"] ?? DEFAULT_PATH);
  const config = isFound ? "" : printable(` --config ${shellWord(path)}`);
  return [
    `written: ${printable(path)}`,
    ...files.map((file) => `written: ${printable(file)}, which only you can read`),
    ...kept.map((file) => `kept:    ${printable(file)}, of an earlier init`),
    ...chosen.flatMap((one) => ["", ...senderLines(one, plan, { shown, width, program })]),
    ...(target === undefined
      ? []
      : [
          "",
          `Target ${target.name}: ${target.title}`,
          ...target
            .commands(answers)
            .map(
              (command) =>
                `  ${printable(command.replace("{program}", () => program).replace("{secrets}", () => shellWord(folder)))}`,
            ),
        ]),
    "",
    ...findings.map(({ level, message }) => line(`check will say: ${level} ${message}`)),
    ...(findings.length === 0 ? ["check finds nothing wrong and nothing unsafe."] : []),
    ...(target === undefined && chosen.some(({ setup }) => setup.provider !== undefined)
      ? [
          line(
            "There is no route yet, so events are recorded and nothing else. Each source stays unused until a route is written: docs/routes.md.",
          ),
        ]
      : []),
    ...(hasPeople ? [] : [line(NO_PEOPLE)]),
    "",
    "Next:",
    `  ${program} check${config}`,
    `  ${program} start${config}   # says when the first webhook of each sender comes`,
  ];
}

const NO_PEOPLE =
  "Nobody can operate this bridge yet: no issuer vouches for people, so no command, console page or call shows a delivery, runs one again or pauses a target. Name one with --people-issuer and --people-group, or add it to the file: docs/login.md.";

function senderLines(
  { setup, source }: Chosen,
  { bridge, audience, folder }: Plan,
  {
    shown,
    width,
    program,
  }: { readonly shown: readonly SecretValue[]; readonly width: number; readonly program: string },
): readonly string[] {
  const file = join(folder, source);
  const url = `${bridge}/webhooks/${source}`;
  const value = shown.find((one) => one.file === source)?.value;
  const places: Readonly<Record<string, string>> = {
    url,
    bridge,
    host: new URL(bridge).host,
    source,
    secret: value ?? `<the text of ${file}>`,
    secretFile: shellWord(file),
    audience,
  };
  const filled = (text: string): string => text.replace(/\{(\w+)\}/g, (all, name) => places[name] ?? all);
  const indent = Math.max(...setup.fields.map(([name]) => name.length)) + 4;
  return [
    setup.provider === undefined ? setup.title : `${setup.title}, source ${printable(source)}`,
    ...wrapped(`At ${setup.where}:`, width),
    ...setup.fields.map(([name, text]) => factLine(`  ${name}`, filled(text), { indent, columns: width })),
    ...(setup.command === undefined ? [] : ["  or:", `  ${program} ${printable(filled(setup.command))}`]),
    ...(setup.remark === undefined ? [] : wrapped(setup.remark.replaceAll("`", '"'), width)),
  ];
}
