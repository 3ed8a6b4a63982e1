import { createHash } from "node:crypto";
import { type Context, Hono } from "hono";
import { csrf } from "hono/csrf";
import { html, raw } from "hono/html";
import { SCRIPT, STYLE } from "./sandbox-confluence-assets.ts";
import type { SandboxComment } from "./sandbox-confluence-comments.ts";
import { storageToHtml } from "./sandbox-confluence-html.ts";
import {
  latest,
  PERSON,
  type SandboxPage,
  type SandboxSite,
  type SandboxVersion,
  storageOf,
} from "./sandbox-confluence-site.ts";

interface Viewed {
  readonly site: SandboxSite;
  /** Reports an edit to the bridge, if one is connected. */
  readonly edited: (page: SandboxPage) => Promise<void>;
  /** Stores a comment and reports it. */
  readonly comment: (page: string, body: string) => Promise<unknown>;
  /** The bridge's response to the last webhook, in a sentence. */
  readonly lastSent: () => string;
}

/** The page as a person opens it, at both products' addresses, and the forms for edits and comments. */
export function viewApp({ site, edited, comment, lastSent }: Viewed): Hono {
  const app = new Hono();
  const at = (id: string | undefined) => site.page(id ?? "");

  const show = (c: Context, page: SandboxPage | undefined) =>
    page
      ? c.html(document(page, { sent: lastSent(), comments: site.comments.on(page.id) }), 200, HEADERS)
      : c.text("There is no such page.", 404);
  app.get("/wiki/spaces/:space/pages/:id/:title?", (c) => show(c, at(c.req.param("id"))));
  app.get("/pages/viewpage.action", (c) => show(c, at(c.req.query("pageId"))));

  app.get("/sandbox/pages/:id/state", (c) => {
    const page = at(c.req.param("id"));
    return page ? c.text(stateOf(page, lastSent()), 200, { "cache-control": "no-store" }) : c.notFound();
  });

  // The form needs no login, but must not be sent by another site's page.
  app.post("/sandbox/pages/:id/edit", csrf(), async (c) => {
    const page = at(c.req.param("id"));
    if (!page) return c.notFound();
    const form = await c.req.formData();
    const problem = edit(site, page, form);
    const comments = site.comments.on(page.id);
    if (problem !== undefined)
      return c.html(document(page, { sent: lastSent(), comments, problem, form }), 409, HEADERS);
    await edited(page);
    return c.redirect(pathOf(page), 303);
  });
  // As somebody who saves often. Each save is reported before the next one.
  app.post("/sandbox/pages/:id/saves", csrf(), async (c) => {
    const page = at(c.req.param("id"));
    if (!page) return c.notFound();
    for (let save = 1; save <= SAVES; save++) {
      const form = new FormData();
      form.set("line", `Save ${save} of ${SAVES}.`);
      edit(site, page, form);
      await edited(page);
    }
    return c.redirect(pathOf(page), 303);
  });
  app.post("/sandbox/pages/:id/comment", csrf(), async (c) => {
    const page = at(c.req.param("id"));
    if (!page) return c.notFound();
    const text = (await c.req.formData()).get("comment");
    await comment(page.id, `<p>${escaped(typeof text === "string" ? text : "")}</p>`);
    return c.redirect(pathOf(page), 303);
  });
  return app;
}

/** The saves of one button. */
const SAVES = 10;

/** Adds a line, or replaces the whole body. Returns a sentence for the person if it fails. */
function edit(site: SandboxSite, page: SandboxPage, form: FormData): string | undefined {
  const { number, title, body } = latest(page);
  const [line, whole] = [form.get("line"), form.get("body")];
  const base = typeof whole === "string" ? Number(form.get("version")) : number;
  const next = typeof whole === "string" ? whole : withLine(body, typeof line === "string" ? line : "");
  const written = site.write(page, { number: base + 1, title, body: next, message: "", by: PERSON });
  if (written.kind === "conflict")
    return "The page changed in the meantime. Publish again to put your text in its place.";
  return written.kind === "refused" ? `This is not storage format, and was not saved: ${written.problem}` : undefined;
}

