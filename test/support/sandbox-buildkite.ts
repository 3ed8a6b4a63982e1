import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import * as v from "valibot";
import { serveOnLoopback } from "./loopback.ts";

interface SandboxAnnotation {
  readonly context: string;
  readonly style: string;
  readonly body: string;
}

interface InjectedAnswer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

export interface SandboxBuildkite {
  readonly url: string;
  readonly token: string;
  readonly requests: readonly { readonly path: string; readonly headers: Headers }[];
  /** The annotations that the page of build 12 shows. */
  readonly annotations: ReadonlyMap<string, SandboxAnnotation>;
  /** Sets the responses to the next requests, in order. */
  answerNext(...answers: readonly InjectedAnswer[]): void;
  close(): Promise<void>;
}

const TOKEN = "bkua-of-the-sandbox";

/** The annotations of build 12 of `example/docs`: https://buildkite.com/docs/apis/rest-api/annotations. */
export async function startSandboxBuildkite(): Promise<SandboxBuildkite> {
  const requests: SandboxBuildkite["requests"][number][] = [];
  const annotations = new Map<string, SandboxAnnotation>();
  const answers: InjectedAnswer[] = [];

  const app = new Hono<{ Bindings: HttpBindings }>();
  app.use("*", async (c, next) => {
    requests.push({ path: c.req.path, headers: c.req.raw.headers });
    const answer = answers.shift();
    if (answer) return new Response(answer.body ?? null, answer);
    if (c.req.header("authorization") !== `Bearer ${TOKEN}`) return c.json({ message: "Authentication required" }, 401);
    await next();
    return undefined;
  });
  app.post("/v2/organizations/example/pipelines/docs/builds/12/annotations", async (c) => {
    const read = v.safeParse(annotationBody, await c.req.json());
    if (!read.success) return c.json({ message: "Validation Failed", errors: [] }, 422);
    const { context, style, body, append } = read.output;
    const before = append ? (annotations.get(context)?.body ?? "") : "";
    annotations.set(context, { context, style, body: `${before}${body}` });
    const at = "2026-11-02T09:00:00.000Z";
    const annotation = { context, style, scope: "build", priority: 3, body_html: body, created_at: at, updated_at: at };
    return c.json({ id: "018b8d10-0000-4000-8000-000000000001", ...annotation }, 201);
  });
  app.all("*", (c) => c.json({ message: "Not Found" }, 404));

  const { url, close } = await serveOnLoopback(app, 0);
  const answerNext = (...next: readonly InjectedAnswer[]) => void answers.push(...next);
  return { url: url.origin, token: TOKEN, requests, annotations, answerNext, close };
}

const annotationBody = v.object({
  body: v.pipe(v.string(), v.nonEmpty(), v.maxBytes(1_048_576)),
  style: v.optional(v.picklist(["success", "info", "warning", "error"]), "info"),
  context: v.optional(v.string(), "default"),
  append: v.optional(v.boolean(), false),
  priority: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(10))),
});
