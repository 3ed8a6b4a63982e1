/** Styles of the list of deliveries, of its chart, and of one delivery. */
export const DELIVERIES_STYLE = `
.search { display: flex; flex-wrap: wrap; gap: .4rem .8rem; align-items: end; margin: 0 0 .5rem; }
.search label { min-width: 0; }
.search :is(input, select) { width: 100%; min-height: 2.1rem; padding: .2rem .4rem; }
.search .check input { width: auto; min-height: 0; }
.find { display: flex; flex: 2 1 22rem; gap: .5rem; align-items: end; } .find label { flex: 1; } .find button { min-height: 2.1rem; padding: .2rem .9rem; }
.chosen { display: grid; grid-template-columns: repeat(3, minmax(0, 11rem)); gap: .5rem; }
.search details { align-self: end; } .search summary { padding: .25rem 0; } #between { display: none; }
.search details[open] { flex: 1 0 100%; }
.others { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .5rem; align-items: end; padding: .5rem 0; }
.inforce { display: flex; flex-wrap: wrap; gap: .3rem .5rem; margin: 0 0 .5rem; padding: 0; list-style: none; font-size: .875rem; }
.inforce a { display: inline-block; min-height: 1.5rem; padding: 0 .5rem; border: 1px solid var(--line); border-radius: 1rem; color: var(--text); text-decoration: none; } .inforce a > span:first-child { color: var(--faint); } .inforce a:hover { border-color: var(--faint); } .inforce a.all { border-color: transparent; color: var(--link); text-decoration: underline; }
figure.range { position: relative; margin: 0 0 .6rem; }
.range svg { display: block; width: 100%; padding-right: 2.8rem; overflow: visible; font-size: .75rem; }
.range .plot { height: 132px; touch-action: pan-y; } .range .plot.one { height: 66px; } .range svg svg { padding: 0; } .range .axis { height: 19px; }
.range text { fill: var(--faint); } .range line { stroke: var(--line); } .range .axis text { text-anchor: middle; } .range .axis .zone { text-anchor: start; }
.range .bad { fill: var(--bad); } .range .warn { fill: var(--warn); } .range .busy { fill: var(--busy); } .range .quiet { fill: var(--quiet); } .range .good { fill: var(--good); }
.range .hits rect { fill: transparent; } .range .hits a:hover rect { fill: var(--faint); fill-opacity: .25; }
.range figcaption { display: flex; flex-wrap: wrap; gap: 0 1rem; justify-content: space-between; font-size: .875rem; } .range .legend { justify-content: start; } .zoom { margin-left: auto; } .zoom a { display: inline-block; min-height: 1.5rem; margin-left: .6rem; white-space: nowrap; }
.range .brush { position: absolute; top: 0; bottom: 2rem; background: var(--busy); opacity: .25; pointer-events: none; }
.refusals { font-size: .9375rem; margin: 0 0 .5rem; } .refusals summary { color: var(--text); } .refusals .parts { padding: .3rem 0 .3rem 1rem; }
table.rows { width: 100%; border-collapse: collapse; table-layout: fixed; font-size: .9375rem; line-height: 1.35; }
.rows th { white-space: nowrap; padding: .2rem .7rem .2rem 0; border-bottom: 1px solid var(--line); text-align: left; font-weight: 600; font-size: .875rem; } .rows th a { display: inline-block; min-height: 1.5rem; min-width: 1.5rem; color: var(--faint); text-decoration: none; } .rows th a:hover, .rows th[aria-sort] a { color: var(--text); text-decoration: underline; }
.rows td { padding: .28rem .7rem .28rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
.rows td.c-what a { display: inline-block; min-height: 1.5rem; min-width: 1.5rem; font-weight: 600; text-decoration: none; } .rows td.c-what a:hover { text-decoration: underline; }
/* The link of the title covers its row. What else is to be pressed in the row lies above it. */
.rows tbody tr { position: relative; } .rows td.c-what a::after { content: ""; position: absolute; inset: 0; } .rows tbody td:not(.c-what) a, .rows .select input, .rows [title] { position: relative; z-index: 1; }
.rows tr:hover td, .rows tr:focus-within td { background: var(--raised); }
main:has(table.rows), main:has(table.rows) + .live { max-width: 100rem; }
.bulk { position: static; } form:has(.select input:checked) .bulk { position: sticky; }
.rows time { white-space: normal; } .rows .utc { white-space: nowrap; } .rows .c-at { width: 9.6rem; font-variant-numeric: tabular-nums; }
.rows .c-state { width: 19%; } .rows .c-event { width: 12.5%; color: var(--faint); } .rows .c-where { width: 19%; color: var(--faint); } .rows .c-who { width: 10%; }
.rows .ref { color: var(--text); }
.rows .badge { margin-right: .5rem; } .rows :is(.good, .busy) { font-weight: 400; } .chip > span:last-child { font-weight: 400; }
.chip { display: inline-block; max-width: 100%; white-space: normal; }
.rows .why { display: block; color: var(--faint); font-size: .8125rem; }
.rows .select { width: 2.1rem; } .rows .select input { min-height: 0; width: 1.5rem; height: 1.5rem; margin: 0; }
.near { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin: 0 0 .6rem; }
.copy { min-height: 1.5rem; margin-left: .4rem; font-size: .75rem; }
pre.body { max-height: 28rem; margin: .4rem 0; padding: .6rem .8rem; overflow: auto; border: 1px solid var(--line); border-radius: .3rem; background: var(--raised); white-space: pre-wrap; overflow-wrap: anywhere; }
dialog { max-width: 30rem; box-shadow: 0 0 0 100vmax #0008; padding: 1rem 1.4rem; border: 1px solid var(--line); border-radius: .4rem; background: var(--ground); color: var(--text); } dialog dl { display: grid; grid-template-columns: 6rem 1fr; gap: .2rem 1rem; } dialog dd { margin: 0; }
kbd { padding: 0 .35rem; border: 1px solid var(--faint); border-radius: .2rem; font: .875em ui-monospace, monospace; }
@media (max-width: 46rem) {
  .search { gap: .3rem; margin-bottom: .3rem; } .find { flex: 1 0 100%; } .find label > span { position: absolute; left: -99rem; }
  .chosen { flex: 1 0 100%; grid-template-columns: 1.3fr 1fr 1fr; }
  .search summary, .inforce { font-size: .875rem; }
  .range .plot { height: 66px; } .range .second { display: none; } .range .hits { overflow: hidden; height: 46px; } .range .axis text:nth-of-type(even) { display: none; }   .range figcaption { gap: 0; font-size: .8125rem; line-height: 1.35; } .range .legend > .other, .range .unit { display: none; } .zoom { margin: 0; } .zoom a { margin: 0 .6rem 0 0; }
  table.rows, .rows tbody { display: block; } .rows thead { position: absolute; left: -99rem; }
  .rows tr { display: grid; grid-template-columns: auto minmax(0, 1fr) fit-content(45%); gap: 0 .8rem; position: relative; padding: .4rem 0; border-bottom: 1px solid var(--line); }
  .rows tr:has(.select input) { padding-left: 2.1rem; } .rows td.select { position: absolute; left: 0; top: .4rem; width: auto; }
  .rows td, .rows :is(.c-at, .c-state, .c-event, .c-where, .c-who) { width: auto; padding: 0; border: 0; white-space: normal; }
  .rows td.c-what { grid-row: 1; grid-column: 1 / -1; } .rows td.c-state { grid-row: 2; grid-column: 1 / -1; } .rows td.c-where { grid-row: 3; grid-column: 1 / -1; }
  .rows td.c-where { grid-column: 1 / 3; } .rows td.c-who { grid-row: 3; grid-column: 3; text-align: right; } .rows td.c-event { grid-row: 4; grid-column: 1 / 3; } .rows td.c-at { grid-row: 4; grid-column: 3; text-align: right; }
  .rows td:is(.c-event, .c-who, .c-at) { font-size: .875rem; }
  .search:not(:has(details[open])) + form + .inforce { margin: -2rem 0 .3rem 7.5rem; }
  main:has(.search) { padding-top: var(--space-2); } main:has(.search) h1 { margin: 0 0 .3rem; font-size: 1.2rem; }
  .range .zoom { display: flex; flex-wrap: wrap; } .refusals { font-size: .875rem; }
  .bulk .aside { display: none; }
}
`;
