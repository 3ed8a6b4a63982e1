/** An input of an order, as a caller has to give it. */
export type InputShape = { readonly name: string; readonly description?: string } & InputForm;

export type InputForm =
  | { readonly kind: "choice"; readonly choices: readonly string[] }
  | { readonly kind: "pattern"; readonly pattern: string; readonly maxLength: number }
  | { readonly kind: "page"; readonly target: string }
  | { readonly kind: "ref"; readonly of: "branch" | "tag" | "commit" };

/** Of a text that arrives in a run as it is: a template, a shell or a page reads nothing else in it. */
export const INERT = "a text without `$(`, `$$`, a `$` at its end, line breaks and hidden characters";

/** What a value must be, for people: in refusals, in forms and for agents. */
export function expectedOf(input: InputForm): string {
  switch (input.kind) {
    case "choice":
      return `one of ${input.choices.join(", ")}`;
    case "page":
      return `the id of a page of ${input.target}, such as 98310`;
    case "pattern":
      return `a text of the form ${input.pattern}, at most ${input.maxLength} characters, and ${INERT}`;
    case "ref":
      return input.of === "commit" ? "the 40 or 64 hexadecimal digits of a commit" : `the short name of a ${input.of}`;
  }
}
