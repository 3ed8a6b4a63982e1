import * as v from "valibot";
import { Lexer, Parser, parseAllDocuments } from "yaml";
import { usageFault } from "./command.ts";

/** An object that should be in a cluster. */
interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/**
 * Compares rendered objects with those of a cluster, as `kubectl get --output yaml` prints them: lists, or one document
 * for each. Returns a line for each difference, none if the cluster has what is rendered and no more. What the API server
 * and the controllers add does not differ: `status`, further metadata, labels and annotations, and empty members.
 *
 * A listener or an account among the rendered objects is also compared with what acts for it and is not rendered: objects
 * that have the listener's label, such as the trigger of a route that is gone, and other rights of its account. Throws
 * `usage_invalid` for a text that is no YAML of Kubernetes objects.
 */
export function differencesFrom(
  exported: string,
  rendered: readonly Rendered[],
  otherTarget: (id: string) => string | undefined,
): readonly string[] {
  const actual = objectsIn(exported);
  const byName = new Map(actual.map((object) => [idOf(object), object]));
  const expected = new Set(rendered.map(idOf));
  return [
    ...rendered.flatMap((object) => {
      const found = byName.get(idOf(object));
      if (found === undefined) return [`${idOf(object)}: missing in the cluster`];
      return differencesAt([], comparable(object), comparable(found)).map((line) => `${idOf(object)}: ${line}`);
    }),
    ...actual
      .filter((object) => !expected.has(idOf(object)) && rendered.some((one) => actsFor(object, one)))
      .map((object) => {
        const other = otherTarget(idOf(object));
        const what =
          other === undefined
            ? "not rendered; delete it in the cluster if nobody needs it"
            : `rendered by target ${other}`;
        return `${idOf(object)}: ${what}`;
      }),
  ];
}

const texts = v.record(v.string(), v.string());
const kubernetesObject = v.looseObject({
  apiVersion: v.string(),
  kind: v.string(),
  metadata: v.looseObject({
    name: v.string(),
    namespace: v.optional(v.string()),
    labels: v.optional(v.nullable(texts)),
    annotations: v.optional(v.nullable(texts)),
    ownerReferences: v.optional(v.nullable(v.array(v.record(v.string(), v.unknown())))),
  }),
});
type KubernetesObject = v.InferOutput<typeof kubernetesObject>;

const list = v.object({ kind: v.pipe(v.string(), v.endsWith("List")), items: v.array(v.unknown()) });

function objectsIn(text: string): readonly KubernetesObject[] {
  if (isDeep(text)) throw notKubernetes("its values are nested too deeply");
  const values = parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0)
      throw notKubernetes(`line ${document.errors[0]?.linePos?.[0].line ?? 1} is no YAML`);
    const value = contentOf(document);
    // An empty document, as after the last `---`.
    if (value === null || value === undefined) return [];
    return v.is(list, value) ? value.items : [value];
  });
  return values.map((value) => {
    const read = v.safeParse(kubernetesObject, value);
    if (!read.success) throw notKubernetes(`an object has no valid "${v.getDotPath(read.issues[0]) ?? "kind"}"`);
    return read.output;
  });
}

/** The parser recurses, and a process whose stack is full may end at once. Its tokens are read without recursion. */
export function isDeep(text: string): boolean {
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(text)) {
    for (const _ of parser.next(lexeme));
    if (parser.stack.length > MAX_DEPTH) return true;
  }
  return false;
}

/** The schema of a custom resource may nest freely, but no controller's does. */
const MAX_DEPTH = 200;

function contentOf(document: ReturnType<typeof parseAllDocuments>[number]): unknown {
  try {
    return document.toJS();
  } catch {
    // An alias without its anchor, or aliases of aliases, which stand for more than fits into memory.
    throw notKubernetes("it has aliases that cannot be resolved");
  }
}

const notKubernetes = (problem: string) =>
  usageFault(
    `--diff must name a file with Kubernetes objects in YAML, as "kubectl get --output yaml" prints: ${problem}`,
  );

/** Kind, namespace and name. Objects of two groups do not mix up: the kinds that are rendered occur in one group each. */
export const idOf = ({ kind, metadata: { namespace, name } }: Rendered | KubernetesObject): string =>
  [kind, [...(namespace === undefined ? [] : [namespace]), name].join("/")].join(" ");

