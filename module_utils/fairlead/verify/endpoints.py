"""Whether endpoints follow pods: a Service's selector, its EndpointSlices, and its Endpoints object. Pure."""
from __future__ import annotations

from typing import Any

from ansible.module_utils.fairlead.verify.findings import DISPROVEN, PROVEN
from ansible.module_utils.fairlead.verify.targets import Object, family, is_ready, service_name, slices_of
from ansible.module_utils.fairlead.verify.words import listed, plain

CHECK = "Endpoints"
MOST = 1000  # addresses of an Endpoints object; the control plane cuts it there

Row = dict[str, Any]


def rows(services: list[Object], slices: list[Object], pods: list[Object], endpoints: list[Object]) -> list[Row]:
    """A verdict for each Service."""
    objects = {service_name(item): item for item in endpoints}
    found = []
    for service in sorted(services, key=service_name):
        if service["spec"].get("type") == "ExternalName":
            continue
        name = service_name(service)
        if service["spec"].get("selector"):
            verdict, reason = _follows(service, slices_of(service, slices), pods, objects.get(name))
        else:
            verdict, reason = _by_hand(slices_of(service, slices), objects.get(name))
        space = service["metadata"]["namespace"]
        repeat = f"kubectl --namespace {space} get endpointslices,endpoints,pods --output wide"
        found.append({"service": plain(name), "check": CHECK, "from": "the API server", "machine": "",
                      "verdict": verdict, "reason": reason, "repeat": repeat})
    return found


def _follows(service: Object, own: list[Object], pods: list[Object], endpoints: Object | None) -> tuple[str, str]:
    families = service["spec"].get("ipFamilies") or ["IPv4"]
    own = [item for item in own if item.get("addressType") in families]
    due = ready_addresses(service, pods, families)
    sliced = {address for item in own for endpoint in item.get("endpoints") or [] if is_ready(endpoint)
              for address in endpoint["addresses"]}
    if sliced != due:
        return DISPROVEN, (f"the EndpointSlices hold {_many(sliced)}, the ready pods that its selector takes have "
                           f"{_many(due)}")
    first = {address for address in due if family(address) == families[0]}
    if endpoints is None:
        # Without a ready pod an Endpoints object is there all the same, but empty.
        return DISPROVEN, "there is no Endpoints object of its name"
    written = {address["ip"] for subset in endpoints.get("subsets") or [] for address in subset.get("addresses") or []}
    if written != first and len(first) <= MOST:
        return DISPROVEN, f"its Endpoints object holds {_many(written)}, the ready pods have {_many(first)}"
    return PROVEN, ""


def ready_addresses(service: Object, pods: list[Object], families: list[str]) -> set[str]:
    """Of the pods that the selector takes, those that are ready, or all of them when the Service publishes them."""
    selector = service["spec"]["selector"].items()
    regardless = service["spec"].get("publishNotReadyAddresses")
    return {address["ip"] for pod in pods
            if pod["metadata"]["namespace"] == service["metadata"]["namespace"]
            and selector <= (pod["metadata"].get("labels") or {}).items()
            and pod["status"].get("phase") not in ("Succeeded", "Failed")
            and (regardless or (_is_ready(pod) and not pod["metadata"].get("deletionTimestamp")))
            for address in pod["status"].get("podIPs") or [] if family(address["ip"]) in families}


def _is_ready(pod: Object) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or [])


def _by_hand(own: list[Object], endpoints: Object | None) -> tuple[str, str]:
    """Without a selector nobody makes any; whoever wants some writes them."""
    made = [item["metadata"]["name"] for item in own
            if (item["metadata"].get("labels") or {}).get("endpointslice.kubernetes.io/managed-by")
            == "endpointslice-controller.k8s.io"]
    if made:
        return DISPROVEN, f"it has no selector, yet the control plane made {listed(map(plain, made))}"
    return PROVEN, ""


def _many(addresses: set[str]) -> str:
    return listed(sorted(addresses)) or "none"
