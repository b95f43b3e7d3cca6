"""The configuration file of kube-proxy: KubeProxyConfiguration, kubeproxy.config.k8s.io/v1alpha1.

kube-proxy decodes it strictly first and, when that fails, leniently with a log line: a misspelt field is then silently
without effect. So unknown fields are refused, and every value is judged before it is written. The text is JSON
under a comment, which is YAML: nodes need no YAML library, and the same input gives the same bytes.
"""
from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.fairlead import conntrack
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.files import OWNER_LINE
from ansible.module_utils.fairlead.kube_proxy import fields, modes, userspace
from ansible.module_utils.fairlead.kube_proxy.decode import is_default, read
from ansible.module_utils.fairlead.kube_proxy.judge import judge_configuration, refused

# Fields that have a variable of their own; setting them twice would leave open which one counts.
OWNED = {
    "apiVersion": "nothing, it is always v1alpha1", "kind": "nothing", "mode": "kube_proxy_mode",
    "clusterCIDR": "kube_proxy_cluster_cidrs", "hostnameOverride": "kube_proxy_hostname_override",
    "nodePortAddresses": "kube_proxy_node_port_addresses",
}
UNDO = {
    "systemd": "# To undo: systemctl disable --now kube-proxy, then remove this file and kube-proxy.service.",
    "daemonset": "# To undo: run the role with kube_proxy_deployment: kubeadm; kubeadm's own pods return.",
}


@dataclass(frozen=True)
class Settings:
    """What the user wishes of one kube-proxy.

    kubeconfig: path where kube-proxy reads it; "" only under test
    scheduler:  ipvs only; "" leaves kube-proxy's own default, rr
    extra:      further fields of v1alpha1, as the API spells them
    conntrack_owner: who sizes the connection table (conntrack.OWNERS)
    kubernetes_version: needed for userspace mode alone, whose releases know fewer fields
    """

    mode: str
    kubeconfig: str
    cluster_cidrs: tuple[str, ...] = ()
    hostname_override: str = ""
    node_port_addresses: tuple[str, ...] = ()
    scheduler: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    conntrack_owner: str = conntrack.KUBE_PROXY
    kubernetes_version: str = ""


def document(settings: Settings) -> dict[str, Any]:
    """The configuration as data: the mode always, of the rest only what differs from kube-proxy's defaults."""
    return _shaped(settings)[0]


def left_out(settings: Settings) -> list[str]:
    """Warnings about fields that were given and are not written, since the mode's releases do not know them."""
    return [f"{_variable(path)}: userspace mode does not look at it; it was left out" for path in _shaped(settings)[1]]


def _shaped(settings: Settings) -> tuple[dict[str, Any], list[str]]:
    made = _whole(settings)
    if settings.mode != modes.USERSPACE:
        return made, []
    return userspace.reshape(made, modes.release(settings.kubernetes_version))


def _whole(settings: Settings) -> dict[str, Any]:
    check_extra(settings.extra)
    config: dict[str, Any] = {
        "apiVersion": fields.API_VERSION,
        "kind": fields.KIND,
        # always written: unset means iptables today and nftables from 1.40
        "mode": settings.mode,
        **_differing(settings.extra),
    }
    config["clientConnection"] = {**config.get("clientConnection", {}), "kubeconfig": settings.kubeconfig}
    if settings.cluster_cidrs:
        config["clusterCIDR"] = ",".join(settings.cluster_cidrs)
    if settings.hostname_override:
        config["hostnameOverride"] = settings.hostname_override
    if settings.node_port_addresses:
        config["nodePortAddresses"] = list(settings.node_port_addresses)
    if settings.scheduler and settings.mode == "ipvs":
        config["ipvs"] = {**config.get("ipvs", {}), "scheduler": settings.scheduler}
    if settings.conntrack_owner == conntrack.NODE:
        conntrack.check_owner(settings.conntrack_owner, (), settings.extra)
        config["conntrack"] = {**config.get("conntrack", {}), **conntrack.zero_block()}
    return config


def render(settings: Settings, deployment: str) -> str:
    """The file's text: same settings, same bytes."""
    return f"{OWNER_LINE}\n{UNDO[deployment]}\n{json.dumps(document(settings), indent=2, sort_keys=True)}\n"


def check(text: str, version: str) -> list[str]:
    """Warnings about a rendered configuration of a release; raises FairleadError for what is not to be written.

    Source: judge.py, which is held against the real kube-proxy. The mode's own warning is modes.check().
    """
    findings = judge_configuration(read(text), version)
    wrong = refused(findings)
    if wrong:
        first, more = wrong[0], [f"{_variable(one.field)}: {one.message}. {one.fix}" for one in wrong[1:]]
        raise FairleadError(_variable(first.field), "; also ".join([first.message, *more]), first.fix or "remove it")
    return [f"{_variable(one.field)}: {one.message}; {one.fix}" for one in findings if one.field != "mode"]


def check_extra(extra: dict[str, Any]) -> None:
    """Refuse fields that have a variable of their own."""
    for name in sorted(extra):
        if name in OWNED:
            raise FairleadError(f"kube_proxy_config.{name}", f"is set by {OWNED[name]}", "remove it here")


def _differing(extra: dict[str, Any]) -> dict[str, Any]:
    """Without what kube-proxy does anyway. A zero of the conntrack block stays: it says that the kernel's key is not
    kube-proxy's."""
    kept = {}
    for name, value in extra.items():
        is_block = isinstance(value, dict) and isinstance(fields.ROOT.get(name), dict) and name != "conntrack"
        given = {key: below for key, below in value.items()
                 if not is_default(f"{name}.{key}", below)} if is_block else value
        if not (is_block and not given) and not is_default(name, given):
            kept[name] = given
    return kept


def _variable(path: str) -> str:
    """The name by which the user knows a field: a variable of its own, or its place in kube_proxy_config."""
    return OWNED.get(path.partition("[")[0], f"kube_proxy_config.{path}")
