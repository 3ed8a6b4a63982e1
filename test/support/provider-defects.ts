import { sourcePrincipal } from "../../shared/model/principal.ts";
import type { Reading } from "../../shared/model/reading.ts";
import { ok } from "../../shared/model/result.ts";
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
      defect: "that ignores the next secret",
      failing: "the next secret is accepted beside the current one, and a retired one is rejected",
      provider: {
        ...correct,
        connect: ({ name, settings }, deps) => correct.connect({ name, settings: withoutNext(settings) }, deps),
      },
    },
  ];
}

function writtenAgain(body: Uint8Array): Uint8Array {
  try {
    return Buffer.from(JSON.stringify(JSON.parse(Buffer.from(body).toString())));
  } catch {
    return body;
  }
}

const withoutNext = (settings: unknown): unknown =>
  JSON.parse(JSON.stringify(settings), (name, value: unknown) => (name === "next" ? undefined : value));
