import { TOKENS_CSS } from "./design-tokens.ts";

/**
 * The components of every page: text, bar, menu, buttons, fields, badges, facts, tables, notices, cards and empty states.
 * A page of its own adds only what no other page has. `docs/design.md` describes them.
 */
export const BASE_STYLE = `${TOKENS_CSS}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: var(--type-body)/1.5 system-ui, sans-serif; }
a, summary { color: var(--link); }
summary { cursor: pointer; }
:focus-visible { outline: 3px solid var(--busy); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; }
.hidden { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip:focus { position: static; }
h1 { margin: var(--space-1) 0 var(--space-3); font-size: var(--type-title); line-height: 1.25; }
h2 { margin: var(--space-5) 0 var(--space-2); font-size: var(--type-heading); }
h3 { margin: var(--space-4) 0 var(--space-1); font-size: var(--type-body); }
code, pre { font: .875em ui-monospace, monospace; }

header { display: flex; flex-wrap: wrap; gap: var(--space-1) var(--space-5); align-items: center; padding: var(--space-2) 1.25rem; background: var(--raised); border-bottom: 1px solid var(--line); }
.brand { font-weight: 700; color: var(--text); text-decoration: none; }
nav { display: flex; gap: var(--space-1) 1.2rem; }
nav a { padding: var(--space-1) 0; text-decoration: none; white-space: nowrap; } .menu { display: none; }
:is(summary, button.plain) { min-height: 1.5rem; }
nav .count { padding: 0 .4em; border-radius: 1em; background: var(--press); color: var(--on-press); font-size: var(--type-small); font-weight: 600; }
nav [aria-current] { color: var(--text); font-weight: 600; border-bottom: 2px solid var(--busy); }
.me { position: relative; margin-left: auto; }
.me form { position: absolute; right: 0; z-index: 2; display: grid; gap: var(--space-2); width: max-content; max-width: 20rem; padding: var(--space-3); border: 1px solid var(--line); border-radius: .3rem; background: var(--raised); box-shadow: 0 .2rem .8rem #0006; }
time, .ago { white-space: nowrap; } .utc, .ago { color: var(--faint); font-size: var(--type-small); }
main { max-width: 76rem; margin: 0 auto; padding: var(--space-4) 1.25rem 2rem; overflow-wrap: anywhere; }

.empty, .aside, .hint { color: var(--faint); }
.aside, .hint { font-size: var(--type-small); }
.hint { display: block; }
.badge { margin-right: .35rem; font-weight: 600; white-space: nowrap; }
.badge.report { padding: 0 .4rem; border: 1px solid; border-radius: .8rem; }
.badge.good { color: var(--good); } .badge.bad { color: var(--bad); } .badge.warn { color: var(--warn); }
.badge.busy { color: var(--busy); } .badge.quiet { color: var(--quiet); font-weight: 400; }

button, .button { display: inline-block; min-height: 2.35rem; padding: .4rem .9rem; border: 1px solid var(--press); border-radius: .3rem; background: var(--press); color: var(--on-press); font: inherit; text-decoration: none; cursor: pointer; }
button.plain, .button:is(.plain, .deny, .withdraw, .revoke) { background: var(--ground); color: var(--text); border-color: var(--faint); }
button:is(.deny, .revoke) { background: var(--ground); color: var(--bad); border-color: var(--bad); }
button.emergency { background: var(--ground); color: var(--bad); border-color: var(--bad); }
button.plain { min-height: 0; padding: .1rem .6rem; }
input, select, textarea { max-width: 100%; min-height: 2.35rem; padding: .35rem .5rem; border: 1px solid var(--faint); border-radius: .3rem; background: var(--ground); color: var(--text); font: inherit; }
input:is([type=checkbox], [type=radio]) { min-height: 0; }
::placeholder { color: var(--faint); opacity: 1; }
form label { display: inline-flex; flex-direction: column; gap: .1rem; color: var(--faint); font-size: var(--type-small); }
form label.check { flex-direction: row; align-items: center; gap: var(--space-2); }
fieldset { min-width: 0; margin: 0; padding: 0; border: 0; } legend { padding: 0; color: var(--faint); font-size: var(--type-small); }
details[open] > summary.button { background: var(--ground); color: var(--text); border-color: var(--faint); }
.decide > details[open] { flex: 1 0 100%; }
.decide { display: flex; flex-wrap: wrap; gap: var(--space-2) var(--space-3); align-items: end; } .decide label { flex: 1 1 14rem; }

.filters { display: flex; flex-wrap: wrap; gap: var(--space-2) var(--space-3); align-items: end; margin-bottom: var(--space-4); } .filters button { min-height: 2.35rem; }

.facts { margin: 0 0 var(--space-4); }
.facts > div { display: grid; grid-template-columns: 15rem 1fr; gap: 0 var(--space-4); padding: .15rem 0; }
.facts dt { color: var(--faint); } .facts dd { margin: 0; }
.facts .aside { white-space: normal; overflow-wrap: anywhere; }
.parts { margin: 0; padding: 0; list-style: none; overflow-wrap: anywhere; }
table.list { width: 100%; border-collapse: collapse; }
.list th { text-align: left; color: var(--faint); font-weight: 600; font-size: var(--type-small); }
.list th, .list td { padding: .4rem .8rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.notice, .card { margin: 0 0 var(--space-4); padding: var(--space-3) var(--space-4); border: 1px solid var(--line); border-left: 4px solid var(--line); border-radius: .3rem; background: var(--raised); }
.notice.bad { border-left-color: var(--bad); } .notice.warn { border-left-color: var(--warn); } .notice.good { border-left-color: var(--good); } .notice.busy { border-left-color: var(--busy); }
.card h2 { margin-top: 0; } .card .more { margin: 0 0 var(--space-2); } .card .more .facts { margin-top: var(--space-1); }
.card:has(h2:target) { outline: 2px solid var(--line); border-left-color: var(--busy); }
.choices { display: grid; gap: var(--space-2); max-width: 30rem; } .choices button { text-align: left; }

@media (max-width: 46rem) {
  header { gap: 0 var(--space-4); padding: 0 1.25rem; }
  :is(.brand, .menu, nav a, .me summary) { display: block; padding: .6rem 0; }
  nav { display: none; order: 1; grid-template-columns: 1fr 1fr; gap: 0 1rem; width: 100%; } nav:target { display: grid; }
  .facts > div { grid-template-columns: 1fr; padding: .3rem 0; }
  .card .facts { margin-bottom: var(--space-2); } .card .facts > div { grid-template-columns: 6.5rem 1fr; gap: 0 var(--space-2); padding: .1rem 0; }
  .card .button { padding: .3rem .6rem; }
  :is(li, dd, td, th, .aside) > a:not(.button), .lead a, p > a:only-child, :is(li, dd, td) > :is(b, code, span) > a { display: inline-block; min-height: 1.5rem; min-width: 1.5rem; line-height: 1.5rem; }
  .list thead { position: absolute; left: -99rem; }
  .list tr { display: grid; grid-template-columns: 1fr 1fr; gap: 0 .8rem; padding: .5rem 0; border-bottom: 1px solid var(--line); }
  .list td { padding: .1rem 0; border: 0; }
  .list td:empty { display: none; }
}
`;