/** Inserts the line above the status if the page has one, otherwise at the end. */
function withLine(body: string, line: string): string {
  const region = body.search(/<ac:structured-macro ac:name="excerpt"|<p[^>]*><ac:structured-macro ac:name="anchor"/);
  const at = region < 0 ? body.length : region;
  return `${body.slice(0, at)}<p>${escaped(line)}</p>${body.slice(at)}`;
}

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const pathOf = (page: SandboxPage): string => `/wiki/spaces/${page.space}/pages/${page.id}`;

const stateOf = (page: SandboxPage, sent: string): string => `${latest(page).number} ${sent}`;

interface Around {
  readonly sent: string;
  readonly comments: readonly SandboxComment[];
  readonly problem?: string;
  readonly form?: FormData;
}

function document(page: SandboxPage, { sent, comments, problem, form }: Around) {
  const { title, number, by, at } = latest(page);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${title} - sandbox Confluence</title>
<noscript><meta http-equiv="refresh" content="5;url=${pathOf(page)}"></noscript>
<style>${raw(STYLE)}</style>
</head>
<body data-page-url="${pathOf(page)}" data-state-url="/sandbox/pages/${page.id}/state" data-state="${stateOf(page, sent)}">
<header><span class="brand">Sandbox Confluence</span><span class="aside">Space ${page.space}</span>
<span class="aside live" id="live" data-fresh role="status">Version ${number}</span></header>
<div class="page">
<main>
<div id="content" data-fresh>
<h1>${title}</h1>
<p class="meta">Version ${number}, by ${by}, ${time(at)}</p>
${storageToHtml(storageOf(page))}
</div>
</main>
<div class="side">
<section class="card" aria-labelledby="edit"><h2 id="edit">Edit this page</h2>${problem && html`<p class="notice bad" role="alert">${problem}</p>`}
${editForms(page, form)}
<p class="hint" id="sent" data-fresh role="status">${sent}</p></section>
<section class="card" aria-labelledby="comments"><h2 id="comments">Comments</h2>
<ol class="history" id="said" data-fresh>${comments.map(commentEntry)}</ol>
<form method="post" action="/sandbox/pages/${page.id}/comment">
<label for="comment">Add a comment</label>
<input id="comment" name="comment" required maxlength="300" autocomplete="off">
<button>Comment</button></form></section>
<section class="card" aria-labelledby="versions"><h2 id="versions">Version history</h2>
<ol class="history" id="history" data-fresh reversed>${page.versions.toReversed().map(historyEntry)}</ol></section>
</div>
</div>
<script>${raw(SCRIPT)}</script>
</body>
</html>`;
}

function editForms(page: SandboxPage, form: FormData | undefined) {
  const { number, body } = latest(page);
  return html`<form method="post" action="/sandbox/pages/${page.id}/edit">
<label for="line">Add a line</label>
<input id="line" name="line" required maxlength="300" autocomplete="off" value="Checked the roll-out plan.">
<button>Publish</button></form>
<form method="post" action="/sandbox/pages/${page.id}/saves">
<button>Save ten times</button>
<p class="hint">Starts one run, of the last save; the others are superseded.</p></form>
<details ${form?.has("body") ? "open" : ""}><summary>Edit the storage format</summary>
<form method="post" action="/sandbox/pages/${page.id}/edit">
<label for="body">Body of version ${number}</label>
<input type="hidden" name="version" value="${number}">
<textarea id="body" name="body" spellcheck="false">${form?.get("body") ?? body}</textarea>
<button>Publish</button></form></details>`;
}

const historyEntry = ({ number, message, by, at }: SandboxVersion) =>
  html`<li><strong>Version ${number}</strong> <span class="who">${by}, ${time(at)}</span>${message && html`<br><code>${message}</code>`}</li>`;

const commentEntry = ({ author, at, body }: SandboxComment) =>
  html`<li><span class="who">${author}, ${time(at)}</span>${storageToHtml(body)}</li>`;

const time = (iso: string) => html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC</time>`;

const hash = (source: string): string => `'sha256-${createHash("sha256").update(source).digest("base64")}'`;

const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": [
    "default-src 'none'",
    `script-src ${hash(SCRIPT)}`,
    `style-src ${hash(STYLE)}`,
    "connect-src 'self'",
    "img-src data:",
    "form-action 'self'",
    "base-uri 'none'",
  ].join("; "),
};
