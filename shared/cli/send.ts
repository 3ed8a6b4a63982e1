import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { connectSources, countersOf, PROVIDER_NAMES } from "../config/connect.ts";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { signingDeps } from "../config/signing-deps.ts";
import { suggestion } from "../config/suggest.ts";
import { type EpochMillis, systemClock } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { LocalSecrets } from "../host/secrets.ts";
import type { ProviderDeps } from "../providers/provider.ts";
import { notAnswering, readAnswer } from "./bridge-client.ts";
import { freshFixture, setInBody } from "./change-fixture.ts";
import { type Invocation, usageFault } from "./command.ts";
import { EXIT, exitCodeOfStatus } from "./exit-codes.ts";
import { receipt } from "./responses.ts";
import { sessionOf } from "./session.ts";
import { printable } from "./terminal-text.ts";

export interface Fixture {
  readonly provider: string;
  /** Name of the fixture: `push`, `page-updated`. */
  readonly event: string;
}

/** How a fixture is changed before it is signed. */
interface FixtureChanges {
  /** As {@link setInBody} reads them. */
  readonly assignments: readonly string[];
  readonly isNew: boolean;
}

/** The response of a bridge to a fixture. */
export interface Sent {
  readonly status: number;
  /** The body of the response. */
  readonly answer: string;
  /** The delivery's id; empty if the bridge rejected the request. */
  readonly delivery: string;
}

/** `drawbridge send [<provider>] [<event>]`: posts a fixture, or lists those of the provider, or the providers. */
export async function sendCommand(invocation: Invocation): Promise<number> {
  const {
    positionals: [provider, event],
    environment,
    lists,
    given,
    print,
  } = invocation;
  if (event === undefined && (given.has("set") || given.has("new")))
    throw usageFault("--set and --new change a recorded webhook: send <provider> <event>");
  if (provider === undefined) {
    print(PROVIDER_NAMES.join("\n"));
    return EXIT.done;
  }
  if (!PROVIDER_NAMES.includes(provider)) {
    throw usageFault(`there is no provider "${provider}"${suggestion(provider, PROVIDER_NAMES)}`);
  }
  const known = fixturesOf(provider);
  if (event === undefined) {
    print(known.join("\n"));
    return EXIT.done;
  }
  if (!known.includes(event)) throw usageFault(noFixture({ provider, event }, known));
  const session = await sessionOf(invocation);
  const config = await loadConfig(session.config());
  const deps = signingDeps(config, new LocalSecrets(environment), systemClock);
  const changes = { assignments: lists["set"] ?? [], isNew: given.has("new") };
  const { status, answer } = await sendFixture(session.url, { provider, event, ...changes }, config, deps);
  print(`${status} ${answer.split("\n").map(printable).join("\n")}`);
  return exitCodeOfStatus(status);
}

/**
 * Signs a provider's fixture with the current secret of the first source of that provider, and posts it as the sender
 * would. Without changes the bytes are always the same, so a second request is a duplicate.
 */
export async function sendFixture(
  base: URL,
  fixture: Fixture & Partial<FixtureChanges>,
  config: Config,
  deps: ProviderDeps,
): Promise<Sent> {
  const configured = config.sources.find(({ provider }) => provider === fixture.provider);
  if (configured === undefined) throw invalid(`no source of provider "${fixture.provider}" is configured`);
  const { query, ...recorded } = await readFixture(fixture);
  const { body, headers } = changedFixture(recorded, fixture, deps.clock.now());
  const url = new URL(`/webhooks/${configured.name}${query}`, base);
  const sign = connectSources(config, deps).get(configured.name)?.sign;
  if (sign === undefined)
    throw invalid(`this command cannot sign for source "${configured.name}"; send it from the real sender`);
  const request: RequestInit = {
    method: "POST",
    headers: await sign({ url, headers, body }),
    body,
    redirect: "manual",
  };
  const response = await fetch(url, request).catch(notAnswering(base));
  const text = await response.text();
  return { status: response.status, answer: text, delivery: response.ok ? readAnswer(text, receipt).delivery : "" };
}

/** The bytes stay as they were recorded if nothing is changed. */
function changedFixture(
  recorded: { readonly body: Uint8Array<ArrayBuffer>; readonly headers: Headers },
  { provider, assignments = [], isNew = false }: Fixture & Partial<FixtureChanges>,
  now: EpochMillis,
) {
  if (assignments.length === 0 && !isNew) return recorded;
  const content = {
    body: v.parse(jsonText, Buffer.from(recorded.body).toString("utf8")),
    headers: Object.fromEntries(recorded.headers),
  };
  const { body, headers } = isNew ? freshFixture(content, { now, counters: countersOf(provider) }) : content;
  const text = JSON.stringify(assignments.reduce(setInBody, body));
  return { body: new TextEncoder().encode(text), headers: new Headers(headers) };
}

const jsonText = v.pipe(v.string(), v.parseJson());

const noFixture = ({ provider, event }: Fixture, known: readonly string[]): string =>
  `${provider} has no fixture "${event}"; it has: ${known.join(", ")}`;

/** The names of a provider's fixtures. */
export function fixturesOf(provider: string): readonly string[] {
  if (!PROVIDER_NAMES.includes(provider)) return [];
  const bodies = readdirSync(folderOf(provider)).filter((file) => file.endsWith(".body"));
  return bodies.map((file) => file.slice(0, -".body".length)).sort();
}

/** The bytes, headers and query of a fixture. Throws `configuration_invalid` if there is none. */
export async function readFixture({ provider, event }: Fixture) {
  const known = fixturesOf(provider);
  if (!known.includes(event)) throw invalid(noFixture({ provider, event }, known));
  const file = (ending: string): URL => new URL(`${event}.${ending}`, folderOf(provider));
  const body = new Uint8Array(await readFile(file("body")));
  const headers = new Headers(v.parse(headerTexts, await readFile(file("headers.json"), "utf8")));
  const query = existsSync(file("url"))
    ? new URL((await readFile(file("url"), "utf8")).trim(), "http://fixture").search
    : "";
  return { body, headers, query };
}

const headerTexts = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.string()));

const folderOf = (provider: string): URL => new URL(`../providers/${provider}/fixtures/`, import.meta.url);
const invalid = (message: string): Fault => new Fault("configuration_invalid", message, { retryable: false });
