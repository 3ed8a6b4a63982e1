import { html } from "hono/html";
import type { RejectionReason } from "../model/rejection.ts";
import { HINTS } from "../model/rejection-hints.ts";
import { formTokenField } from "./csrf.ts";
import { type Html, hintFor, NOTHING } from "./html.ts";
import type { Page, Problem, Visit } from "./visit.ts";

const MENU = [
  ["/console", "Home"],
  ["/console/deliveries", "Deliveries"],
  ["/console/replays", "Replays"],
  ["/console/threads", "Threads"],
  ["/console/approvals", "Approvals"],
  ["/console/orders", "Orders"],
  ["/console/rollbacks", "Roll back"],
  ["/console/targets", "Targets"],
  ["/console/credentials", "Credentials"],
] as const;

/** A whole page. `visit` is undefined if nobody is signed in. */
export function layout({ title, main, refreshSeconds }: Page, visit?: Visit): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Drawbridge</title>
<link rel="icon" href="/console/icon.svg">
<link rel="stylesheet" href="/console/style.css">
${refreshSeconds === undefined ? NOTHING : html`<script src="/console/live.js" defer></script>`}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header><a class="brand" href="/console">Drawbridge</a>${visit ? menuOf(visit) : NOTHING}</header>
<main id="main" ${refreshSeconds === undefined ? NOTHING : html`data-refresh-seconds="${refreshSeconds}"`}>
<h1>${title}</h1>
${main}
</main>
<p id="live" class="live" role="status">${refreshSeconds === undefined ? "" : `Refreshed every ${refreshSeconds} s`}</p>
</body>
</html>`;
}

const menuOf = ({ url, me, name, formToken }: Visit): Html => html`<nav aria-label="Pages">${MENU.map(
  ([path, name]) => html`<a href="${path}" ${isAt(path, url) ? html`aria-current="page"` : NOTHING}>${name}</a>`,
)}</nav>
<form class="who" method="post" action="/console/sign-out">
<span title="${me.subject} of ${me.issuer}">${name}${me.roles.length > 0 ? ` (${me.roles.join(", ")})` : ""}</span>
${formTokenField(formToken)}<button class="plain">Sign out</button>
<button class="plain" name="everywhere" value="yes">everywhere</button></form>`;

const isAt = (path: string, { pathname }: URL): boolean =>
  pathname === path || (path !== "/console" && pathname.startsWith(`${path}/`));

/** A rejection or a fault as a page, with the title that the API returned for it. */
export function problemPage({ status, title, reason, instance }: Problem): Page {
  const request = instance?.replace("urn:uuid:", "");
  return {
    title: status === 401 ? "You are not signed in" : title,
    main: html`<div class="problem">
${status === 401 ? NOT_SIGNED_IN : NOTHING}
<p>Status ${status}${reason === undefined ? NOTHING : html`: <code>${reason}</code>`}.
${reason !== undefined && isKnown(reason) ? hintFor(reason) : NOTHING}</p>
${request === undefined ? NOTHING : html`<p>The log line has <code>request</code> <code>${request}</code>.</p>`}
</div>`,
  };
}

/** The next sign-in makes the issuer authenticate the person again, even if the issuer has a session. */
export const SIGNED_OUT: Page = {
  title: "You have signed out",
  main: html`<p><a class="button" href="/console/sign-in?anew">Sign in</a></p>`,
};

const NOT_SIGNED_IN = html`<p>You are not signed in, your session has ended, or the bridge no longer accepts its token. The
log of the bridge has the reason. Nothing was done.</p>
<p><a class="button" href="/console/sign-in">Sign in</a></p>`;

const isKnown = (reason: string): reason is RejectionReason => Object.hasOwn(HINTS, reason);
