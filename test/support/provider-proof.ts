import { type AuthenticDelivery, authenticate } from "../../shared/model/authentic-delivery.ts";
import { deliveryIdOf, sha256Hex } from "../../shared/model/idempotency-keys.ts";
import type { Result } from "../../shared/model/result.ts";
import type { Provider } from "../../shared/providers/provider.ts";
import { connectFixtureSource, type Fixture, type FixtureSource, requestOf, SOURCE } from "./provider-fixtures.ts";
import { testClock } from "./test-doubles.ts";

/** Authenticates and parses for one source, at the suite's time of day or a little later. */
export function proofOf(provider: Provider, source: FixtureSource) {
  const connectedAt = (laterByMs: number) => {
    const clock = testClock();
    clock.advance(laterByMs);
    return { clock, connected: connectFixtureSource(provider, source, clock) };
  };
  // A suite makes thousands of requests at this time, to one source as a process has it.
  const now = connectedAt(0);
  const at = (laterByMs = 0) => (laterByMs === 0 ? now : connectedAt(laterByMs));
  const { connected } = now;
  type Time = { readonly laterByMs?: number };

  async function sign(fixture: Fixture, { laterByMs }: Time = {}): Promise<Headers> {
    const signed = await at(laterByMs).connected.sign?.({ ...fixture, headers: new Headers(fixture.headers) });
    if (!signed) throw new Error("this source does not sign");
    return signed;
  }

  async function check(
    fixture: Fixture,
    headers: Headers,
    { laterByMs }: Time = {},
  ): Promise<Result<AuthenticDelivery>> {
    const { clock, connected } = at(laterByMs);
    return authenticate(requestOf(fixture, headers, clock), { name: SOURCE, authenticate: connected.authenticate });
  }

  return {
    connected,
    canSign: connected.sign !== undefined,
    sign,
    check,
    accepts: async (fixture: Fixture, headers: Headers) => (await check(fixture, headers)).ok,
    /** The headers that signing adds or changes. */
    credentialHeaders: (fixture: Fixture, signed: Headers) =>
      [...signed.keys()].filter((header) => signed.get(header) !== new Headers(fixture.headers).get(header)),
    async deliveryId(fixture: Fixture, headers: Headers, time: Time = {}): Promise<string> {
      const delivery = await check(fixture, headers, time);
      if (!delivery.ok) throw new Error(delivery.rejection.reason);
      const { deliveryKey } = connected.read(delivery.value);
      return deliveryIdOf(SOURCE, deliveryKey ?? [sha256Hex(fixture.body)]);
    },
  };
}

/** Each copy of `bytes` that differs in one bit. */
export function* singleBitChanges(bytes: Uint8Array) {
  for (let at = 0; at < bytes.length * 8; at++) {
    const changed = Uint8Array.from(bytes);
    changed[at >> 3] = (changed[at >> 3] ?? 0) ^ (1 << (at & 7));
    yield { bit: `byte ${at >> 3} bit ${at & 7}`, changed };
  }
}

/** The headers with this one, or undefined if no HTTP message can carry the value. */
export function withHeader(headers: Headers, name: string, value: string | null): Headers | undefined {
  const sent = new Headers(headers);
  try {
    if (value === null) sent.delete(name);
    else sent.set(name, value);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
  return sent;
}

/** Whether only the case of an authorization scheme differs, which has no meaning (RFC 9110, section 11.1). */
export function isSameScheme(name: string, value: string, headers: Headers): boolean {
  const schemeInLowerCase = (text: string) => text.replace(/^[A-Za-z]+ /, (scheme) => scheme.toLowerCase());
  return name === "authorization" && schemeInLowerCase(value) === schemeInLowerCase(headers.get(name) ?? "");
}
