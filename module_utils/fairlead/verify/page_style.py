"""How the report's page looks: light and dark, on paper, on a phone. Every verdict has a sign and a shade."""
from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --paper: #f6f7f9; --card: #fff; --ink: #16202c; --quiet: #5b6878; --line: #dde2e8;
  --proven: #dcf2e3; --on-proven: #14663a; --disproven: #b3261e; --on-disproven: #fff;
  --unknown: #ffefc2; --stripe: #f5d98b; --on-unknown: #6b4a00; --none: #eceff3; --bar: #5b7fc7; }
@media (prefers-color-scheme: dark) { :root { --paper: #0f1318; --card: #181d24; --ink: #e4e9ef; --quiet: #98a5b4;
  --line: #2d3540; --proven: #173a27; --on-proven: #8fe0b0; --disproven: #f2b8b5; --on-disproven: #5c120d;
  --unknown: #4a3a10; --stripe: #5e4b18; --on-unknown: #ffdf8e; --none: #232a33; --bar: #7d9fe0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 84rem; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums; }
h1, h2, h3, p, ul { margin: 0; }
header, section { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1.1rem 1.4rem;
  margin-bottom: 1rem; }
header { border-left: .6rem solid var(--on-proven); }
header.disproven { border-left-color: var(--disproven); }
header.unknown { border-left: .6rem dashed var(--on-unknown); }
h1 { font-size: 2rem; line-height: 1.2; text-transform: capitalize; }
h1 small { font-size: 1.2rem; font-weight: normal; text-transform: none; }
h2 { font-size: 1.15rem; margin-bottom: .2rem; }
h3 { font-size: .95rem; overflow-wrap: anywhere; }
h3 small, .say, .legend { color: var(--quiet); font-weight: normal; }
.say { margin-bottom: .8rem; max-width: 60rem; }
.figures { display: flex; flex-wrap: wrap; gap: .4rem 2.2rem; margin: .7rem 0; }
.figures b { display: block; font-size: 1.5rem; line-height: 1.2; }
.figures span { color: var(--quiet); }
.legend i { display: inline-block; width: 1.5rem; margin-left: .8rem; text-align: center; font-style: normal;
  font-weight: bold; border-radius: .25rem; }
.legend i:first-child { margin-left: 0; }
.cards { display: flex; flex-wrap: wrap; gap: 1.2rem 1.8rem; }
.cards > div { max-width: 100%; }
.scroll { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 0; }
th, td { padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
thead th { color: var(--quiet); font-weight: 600; font-size: .85rem; vertical-align: bottom; }
tbody th { font-weight: 600; }
th small { display: block; color: var(--quiet); font-weight: normal; }
.pair { display: flex; flex-wrap: wrap; gap: 0 1rem; }
.pair > section { flex: 1 1 26rem; min-width: 0; }
td.proven, td.disproven, td.unknown, td.none { text-align: center; font-weight: 600; }
.proven, .legend .proven { background: var(--proven); color: var(--on-proven); }
.disproven, .legend .disproven { background: var(--disproven); color: var(--on-disproven); }
.unknown, .legend .unknown { color: var(--on-unknown);
  background: repeating-linear-gradient(45deg, var(--unknown) 0 5px, var(--stripe) 5px 8px); }
.none, .legend .none { background: var(--none); color: var(--quiet); }
header.proven, header.disproven, header.unknown { background: var(--card); color: var(--ink); }
.sums td.proven, .sums td.disproven, .sums td.unknown { padding: .3rem .9rem; border: 2px solid var(--card);
  border-radius: .4rem; }
.pair .sums thead th { white-space: normal; }
.pair .sums th, .pair .sums td { font-size: .85rem; padding-left: .25rem; padding-right: .45rem; }
.grid th, .grid td { border: 1px solid var(--card); padding: 0; font-size: .8rem; }
.grid td { width: 1.55rem; min-width: 1.55rem; height: 1.4rem; border-radius: .3rem; }
.grid tbody th { padding-right: .7rem; font-weight: normal; position: sticky; left: 0; background: var(--card); }
.grid thead th { text-align: center; font-weight: normal; padding: 0 .2rem; font-size: .75rem; }
.grid thead th.turned { vertical-align: bottom; }
.grid thead th.turned span { writing-mode: vertical-rl; transform: rotate(180deg); padding: .3rem 0 0; }
.grid td[data-gap], .grid th[data-gap] { border-left: .5rem solid var(--card); }
.grid tr[data-gap] > * { border-top: .45rem solid var(--card); }
.grid tr[data-gap] > * { height: 1.85rem; }
.differs { font-weight: 700; border-left: 4px solid currentColor; padding-left: .4rem; }
.unasked { color: var(--quiet); text-align: center; }
.part, .legend .part, .sums td.part, .grid td.part { background: var(--card); color: var(--on-proven);
  border: 1px dashed var(--on-proven); }
.grid td[data-was] { box-shadow: inset 0 0 0 2px var(--ink); }
.wide td { width: auto; min-width: 1.8rem; padding: 0 .3rem; text-align: center; }
.faults { list-style: none; padding: 0; }
.faults li { display: grid; grid-template-columns: 2.2rem 1fr; gap: 0 .8rem; padding: .6rem 0;
  border-top: 1px solid var(--line); }
.faults b { align-self: start; text-align: center; border-radius: .3rem; padding: .1rem 0; }
code { font: .88em ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; background: var(--none);
  border-radius: .3rem; padding: .1rem .35rem; }
.bar { vertical-align: bottom; text-align: center; min-width: 3.6rem; height: 2.6rem; padding: 0 .2rem;
  color: var(--quiet); font-size: .8rem; }
.bar i { display: block; background: var(--bar); border-radius: .2rem .2rem 0 0; min-height: 1px; }
@media (max-width: 40rem) { body { padding: .5rem; font-size: 14px; } header, section { padding: .8rem .8rem; }
  h1 { font-size: 1.6rem; } th, td { padding-right: .5rem; } .figures { gap: .3rem 1.3rem; }
  .figures b { font-size: 1.2rem; } }
@media print { :root { color-scheme: light; --paper: #fff; --card: #fff; --ink: #000; --quiet: #444; --line: #bbb;
  --proven: #e3f3e8; --on-proven: #0b4a28; --disproven: #8c1d18; --on-disproven: #fff; --unknown: #fff3d0;
  --stripe: #e2c469; --on-unknown: #4d3500; --none: #eee; }
  body { max-width: none; padding: 0; font-size: 8pt; } th, td { padding: .15rem .4rem .15rem 0; }
  header, section { border-radius: 0; padding: .5rem 0; border-width: 0 0 1px; }
  .scroll { overflow: visible; } .grid th, .grid td { font-size: 7pt; } .grid td { min-width: 1.1rem; width: 1.1rem; }
  .cards > div, tr, li { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
