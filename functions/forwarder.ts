import { type BridgeSource, type SentEvent, sendToBridge } from "../shared/cluster/bridge-source.ts";
import { Counters } from "../shared/cluster/counters.ts";
import { Forwarder } from "../shared/cluster/forwarder.ts";
import { FORWARDER_COUNTERS, forwarderApp, MAX_EVENT_BYTES } from "../shared/cluster/forwarder-app.ts";
import { readPasswords } from "../shared/cluster/passwords.ts";
import { systemClock as clock } from "../shared/host/clock.ts";
import type { Log } from "../shared/host/log.ts";
import { Loop } from "../shared/host/loop.ts";
import { ADMISSION_LIMITS, Admission } from "../shared/http/admission.ts";
import { type ListenAddress, listen } from "../shared/http/listen.ts";
import { openEventQueue } from "../shared/store/sqlite/event-queue.ts";
import type { Part } from "./interceptor.ts";

interface ForwarderOptions {
  readonly source: BridgeSource;
  /** Path of a file with the passwords that the controller may send, one on each line. */
  readonly passwordFile: string;
  readonly dataPath: string;
  readonly address: Omit<ListenAddress, "tls">;
  readonly log: Log;
}

/** Takes the events of Tekton's controller, and sends them to the bridge with a service-account token. */
export async function startForwarder(options: ForwarderOptions): Promise<Part> {
  const { source, passwordFile, dataPath, address, log } = options;
  const passwords = () => readPasswords(passwordFile);
  await passwords();
  const { queue, close } = openEventQueue(dataPath, QUEUE_LIMITS);
  const counters = new Counters(FORWARDER_COUNTERS);
  const loop = new Loop("forwarding", { everyMs: ROUND_MS, log }, async () => forwarder.start());
  const send = (event: SentEvent) => sendToBridge(event, source);
  const forwarder = new Forwarder({ queue, send, finished: () => loop.nudge(), counters, clock, log });
  const app = forwarderApp({ queue, passwords, queued: () => loop.nudge(), counters, clock, log });
  const admission = new Admission({ limits: ADMISSION_LIMITS, maxBodyBytes: () => MAX_EVENT_BYTES, log });
  try {
    const server = await listen(app, address, admission);
    const revived = queue.revive();
    if (revived > 0) log.warn({ revived }, "dead letters are sent once more");
    loop.nudge();
    return {
      url: server.url,
      reload: () => loop.nudge(),
      stop: async () => {
        await Promise.all([loop.stop(), server.close()]);
        await forwarder.idle();
        close();
        return "finished";
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

const ROUND_MS = 1_000;

/** An hour of events of a busy cluster. What stays free is several times the size that SQLite's log reaches. */
const QUEUE_LIMITS = { bytes: 1_073_741_824, deadLetters: 1_000, freeBytes: 33_554_432 };
