import { DELIVERY_STATES, type DeliveryState } from "./delivery-state.ts";

/** How people see a state. The colour of the tone repeats what the symbol and the words say. */
export interface StateWords {
  readonly symbol: string;
  readonly words: string;
  /** `failed`: it ended badly. `attention`: somebody has to look at it, or act. `open`: it goes on by itself. */
  readonly tone: "failed" | "attention" | "open" | "good" | "quiet";
}

const WORDS: Readonly<Record<DeliveryState, StateWords>> = {
  given_up: { symbol: "✕", words: "given up", tone: "failed" },
  accepted_without_run: { symbol: "✕", words: "accepted, no run", tone: "failed" },
  cut: { symbol: "✕", words: "chain cut", tone: "failed" },
  retrying: { symbol: "↻", words: "retrying", tone: "attention" },
  waiting: { symbol: "◷", words: "waiting", tone: "attention" },
  pending: { symbol: "…", words: "pending", tone: "open" },
  expecting_run: { symbol: "…", words: "run expected", tone: "open" },
  ran: { symbol: "✓", words: "ran", tone: "good" },
  not_fired: { symbol: "–", words: "not fired", tone: "quiet" },
  superseded: { symbol: "–", words: "superseded", tone: "quiet" },
  repeat: { symbol: "=", words: "repeat", tone: "quiet" },
  no_route: { symbol: "○", words: "no route", tone: "quiet" },
  refused: { symbol: "✕", words: "refused", tone: "failed" },
  unusable: { symbol: "!", words: "unusable", tone: "attention" },
  ignored: { symbol: "○", words: "ignored", tone: "quiet" },
};

/** The words for a state that a bridge answers. A newer bridge may have further states. */
export function wordsOf(state: string): StateWords {
  const known = DELIVERY_STATES.find((one) => one === state);
  return known === undefined ? { symbol: "•", words: state.replaceAll("_", " "), tone: "quiet" } : WORDS[known];
}

/** One text for both: `✕ given up`. */
export function stateText(state: string): string {
  const { symbol, words } = wordsOf(state);
  return `${symbol} ${words}`;
}
