import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { Clock } from "../../shared/host/clock.ts";
import { type AuthenticDelivery, authenticate } from "../../shared/model/authentic-delivery.ts";
import type { BridgeEvent } from "../../shared/model/event.ts";
import { sourcePrincipal } from "../../shared/model/principal.ts";
import type { Reading } from "../../shared/model/reading.ts";
import type { ReceivedRequest } from "../../shared/model/request.ts";
import { ok, reject } from "../../shared/model/result.ts";
import type { ConnectedSource, Provider } from "../../shared/providers/provider.ts";
import { providerDeps, secretsOf, testClock } from "./test-doubles.ts";

/** `source.json` beside a provider's fixtures. */
export interface FixtureSource {
  readonly settings: object;
  readonly environment: Readonly<Record<string, string>>;
  /** Whether the credential that `sign` makes covers the body; default true. */
  readonly coversBody?: boolean;
}

export interface Fixture {
  readonly name: string;
  /** As the sender sends them, without a credential. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly url: URL;
  readonly expected: Reading;
}

const folderOf = (provider: string): string => `shared/providers/${provider}`;
const fixturesAt = (folder: string) => new URL(`../../${folder}/fixtures/`, import.meta.url);
const json = (file: URL) => JSON.parse(readFileSync(file, "utf8"));

export const fixtureSourceOf = (provider: string): FixtureSource => sourceIn(folderOf(provider));
/** All fixtures of a provider, the shortest body first. */
export const fixturesOf = (provider: string): readonly Fixture[] => fixturesIn(folderOf(provider));

/** The source of a provider's folder. */
export const sourceIn = (folder: string): FixtureSource => json(new URL("source.json", fixturesAt(folder)));

/** All fixtures of a provider's folder, the shortest body first. */
export function fixturesIn(path: string): readonly Fixture[] {
  const folder = fixturesAt(path);
  const names = readdirSync(folder).flatMap((file) => /^(.+)\.body$/.exec(file)?.[1] ?? []);
  const fixtures = names.map((name) => {
    const address = new URL(`${name}.url`, folder);
    const expected = new URL(`${name}.expected.json`, folder);
    const path = existsSync(address) ? readFileSync(address, "utf8").trim() : `/webhooks/${SOURCE}`;
    return {
      name,
      headers: json(new URL(`${name}.headers.json`, folder)),
      body: new Uint8Array(readFileSync(new URL(`${name}.body`, folder))),
      url: new URL(path, "https://bridge.example.test"),
      expected: existsSync(expected) ? json(expected) : MISSING,
    };
  });
  return fixtures.sort((a, b) => a.body.length - b.body.length);
}

/** No reading is like it, so the check of a new fixture fails and shows the reading. */
const MISSING: Reading = { outcome: "unusable", problem: "the file with the expected reading is missing" };

/** The name of the source in every test of the suite. */
export const SOURCE = "fixture-source";

/** A source of `provider` that trusts no issuer of tokens. */
export function connectFixtureSource(
  provider: Provider,
  { settings, environment }: FixtureSource,
  clock: Clock = testClock(),
): ConnectedSource {
  const tokens = { verify: async () => reject({ reason: "issuer_unknown" }) };
  return provider.connect({ name: SOURCE, settings }, providerDeps({ clock, secrets: secretsOf(environment), tokens }));
}

export function requestOf(
  { url, body }: Pick<Fixture, "url" | "body">,
  headers: Headers,
  clock: Clock = testClock(),
): ReceivedRequest {
  return { method: "POST", url, headers, body, receivedAt: clock.now(), requestId: "request-1" };
}

/** An authentic delivery without a proof, for bodies that no test key can sign. */
export async function takenAsAuthentic(request: ReceivedRequest): Promise<AuthenticDelivery> {
  const proof = ok({ principal: sourcePrincipal(SOURCE, "test", "current") });
  const delivery = await authenticate(request, { name: SOURCE, authenticate: async () => proof });
  if (!delivery.ok) throw new Error("the stand-in proof accepts everything");
  return delivery.value;
}

export type Body = Record<string, unknown>;

/** A new copy of the body of a provider's fixture, to be changed. */
export function bodyOf(provider: string, name: string): Body {
  return json(new URL(`${name}.body`, fixturesAt(folderOf(provider))));
}

/** Parses bodies with a provider's reader, as if they were authenticated. */
export function readingBy(readDelivery: (delivery: AuthenticDelivery) => Reading) {
  const url = new URL(`https://bridge.example.test/webhooks/${SOURCE}`);
  const read = async (body: Body, headers: Record<string, string> = {}): Promise<Reading> => {
    const request = requestOf({ url, body: Buffer.from(JSON.stringify(body)) }, new Headers(headers));
    return readDelivery(await takenAsAuthentic(request));
  };
  const eventOf = async (body: Body): Promise<BridgeEvent> => {
    const reading = await read(body);
    if (reading.outcome !== "event") throw new Error(JSON.stringify(reading));
    return reading.events[0];
  };
  return { read, eventOf };
}

/** The settings without the members that hold a secret. */
export const withoutCredentials = ({ settings }: FixtureSource): object =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => !JSON.stringify(value).includes('"env:')));

/** The source after its secrets were changed at the sender and here. */
export const secretsChanged = ({ environment, ...source }: FixtureSource): FixtureSource => ({
  ...source,
  environment: Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, changed(value)])),
});

/** The source during a rotation: every current secret has the changed one as its next. */
export function withNextSecrets(source: FixtureSource): FixtureSource {
  const names = Object.keys(source.environment);
  const next = names.map((name) => [`${name}_AFTER`, changed(source.environment[name] ?? "")]);
  const settings = JSON.stringify(source.settings, (_, value) =>
    value?.current ? { ...value, next: `${value.current}_AFTER` } : value,
  );
  return {
    ...source,
    settings: JSON.parse(settings),
    environment: { ...source.environment, ...Object.fromEntries(next) },
  };
}

/** Another secret of the same form, with one letter or digit in its middle changed. */
function changed(secret: string): string {
  const middle = secret.length >> 1;
  const at = middle + secret.slice(middle).search(/[A-Ya-y0-8]/);
  return secret.slice(0, at) + String.fromCharCode(secret.charCodeAt(at) + 1) + secret.slice(at + 1);
}
