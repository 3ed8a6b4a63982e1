import { setImmediate } from "node:timers/promises";
import type { Place } from "./page-document.ts";

/**
 * A node of the Atlassian document format (https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/)
 * with its offsets in the parsed text.
 */
export interface AdfNode {
  readonly type: string;
  readonly parent: AdfNode | undefined;
  readonly children: readonly AdfNode[];
  /** Offset of its `{`. */
  readonly start: number;
  /** Offset after its `}`. */
  readonly end: number;
  /** Between the brackets of its children; undefined if it has no array of them. */
  readonly content: Place | undefined;
  /** Of its attributes, which were not checked. */
  readonly attrsAt: Place | undefined;
  readonly attrs: unknown;
  readonly marks: unknown;
  readonly text: unknown;
}

/** A document, and all its nodes by their `start`. */
interface AdfDocument {
  readonly doc: AdfNode;
  readonly nodes: ReadonlyMap<number, AdfNode>;
}

/** The text is no document; `malformed` says why. */
interface Malformed {
  readonly malformed: string;
}

/**
 * Reads a document, only to find offsets: what is not known of a node stays in the text as it is. A node that names a
 * member twice is refused, because readers of JSON do not agree on its value.
 *
 * Whoever may edit a page decides how large it is. Other work of the process therefore runs after every {@link SLICE}
 * members.
 */
export async function readAdf(text: string): Promise<AdfDocument | Malformed> {
  const start = afterSpace(text, 0);
  if (text[start] !== "{") return NOT_JSON;
  const doc = newNode(start, undefined);
  const nodes = new Map([[start, doc]]);
  let position: Position = { at: start + 1, open: doc };
  for (let members = 1; position.open; members++) {
    if (members % SLICE === 0) await setImmediate();
    const at = afterSpace(text, position.at);
    const next =
      text[at] === "}" ? endNode(text, at, position.open, nodes) : readMember(text, at, position.open, nodes);
    if ("malformed" in next) return next;
    position = next;
  }
  if (position.at < text.length) return NOT_JSON;
  return doc.type === "doc" && doc.content ? { doc, nodes } : { malformed: "it is not a document with content" };
}

/** Where the text was read to, and the node whose members are there; no node at the end of the document. */
interface Position {
  readonly at: number;
  readonly open: Growing | undefined;
}

/** Ends the node whose `}` is at `at`. What follows it is a node beside it, or the rest of its parent. */
function endNode(text: string, at: number, node: Growing, nodes: Map<number, Growing>): Position | Malformed {
  if (node.type === "") return { malformed: "a node has no type" };
  node.end = at + 1;
  const next = afterSpace(text, node.end);
  const { parent } = node;
  if (!parent?.content) return { at: next, open: undefined };
  if (text[next] === ",") return beginNode(text, afterSpace(text, next + 1), parent, nodes);
  if (text[next] !== "]") return NOT_JSON;
  parent.content.end = next;
  return { at: next + 1, open: parent };
}

function beginNode(text: string, at: number, parent: Growing, nodes: Map<number, Growing>): Position | Malformed {
  if (text[at] !== "{") return { malformed: "the content of a node has something that is no node" };
  const node = newNode(at, parent);
  parent.children.push(node);
  nodes.set(at, node);
  return { at: at + 1, open: node };
}

function readMember(text: string, at: number, node: Growing, nodes: Map<number, Growing>): Position | Malformed {
  const member = memberAt(text, at, node.keys.size > 0);
  if (!member) return NOT_JSON;
  const { key, value: start } = member;
  if (node.keys.has(key)) return { malformed: `a node has two members named ${key}` };
  node.keys.add(key);
  if (key === "content" && text[start] === "[") {
    const first = afterSpace(text, start + 1);
    node.content = { start: start + 1, end: first };
    return text[first] === "]" ? { at: first + 1, open: node } : beginNode(text, first, node, nodes);
  }
  const place = { start, end: endOfValue(text, start) };
  const value = valueAt(text, place);
  if (value === undefined || (key === "type" && typeof value !== "string")) return NOT_JSON;
  if (key === "type") node.type = String(value);
  if (key === "attrs") node.attrsAt = place;
  if (key === "attrs" || key === "marks" || key === "text") node[key] = value;
  return { at: place.end, open: node };
}

/** They take a few milliseconds. */
const SLICE = 5_000;

/** The value of a member of the object at `start`, which was parsed before. If it has two, the last one counts. */
export function placeOf(text: string, start: number, name: string): Place | undefined {
  let found: Place | undefined;
  let at = start + 1;
  for (let member = memberAt(text, at, false); member; member = memberAt(text, at, true)) {
    at = endOfValue(text, member.value);
    if (member.key === name) found = { start: member.value, end: at };
  }
  return found;
}

/** The key of a member of an object and the offset of its value; undefined if no member is there. */
function memberAt(
  text: string,
  at: number,
  isBehindOther: boolean,
): { readonly key: string; readonly value: number } | undefined {
  const comma = afterSpace(text, at);
  if (isBehindOther && text[comma] !== ",") return undefined;
  const start = isBehindOther ? afterSpace(text, comma + 1) : comma;
  if (text[start] !== '"') return undefined;
  const end = endOfString(text, start);
  const key = valueAt(text, { start, end });
  const colon = afterSpace(text, end);
  return typeof key === "string" && text[colon] === ":" ? { key, value: afterSpace(text, colon + 1) } : undefined;
}

const NOT_JSON: Malformed = { malformed: "it is not JSON" };

interface Growing extends AdfNode {
  type: string;
  readonly parent: Growing | undefined;
  readonly children: Growing[];
  end: number;
  content: { start: number; end: number } | undefined;
  attrsAt: Place | undefined;
  attrs: unknown;
  marks: unknown;
  text: unknown;
  readonly keys: Set<string>;
}

function newNode(start: number, parent: Growing | undefined): Growing {
  return {
    type: "",
    parent,
    children: [],
    start,
    end: start,
    content: undefined,
    attrsAt: undefined,
    attrs: undefined,
    marks: undefined,
    text: undefined,
    keys: new Set(),
  };
}

function valueAt(text: string, { start, end }: Place): unknown {
  try {
    return JSON.parse(text.slice(start, end));
  } catch {
    // It is no value, and JSON has no undefined one.
    return undefined;
  }
}

function afterSpace(text: string, at: number): number {
  let next = at;
  while (SPACE.has(text[next] ?? "")) next += 1;
  return next;
}

const SPACE: ReadonlySet<string> = new Set(["\t", "\n", "\r", " "]);

/** The end of the value at `at`, if one is there. */
function endOfValue(text: string, at: number): number {
  if (text[at] === '"') return endOfString(text, at);
  if (text[at] !== "{" && text[at] !== "[") {
    SCALAR.lastIndex = at;
    return SCALAR.test(text) ? SCALAR.lastIndex : at;
  }
  let depth = 0;
  let next = at;
  do {
    BRACKET.lastIndex = next;
    const found = BRACKET.exec(text);
    if (!found) return text.length;
    next = found[0] === '"' ? endOfString(text, found.index) : BRACKET.lastIndex;
    if (found[0] === "{" || found[0] === "[") depth += 1;
    else if (found[0] !== '"') depth -= 1;
  } while (depth > 0);
  return next;
}

const SCALAR = /[^\s,\]}]+/y;
const BRACKET = /["[\]{}]/g;

function endOfString(text: string, at: number): number {
  for (let quote = text.indexOf('"', at + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let slashes = 0;
    while (text[quote - 1 - slashes] === "\\") slashes += 1;
    if (slashes % 2 === 0) return quote + 1;
  }
  return text.length;
}
