import { isDeepStrictEqual } from "node:util";
import { describe, expect, it } from "vitest";
import type { Reading } from "../../shared/model/reading.ts";
import { providers } from "../../shared/providers/registry.ts";
import {
  connectFixtureSource,
  type Fixture,
  fixtureSourceOf,
  fixturesOf,
  requestOf,
  takenAsAuthentic,
} from "../support/provider-fixtures.ts";

/** Values of each kind of JSON except null, which is read like a missing member. */
const VALUES: readonly unknown[] = ["other", 7, true, [], ["my"], {}];

/**
 * Fields that a provider fills from another member if the first one is absent or unreadable: what it then says is true
 * too. `pipelineId` and the other identities are not among them.
 */
const FILLED_OTHERWISE: readonly RegExp[] = [
  /\.keyParts\b/,
  // Another time of the body, else that of the receipt.
  /\.(time|undated)$/,
  // Orders the reports of one run; a part of it may be missing.
  /\.build\.round$/,
  // A name instead of an id, or the reverse.
  /\.(actor\.id|subject|build\.pipeline|build\.startedBy|job\.(name|runner)|approval\.step|change\.sourceProject|gateway\.(route|service|caller))$/,
  /\.page\.previous\.parent$/,
  // An address that needs less.
  /\.(page|attachment)\.url$/,
  // A text without one of its parts.
  /\.(build\.message|(build|job)\.reason)$/,
  // A result has a value of any kind.
  /\.results\./,
  // `other` says that something changed.
  /\.change\.changed\.\d+$/,
  // The bridge does not count what it cannot read, and says so.
  /\.code\.paths\.(count|truncated|incomplete)$/,
];

/** Lists of which the entries that can be read are kept. */
const LISTS = /\.(labels|tags|commits|changed|attachment)\b.*$/;

/**
 * A status that a sender's own status refines: without the refinement, the status is still what the sender says.
 * GitLab reports a job that timed out as failed, with a reason.
 */
const COARSER: ReadonlyMap<unknown, unknown> = new Map([
  ["job.timed_out", "job.failed"],
  ["timed_out", "failed"],
]);

type Path = readonly (string | number)[];

describe.each(providers.map((provider) => [provider.name, provider] as const))("provider %s", (name, provider) => {
  const connected = connectFixtureSource(provider, fixtureSourceOf(name));
  const read = async ({ url, headers }: Fixture, body: unknown): Promise<Reading> =>
    connected.read(
      await takenAsAuthentic(requestOf({ url, body: Buffer.from(JSON.stringify(body)) }, new Headers(headers))),
    );

  it.each(fixturesOf(name).map((fixture) => [fixture.name, fixture] as const))(
    "%s with one member of another kind is no event, or an event that claims nothing else",
    async (_, fixture) => {
      const body: unknown = JSON.parse(Buffer.from(fixture.body).toString());
      const claimed = claimsOf(await read(fixture, body));
      const known = new Set([...claimed.values()].map(String));
      const wrong: string[] = [];
      const unread: Path[] = [];
      for (const path of pathsIn(body)) {
        // What is below a member that is not read is not read either.
        if (unread.some((above) => above.every((member, at) => member === path[at]))) continue;
        let isRead = false;
        // A member that is null shows no kind.
        for (const value of VALUES.filter((one) => !["null", kindOf(one)].includes(kindOf(valueAt(body, path))))) {
          const claims = claimsOf(await read(fixture, replaced(body, path, value)));
          isRead ||= !isDeepStrictEqual(claims, claimed);
          for (const [field, claim] of claims) {
            if (claim === claimed.get(field) || String(claim) === String(value)) continue;
            if (COARSER.get(claimed.get(field)) === claim || FILLED_OTHERWISE.some((one) => one.test(field))) continue;
            if (LISTS.test(field) && known.has(String(claim))) continue;
            wrong.push(`${path.join(".")} = ${JSON.stringify(value)} claims ${field} ${claim}`);
          }
        }
        if (!isRead) unread.push(path);
      }
      expect(wrong).toEqual([]);
    },
  );

  it.each(fixturesOf(name).map((fixture) => [fixture.name, fixture] as const))(
    "%s with null in place of a member is read as without the member",
    async (_, fixture) => {
      const body: unknown = JSON.parse(Buffer.from(fixture.body).toString());
      const saidWith = async (path: Path, value: unknown) =>
        [...claimsOf(await read(fixture, replaced(body, path, value)))].filter(([field]) => !FREE.test(field));
      const wrong: string[] = [];
      for (const path of pathsIn(body).filter((one) => typeof one.at(-1) === "string")) {
        const [given, missing] = [await saidWith(path, null), await saidWith(path, undefined)];
        if (!isDeepStrictEqual(given, missing)) wrong.push(path.join("."));
      }
      expect(wrong).toEqual([]);
    },
  );
});

/** Keys have digests of parts of the body, and a result has its value as it is, also with a null in it. */
const FREE = /\.(keyParts|results)\b/;

/** What the events of a reading say: the type and each field, by its path. */
function claimsOf(reading: Reading): Map<string, unknown> {
  return new Map(reading.outcome === "event" ? leavesOf(reading.events, "") : []);
}

function leavesOf(value: unknown, path: string): readonly (readonly [string, unknown])[] {
  if (typeof value !== "object" || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([member, below]) => leavesOf(below, `${path}.${member}`));
}

function pathsIn(value: unknown, path: Path = []): readonly Path[] {
  const below =
    typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([member, one]) =>
          pathsIn(one, [...path, Array.isArray(value) ? Number(member) : member]),
        )
      : [];
  return path.length === 0 ? below : [path, ...below];
}

const valueAt = (value: unknown, path: Path): unknown => path.reduce((one, member) => Object(one)[member], value);

function replaced(body: unknown, path: Path, value: unknown): unknown {
  const copy = structuredClone(body);
  Object(valueAt(copy, path.slice(0, -1)))[path.at(-1) ?? ""] = value;
  return copy;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "list" : typeof value;
}
