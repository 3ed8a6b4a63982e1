/** Styles of the sandbox's pages: no external file, light and dark by the reader's setting. */
export const STYLE = `
:root{color-scheme:light dark;--ground:#f5f6f8;--paper:#fff;--ink:#172033;--soft:#556070;--line:#dde1e8;--accent:#0b5cd5;
--green:#12693f;--green-bg:#dcf5e7;--red:#a3231b;--red-bg:#fde4e1;--blue:#0b4fb3;--blue-bg:#dfebff;
--yellow:#7a4d00;--yellow-bg:#fff0c9;--grey:#414b5a;--grey-bg:#e8ebf0;--purple:#5b2fa8;--purple-bg:#ece3fd}
@media (prefers-color-scheme:dark){:root{--ground:#12151b;--paper:#1a1f28;--ink:#e6e9ef;--soft:#a1abba;--line:#313947;
--accent:#7fb2ff;--green:#86e0b0;--green-bg:#123826;--red:#ffb0a8;--red-bg:#4a1b18;--blue:#a9ccff;--blue-bg:#152f57;
--yellow:#ffd98a;--yellow-bg:#453307;--grey:#c3cad6;--grey-bg:#2d3441;--purple:#d3bcff;--purple-bg:#35215c}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.6 system-ui,-apple-system,"Segoe UI",sans-serif}
.bar{display:flex;gap:.75rem;align-items:baseline;padding:.6rem 1.25rem;background:var(--paper);
border-bottom:1px solid var(--line);font-size:.875rem;color:var(--soft)}
.bar strong{color:var(--ink)}.bar .live{margin-left:auto}
.page{display:grid;grid-template-columns:minmax(0,1fr) 15rem;gap:1.25rem;max-width:84rem;margin:1.5rem auto;padding:0 1.25rem;
align-items:start}
@media (max-width:60rem){.page{grid-template-columns:minmax(0,1fr)}}
main,.side>section{background:var(--paper);border:1px solid var(--line);border-radius:10px}
main{padding:1.5rem 1.5rem 2rem}.side{display:grid;gap:1.5rem}.side>section{padding:1rem 1.25rem}
h1{font-size:1.9rem;line-height:1.25;margin:.25rem 0 .25rem}h2{font-size:1.2rem;margin:1.75rem 0 .5rem}
.side h2{font-size:1rem;margin:0 0 .5rem}.meta{color:var(--soft);font-size:.875rem;margin:0 0 1.25rem}
a{color:var(--accent)}p{margin:.5rem 0}.scroll{overflow-x:auto;margin:.75rem 0}
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;vertical-align:top;padding:.45rem .6rem;
border:1px solid var(--line)}
td{max-width:9rem;overflow-wrap:break-word}td time{white-space:nowrap}th{background:var(--ground);font-weight:600}
pre{overflow-x:auto;background:var(--ground);padding:.75rem;border-radius:6px}
.lozenge{display:inline-block;padding:0 .5rem;border-radius:4px;font-size:.75rem;font-weight:700;letter-spacing:.03em;
line-height:1.5rem;white-space:nowrap;text-transform:uppercase}
.green{color:var(--green);background:var(--green-bg)}.red{color:var(--red);background:var(--red-bg)}
.blue{color:var(--blue);background:var(--blue-bg)}.yellow{color:var(--yellow);background:var(--yellow-bg)}
.grey{color:var(--grey);background:var(--grey-bg)}.purple{color:var(--purple);background:var(--purple-bg)}
.excerpt{margin-top:1.5rem;padding-top:.25rem;border-top:1px solid var(--line)}
.box{margin:.75rem 0;padding:.6rem 1rem;border-radius:6px;background:var(--blue-bg);border-left:4px solid var(--blue)}
.note,.warning{background:var(--yellow-bg);border-color:var(--yellow)}.tip{background:var(--green-bg);border-color:var(--green)}
.box .kind,.macro{font-size:.75rem;font-weight:700;text-transform:uppercase;letter-spacing:.04em;color:var(--soft)}
ol.history{list-style:none;margin:0;padding:0;font-size:.875rem}.history li{padding:.5rem 0;border-top:1px solid var(--line)}
.history li:first-child{border-top:0}.history .who{color:var(--soft)}.history code{overflow-wrap:anywhere;font-size:.8rem}
label{display:block;font-weight:600;font-size:.875rem;margin-bottom:.25rem}
input,textarea{width:100%;font:inherit;font-size:.875rem;color:inherit;background:var(--ground);border:1px solid var(--soft);border-radius:6px;
padding:.45rem .6rem}textarea{font:.8rem/1.5 ui-monospace,monospace;min-height:14rem}
button{margin-top:.6rem;font:inherit;font-weight:600;color:#fff;background:#0b5cd5;border:0;border-radius:6px;
padding:.45rem 1rem;cursor:pointer}
:is(a,button,input,textarea,summary):focus-visible{outline:3px solid var(--accent);outline-offset:2px}
details{margin-top:1rem}summary{cursor:pointer;font-size:.875rem}.hint{color:var(--soft);font-size:.8rem}
.alert{border-left:4px solid var(--red);background:var(--red-bg);padding:.5rem .75rem;border-radius:6px}
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
