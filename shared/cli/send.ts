import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { connectSources } from "../config/connect.ts";
import type { Config } from "../config/schema.ts";
import { Fault } from "../host/fault.ts";
import type { ProviderTools } from "../providers/provider.ts";
import { receipt } from "./answers.ts";
import { notAnswering, readAnswer } from "./bridge-client.ts";

export interface Fixture {
  readonly provider: string;
  /** Name of the fixture: `push`, `page-updated`. */
  readonly event: string;
}

/** What a bridge answered to a fixture. */
export interface Sent {
  readonly status: number;
  readonly answer: string;
  /** The delivery's id; empty when it was not taken. */
  readonly delivery: string;
}

/**
 * `drawbridge send <provider> <event>`: signs a provider's fixture with the current secret of the first source configured
 * for that provider, and posts it as the sender would. The bytes are the same each time, so the second is a duplicate.
 */
export async function sendFixture(base: URL, fixture: Fixture, config: Config, tools: ProviderTools): Promise<Sent> {
  const configured = config.sources.find(({ provider }) => provider === fixture.provider);
  if (configured === undefined) throw wrong(`no source of provider "${fixture.provider}" is configured`);
  const { body, headers, query } = await readFixture(fixture);
  const url = new URL(`/webhooks/${configured.name}${query}`, base);
  const sign = connectSources(config, tools).get(configured.name)?.sign;
  if (sign === undefined)
    throw wrong(`what proves source "${configured.name}" is not ours to make; send it from the real sender`);
  const request = { method: "POST", headers: await sign({ url, headers, body }), body };
  const answer = await fetch(url, request).catch(notAnswering(base));
  const text = await answer.text();
  return { status: answer.status, answer: text, delivery: answer.ok ? readAnswer(text, receipt).delivery : "" };
}

/** The names of a provider's fixtures. */
export function fixturesOf(provider: string): readonly string[] {
  const folder = folderOf(provider);
  if (!/^[a-z]+$/.test(provider) || !existsSync(folder)) return [];
  const bodies = readdirSync(folder).filter((file) => file.endsWith(".body"));
  return bodies.map((file) => file.slice(0, -".body".length)).sort();
}

async function readFixture({ provider, event }: Fixture) {
  const known = fixturesOf(provider);
  if (!known.includes(event))
    throw wrong(`${provider} has no fixture "${event}"; it has: ${known.join(", ") || "none"}`);
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
const wrong = (message: string): Fault => new Fault("configuration_invalid", message, { retryable: false });
