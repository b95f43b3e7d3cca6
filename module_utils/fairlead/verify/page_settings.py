"""Each node's settings against the inventory's wishes, and its drift, as a part of the page. Pure."""
from __future__ import annotations

from typing import Any

from ansible.module_utils.fairlead.verify import settings
from ansible.module_utils.fairlead.verify.page_markup import bullets, table, td, text, th

MOST_ROWS = 2000  # of all nodes; those that are as wished are left out first
NOT_ASKED = "Not asked for in this run: set service_verify_drift to true, and the node roles look in check mode."
SAY = ("What the node roles would find in check mode, beside what the inventory wishes. It never changes the verdict, "
       "which is what clients saw.")
SIGNS = {settings.SAME: "=", settings.DIFFERS: "\u2260", settings.UNTOLD: "?"}


def render(nodes: list[dict[str, Any]] | None) -> str:
    if nodes is None:
        return f"<p>{text(NOT_ASKED)}</p>"
    room = MOST_ROWS - sum(each["same"] is not True for node in nodes for each in node["rows"])
    parts = []
    for node in nodes:
        shown = [each for each in node["rows"] if each["same"] is not True]
        same = [each for each in node["rows"] if each["same"] is True]
        kept, room = same[:max(room, 0)], room - len(same)
        parts.append(_node(node, [*shown, *kept], len(same) - len(kept)))
    return f'<div class="cards">{"".join(parts)}</div>'


def _node(node: dict[str, Any], rows: list[dict[str, Any]], left: int) -> str:
    """What differs comes first, then what could not be told."""
    ordered = sorted(rows, key=lambda each: (each["same"] is not False, each["same"] is not None))
    lines = [[th(each["setting"]), td(each["wished"]), td(each["found"]), _verdict(each)] for each in ordered]
    more = f'<p class="say">{left} more, as wished, are in the JSON only.</p>' if left else ""
    counts = settings.counted(node)
    about = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    drift = f"<p>Drift:</p>{bullets(node['drift'])}" if node["drift"] else ""
    untold = f"<p>Could not be looked at:</p>{bullets(node['untold'])}" if node["untold"] else ""
    shown = table(["setting", "wished", "found", ""], lines) if lines else ""
    return f"<div><h3>{text(node['node'])} <small>{text(about)}</small></h3>{untold}{drift}{shown}{more}</div>"


def _verdict(each: dict[str, Any]) -> str:
    word = settings.SHOWN[each["same"]]
    kind = f' class="{word}"' if word == settings.DIFFERS else ""
    return f"<td{kind}>{SIGNS[word]} {word}</td>"
