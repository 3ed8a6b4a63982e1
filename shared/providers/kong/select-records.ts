import { type EpochMillis, epochMillis } from "../../host/clock.ts";
import { parseJsonInSteps } from "../../host/json-in-steps.ts";
import { type AuthenticDelivery, partOf, type SelectedRecords } from "../../model/authentic-delivery.ts";
import { sha256Hex } from "../../model/idempotency-keys.ts";
import { type GatewayRecord, isOfStream, type MoreRecords, readingOfMore, readRecord } from "./parse.ts";

/** Which records are kept one by one. All others are only counted. */
export interface Keep {
  /** Requests that the gateway refused, or could not pass on. */
  readonly refusals: boolean;
  /** Requests that passed and may have changed something. */
  readonly writes: boolean;
  /** The share of all other requests that passed, from 0 to 1. */
  readonly sample: number;
}

/** Records of one reason that one process keeps in a minute. */
export const KEPT_PER_MINUTE = 30;
const MINUTE_MS = 60_000;

interface Group extends Pick<MoreRecords, "verdict" | "reason"> {
  /** What identifies the records of this minute that are kept: a repeat of one takes no other's place. */
  readonly kept: Set<string>;
  more: number;
}

/**
 * Selects the records that are kept, so that no flood of requests at the gateway becomes a flood of deliveries. After
 * {@link KEPT_PER_MINUTE} of one reason in a minute, the others are counted, and one more delivery says how many there were:
 * with the first request after that minute. A process that ends before it loses the count; its log has it.
 */
export class RecordSelection {
  readonly #keep: Keep;
  /** Unique to the process. */
  readonly #id: string;
  #minute = 0;
  #groups = new Map<string, Group>();
  /** Counts of earlier minutes that are not recorded yet, by their ids. */
  readonly #ended = new Map<string, MoreRecords>();
  #endedCount = 0;

  constructor(keep: Keep, id: string) {
    this.#keep = keep;
    this.#id = id;
  }

  async select(delivery: AuthenticDelivery): Promise<SelectedRecords> {
    const records = await recordsIn(delivery);
    this.#endMinute(delivery.receivedAt);
    const counts = { refused: 0, failed: 0, passed: 0, stream: 0, unusable: 0, kept: 0 };
    const selected: AuthenticDelivery[] = [];
    const left: Pick<Group, "verdict" | "reason">[] = [];
    for (const one of records) {
      const found = readRecord(one.value, one.digest);
      const verdict = found?.verdict ?? (isOfStream(one.value) ? ("stream" as const) : ("unusable" as const));
      counts[verdict]++;
      if (verdict === "stream" || !this.#isWanted(found)) continue;
      const group = { verdict, reason: found?.reason };
      if (!isKept(this.#groupOf(group), found?.key.join(" ") ?? one.digest())) left.push(group);
      else {
        selected.push(one.part());
        if (found !== undefined) counts.kept++;
      }
    }
    const ended = [...this.#ended];
    return {
      counts,
      deliveries: [
        ...selected.map((part) => ({ delivery: part })),
        ...ended.map(([id, more]) => ({ delivery: partOf(delivery, Buffer.from(id)), reading: readingOfMore(more) })),
      ],
      // Not before: a request that could not be recorded comes again.
      recorded: () => {
        for (const group of left) this.#groupOf(group).more++;
        for (const [id] of ended) this.#ended.delete(id);
      },
    };
  }

  /** What cannot be read is always wanted: somebody has to look at it. */
  #isWanted(found: GatewayRecord | undefined): boolean {
    if (found === undefined) return true;
    const { refusals, writes, sample } = this.#keep;
    if (found.verdict !== "passed") return refusals;
    if (writes && !READS.has(found.method ?? "")) return true;
    return sample > 0 && shareOf(found.key) < sample;
  }

  #groupOf({ verdict, reason }: Pick<Group, "verdict" | "reason">): Group {
    const name = `${verdict} ${reason}`;
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const group = { verdict, reason, kept: new Set<string>(), more: 0 };
    this.#groups.set(name, group);
    return group;
  }

  #endMinute(now: EpochMillis): void {
    const minute = Math.floor(now / MINUTE_MS);
    if (minute === this.#minute) return;
    for (const { verdict, reason, more } of this.#groups.values()) {
      if (more === 0) continue;
      const counted = `${this.#id} ${++this.#endedCount}`;
      this.#ended.set(counted, { verdict, reason, more, counted, minute: epochMillis(this.#minute * MINUTE_MS) });
    }
    this.#groups = new Map();
    this.#minute = minute;
  }
}

/** RFC 9110 §9.2.1, and the empty method of a record without one. */
const READS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", ""]);

/** A number from 0 to 1 that the same request always has, so that a repeat is judged equally. */
const shareOf = (key: readonly string[]): number =>
  Number.parseInt(sha256Hex(key.join(" ")).slice(0, 8), 16) / 0x1_0000_0000;

function isKept({ kept }: Group, key: string): boolean {
  if (!kept.has(key) && kept.size >= KEPT_PER_MINUTE) return false;
  kept.add(key);
  return true;
}

interface OneRecord {
  readonly value: unknown;
  readonly digest: () => string;
  readonly part: () => AuthenticDelivery;
}

/**
 * The plugin sends one record, or a list of them, also if it has only one. A record has the same bytes, and so the same
 * digest, whichever of these forms it comes in. A body of another form is one record that cannot be read.
 */
async function recordsIn(delivery: AuthenticDelivery): Promise<readonly OneRecord[]> {
  const value = await parsed(delivery.body);
  if (value === undefined) return [{ value, digest: () => delivery.bodyDigest, part: () => delivery }];
  return [value].flat().map((one: unknown, at) => {
    const part = () => partOf(delivery, Buffer.from(textOf(one) ?? `${delivery.bodyDigest} ${at}`));
    return { value: one, digest: () => part().bodyDigest, part };
  });
}

/** A batch of a busy gateway has hundreds of kilobytes. */
async function parsed(body: Uint8Array): Promise<unknown> {
  try {
    return await parseJsonInSteps(UTF8.decode(body));
  } catch {
    // What it is said to be follows when it is read.
    return undefined;
  }
}

/** Not fatal: a client may write any bytes into a header, and would hide all other records of the batch. */
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Undefined if it is nested too deep to be written. */
function textOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
