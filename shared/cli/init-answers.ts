import { replaceHidden } from "../host/hidden-characters.ts";
import { listOf, type SetupQuestion } from "../providers/sender-setup.ts";
import { type Invocation, type Terminal, usageFault } from "./command.ts";
import { printable } from "./terminal-text.ts";

interface Rule {
  /** What is wrong with an answer, without repeating it; undefined if it is valid. */
  readonly problemOf?: (text: string) => string | undefined;
}

/** No name, address or list is longer. */
const MAX_CHARACTERS = 500;

/**
 * Answers from the command line, else from the terminal. Without either, a missing answer is `usage_invalid`. A command line
 * that names the bridge and its senders is meant as it is: only what is necessary is asked for.
 */
export class Answering {
  readonly #invocation: Invocation;
  readonly #asksAll: boolean;
  #terminal: Terminal | undefined;

  constructor(invocation: Invocation) {
    this.#invocation = invocation;
    this.#terminal = invocation.openTerminal?.();
    this.#asksAll = !["bridge", "sender"].every((option) => invocation.given.has(option));
  }

  close(): void {
    this.#terminal?.close();
    this.#terminal = undefined;
  }

  say(text: string): void {
    this.#invocation.warn(text);
  }

  async ask(question: SetupQuestion, { problemOf = () => undefined }: Rule): Promise<string> {
    const { option, text, example } = question;
    const given = this.given(question.option, problemOf);
    if (given !== undefined) return given;
    if (this.#terminal === undefined) throw usageFault(`--${option} is missing: ${text}, such as ${example}`);
    for (;;) {
      const answer = (await this.#terminal.ask(`${text} (such as ${example}): `)).trim();
      const problem = answer === "" ? "an answer" : (unprintable(answer) ?? problemOf(answer));
      if (problem === undefined) return answer;
      this.say(printable(`that is not valid; expected ${problem}`));
    }
  }

  /** Undefined without an option on the command line that is meant as it is, or after an empty answer. */
  async optional(question: SetupQuestion, { problemOf = () => undefined }: Rule): Promise<string | undefined> {
    const given = this.given(question.option, problemOf);
    if (given !== undefined || this.#terminal === undefined || !this.#asksAll) return given;
    for (;;) {
      const answer = (
        await this.#terminal.ask(`${question.text} (such as ${question.example}; empty for none): `)
      ).trim();
      if (answer === "") return undefined;
      const problem = unprintable(answer) ?? problemOf(answer);
      if (problem === undefined) return answer;
      this.say(printable(`that is not valid; expected ${problem}`));
    }
  }

  /** One or more, with commas between them. */
  async list(question: SetupQuestion, { problemOf = () => undefined }: Rule): Promise<readonly string[]> {
    const problemOfAll = (text: string) =>
      listOf(text)
        .map(problemOf)
        .find((problem) => problem !== undefined);
    return listOf(await this.ask(question, { problemOf: problemOfAll }));
  }

  /** False without a terminal, and for a command line that is meant as it is. */
  async yes(question: string): Promise<boolean> {
    if (this.#terminal === undefined || !this.#asksAll) return false;
    return /^y(es)?$/i.test((await this.#terminal.ask(`${question} [y/N] `)).trim());
  }

  /** The answer of the command line, if there is one. */
  given(option: string, problemOf: (text: string) => string | undefined = () => undefined): string | undefined {
    const { [option]: value } = this.#invocation.options;
    if (value === undefined) return undefined;
    const problem = value.trim() === "" ? "a text" : (unprintable(value) ?? problemOf(value));
    // The value may be an address with a password.
    if (problem !== undefined) throw usageFault(`--${option} is not valid; expected ${printable(problem)}`);
    return value;
  }
}

function unprintable(text: string): string | undefined {
  if (text.length > MAX_CHARACTERS) return `at most ${MAX_CHARACTERS} characters`;
  const isHidden = /\p{Cc}/u.test(text) || replaceHidden(text, () => "") !== text;
  return isHidden ? "a text without control and hidden characters" : undefined;
}
