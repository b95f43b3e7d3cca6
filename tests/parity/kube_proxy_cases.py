"""Random configurations of kube-proxy: mostly right, with a few fields of every kind of wrong. Seeded."""
from __future__ import annotations

import random
from typing import Any

from ansible.module_utils.fairlead.kube_proxy import fields, gates
from ansible.module_utils.fairlead.kube_proxy.fields import Field, ListOf, MapOf, Shape

DURATIONS = ["30s", "1h30m", "0s", "0", "1ms", "1.5h", "-1s", "+5s", ".5s", "1.s", "2540400h10m10.000000000s"]
BAD_DURATIONS = ["30", "", "s", ".s", "1d", "1 s", "5S", "1h-5m", "3000000h", "5s\n", "\u0664s"]
ADDRESSES = ["0.0.0.0", "::", "127.0.0.1", "192.0.2.010", "fd00::1", "::ffff:192.0.2.1", "0000:0::00001",
             "1:2:3:4:5:6:7::"]
BAD_ADDRESSES = ["localhost", "1.2.3", "1.2.3.256", "fe80::1%eth0", "1:2:3:4:5:6:7:8::", ":::", "1.2.3.4.5",
                 "12345::", "1.2.3.-4", "::1.2.3", " 1.2.3.4", "\u0661.2.3.4"]
CIDRS = ["10.0.0.0/8", "fd00::/56", "010.0.0.0/08", "10.1.2.3/8", "0.0.0.0/0", "::/0", "::ffff:10.0.0.0/104",
         "1.2.3.4/32"]
BAD_CIDRS = ["10.0.0.0", "10.0.0.0/33", "fd00::/129", "10.0.0.0/-1", "10.0.0.0/8/8", "/8", "10.0.0/8", "10.0.0.0/+8"]
HOST_PORTS = ["0.0.0.0:10256", "[::]:10256", "127.0.0.1:1", "127.0.0.1", "::1", "[::1]:65535", "010.0.0.1:00080",
              "1.2.3.4:+80"]
BAD_HOST_PORTS = [":10256", "localhost:80", "1.2.3.4:0", "1.2.3.4:65536", "::1:80", "[::1]", "[1.2.3.4]80",
                  "1.2.3.4:http", "[fe80::1%eth0]:80", "1.2.3.4:", "a]:1", "[[::1]]:5", "1.2.3.4:-1", "x:y"]
GATES = [name for names in gates.GATES.values() for name in names.split()]
# Texts with rules of their own: right ones, wrong ones.
TEXTS: dict[str, tuple[list[str], list[str]]] = {
    "bindAddress": (ADDRESSES, BAD_ADDRESSES),
    "healthzBindAddress": (HOST_PORTS, BAD_HOST_PORTS),
    "metricsBindAddress": (HOST_PORTS, BAD_HOST_PORTS),
    "clusterCIDR": (["", *CIDRS, "10.0.0.0/8,fd00::/56", "fd00::/56,10.0.0.0/8"],
                    [*BAD_CIDRS, "10.0.0.0/8,10.1.0.0/16", "10.0.0.0/8,", "10.0.0.0/8, fd00::/56",
                     "10.0.0.0/8,fd00::/56,::/0", ",", "x,y", "::ffff:10.0.0.0/104,10.0.0.0/8"]),
    "nodePortAddresses": ([*CIDRS, "primary", "localhost", "all"], ["", *BAD_CIDRS, "Primary", "primary ", "any"]),
    "ipvs.excludeCIDRs": (CIDRS, ["", *BAD_CIDRS]),
    "mode": (["iptables", "ipvs", "nftables", ""], ["userspace", "IPVS", "nft", "kernelspace"]),
    "detectLocalMode": (["ClusterCIDR", "NodeCIDR", "BridgeInterface", "InterfaceNamePrefix", ""],
                        ["clusterCIDR", "None"]),
    "logging.format": (["text", "json", ""], ["JSON", "xml"]),
    "logging.vmodule.filePattern": (["proxier", "*"], ["", "a=b", "a,b"]),
    "showHiddenMetricsForVersion": (["", "1.36"], ["1.37", "1.35", "x", "1.36.0"]),
    "ipvs.scheduler": (["", "rr", "lc", "nonsense"], ["sh"]),
    "apiVersion": ([fields.API_VERSION], ["kubeproxy.config.k8s.io/v1", "", "v1"]),
    "kind": ([fields.KIND], ["KubeletConfiguration", "", "kubeProxyConfiguration"]),
}
# Values of a type: right ones, wrong ones.
TYPES: dict[str, tuple[list[Any], list[Any]]] = {
    fields.STRING: (["", "cni0", "x y"], ["", "cni0", 5, True, ["x"]]),
    fields.BOOL: ([True, False], ["true", 1, "yes"]),
    fields.OPTIONAL_BOOL: ([True, False], ["false", 0, {}]),
    fields.INT32: ([0, 1, 5, -1, 2**31 - 1, -2**31], [2**31, 1.5, "5", True, [1]]),
    fields.OPTIONAL_INT32: ([0, 1, 14, 31, 32, -1, -1000, 1000, 1001], [2**31, -2**31 - 1, 0.5, "14", False]),
    fields.UINT32: ([0, 4, 2**31 - 1, 2**31, 2**32 - 1], [-1, 2**32, 1.5, "4"]),
    fields.FLOAT32: ([0, 5, 0.5, -1, 3.4e38], [3.5e38, "5", True, {}]),
    fields.QUANTITY: (["0", "64Ki", 0, 100, "1e3", "0.5"], ["x", "1Q", True, "1e"]),
    fields.DURATION: (DURATIONS, [30, *BAD_DURATIONS]),
    fields.OPTIONAL_DURATION: (DURATIONS, [30, *BAD_DURATIONS]),
    fields.TIME_OR_DURATION: ([*DURATIONS, 0, 5 * 10**9, -1], ["30", "", 1.5, True]),
}


