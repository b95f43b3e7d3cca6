"""Verdicts that depend on the cluster's Service networks when nobody has told which they are.

The request is judged once for every way in which a cluster can have address families. What all agree on is certain; of
the rest it is said that it cannot be told.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.module_utils.fairlead.services.findings import ADVICE, Finding
from ansible.module_utils.fairlead.services.server.defaults import EXTERNAL_NAME, NONE
from ansible.module_utils.fairlead.services.server.requests import Answer
from ansible.module_utils.fairlead.services.server.rules import Rules, guesses, rules

Manifest = dict[str, Any]

_ANY_ADDRESS, _ANY_POLICY = (None, "", NONE), (None, "SingleStack", "PreferDualStack")
_FIX = "give the API server's --service-cluster-ip-range as service_cidrs"


def ask(request: Callable[[Rules], Answer], manifest: Manifest, stored: Manifest | None, facts: Any) -> Answer:
    """The answer, with findings of the reason Unknown for what it depends on.

    facts: Facts; request: judges under given rules.
    """
    if facts.service_cidrs or not _depends(manifest, stored):
        return request(rules(facts))
    answers = [request(guess) for guess in guesses(facts) if _possible(guess, stored)]
    answer = _agreed(answers)
    pinned = _pinned(manifest) - (_pinned(stored) if stored else set())
    if pinned and answer.code < 400 and not _is_unknown(answer):
        answer = Answer(answer.code, [*answer.findings, _unknown(
            "spec.clusterIP", f"whether {', '.join(sorted(pinned))} belongs to the cluster's Service networks")])
    return answer


def _agreed(answers: list[Answer]) -> Answer:
    first = answers[0]
    keys = [{(finding.field, finding.reason) for finding in answer.findings} for answer in answers]
    if all(answer.code == first.code for answer in answers) and all(key == keys[0] for key in keys):
        return first
    common = set.intersection(*keys)
    if not common and all(answer.code >= 400 for answer in answers):
        return first  # refused in any case; only the words differ
    agreed = [finding for finding in first.findings if (finding.field, finding.reason) in common]
    fields = sorted({field for key in keys for field, _reason in key - common})
    return Answer(first.code if agreed else 200,
                  [*agreed, *(_unknown(field, "whether the cluster has these address families") for field in fields)])


def _depends(manifest: Manifest, stored: Manifest | None) -> bool:
    """Whether address families or addresses are asked for. Every cluster can have a Service that asks for none, for
    one family or for what there is."""
    spec = manifest.get("spec")
    if stored is not None or not isinstance(spec, dict):
        return stored is not None
    return (any(spec.get(field) for field in ("clusterIPs", "ipFamilies")) or spec.get("clusterIP") not in _ANY_ADDRESS
            or spec.get("ipFamilyPolicy") not in _ANY_POLICY)


def _possible(guess: Rules, stored: Manifest | None) -> bool:
    """A stored Service has families of its cluster, save for the headless one without selector, which may have any."""
    spec = stored.get("spec", {}) if stored else {}
    if spec.get("type") == EXTERNAL_NAME or (spec.get("clusterIP") == NONE and not spec.get("selector")):
        return True
    return set(spec.get("ipFamilies") or ()) <= set(guess.families)


def _pinned(manifest: Manifest) -> set[str]:
    spec = manifest.get("spec")
    if not isinstance(spec, dict) or spec.get("type") == EXTERNAL_NAME:
        return set()
    texts = [spec.get("clusterIP"), *(spec.get("clusterIPs") or ())]
    return {text for text in texts if isinstance(text, str) and text not in ("", NONE)}


def _is_unknown(answer: Answer) -> bool:
    return any(finding.reason == "Unknown" for finding in answer.findings)


def _unknown(field: str, what: str) -> Finding:
    return Finding(field, "Unknown", f"Unknown: {what} cannot be told", _FIX, ADVICE)
