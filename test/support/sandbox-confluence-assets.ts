import { BASE_STYLE } from "../../shared/console/base-style.ts";

/**
 * Styles of the sandbox's pages: the components of every page, then what only a wiki has. Lozenges and boxes have
 * Confluence's colours, because they are what somebody wrote.
 */
export const STYLE = `${BASE_STYLE}
:root{--green:#12693f;--green-bg:#dcf5e7;--red:#a3231b;--red-bg:#fde4e1;--blue:#0b4fb3;--blue-bg:#dfebff;
--yellow:#7a4d00;--yellow-bg:#fff0c9;--grey:#414b5a;--grey-bg:#e8ebf0;--purple:#5b2fa8;--purple-bg:#ece3fd}
@media (prefers-color-scheme:dark){:root{--green:#86e0b0;--green-bg:#123826;--red:#ffb0a8;--red-bg:#4a1b18;--blue:#a9ccff;--blue-bg:#152f57;
--yellow:#ffd98a;--yellow-bg:#453307;--grey:#c3cad6;--grey-bg:#2d3441;--purple:#d3bcff;--purple-bg:#35215c}}
header .aside.live{margin-left:auto}
.page{display:grid;grid-template-columns:minmax(0,1fr) 15rem;gap:var(--space-5);max-width:84rem;margin:var(--space-4) auto;padding:0 1.25rem;align-items:start}
@media (max-width:60rem){.page{grid-template-columns:minmax(0,1fr)}}
.page main{max-width:none;margin:0;padding:0;overflow-wrap:break-word}.side{overflow-wrap:anywhere}
.side h2{margin:0 0 var(--space-2)}
.meta{color:var(--faint);font-size:var(--type-small);margin:0 0 var(--space-4)}
.scroll{overflow-x:auto;margin:var(--space-3) 0}
#content table{border-collapse:collapse;width:100%;font-size:var(--type-small)}#content :is(th,td){text-align:left;vertical-align:top;padding:.45rem .6rem;
border:1px solid var(--line)}
#content td{max-width:9rem;overflow-wrap:break-word}#content td time{white-space:nowrap}#content th{background:var(--raised)}
pre{overflow-x:auto;background:var(--raised);padding:var(--space-3)}
.lozenge{display:inline-block;padding:0 .5rem;border-radius:4px;font-size:var(--type-tiny);font-weight:700;letter-spacing:.03em;
line-height:1.5rem;white-space:nowrap;text-transform:uppercase}
.green{color:var(--green);background:var(--green-bg)}.red{color:var(--red);background:var(--red-bg)}
.blue{color:var(--blue);background:var(--blue-bg)}.yellow{color:var(--yellow);background:var(--yellow-bg)}
.grey{color:var(--grey);background:var(--grey-bg)}.purple{color:var(--purple);background:var(--purple-bg)}
.excerpt{margin-top:var(--space-5);padding-top:var(--space-1);border-top:1px solid var(--line)}
.box{margin:var(--space-3) 0;padding:.6rem 1rem;border-radius:6px;background:var(--blue-bg);border-left:4px solid var(--blue)}
.note,.warning{background:var(--yellow-bg);border-color:var(--yellow)}.tip{background:var(--green-bg);border-color:var(--green)}
.box .kind,.macro{font-size:var(--type-tiny);font-weight:700;text-transform:uppercase;letter-spacing:.04em;color:var(--faint)}
ol.history{list-style:none;margin:0;padding:0;font-size:var(--type-small)}.history li{padding:var(--space-2) 0;border-top:1px solid var(--line)}
.history li:first-child{border-top:0}.history .who{color:var(--faint)}
.side form+form{margin-top:var(--space-3)}.side form{display:grid;gap:var(--space-2);justify-items:start}.side form label{width:100%}.side :is(input,textarea){width:100%}
textarea{font:var(--type-small)/1.5 ui-monospace,monospace;min-height:14rem}
.side details{margin-top:var(--space-3)}
`;

/** Polls for a new version every second and replaces the changed parts. Input fields keep their text. */
export const SCRIPT = `
const { pageUrl, stateUrl, state: first } = document.body.dataset;
let shown = first;
const look = async () => {
  if (document.hidden) return;
  const state = await (await fetch(stateUrl)).text();
  if (state === shown) return;
  const fresh = new DOMParser().parseFromString(await (await fetch(pageUrl)).text(), "text/html");
  for (const part of document.querySelectorAll("[data-fresh]")) {
    part.replaceChildren(...fresh.getElementById(part.id).childNodes);
  }
  shown = state;
};
const again = () => setTimeout(() => look().catch(() => {}).finally(again), 1000);
again();
`;
