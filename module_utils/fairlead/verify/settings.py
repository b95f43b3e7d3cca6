"""Settings against wishes and drift of each node: what the node roles found in check mode, for the report. Pure.

None of this proves or disproves anything: what clients see does. So it never changes the verdict.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.fairlead.comparison import Row, row
from ansible.module_utils.fairlead.verify.words import plain

ROLES = ("kernel_modules", "node_sysctl", "kube_proxy")
SAME, DIFFERS, UNTOLD = "same", "differs", "not told"
SHOWN = {True: SAME, False: DIFFERS, None: UNTOLD}

Node = dict[str, Any]


def read(results: Mapping[str, Mapping[str, Any]], proxies: Mapping[str, Mapping[str, Any]],
         modes: Mapping[str, str]) -> list[Node] | None:
    """By node and role, what the role's module returned in check mode. None when nobody asked for it.

    proxies: what kube_proxy_info returned, which is all there is where kube-proxy runs as a pod; modes: the wishes
    """
    if not any(results.values()):
        return None
    return [_node(name, results[name], proxies.get(name) or {}, modes.get(name, "")) for name in sorted(results)]


def _node(name: str, found: Mapping[str, Any], proxy: Mapping[str, Any], wished: str) -> Node:
    rows: list[Row] = []
    drift, untold = [], []
    for role in ROLES:
        result = found.get(role) or {}
        if "compared" in result:
            rows += result["compared"]
            drift += result.get("findings") or (result.get("plan") or [] if result.get("changed") else [])
        elif role != "kube_proxy" or result.get("msg"):
            untold.append(f"{role}: {result.get('msg') or 'was not looked at'}")
        elif wished:
            mode = proxy.get("mode")
            rows.append(row("kube-proxy mode", wished, mode or "unknown", mode == wished if mode else None))
    shown = [{**each, **{key: plain(each[key]) for key in ("setting", "wished", "found")}} for each in rows]
    return {"node": plain(name), "rows": shown, "drift": [plain(words, 500) for words in drift],
            "untold": [plain(words, 500) for words in untold]}


def counted(node: Node) -> dict[str, int]:
    words = [SHOWN[each["same"]] for each in node["rows"]]
    return {word: words.count(word) for word in (SAME, DIFFERS, UNTOLD)}


def sentence(node: Node) -> str:
    """A node in one line for the terminal."""
    found = counted(node)
    differing = [f"{each['setting']} is {each['found']}, wished {each['wished']}" for each in node["rows"]
                 if each["same"] is False]
    parts = [f"{found[SAME]} settings as wished"]
    parts += [f"{found[DIFFERS]} differ ({'; '.join(differing[:3])}{'; ...' if len(differing) > 3 else ''})"
              ] if differing else []
    parts += [f"{found[UNTOLD]} could not be told"] if found[UNTOLD] else []
    return f"settings of {node['node']}: {', '.join(parts + node['untold'])}"


def is_as_wished(node: Node) -> bool:
    return not node["drift"] and not node["untold"] and all(each["same"] for each in node["rows"])
