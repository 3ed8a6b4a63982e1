import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { Clock } from "../../shared/host/clock.ts";
import { toIso } from "../../shared/host/clock.ts";

/** The receiver of a cluster's events. */
interface SandboxSink {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/** Called for every request, because the bridge may restart at another address, and a token expires soon. */
export type SinkSource = (event: Pick<OutgoingEvent, "type">) => SandboxSink | Promise<SandboxSink>;

interface OutgoingEvent {
  /** Default: a new one. All events of a listener about one request have its event id. */
  readonly id?: string;
  /** E.g. `dev.tekton.event.pipelinerun.started.v1`. */
  readonly type: string;
  readonly namespace: string;
  /** The run's name. */
  readonly name: string;
  readonly data: unknown;
}

/** An event and the responses to it. */
export interface SentEvent extends OutgoingEvent {
  readonly id: string;
  /** The statuses of the sink's responses in order; 0 without a connection. */
  readonly answers: readonly number[];
}

/**
 * Sends CloudEvents as Tekton's controller does: in binary mode, each one independently, with ten retries and doubling
 * waits from 20 ms for the few statuses that it retries. All others are dropped at once.
 */
export class SandboxEventSender {
  readonly #sink: SinkSource | undefined;
  readonly #clock: Clock;
  readonly #onDropped: (event: SentEvent) => void;
  readonly #closing = new AbortController();
  readonly #underway = new Set<Promise<void>>();
  readonly #sent: (SentEvent & { readonly answers: number[] })[] = [];

  /** `onDropped` is called with each event that the sink did not accept. */
  constructor(sink: SinkSource | undefined, clock: Clock, onDropped: (event: SentEvent) => void) {
    this.#sink = sink;
    this.#clock = clock;
    this.#onDropped = onDropped;
  }

  get sent(): readonly SentEvent[] {
    return this.#sent;
  }

  send(event: OutgoingEvent): void {
    if (!this.#sink || this.#closing.signal.aborted) return;
    const sent = { id: randomUUID(), ...event, answers: [] };
    this.#sent.push(sent);
    const sending = this.#deliver(sent, this.#sink).finally(() => this.#underway.delete(sending));
    this.#underway.add(sending);
  }

  /** Resolves when every event sent so far has been delivered or dropped. */
  async settled(): Promise<void> {
    while (this.#underway.size > 0) await Promise.all(this.#underway);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.settled();
  }

  async #deliver(event: SentEvent & { readonly answers: number[] }, sink: SinkSource): Promise<void> {
    const { signal } = this.#closing;
    const time = toIso(this.#clock.now()).replace("Z", "000000Z");
    for (let retry = 0; retry <= RETRIES && !signal.aborted; retry++) {
      const answer = await this.#post(event, sink, time);
      event.answers.push(answer);
      if (answer >= 200 && answer < 300) return;
      if (!RETRIED_FOR.has(answer)) break;
      await wait(FIRST_WAIT_MS * 2 ** retry, undefined, { signal }).catch(stopped);
    }
    if (!signal.aborted) this.#onDropped(event);
  }

  async #post({ id, type, namespace, name, data }: SentEvent, sink: SinkSource, time: string): Promise<number> {
    const ownHeaders = {
      "content-type": "application/json",
      "user-agent": "Go-http-client/1.1",
      "ce-id": id,
      // As seen from real clusters: group, version and kind of the object in memory are empty.
      "ce-source": `/apis///namespaces/${namespace}//${name}`,
      "ce-specversion": "1.0",
      "ce-subject": name,
      "ce-time": time,
      "ce-type": type,
    };
    const { signal } = this.#closing;
    const request = { method: "POST", body: JSON.stringify(data), redirect: "manual", signal } as const;
    try {
      const { url, headers } = await sink({ type });
      const answer = await fetch(url, { ...request, headers: { ...ownHeaders, ...headers } });
      await answer.arrayBuffer();
      return answer.status;
    } catch {
      // Tekton does not distinguish these cases either.
      return 0;
    }
  }
}

const RETRIES = 10;
const FIRST_WAIT_MS = 20;
/** CloudEvents SDK for Go, `protocol/http/retry.go`; 0 means no connection. */
const RETRIED_FOR: ReadonlySet<number> = new Set([0, 404, 413, 425, 429, 502, 503, 504]);

/** A wait ends early only if the sandbox closes, which the loop checks itself. */
const stopped = (): void => undefined;
