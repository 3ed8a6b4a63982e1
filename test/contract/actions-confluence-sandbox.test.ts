import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, test } from "vitest";
import {
  type SandboxConfluence,
  type SandboxConfluenceOptions,
  startSandboxConfluence,
} from "../support/sandbox-confluence.ts";
import { ROBIN } from "../support/sandbox-confluence-users.ts";

describe("the sandbox's pages, as a person sees them", () => {
  const closing: (() => unknown)[] = [];
  const start = async (options?: SandboxConfluenceOptions): Promise<SandboxConfluence> => {
    const sandbox = await startSandboxConfluence(options);
    closing.push(sandbox.close);
    return sandbox;
  };
  const edit = (sandbox: SandboxConfluence, fields: Record<string, string>, origin = sandbox.pageUrl("98310").origin) =>
    fetch(new URL("/sandbox/pages/98310/edit", sandbox.pageUrl("98310")), {
      method: "POST",
      headers: { origin },
      body: new URLSearchParams(fields),
      redirect: "manual",
    });

  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  test.each([
    "/wiki/spaces/ENG/pages/98310",
    "/wiki/spaces/ENG/pages/98310/Release+4",
    "/pages/viewpage.action?pageId=98310",
  ])("a page is served at %s", async (path) => {
    const sandbox = await start();
    const answer = await fetch(new URL(path, sandbox.pageUrl("98310")));
    expect(answer.status).toBe(200);
    await expect(answer.text()).resolves.toContain("<h1>Release 4</h1>");
  });

  test("a page shows its storage format and runs no script in it", async () => {
    const body = `<p onclick="x()"><a href="javascript:x()">a</a><script>x()</script>&lt;b&gt;</p>`;
    const sandbox = await start({ pages: [{ body }] });
    const page = await (await fetch(sandbox.pageUrl("98310"))).text();
    expect(page).toContain("<p>ax()&lt;b&gt;</p>");
  });

  /** A receiver of webhooks, and what it received. */
  async function startReceiver() {
    const received: { headers: IncomingHttpHeaders; body: string }[] = [];
    const bridge = createServer(async (request, response) => {
      received.push({ headers: request.headers, body: await text(request) });
      response.writeHead(202).end();
    });
    await new Promise<void>((resolve) => bridge.listen(0, "127.0.0.1", resolve));
    closing.push(() => bridge.close());
    const address = bridge.address();
    const port = typeof address === "object" ? address?.port : undefined;
    return { received, webhook: { url: new URL(`http://127.0.0.1:${port}/webhooks/wiki`), secret: "s3" } };
  }

  test("an edit is reported to the bridge as by Data Center, with a signature over the bytes", async () => {
    const { received, webhook } = await startReceiver();
    const sandbox = await start({ webhook });
    const answer = await edit(sandbox, { line: "Ready < soon" });

    expect(answer.status).toBe(303);
    expect(sandbox.page("98310").latest).toMatchObject({ number: 2, by: "Robin Example" });
    expect(sandbox.page("98310").latest.body).toContain("Ready &lt; soon");
    const [{ headers, body } = { headers: {}, body: "{}" }] = received;
    expect(headers["x-hub-signature"]).toBe(`sha256=${createHmac("sha256", "s3").update(body).digest("hex")}`);
    expect(JSON.parse(body)).toMatchObject({ event: "page_updated", page: { id: 98310 }, userKey: ROBIN.userKey });
  });

  test("a comment is shown as text, and reported to the bridge by its id alone", async () => {
    const { received, webhook } = await startReceiver();
    const sandbox = await start({ webhook });
    const body = new URLSearchParams({ comment: "a < b" });
    const url = new URL("/sandbox/pages/98310/comment", sandbox.pageUrl("98310"));
    const headers = { origin: url.origin };
    expect((await fetch(url, { method: "POST", headers, body, redirect: "manual" })).status).toBe(303);
    expect(await (await fetch(sandbox.pageUrl("98310"))).text()).toContain("<p>a &lt; b</p>");
    const { timestamp: _, ...about } = JSON.parse(received[0]?.body ?? "{}");
    expect(about).toEqual({ event: "comment_created", userKey: ROBIN.userKey, comment: { id: 98400 } });
    const foreign = { origin: "https://evil.example.test" };
    expect((await fetch(url, { method: "POST", headers: foreign, body })).status).toBe(403);
  });

  test("an edit that was sent from another site is rejected", async () => {
    const sandbox = await start();
    expect((await edit(sandbox, { line: "x" }, "https://evil.example.test")).status).toBe(403);
    expect(sandbox.page("98310").versions).toHaveLength(1);
  });

  test("a text that is not storage format, or is based on an older version, is rejected", async () => {
    const sandbox = await start();
    expect((await edit(sandbox, { body: "<p>", version: "1" })).status).toBe(409);
    sandbox.humanEdit("98310", (body) => `${body}<p>x</p>`);
    const late = await edit(sandbox, { body: "<p>mine</p>", version: "1" });
    expect(late.status).toBe(409);
    await expect(late.text()).resolves.toContain("&lt;p&gt;mine&lt;/p&gt;</textarea>");
    expect(sandbox.page("98310").versions).toHaveLength(2);
  });

  const put = (sandbox: SandboxConfluence, representation: string, value: string): Promise<Response> => {
    const { user, token } = sandbox.credentials;
    const number = sandbox.page("98310").latest.number + 1;
    const body = { id: "98310", status: "current", title: "x", body: { representation, value }, version: { number } };
    return fetch(`${sandbox.site("cloud")}/api/v2/pages/98310`, {
      method: "PUT",
      headers: {
        authorization: `Basic ${Buffer.from(`${user}:${token}`).toString("base64")}`,
        "content-type": "application/json",
      },
      body: JSON.stringify(body),
    });
  };
  const document = (...content: readonly object[]): string => JSON.stringify({ version: 1, type: "doc", content });
  const words = { type: "paragraph", content: [{ type: "text", text: "Kim" }] };

  test("a page of the new editor is shown, and a write as storage format converts it", async () => {
    const sandbox = await start({ pages: [{ editor: "v2", body: document({ ...words, marks: [] }) }] });
    await expect((await fetch(sandbox.pageUrl("98310"))).text()).resolves.toContain("<p>Kim</p>");
    expect((await put(sandbox, "atlas_doc_format", document(words, words))).status).toBe(200);
    expect(sandbox.conversions()).toEqual([]);
    expect((await put(sandbox, "storage", "<p>Lou</p>")).status).toBe(200);
    expect(sandbox.conversions()).toEqual(["version 3 of page 98310, written as storage"]);
    expect(sandbox.page("98310").latest.body).toMatch(/^\{.*"text":"Lou"/);
  });

  test.each([
    ["no document", "<p>Kim</p>"],
    ["a table in a panel", document({ type: "panel", content: [{ type: "table", content: [] }] })],
    ["a macro without content", document({ type: "bodiedExtension", content: [] })],
  ])("a page of the new editor is not written with %s", async (_, body) => {
    const sandbox = await start({ pages: [{ editor: "v2", body: document(words) }] });
    expect((await put(sandbox, "atlas_doc_format", body)).status).toBe(400);
    expect(sandbox.page("98310").versions).toHaveLength(1);
  });
});