/** The members that say what an object does. */
function comparable(object: Readonly<Record<string, unknown>> | Rendered): Readonly<Record<string, unknown>> {
  const { apiVersion: _, status: __, metadata, ...rest } = v.parse(comparableObject, object);
  const { labels, annotations } = metadata;
  // Docker configurations and tokens, which the cluster adds to a service account.
  const { secrets, imagePullSecrets, ...others } = rest;
  return { ...(rest["kind"] === "ServiceAccount" ? others : rest), metadata: { labels, annotations } };
}
const comparableObject = v.looseObject({
  apiVersion: v.string(),
  status: v.optional(v.unknown()),
  secrets: v.optional(v.unknown()),
  imagePullSecrets: v.optional(v.unknown()),
  metadata: v.looseObject({ labels: v.optional(v.unknown()), annotations: v.optional(v.unknown()) }),
});

function differencesAt(path: readonly (string | number)[], expected: unknown, actual: unknown): readonly string[] {
  if (expected === undefined) {
    const isAddedText = path[0] === "metadata" && path.length > 1;
    // An element of a list says something by being there: `{}` is a rule of a policy that lets everybody in.
    const isElement = typeof path.at(-1) === "number";
    return isAddedText || (!isElement && isEmpty(actual))
      ? []
      : [`${placeOf(path)} is ${shown(actual)} and not rendered`];
  }
  if (actual === undefined) {
    return isEmpty(expected) && path[0] === "metadata"
      ? []
      : [`${placeOf(path)} is missing; rendered is ${shown(expected)}`];
  }
  if (isRecord(expected) && isRecord(actual)) {
    const keys = new Set([...Object.keys(expected), ...Object.keys(actual)]);
    return [...keys].flatMap((key) => differencesAt([...path, key], expected[key], actual[key]));
  }
  if (Array.isArray(expected) && Array.isArray(actual)) {
    const length = Math.max(expected.length, actual.length);
    return Array.from({ length }).flatMap((_, at) => differencesAt([...path, at], expected[at], actual[at]));
  }
  return expected === actual ? [] : [`${placeOf(path)} is ${shown(actual)}; rendered is ${shown(expected)}`];
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Whether a member that is not rendered says nothing: `{}`, `[]`, `""`, null, and an object of only such members. */
const isEmpty = (value: unknown): boolean => {
  if (Array.isArray(value)) return value.length === 0;
  return (
    value === undefined || value === null || value === "" || (isRecord(value) && Object.values(value).every(isEmpty))
  );
};

const placeOf = (path: readonly (string | number)[]): string =>
  path.map((step, at) => (typeof step === "number" ? `[${step}]` : `${at === 0 ? "" : "."}${step}`)).join("");

const MAX_SHOWN = 200;

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}

/** Whether an object of the cluster takes part in what a rendered listener does, or gives a rendered account rights. */
function actsFor(object: KubernetesObject, { kind, metadata: { name, namespace }, ...rest }: Rendered): boolean {
  if (kind === "ServiceAccount") {
    const names = [
      { kind, name, namespace },
      { kind: "User", name: `system:serviceaccount:${namespace}:${name}` },
      { kind: "Group", name: `system:serviceaccounts:${namespace}` },
    ];
    return v.is(subjects, object) && object.subjects.some((subject) => names.some((one) => isSame(subject, one)));
  }
  if (kind !== "EventListener" || object.metadata.namespace !== namespace || !v.is(selecting, rest)) return false;
  // Tekton itself creates the Deployment and the Service of a listener, and removes them with it. It creates no Trigger.
  const owners = object.metadata.ownerReferences ?? [];
  if (object.kind !== "Trigger" && owners.some((owner) => isSame(owner, { kind, name }))) return false;
  const { matchLabels } = rest.spec.labelSelector;
  return Object.entries(matchLabels).every(([key, value]) => object.metadata.labels?.[key] === value);
}

const subjects = v.object({ subjects: v.array(v.record(v.string(), v.unknown())) });
const selecting = v.object({ spec: v.object({ labelSelector: v.object({ matchLabels: texts }) }) });

const isSame = (one: Readonly<Record<string, unknown>>, expected: Readonly<Record<string, unknown>>): boolean =>
  Object.entries(expected).every(([key, value]) => one[key] === value);
