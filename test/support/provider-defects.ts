import { createHmac } from "node:crypto";
import * as v from "valibot";
import { rotatingSecret } from "../../shared/host/secrets.ts";
import { sourcePrincipal } from "../../shared/model/principal.ts";
import type { Reading } from "../../shared/model/reading.ts";
import type { ReceivedRequest } from "../../shared/model/request.ts";
import { ok, reject } from "../../shared/model/result.ts";
import { bodySignature, type HmacScheme, proveByHmac, signByHmac } from "../../shared/providers/hmac-proof.ts";
import type { ConnectedSource, Provider } from "../../shared/providers/provider.ts";
import { type Fixture, SOURCE } from "./provider-fixtures.ts";

interface DefectiveProvider {
  readonly defect: string;
  /** The check that finds the defect. */
  readonly failing: string;
  readonly provider: Provider;
}

/** A header that no signature covers. */
const KIND = "x-kind";

/** The fixtures with their names in a header, for a provider that reads it. */
export const withKinds = (fixtures: readonly Fixture[]): readonly Fixture[] =>
  fixtures.map((fixture) => ({ ...fixture, headers: { ...fixture.headers, [KIND]: fixture.name } }));

/** Known mistakes of providers, each seeded into one that keeps the contract, over the fixtures {@link withKinds}. */
export function defectiveProviders(correct: Provider, fixtures: readonly Fixture[]): readonly DefectiveProvider[] {
  const published = fixtures.find(({ expected }) => expected.outcome === "event");
  if (published === undefined) throw new Error("no fixture is an event");
  const changed = (change: (connected: ConnectedSource) => Partial<ConnectedSource>): Provider => ({
    ...correct,
    connect(given, deps) {
      const connected = correct.connect(given, deps);
      return { ...connected, ...change(connected) };
    },
  });
  const reading = (change: (read: Reading) => Reading) =>
    changed(({ read }) => ({ read: (delivery) => change(read(delivery)) }));
  /** Accepts other requests too. */
  const accepting = (isAccepted: (request: ReceivedRequest, secret: string) => boolean): Provider => ({
    ...correct,
    connect(given, deps) {
      const { secret } = v.parse(v.object({ secret: rotatingSecret }), given.settings);
      const connected = correct.connect(given, deps);
      return {
        ...connected,
        async authenticate(request) {
          const isOther = isAccepted(request, (await deps.secrets.read(secret.current)).reveal());
          return isOther
            ? ok({ principal: sourcePrincipal(SOURCE, "none", "current") })
            : connected.authenticate(request);
        },
      };
    },
  });
  const signingTime: Provider = {
    ...correct,
    connect(given, deps) {
      const { secret } = v.parse(v.object({ secret: rotatingSecret }), given.settings);
      return {
        ...correct.connect(given, deps),
        authenticate: (request) => proveByHmac(request, { source: given.name, scheme: uncheckedTime, secret }, deps),
        sign: (request) => signByHmac(request, { scheme: uncheckedTime, secret }, deps),
      };
    },
  };
  return [
    {
      defect: "with an event key without the id",
      failing: `${published.name} with another id is another event`,
      provider: reading((read) => {
        if (read.outcome !== "event") return read;
        const [first, ...more] = read.events;
        return { ...read, events: [{ ...first, keyParts: [first.type, first.time] }, ...more] };
      }),
    },
    {
      defect: "with a delivery key without an id",
      failing: "every fixture has its own id",
      provider: reading((read) => ({ ...read, deliveryKey: [correct.name] })),
    },
    {
      defect: "that accepts a request without a signature",
      failing: `${published.name} is rejected if it is unsigned`,
      provider: changed(({ authenticate }) => ({
        async authenticate(request) {
          const proof = await authenticate(request);
          const isUnsigned = !proof.ok && proof.rejection.reason === "credential_missing";
          return isUnsigned ? ok({ principal: sourcePrincipal(SOURCE, "none", "current") }) : proof;
        },
      })),
    },
    {
      defect: "that parses the body before it is proved, and verifies what it wrote again",
      failing: "a body that was serialised again with the same meaning is rejected",
      provider: changed(({ authenticate }) => ({
        authenticate: (request) => authenticate({ ...request, body: writtenAgain(request.body) }),
      })),
    },
    {
      defect: "whose reading follows a header that no signature covers",
      failing: "headers that no credential covers make no other event of a body",
      provider: changed(({ read }) => ({
        read: (delivery) => (delivery.headers.get(KIND) === published.name ? published.expected : read(delivery)),
      })),
    },
    {
      defect: "that signs a time and never checks it",
      failing: "a credential with a signed time is rejected a day before and a day after",
      provider: signingTime,
    },
    {
      defect: "that also takes the secret as a bearer token",
      failing: "the secret itself, or a weaker signature made with it, is rejected",
      provider: accepting(({ headers }, secret) => headers.get("authorization") === `Bearer ${secret}`),
    },
    {
      defect: "that also takes the secret in the query",
      failing: "the secret itself, or a weaker signature made with it, is rejected",
      provider: accepting(({ url }, secret) => url.searchParams.get("token") === secret),
    },
    {
      defect: "that falls back to a signature over SHA-1",
      failing: "the secret itself, or a weaker signature made with it, is rejected",
      provider: accepting(({ headers, body }, secret) => {
        return headers.get("x-hub-signature") === `sha1=${createHmac("sha1", secret).update(body).digest("hex")}`;
      }),
    },
    {
      defect: "that repeats a wrong credential in the rejection",
      failing: "a credential of any text is rejected without a fault, and the rejection does not repeat it",
      provider: changed(({ authenticate }) => ({
        async authenticate(request) {
          const proof = await authenticate(request);
          return proof.ok
            ? proof
            : reject({ reason: "credential_malformed", header: JSON.stringify([...request.headers]) });
        },
      })),
    },
    {
      defect: "whose delivery key is an id that no signature covers",
      failing: "an id that no credential covers does not decide alone which delivery it is",
      provider: changed(({ read }) => ({
        read: (delivery) => ({ ...read(delivery), deliveryKey: [delivery.headers.get(KIND) ?? ""] }),
      })),
    },
    {
      defect: "with one event key for two events of a delivery",
      failing: "events with one key are one event: of one delivery each has its own, and of two they have one time",
      provider: reading((read) =>
        read.outcome === "event"
          ? { ...read, events: [...read.events, { ...read.events[0], subject: "other" }] }
          : read,
      ),
    },
    {
      defect: "that ignores the next secret",
      failing: "the next secret is accepted beside the current one, and a retired one is rejected",
      provider: {
        ...correct,
        connect: ({ name, settings }, deps) => correct.connect({ name, settings: withoutNext(settings) }, deps),
      },
    },
  ];
}

const plain = bodySignature({ header: "x-signature", prefix: "", method: "signature" });

/** The time is signed, and a signature of any time is accepted. */
const uncheckedTime: HmacScheme = {
  ...plain,
  read(headers) {
    const read = plain.read(headers);
    return read.ok ? ok({ ...read.value, before: `${headers.get("x-time")}.` }) : read;
  },
  write(headers, now, sign) {
    headers.set("x-time", String(now));
    plain.write(headers, now, () => sign(`${now}.`));
  },
};

function writtenAgain(body: Uint8Array): Uint8Array {
  try {
    return Buffer.from(JSON.stringify(JSON.parse(Buffer.from(body).toString())));
  } catch {
    return body;
  }
}

const withoutNext = (settings: unknown): unknown =>
  JSON.parse(JSON.stringify(settings), (name, value: unknown) => (name === "next" ? undefined : value));