def case(random_: random.Random) -> dict[str, Any]:
    """One document. How often something is wrong varies, so that sound, slightly and very broken ones all occur."""
    wrong = random_.choice([0.0, 0.0, 0.02, 0.05, 0.3])
    document = _mapping(fields.ROOT, "", random_, random_.choice([0.1, 0.3, 0.8]), wrong)
    for name, value in (("apiVersion", fields.API_VERSION), ("kind", fields.KIND)):
        if name not in document or random_.random() > wrong / 3:
            document[name] = value
    if random_.random() < wrong / 5:
        document.pop(random_.choice(["apiVersion", "kind"]))
    return document


def _mapping(shape: dict[str, Shape], path: str, random_: random.Random, share: float, wrong: float) -> dict[str, Any]:
    names = [name for name in shape if random_.random() < share]
    random_.shuffle(names)
    return {name: _value(shape[name], f"{path}.{name}" if path else name, random_, share, wrong) for name in names}


def _value(shape: Shape, path: str, random_: random.Random, share: float, wrong: float) -> Any:
    odd = random_.random()
    if odd < wrong / 20:
        return random_.choice(["text", 5, True, [], ["x"], {}])
    if odd < wrong / 10:
        return None
    if isinstance(shape, Field):
        return _single(shape, path, random_, wrong)
    if isinstance(shape, ListOf):
        return [_value(shape.of, path, random_, share, wrong) for _ in range(random_.randrange(4))]
    if isinstance(shape, MapOf):
        return _feature_gates(random_, wrong)
    return _mapping(shape, path, random_, share, wrong)


def _feature_gates(random_: random.Random, wrong: float) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    for name in random_.sample(GATES, random_.randrange(3)):
        locked = next(stage for stage, names in gates.GATES.items() if name in names.split())
        chosen[name] = locked[1] if locked[2] and random_.random() > wrong else random_.random() < 0.5
    if random_.random() < wrong / 2:
        chosen[random_.choice(["KubeProxyIpvs", "Nonsense"])] = True
    for name in ("LoggingAlphaOptions", "LoggingBetaOptions", "KubeProxyIPVS", "AllAlpha"):
        if random_.random() < 0.15:
            chosen[name] = random_.random() < 0.5
    return chosen


def _single(field: Field, path: str, random_: random.Random, wrong: float) -> Any:
    bad = random_.random() < wrong
    return random_.choice((TEXTS.get(path) or TYPES[field.kind])[bad])
