import { html } from "hono/html";
import type { SandboxRun } from "./sandbox-tekton-runs.ts";

/** The page that a build's link leads to in the playground: every run, newest first, with its params. */
export function runsPage(runs: Iterable<SandboxRun>) {
  const rows = [...runs].reverse().map(
    ({ name, pipeline, phase, params }) => html`<tr>
      <th scope="row">${name}</th><td>${pipeline}</td><td>${SIGN[phase] ?? "…"} ${phase}</td>
      <td>${Object.entries(params).map(([param, value]) => html`<div>${param} = ${value}</div>`)}</td>
    </tr>`,
  );
  return html`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
    <title>Sandbox Tekton</title><style>${STYLE}</style>
    <h1>Sandbox Tekton: runs</h1>
    <table><thead><tr><th>Run</th><th>Pipeline</th><th>State</th><th>Params</th></tr></thead><tbody>${rows}</tbody></table>`;
}

/** A shape beside the word, so that the state does not depend on colour or shape alone. */
const SIGN: Readonly<Record<string, string>> = {
  queued: "○",
  started: "◐",
  running: "◐",
  successful: "✓",
  failed: "✗",
};

const STYLE = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}body{margin:2rem}
table{border-collapse:collapse}th,td{border:1px solid #8888;padding:.4rem .8rem;text-align:left;vertical-align:top}`;
