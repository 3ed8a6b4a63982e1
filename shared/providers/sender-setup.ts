/**
 * How one kind of sender is set up, for `drawbridge init` and for the table in the provider's README. It is apart from the
 * {@link Provider}, so that no request waits for these texts to load.
 */
export interface SenderSetup {
  /** The name at `drawbridge init --sender`. */
  readonly kind: string;
  /** Undefined for CI jobs, which need no source: they prove themselves with the tokens of a trust entry. */
  readonly provider: string | undefined;
  readonly title: string;
  /** Name of the source, unless another is given. */
  readonly source: string;
  readonly questions: readonly SetupQuestion[];
  /** The secret that the sender lets us choose, and the setting that refers to it. */
  readonly secret?: { readonly setting: string; readonly form: SecretForm };
  /** The settings beside `provider`. `secret` is the reference to the secret. */
  readonly settings: (answers: Answers, secret: string) => object;
  /** Where its webhook is made. */
  readonly where: string;
  /**
   * What to enter there, in order: the name at the sender, and a value in which `{url}` stands for the address of the
   * source, `{source}` for its name, `{bridge}` and `{host}` for those of the bridge, `{secret}` for the secret,
   * `{secretFile}` for its file, and `{audience}` for the audience of tokens.
   */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** A command of this program that enters it, with the same names in braces. */
  readonly command?: string;
  readonly remark?: string;
  /** Types of the events that start a run, and the parameter that the run gets of one. Undefined if it starts none. */
  readonly starts?: { readonly when: object; readonly params: Readonly<Record<string, string>> };
  /** Whether it reports builds, which a page can show. */
  readonly reportsBuilds: boolean;
}

/** A value that a person gives. */
export interface SetupQuestion {
  /** Name of the option, and of the answer. */
  readonly option: string;
  readonly text: string;
  readonly example: string;
}

export type Answers = Readonly<Record<string, string>>;

/** `hex`: 64 hexadecimal digits. `whsec`: a key of Standard Webhooks, `whsec_` and 32 bytes in base64. */
export type SecretForm = "hex" | "whsec";

/** An answer with commas, as a list. */
export const listOf = (answer = ""): readonly string[] =>
  answer
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
