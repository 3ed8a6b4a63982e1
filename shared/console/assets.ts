import { DELIVERIES_STYLE } from "./deliveries-style.ts";
import { HOME_STYLE } from "./home-style.ts";
import { LIVE_SCRIPT } from "./live-script.ts";

/** The files that the console's pages load, by path. The pages load nothing from anywhere else. */
export const ASSETS: Readonly<Record<string, { readonly type: string; readonly text: string }>> = {
  "/console/style.css": {
    type: "text/css; charset=utf-8",
    text: `:root {
  color-scheme: light dark;
  --ground: #ffffff; --raised: #f3f5f7; --line: #d3d9df; --text: #1a2026; --faint: #57626d; --link: #0b5cad; --press: #0b5cad;
  --on-press: #ffffff; --good: #1a6b35; --bad: #b3261e; --warn: #8a5000; --busy: #0b5cad; --quiet: #57626d;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14181c; --raised: #1f252b; --line: #38424b; --text: #e6eaee; --faint: #a3afba; --link: #7db8f5; --press: #2b6cb5;
    --good: #6fce8b; --bad: #ff9a91; --warn: #eab45f; --busy: #7db8f5; --quiet: #a3afba;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--busy); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; }
.skip:focus { position: static; }
header { display: flex; flex-wrap: wrap; gap: .4rem 1.5rem; align-items: center; padding: .6rem 1.25rem; background: var(--raised); border-bottom: 1px solid var(--line); }
.brand { font-weight: 700; color: var(--text); text-decoration: none; }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; }
nav a { padding: .2rem 0; text-decoration: none; }
nav [aria-current] { color: var(--text); font-weight: 600; border-bottom: 2px solid var(--busy); }
.who { display: flex; gap: .8rem; align-items: center; margin-left: auto; color: var(--faint); }
main { max-width: 76rem; margin: 0 auto; padding: 1rem 1.25rem 2rem; overflow-wrap: anywhere; }
h1 { margin: .2rem 0 .8rem; font-size: 1.5rem; }
h2 { margin: 1.6rem 0 .6rem; font-size: 1.1rem; }
code { font: .875em ui-monospace, monospace; }
.live { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem 2rem; color: var(--faint); font-size: .875rem; }
.empty, .aside, .hint, .since, figcaption { color: var(--faint); }
.aside, .hint { font-size: .9rem; }
.hint { display: block; }
.badge { margin-right: .35rem; font-weight: 600; white-space: nowrap; }
.badge.good { color: var(--good); } .badge.bad { color: var(--bad); } .badge.warn { color: var(--warn); }
.badge.busy { color: var(--busy); } .badge.quiet { color: var(--quiet); font-weight: 400; }
button, .button { display: inline-block; padding: .4rem .9rem; border: 1px solid var(--press); border-radius: .3rem; background: var(--press); color: var(--on-press); font: inherit; text-decoration: none; cursor: pointer; }
button.plain, button.deny, button.withdraw { background: var(--ground); color: var(--text); border-color: var(--faint); }
button.emergency { background: var(--ground); color: var(--bad); border-color: var(--bad); }
button.plain { padding: .1rem .6rem; }
input, select, button, .button { min-height: 2.35rem; }
button.plain { min-height: 0; }
input, select { padding: .35rem .5rem; border: 1px solid var(--faint); border-radius: .3rem; background: var(--ground); color: var(--text); font: inherit; max-width: 100%; }
::placeholder { color: var(--faint); opacity: 1; }
form label { display: inline-flex; flex-direction: column; gap: .1rem; color: var(--faint); font-size: .875rem; }
form label.check { flex-direction: row; align-items: center; gap: .4rem; }
summary { cursor: pointer; color: var(--link); }
figcaption { display: flex; justify-content: space-between; gap: 1rem; font-size: .875rem; }
figcaption > span:not(.legend) { white-space: nowrap; }
.legend { display: flex; flex-wrap: wrap; gap: 0 .8rem; justify-content: center; }
table.list { width: 100%; border-collapse: collapse; }
.list th { text-align: left; color: var(--faint); font-weight: 600; font-size: .875rem; }
.list th, .list td { padding: .4rem .8rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.list [data-name=Received] { white-space: nowrap; }
.list [data-name=Source] { overflow-wrap: break-word; }
.list .good, .list .busy { font-weight: 400; }
.bulk { position: sticky; bottom: 0; display: flex; flex-wrap: wrap; gap: .6rem .8rem; align-items: center; padding: .6rem 0; background: var(--ground); border-top: 1px solid var(--line); }
.list .number { text-align: right; font-variant-numeric: tabular-nums; }
table.counted { width: auto; min-width: 24rem; margin-bottom: 1.2rem; }
.counts { margin: 0 0 1rem; padding: 0; list-style: none; } .counts b { display: inline-block; min-width: 2.2rem; margin-right: .3rem; font-variant-numeric: tabular-nums; }
.order fieldset label { display: flex; margin-top: .3rem; }
.progress { display: flex; gap: .8rem; align-items: center; } progress { width: 24rem; max-width: 60vw; height: 1rem; accent-color: var(--press); }
form.confirm { margin-top: 1.2rem; max-width: 44rem; } form.confirm a { padding: .4rem 0; }
.states { margin: 0 0 1rem; padding: 0; list-style: none; }
.states li { padding: .15rem 0; }
.facts { margin: 0 0 1rem; }
.facts > div { display: grid; grid-template-columns: 15rem 1fr; gap: 0 1rem; padding: .15rem 0; }
.facts dt { color: var(--faint); } .facts dd { margin: 0; }
.trace { margin: 0; padding: 0; list-style: none; }
.trace li { display: grid; grid-template-columns: 5.5rem 1fr; gap: 0 1rem; padding: .35rem 0; border-bottom: 1px solid var(--line); }
.steps { margin: .2rem 0 .6rem; padding: 0; list-style: none; }
.steps li { display: grid; grid-template-columns: 1.4rem 1fr; padding: .15rem 0; }
h3 { margin: .9rem 0 .2rem; font-size: 1rem; } h3 .aside { font-weight: 400; }
.checks { margin: .2rem 0 .8rem; padding-left: 1.4rem; }
.checks > div { padding: .15rem 0; } .checks dt { color: var(--faint); } .checks dd { margin: 0; }
.since { text-align: right; font-variant-numeric: tabular-nums; }
.aside { white-space: nowrap; }
.notice, .card { margin: 0 0 1rem; padding: .8rem 1rem; border: 1px solid var(--line); border-left: 4px solid var(--line); border-radius: .3rem; background: var(--raised); }
.notice.bad { border-left-color: var(--bad); } .notice.warn { border-left-color: var(--warn); } .notice.good { border-left-color: var(--good); } .notice.busy { border-left-color: var(--busy); }
.card h2 { margin-top: 0; }
.card:has(h2:target) { outline: 2px solid var(--line); border-left-color: var(--busy); }
.parts { margin: 0; padding: 0; list-style: none; overflow-wrap: anywhere; }
.facts .aside { color: var(--faint); white-space: normal; overflow-wrap: anywhere; }
.orders { margin: 1rem 0; }
.emergency { margin-top: .6rem; } .emergency .decide { margin-top: .4rem; }
.decide { display: flex; flex-wrap: wrap; gap: .6rem; align-items: end; } .decide label { flex: 1 1 14rem; }
.order { display: flex; flex-direction: column; gap: .8rem; align-items: start; } .order label { width: 26rem; max-width: 100%; }
.defs { position: absolute; width: 0; height: 0; }
.waterfall { width: 100%; border-collapse: collapse; table-layout: fixed; }
.waterfall th, .waterfall td { padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; text-align: left; }
.waterfall thead th { color: var(--faint); font-size: .875rem; vertical-align: bottom; }
.waterfall tbody th { font-weight: 400; }
.waterfall .num { width: 7.2rem; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.waterfall .bars { width: 40%; padding-right: 0; }
.waterfall svg { display: block; width: 100%; height: 1.25rem; margin-top: .1rem; }
.waterfall .axis { height: 2.2rem; }
.waterfall text { fill: var(--faint); font-size: .75rem; font-weight: 400; }
.waterfall .good, .parts-of-time .good { fill: var(--good); } .waterfall rect.bad { fill: var(--bad); } .waterfall rect.warn { fill: var(--warn); } .waterfall rect.busy { fill: var(--busy); } .waterfall rect.quiet { fill: var(--quiet); }
.defs .hatch { fill: var(--ground); }
.waterfall .gap { fill: var(--raised); }
.waterfall .longest .gap { fill: var(--ground); }
.waterfall .k-delivery .name { font-weight: 600; }
.waterfall .more { display: block; color: var(--faint); font-size: .875rem; }
.waterfall .flag { font-weight: 600; white-space: nowrap; }
.waterfall .longest { background: var(--raised); }
.waterfall tr:target { outline: 2px solid var(--busy); }
.waterfall .d1 { padding-left: .9rem; } .waterfall .d2 { padding-left: 1.8rem; } .waterfall .d3 { padding-left: 2.7rem; } .waterfall .d4 { padding-left: 3.6rem; } .waterfall .d5 { padding-left: 4.5rem; }
.waterfall .d6 { padding-left: 5.4rem; } .waterfall .d7 { padding-left: 6.3rem; } .waterfall .d8 { padding-left: 7.2rem; } .waterfall .d9 { padding-left: 8.1rem; } .waterfall .d10 { padding-left: 9rem; }
.parts-of-time { margin: 0 0 1rem; } .parts-of-time > svg { display: block; width: 100%; height: 1rem; }
.parts-of-time .part0 { fill: var(--busy); } .parts-of-time .part1 { fill: var(--quiet); } .parts-of-time .part2 { fill: var(--warn); } .parts-of-time .part3 { fill: var(--good); }
.key { display: inline-block; width: .8rem; height: .8rem; margin-right: .3rem; }
fieldset { min-width: 0; margin: 0; padding: 0; border: 0; } legend { padding: 0; color: var(--faint); font-size: .875rem; }
.order label.check { width: auto; align-items: baseline; color: var(--text); font-size: 1rem; } .order label.check input { min-height: 0; }
.order .aside, .check .aside { white-space: normal; }
@media (min-width: 46.01rem) { .list :is(th, [data-name=Event], [data-name^=Authenticated], [data-name=By]) { overflow-wrap: break-word; } }
@media (max-width: 46rem) {
  .waterfall thead { position: absolute; left: -99rem; }
  .waterfall tbody tr { display: grid; grid-template-columns: 1fr 1fr; border-bottom: 1px solid var(--line); padding: .3rem 0; }
  .waterfall th, .waterfall td { border: 0; padding-top: 0; padding-bottom: .1rem; }
  .waterfall tbody th, .waterfall td.bars { grid-column: 1 / -1; width: auto; }
  .waterfall td.num { width: auto; text-align: left; color: var(--faint); font-size: .875rem; }
  .waterfall td.num::before { content: attr(data-name) " "; }
  .waterfall svg { height: .8rem; }
  .waterfall :is(.d1, .d2, .d3, .d4, .d5, .d6, .d7, .d8, .d9, .d10) { padding-left: .8rem; }
  .waterfall :is(.d3, .d4, .d5) { padding-left: 1.4rem; } .waterfall :is(.d6, .d7, .d8, .d9, .d10) { padding-left: 2rem; }
  .who { margin-left: 0; }
  .facts > div { grid-template-columns: 1fr; padding: .3rem 0; }
  .trace li { grid-template-columns: 4.2rem 1fr; gap: 0 .6rem; }
  .aside { white-space: normal; }
  .list thead { position: absolute; left: -99rem; }
  .list tr { display: grid; grid-template-columns: 1fr 1fr; gap: 0 .8rem; padding: .5rem 0; border-bottom: 1px solid var(--line); }
  .list td { padding: .1rem 0; border: 0; }
  .list td:empty { display: none; }
  table.counted { width: 100%; min-width: 0; } .counted .number { text-align: left; } .counted .number::before { content: attr(data-name) " "; color: var(--faint); }
  .list [data-name=Subject], .list [data-name=State] { grid-column: 1 / -1; }
  .list :is([data-name=Source], [data-name=By], [data-name^=Authenticated])::before { content: attr(data-name) " "; color: var(--faint); }
  .list :is([data-name=Source], [data-name=By], [data-name^=Authenticated]) { font-size: .875rem; }
}
${HOME_STYLE}${DELIVERIES_STYLE}`,
  },
  "/console/live.js": { type: "text/javascript; charset=utf-8", text: LIVE_SCRIPT },
  "/console/icon.svg": {
    type: "image/svg+xml",
    text: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M3 28V8h5v20M24 28V8h5v20" fill="#0b5cad"/><path d="M8 24h16M8 10l16 14M24 10 8 24" stroke="#0b5cad" stroke-width="2.5" fill="none"/></svg>`,
  },
};
