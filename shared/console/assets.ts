import { BASE_STYLE } from "./base-style.ts";
import { DELIVERIES_STYLE } from "./deliveries-style.ts";
import { HOME_STYLE } from "./home-style.ts";
import { LIVE_SCRIPT } from "./live-script.ts";

/** The files that the console's pages load, by path. The pages load nothing from anywhere else. */
export const ASSETS: Readonly<Record<string, { readonly type: string; readonly text: string }>> = {
  "/console/style.css": {
    type: "text/css; charset=utf-8",
    text: `${BASE_STYLE}
.live { display: flex; flex-wrap: wrap; gap: .3rem .6rem; align-items: center; max-width: 76rem; margin: 0 auto; padding: 0 1.25rem 2rem; color: var(--faint); font-size: var(--type-small); }
figcaption { display: flex; justify-content: space-between; gap: 1rem; font-size: var(--type-small); }
figcaption > span:not(.legend) { white-space: nowrap; }
.legend { display: flex; flex-wrap: wrap; gap: 0 .8rem; justify-content: center; }
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
.trace { margin: 0; padding: 0; list-style: none; }
.trace li { display: grid; grid-template-columns: 5.5rem 1fr; gap: 0 1rem; padding: .35rem 0; border-bottom: 1px solid var(--line); }
.steps { margin: .2rem 0 .6rem; padding: 0; list-style: none; }
.steps li { display: grid; grid-template-columns: 1.4rem 1fr; padding: .15rem 0; }
.since, figcaption { color: var(--faint); } h3 .aside { font-weight: 400; }
.checks { margin: .2rem 0 .8rem; padding-left: 1.4rem; }
.checks > div { padding: .15rem 0; } .checks dt { color: var(--faint); } .checks dd { margin: 0; }
.since { text-align: right; font-variant-numeric: tabular-nums; }
.aside { white-space: nowrap; }
.orders { margin: 1rem 0; }
.emergency { margin-top: .6rem; } .emergency .decide { margin-top: .4rem; }
.order { display: flex; flex-direction: column; gap: .8rem; align-items: start; } .order label { width: 26rem; max-width: 100%; }
.defs { position: absolute; width: 0; height: 0; }
.waterfall { width: 100%; border-collapse: collapse; table-layout: fixed; }
.waterfall th, .waterfall td { padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; text-align: left; }
.waterfall thead th { color: var(--faint); font-size: var(--type-small); vertical-align: bottom; }
.waterfall tbody th { font-weight: 400; }
.waterfall .num { width: 7.2rem; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.waterfall .bars { width: 40%; padding-right: 0; }
.waterfall svg { display: block; width: 100%; height: 1.25rem; margin-top: .1rem; }
.waterfall .axis { height: 2.2rem; }
.waterfall text { fill: var(--faint); font-size: var(--type-tiny); font-weight: 400; }
.waterfall .good, .parts-of-time .good { fill: var(--good); } .waterfall rect.bad { fill: var(--bad); } .waterfall rect.warn { fill: var(--warn); } .waterfall rect.busy { fill: var(--busy); } .waterfall rect.quiet { fill: var(--quiet); }
.defs .hatch { fill: var(--ground); }
.waterfall .gap { fill: var(--raised); }
.waterfall .longest .gap { fill: var(--ground); }
.waterfall .k-delivery .name { font-weight: 600; }
.waterfall .more { display: block; color: var(--faint); font-size: var(--type-small); }
.waterfall .flag { font-weight: 600; white-space: nowrap; }
.waterfall .longest { background: var(--raised); }
.waterfall tr:target { outline: 2px solid var(--busy); }
.waterfall .d1 { padding-left: .9rem; } .waterfall .d2 { padding-left: 1.8rem; } .waterfall .d3 { padding-left: 2.7rem; } .waterfall .d4 { padding-left: 3.6rem; } .waterfall .d5 { padding-left: 4.5rem; }
.waterfall .d6 { padding-left: 5.4rem; } .waterfall .d7 { padding-left: 6.3rem; } .waterfall .d8 { padding-left: 7.2rem; } .waterfall .d9 { padding-left: 8.1rem; } .waterfall .d10 { padding-left: 9rem; }
.parts-of-time { margin: 0 0 1rem; } .parts-of-time > svg { display: block; width: 100%; height: 1rem; }
.parts-of-time .part0 { fill: var(--busy); } .parts-of-time .part1 { fill: var(--quiet); } .parts-of-time .part2 { fill: var(--warn); } .parts-of-time .part3 { fill: var(--good); }
.key { display: inline-block; width: .8rem; height: .8rem; margin-right: .3rem; }
.order label.check { width: auto; align-items: baseline; color: var(--text); font-size: var(--type-body); } .order label.check input { min-height: 0; }
.order .aside, .check .aside { white-space: normal; }
@media (min-width: 46.01rem) { .list :is(th, [data-name=Event], [data-name^=Authenticated], [data-name$=By i]) { overflow-wrap: break-word; } }
@media (max-width: 46rem) {
  .waterfall thead { position: absolute; left: -99rem; }
  .waterfall tbody tr { display: grid; grid-template-columns: 1fr 1fr; border-bottom: 1px solid var(--line); padding: .3rem 0; }
  .waterfall th, .waterfall td { border: 0; padding-top: 0; padding-bottom: .1rem; }
  .waterfall tbody th, .waterfall td.bars { grid-column: 1 / -1; width: auto; }
  .waterfall td.num { width: auto; text-align: left; color: var(--faint); font-size: var(--type-small); }
  .waterfall td.num::before { content: attr(data-name) " "; }
  .waterfall svg { height: .8rem; }
  .waterfall :is(.d1, .d2, .d3, .d4, .d5, .d6, .d7, .d8, .d9, .d10) { padding-left: .8rem; }
  .waterfall :is(.d3, .d4, .d5) { padding-left: 1.4rem; } .waterfall :is(.d6, .d7, .d8, .d9, .d10) { padding-left: 2rem; }
  .near .title { display: none; }
  .trace li { grid-template-columns: 4.2rem 1fr; gap: 0 .6rem; }
  .aside { white-space: normal; }
  table.counted { width: 100%; min-width: 0; } .counted .number { text-align: left; } .counted .number::before { content: attr(data-name) " "; color: var(--faint); }
  .list :is([data-name=Subject], [data-name=State], [data-name="Decided or ended"]) { grid-column: 1 / -1; }
  .list :is([data-name=Source], [data-name$=By i], [data-name=Until], [data-name=Reason], [data-name^=Decided])::before { content: attr(data-name) " "; color: var(--faint); }
  .list :is([data-name=Source], [data-name$=By i]) { font-size: var(--type-small); }
}
${HOME_STYLE}${DELIVERIES_STYLE}`,
  },
  "/console/live.js": { type: "text/javascript; charset=utf-8", text: LIVE_SCRIPT },
  "/console/icon.svg": {
    type: "image/svg+xml",
    text: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M3 28V8h5v20M24 28V8h5v20" fill="#0b5cad"/><path d="M8 24h16M8 10l16 14M24 10 8 24" stroke="#0b5cad" stroke-width="2.5" fill="none"/></svg>`,
  },
};
