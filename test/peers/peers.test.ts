import { afterAll, describe, expect, it } from "vitest";
import { authenticate } from "../../shared/model/authentic-delivery.ts";
import type { Reading } from "../../shared/model/reading.ts";
import type { Provider } from "../../shared/providers/provider.ts";
import { providers } from "../../shared/providers/registry.ts";
import { type Recorded, recordedDeliveries, signatureVector } from "../support/peer-data.ts";
import {
  connectFixtureSource,
  fixtureSourceOf,
  requestOf,
  SOURCE,
  takenAsAuthentic,
} from "../support/provider-fixtures.ts";
import { testClock } from "../support/test-doubles.ts";

/** A folder of payloads recorded by others, kept outside this repository. */
const root = process.env["PEER_DATA"];

it.skipIf(root !== undefined)("payloads recorded by others are not read: PEER_DATA is not set", () => undefined);

describe.skipIf(root === undefined)("a payload recorded by others", () => {
  const recorded = root ? recordedDeliveries(root) : [];
  const outcomes = new Map<string, number>();

  it.each(recorded.map((one) => [one.name, one] as const))("%s has an allowed outcome", async (_, one) => {
    const { outcome } = await readingOf(one);
    const counted = `${one.provider.padEnd(11)}${outcome}`;
    outcomes.set(counted, (outcomes.get(counted) ?? 0) + 1);
    expect(allowedFor(one)).toContain(outcome);
  });

  afterAll(() => {
    for (const [counted, count] of [...outcomes].sort()) process.stdout.write(`${counted.padEnd(22)}${count}\n`);
  });
});

/** The events that the bridge publishes, by the senders' names. */
const PUBLISHED = [
  /^(Push|Tag Push|Merge Request|Pipeline|Job|Deployment|Release) Hook$/,
  /^(build\.|job\.(scheduled|started|finished|activated)$)/,
  /^(page_created|page_updated|page_moved|created_page|created_comment|added_label_on_content)$/,
  /^dev\.tekton\.event\.(pipelinerun|taskrun)\./,
];

/**
 * Shortened examples (one merge request has no number) and bodies of old versions need not be usable. All others must
 * be.
 */
function allowedFor({ name, event }: Recorded): readonly Reading["outcome"][] {
  if (/partial|legacy|group-merge-request/.test(name)) return ["ignored", "unusable"];
  return PUBLISHED.some((names) => names.test(event)) ? ["event"] : ["event", "ignored"];
}

function providerOf(name: string): Provider {
  const provider = providers.find((one) => one.name === name);
  if (!provider) throw new Error(`no provider ${name}`);
  return provider;
}

async function readingOf({ provider, body, headers, query, sentAt }: Recorded): Promise<Reading> {
  const clock = testClock(sentAt);
  const source = connectFixtureSource(providerOf(provider), fixtureSourceOf(provider), clock);
  const url = new URL(`https://bridge.example.test/webhooks/${SOURCE}${query}`);
  return source.read(await takenAsAuthentic(requestOf({ url, body }, new Headers(headers), clock)));
}

describe.skipIf(root === undefined)("a signature published by others", () => {
  const secret = { current: "env:PUBLISHED" };
  const vectors = [
    ["gitlab", "standard-webhooks-signature-vector.json", { signingToken: secret }, 1_614_265_330],
    ["buildkite", "signature-vector-ping.json", { signature: secret }, 1_642_080_837],
  ] as const;

  it.each(vectors)("the signature of %s is verified: %s", async (provider, file, settings, signedAtSeconds) => {
    const vector = signatureVector(root ?? "", provider, file);
    const clock = testClock(signedAtSeconds * 1000);
    const connected = connectFixtureSource(
      providerOf(provider),
      { settings, environment: { PUBLISHED: vector.secret } },
      clock,
    );
    const outcomeOf = async (body: Uint8Array) => {
      const url = new URL(`https://bridge.example.test/webhooks/${SOURCE}`);
      const source = { name: SOURCE, authenticate: connected.authenticate };
      return (await authenticate(requestOf({ url, body }, vector.headers, clock), source)).ok;
    };
    expect(await outcomeOf(vector.body)).toBe(true);
    expect(await outcomeOf(Buffer.concat([vector.body, Buffer.from(" ")]))).toBe(false);
  });
});
