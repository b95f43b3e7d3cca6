"""How the report's page looks: light and dark, on paper, on a phone. Every verdict has a sign and a shade."""
from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #c9ced6; --quiet: #5a6472;
  --proven: #d7f0dc; --disproven: #f6c9c5; --unknown: #fbe9b7; --bar: #6b8fc9; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --paper: #14171b; --line: #3a414b; --quiet: #9aa5b3;
  --proven: #1d4a2b; --disproven: #7a2620; --unknown: #5e4a12; --bar: #6b8fc9; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 80rem; background: var(--paper); color: var(--ink);
  font: 16px/1.45 system-ui, sans-serif; }
header { padding: .75rem 1rem; border: 2px solid var(--line); border-radius: .5rem; }
header h1 { margin: 0; font-size: 1.8rem; }
header p { margin: .25rem 0; }
.legend { color: var(--quiet); }
h2 { margin: 1.6rem 0 .5rem; font-size: 1.2rem; }
h3 { margin: 1.1rem 0 .3rem; font-size: 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .5rem; border: 1px solid var(--line); text-align: left; white-space: nowrap; }
.grid td { text-align: center; font-weight: bold; }
.grid thead span { writing-mode: vertical-rl; transform: rotate(180deg); font-size: .75rem; font-weight: normal; }
.grid tbody th { position: sticky; left: 0; background: var(--paper); font-weight: normal; }
.proven { background: var(--proven); }
.disproven { background: var(--disproven); outline: 2px solid currentColor; outline-offset: -2px; }
.unknown { background: var(--unknown); border-style: dashed; }
.bar { vertical-align: bottom; text-align: center; min-width: 3.5rem; }
.bar i { display: block; background: var(--bar); }
li { margin: .3rem 0; padding: .2rem .4rem; }
code { font-size: .85rem; overflow-wrap: anywhere; }
@media (max-width: 40rem) { body { padding: .5rem; font-size: 15px; } th, td { padding: .15rem .3rem; } }
@media print { body { max-width: none; font-size: 9pt; } .scroll { overflow: visible; } section { break-inside: auto; }
  tr { break-inside: avoid; } .proven, .disproven, .unknown { print-color-adjust: exact; } }
"""
