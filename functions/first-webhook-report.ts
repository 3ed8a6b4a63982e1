import { printable } from "../shared/cli/terminal-text.ts";
import { localTime } from "../shared/cli/time.ts";
import type { FirstWebhookNews } from "../shared/delivery/first-webhooks.ts";
import { systemClock, toIso } from "../shared/host/clock.ts";
import type { Log } from "../shared/host/log.ts";
import { HINTS } from "../shared/model/rejection-hints.ts";

interface ReportDeps {
  readonly log: Log;
  /** Prints a line for the person who started the bridge on a terminal. */
  readonly say: (text: string) => void;
}

/** Writes each news of a first webhook into the log, and says it on the terminal. */
export const firstWebhookReport =
  ({ log, say: print }: ReportDeps) =>
  (news: FirstWebhookNews): void => {
    const say = (text: string): void => print(printable(text));
    switch (news.kind) {
      case "waiting":
        log.info({ sources: news.sources.join(", ") }, "waiting for the first webhook");
        say(`waiting for the first webhook of: ${news.sources.join(", ")}`);
        return;
      case "arrived": {
        const { source, at, method, credential } = news;
        log.info({ source, method, credential }, "the first webhook of a source arrived");
        say(
          `first webhook of ${source} at ${localTime(toIso(at), systemClock.now())}, proved by ${method} (${credential})`,
        );
        return;
      }
      case "refused": {
        const { source, reason, count } = news;
        // The log has each refusal already.
        const hint = Object.entries(HINTS)
          .find(([name]) => name === reason)?.[1]
          .replaceAll("`", '"');
        say(`refused for ${source}: ${reason}, ${count === 1 ? "once" : `${count} times`}${hint ? `. ${hint}` : ""}`);
        return;
      }
    }
  };
