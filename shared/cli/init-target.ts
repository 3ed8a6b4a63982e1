import type { Answers, SecretForm, SenderSetup } from "../providers/sender-setup.ts";
import { listOf } from "../providers/sender-setup.ts";
import { usageFault } from "./command.ts";

/** A secret that is made, in a file. */
export interface NewSecret {
  /** Relative to the folder of the secrets. */
  readonly file: string;
  readonly form: SecretForm;
}

/** The kinds of first target that `drawbridge init` can write. */
export interface TargetSetup {
  readonly kind: string;
  readonly title: string;
  /** Name of the target. */
  readonly name: string;
  readonly questions: readonly { readonly option: string; readonly text: string; readonly example: string }[];
  readonly secrets: readonly NewSecret[];
  /** `refOf` returns the reference to a secret's file. */
  readonly settings: (answers: Answers, refOf: (file: string) => string, cluster: string) => object;
  /** The route by which a source fires the target; undefined if its events cannot. */
  readonly route: (setup: SenderSetup, source: string) => object | undefined;
  /** Commands that prepare the target. `{program}` and `{secrets}` stand for this program and the folder of the secrets. */
  readonly commands: (answers: Answers) => readonly string[];
}

/** The namespace in which runs start: the first that is a whole name. */
function namespaceOf({ namespaces }: Answers): string {
  const whole = listOf(namespaces).find((one) => !one.endsWith("*"));
  if (whole === undefined) throw usageFault("--namespaces needs a whole name: the namespace in which the runs start");
  return whole;
}

const buildsOf = (setup: SenderSetup): object => ({
  source: [`drawbridge.${setup.provider ?? setup.source}`],
  "detail-type": [{ prefix: "build." }],
});

/** Every event of a sender that starts nothing and reports no build. */
const eventsOf = ({ provider, source }: SenderSetup): object => ({ source: [`drawbridge.${provider ?? source}`] });

const startsOf = ({ provider, starts }: SenderSetup): object | undefined =>
  starts && { source: [`drawbridge.${provider}`], ...starts.when };

export const targetSetups: readonly TargetSetup[] = [
  {
    kind: "tekton",
    title: "a Tekton EventListener, which starts runs",
    name: "listener",
    questions: [{ option: "target-url", text: "Address of the EventListener", example: "https://el.example.com" }],
    secrets: [
      { file: "listener-token", form: "hex" },
      { file: "listener-origin", form: "hex" },
    ],
    settings: (answers, refOf, cluster) => ({
      kind: "tekton",
      url: answers["target-url"],
      token: refOf("listener-token"),
      runsReportedBy: cluster,
      namespaces: [namespaceOf(answers)],
      runName: "fixed",
      originKey: { current: refOf("listener-origin") },
      listener: { secret: "drawbridge-token" },
    }),
    route: (setup) => {
      const when = startsOf(setup);
      return when && { when, do: { tekton: { target: "listener", params: setup.starts?.params } } };
    },
    commands: (answers) => [
      `kubectl create secret generic drawbridge-token -n ${namespaceOf(answers)} --from-literal=token="$(cat {secrets}/listener-token)"`,
      "{program} tekton render listener | kubectl apply -f -",
    ],
  },
  {
    kind: "confluence-data-center",
    title: "Confluence Data Center, whose pages show the state of builds",
    name: "pages",
    questions: [
      { option: "target-url", text: "Address of the Confluence site", example: "https://wiki.example.com" },
      { option: "spaces", text: "Keys of the spaces whose pages it may write", example: "ENG" },
    ],
    secrets: [],
    settings: (answers, refOf) => ({
      kind: "confluence",
      product: "data-center",
      site: answers["target-url"],
      credential: { bearer: refOf("pages-token") },
      spaces: listOf(answers["spaces"]),
    }),
    route: (setup) =>
      setup.reportsBuilds ? { when: buildsOf(setup), do: { confluence: { target: "pages" } } } : undefined,
    commands: () => ["cat > {secrets}/pages-token   # paste a personal access token, then press Enter and Ctrl-D"],
  },
  {
    kind: "confluence-cloud",
    title: "Confluence Cloud, whose pages show the state of builds",
    name: "pages",
    questions: [
      { option: "target-url", text: "Address of the Confluence site", example: "https://example.atlassian.net/wiki" },
      { option: "target-user", text: "E-mail address of the account that writes", example: "drawbridge@example.com" },
      { option: "spaces", text: "Keys of the spaces whose pages it may write", example: "ENG" },
    ],
    secrets: [],
    settings: (answers, refOf) => ({
      kind: "confluence",
      product: "cloud",
      site: answers["target-url"],
      credential: { basic: { user: answers["target-user"], token: refOf("pages-token") } },
      spaces: listOf(answers["spaces"]),
    }),
    route: (setup) =>
      setup.reportsBuilds ? { when: buildsOf(setup), do: { confluence: { target: "pages" } } } : undefined,
    commands: () => ["cat > {secrets}/pages-token   # paste an API token, then press Enter and Ctrl-D"],
  },
  {
    kind: "webhook",
    title: "any receiver of webhooks, signed as Standard Webhooks",
    name: "receiver",
    questions: [{ option: "target-url", text: "Address of the receiver", example: "https://hooks.example.com/builds" }],
    secrets: [{ file: "receiver", form: "whsec" }],
    settings: (answers, refOf) => ({
      kind: "webhook",
      url: answers["target-url"],
      secret: { current: refOf("receiver") },
    }),
    route: (setup) => ({
      when: setup.reportsBuilds ? buildsOf(setup) : (startsOf(setup) ?? eventsOf(setup)),
      do: { webhook: { target: "receiver" } },
    }),
    commands: () => ["cat {secrets}/receiver   # the secret that the receiver verifies the signature with"],
  },
];
