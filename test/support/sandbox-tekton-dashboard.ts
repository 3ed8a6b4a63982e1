import { html, raw } from "hono/html";
import { BASE_STYLE } from "../../shared/console/base-style.ts";
import { wordsBadge } from "../../shared/console/html.ts";
import { TONES, type Tone } from "../../shared/model/state-words.ts";
import type { SandboxRun } from "./sandbox-tekton-runs.ts";

/** The page that a build's link leads to in the playground: every run, newest first, with its params. */
export function runsPage(runs: Iterable<SandboxRun>) {
  const rows = [...runs].reverse().map(
    ({ name, pipeline, phase, params }) => html`<tr>
      <th scope="row">${name}</th><td data-name="Pipeline">${pipeline}</td><td data-name="State">${phaseBadge(phase)}</td>
      <td data-name="Params"><ul class="parts">${Object.entries(params).map(([param, value]) => html`<li>${paramText(param, value)}</li>`)}</ul></td>
    </tr>`,
  );
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Runs · sandbox Tekton</title><link rel="icon" href="data:,"><style>${raw(BASE_STYLE + STYLE)}</style></head>
<body><header><span class="brand">Sandbox Tekton</span></header>
<main><h1>Runs</h1>${
    rows.length === 0
      ? html`<p class="empty">No run yet. Edit the page in the sandbox Confluence to start one.</p>`
      : html`<table class="list"><thead><tr><th>Run</th><th>Pipeline</th><th>State</th><th>Params</th></tr></thead><tbody>${rows}</tbody></table>`
  }</main></body></html>`;
}

/** A signed payload has hundreds of characters, which nobody reads. */
const paramText = (param: string, value: string) =>
  value.length <= 80
    ? html`<code>${param}</code> = <code>${value}</code>`
    : html`<details><summary><code>${param}</code></summary><code>${value}</code></details>`;

const PHASES: Readonly<Record<string, Tone>> = { successful: "good", failed: "failed" };

function phaseBadge(phase: string) {
  const tone = PHASES[phase] ?? "open";
  return wordsBadge({ symbol: TONES[tone].symbol, words: phase, tone });
}

const STYLE = `
.list tbody th { color: var(--text); font-size: var(--type-body); width: 30%; }
.list tbody td:last-child { width: 40%; }
@media (max-width: 46rem) { .list tbody th, .list tbody td:last-child { grid-column: 1 / -1; width: auto; border: 0; padding: .1rem 0; } }
`;
