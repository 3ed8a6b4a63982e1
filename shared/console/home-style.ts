/** Styles of the home page, and of forms behind a step. */
export const HOME_STYLE = `
.verdict { display: flex; flex-wrap: wrap; gap: .1rem 1.2rem; align-items: baseline; margin: 0 0 .8rem; padding: .5rem .9rem; border: 1px solid var(--line); border-left: 6px solid var(--quiet); border-radius: .3rem; background: var(--raised); }
.verdict.bad { border-left-color: var(--bad); } .verdict.warn { border-left-color: var(--warn); } .verdict.good { border-left-color: var(--good); }
.verdict .badge { font-size: var(--type-heading); }
.verdict .aside { white-space: normal; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .6rem; margin: 0 0 .6rem; }
.tile { padding: .5rem .8rem; border: 1px solid var(--line); border-radius: .3rem; }
.tile h2 { margin: 0; font-size: var(--type-small); font-weight: 600; color: var(--faint); }
.tile p { margin: .1rem 0 0; }
.columns { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1.1fr); gap: 0 2rem; align-items: start; }
.columns > section { min-width: 0; }
.columns h2 { margin: .8rem 0 .2rem; }
.home th, .home td { padding: .22rem .8rem .22rem 0; }
.home th.number { text-align: right; vertical-align: bottom; }
.home td.number .ago { display: block; }
.home td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.home td:first-child { width: 60%; min-width: 11rem; overflow-wrap: break-word; }
.home tr:has(+ tr.because) td { border-bottom: 0; }
.home tr.because td { padding-top: 0; color: var(--faint); font-size: var(--type-small); }
.home .act { padding-right: 0; white-space: nowrap; }
.failures { margin: 0 0 .4rem; padding: 0; list-style: none; }
.failures li { padding: .15rem 0; }
.confirm { position: relative; }
.confirm form { padding: .6rem .8rem; border: 1px solid var(--line); border-radius: .3rem; background: var(--raised); white-space: normal; }
.confirm form p { flex: 1 0 100%; margin: 0; }
.act .confirm form { position: absolute; right: 0; z-index: 1; width: 21rem; box-shadow: 0 .2rem .8rem #0006; }
@media (max-width: 46rem) {
  .verdict { gap: .1rem .8rem; }
  .tiles { grid-template-columns: 1fr 1fr; gap: .4rem; }
  .columns { grid-template-columns: minmax(0, 1fr); }
  .list.home tr { display: flex; flex-wrap: wrap; gap: 0 .9rem; padding: .3rem 0; }
  .list.home tr:has(+ tr.because) { padding-bottom: 0; border-bottom: 0; }
  .list.home tr.because { padding-top: 0; }
  .list.home td { width: auto; min-width: 0; padding: 0; }
  .list.home td:first-child { flex: 1 0 auto; max-width: 100%; }
  .list.home td.number { font-size: var(--type-small); }
  .list.home td.zero { display: none; } .home td.number .ago { display: inline; }
  .list.home td.number::before { content: attr(data-name) " "; color: var(--faint); }
  .act .confirm form { position: static; width: 20rem; max-width: 100%; box-shadow: none; }
  .home .act { flex: 0 1 100%; }
}
`;
