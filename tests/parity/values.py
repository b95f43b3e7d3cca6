"""Values at the edges of the API server's rules, for each field of a Service: what is just allowed and just not."""
from __future__ import annotations

LABEL = "a" * 63
NAMES = ["web", "a", "a-b", "a--b", LABEL, "x" + LABEL, "1st", "9", "1-a", "Web", "a_b", "a.b", "-a", "a-", "-", "",
         " ",
         "a b", "ä", "a\n", "a/b", "a%b", ".", "..", "web-"]
GENERATE = ["web-", "web", "w", "-", "1-", "Web-", "a.", "a/", "a%", "a" * 80, "a" * 57 + "-", ""]
NAMESPACES = [None, "default", ""]
LABEL_KEYS = ["app", "a", "A", "a.b/c", "app.kubernetes.io/name", "a" * 63, "a" * 64, "", "/", "/a", "a/", "a/b/c",
              "-a",
              "a_b", "A.b/c", "a..b/c", "a b", "x" * 253 + "/a", "x" * 254 + "/a", "_a", "a_", "0", "ä", "a\n"]
LABEL_VALUES = ["web", "", "A", "a.b_c-d", LABEL, LABEL + "a", "-a", "a-", "a b", "a/b", "ä", "1", ".", "a\n", None,
                1, True]
TOPOLOGY = ["service.kubernetes.io/topology-mode", "service.kubernetes.io/topology-aware-hints"]
SOURCE_RANGES_NOTE = "service.beta.kubernetes.io/load-balancer-source-ranges"
ANNOTATIONS = [
    {TOPOLOGY[0]: "Auto"}, {TOPOLOGY[0]: "Auto", TOPOLOGY[1]: "Auto"}, {TOPOLOGY[0]: "Auto", TOPOLOGY[1]: "auto"},
    {TOPOLOGY[0]: "", TOPOLOGY[1]: "Auto"}, {TOPOLOGY[1]: "x"}, {"A.B/c": "x"}, {"a b": "x"}, {"": "x"}, {"a/b/c": ""},
    {"A" * 64: ""}, {"note": "x" * (256 * 1024 - 4)}, {"note": "x" * (256 * 1024 - 3)}, {"note": "ä" * (128 * 1024)},
    {"note": None}, {"note": 1}, {SOURCE_RANGES_NOTE: "10.0.0.0/8"},
    {SOURCE_RANGES_NOTE: " 10.0.0.0/8 , 192.168.0.0/16 "},
    {SOURCE_RANGES_NOTE: ""}, {SOURCE_RANGES_NOTE: " "}, {SOURCE_RANGES_NOTE: "10.0.0.0"},
    {SOURCE_RANGES_NOTE: "10.0.0.0/8,"},
    {SOURCE_RANGES_NOTE: "10.0.0.1/8"}, {SOURCE_RANGES_NOTE: "010.0.0.0/8"}, {SOURCE_RANGES_NOTE: "x,y"}]
FINALIZERS = [[], ["example.com/a"], ["a"], ["kubernetes"], ["orphan"], ["foregroundDeletion"],
              ["orphan", "foregroundDeletion"], ["a/b/c"], ["/a"], [""],
              ["service.kubernetes.io/load-balancer-cleanup"],
              [None], ["example.com/a", "b"], ["A.b/c"]]
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "u"}
OWNERS = [[OWNER], [{}], [{**OWNER, "apiVersion": ""}], [{**OWNER, "apiVersion": "a/b/c"}], [{**OWNER,
          "apiVersion": "/"}],
          [{**OWNER, "apiVersion": "apps/"}], [{**OWNER, "apiVersion": "/v1"}], [{**OWNER, "kind": ""}],
          [{**OWNER, "name": ""}], [{**OWNER, "uid": ""}], [{**OWNER, "kind": "Event"}], [{**OWNER, "more": 1}],
          [{**OWNER, "controller": True}, {**OWNER, "uid": "v", "controller": True}], [OWNER, OWNER], [None],
          [{**OWNER, "controller": True}, {**OWNER, "controller": True}], [{**OWNER, "controller": "true"}]]
TIMES = ["2026-11-25T20:00:00Z", "2026-11-25T20:00:00.5Z", "2026-11-25T20:00:00+01:00", "2026-11-25", "", 1, None,
         "2026-13-25T20:00:00Z", "2026-11-25t20:00:00Z", "2026-11-25 20:00:00"]
# No manager of more than 128 bytes: docs/service-verdicts.md says what is not judged.
_MANAGED = {"manager": "a", "operation": "Update", "apiVersion": "v1", "time": "2026-11-25T20:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:type": {}}}}
MANAGED_FIELDS = [[], None, {}, [None], [{}], [_MANAGED], [_MANAGED, _MANAGED]] + [[{**_MANAGED, **more}] for more in (
    {"operation": "x"}, {"operation": "Apply"}, {"fieldsType": "x"}, {"fieldsV1": {"x": 1}}, {"fieldsV1": []},
    {"fieldsV1": "x"}, {"fieldsV1": None}, {"apiVersion": "v9"}, {"time": "x"},
    {"subresource": "status"}, {"x": 1})]
# Of every type, for any field.
ODD = [None, "", "x", "1", "true", 0, 1, -1, 1.0, 1.5, 1e21, 2**31, 2**63, 2**64, True, False, [], [None], ["x"], [1],
       [[]], [{}], {}, {"a": "b"}, {"a": None}, {"a": 1}, {"": ""}, "2026-11-25T20:00:00Z", "\x00", "\U0001f600",
       "a" * 300]
PORT_NAMES = ["http", "a", "dns-tcp", LABEL, LABEL + "a", "HTTP", "a_b", "a.b", "-a", "a-", "1", "", None, "a--b", 80]
PORT_NUMBERS = [80, 1, 65535, 443, 8080, 10250, 0, -1, 65536, 70000, 2**31 - 1, 2**31, -2**31, None, "80", 80.5, True]
PROTOCOLS = ["TCP", "UDP", "SCTP", "tcp", "", None, "HTTP", "TCP ", 6]
TARGETS = [80, 1, 65535, 0, -1, 65536, 2**31, "http", "80", "", "a" * 15, "a" * 16, "HTTP", "a--b", "-a", "a-", "a_b",
           None,
           "a.b", True, 1.5, [], "1a", "a1"]
NODE_PORTS = [30000, 30001, 30049, 29999, 32768, 0, -1, 1, 65535, 65536, 2**31 - 1, 2**31, None, "30000", 32769, 32770]
APP_PROTOCOLS = ["http", "kubernetes.io/h2c", "", None, "a/b/c", "-a", "A_b.c", "a" * 64, "ä", "/a", "A.b/c", 1]
TYPES = ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName", "", None, "Headless", "nodePort", "Loadbalancer", 1]
AFFINITIES = ["None", "ClientIP", "", None, "ClusterIP", "clientIP", "none", True]
AFFINITY_CONFIGS = [{}, None, {"clientIP": None}, {"clientIP": {}}] + [
    {"clientIP": {"timeoutSeconds": seconds}} for seconds in (1, 86400, 10800, 0, -1, 86401, 2**31, None, "10",
    1.5)] + [
    {"clientIp": {}}, {"clientIP": {"timeout": 1}}, []]
ADDRESSES = ["10.96.0.50", "10.96.255.254", "10.96.255.255", "10.96.0.0", "10.96.0.1", "10.97.0.1", "192.168.0.1",
             "fd00:96::50", "fd00:96::", "fd00:96::f:ffff", "fd00:96::1:0", "fd00:96::10:0", "fd00:97::1",
             "FD00:96::AB",
             "fd00:96:0:0:0:0:0:51", "10.096.0.50", "010.96.0.50", "10.96.0.050", "::ffff:10.96.0.50", "::ffff:a60:32",
             "::10.96.0.50", "10.96.0", "10.96.0.256", "10.96.0.1.2", "1:2", ":::", "::", "0.0.0.0", "127.0.0.1", "::1",
             "fe80::1", "169.254.1.1", "224.0.0.5", "ff02::1", "ff12::1", "ff05::1", "239.1.1.1", "fd00:096::50",
             "fd00:00096::50", "fd00:96::0.0.0.50", "fd00:96::0.0.0.050", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
             "1:2:3:4:5:6:7:8::", "1::2::3", "fe80::1%eth0", "None", "none", "", " ", "10.96.0.50 ", "a", "0x0a.1.1.1",
             "10.96.0.-1", "+1.2.3.4", "1.2.3.4::", "::1.2.3", "12345::", "g::"]
NETWORKS = ["10.0.0.0/8", "10.0.0.1/8", "10.0.0.0/32", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "010.0.0.0/8",
            "0.0.0.0/0",
            "::/0", "fd00::/8", "fd00::1/8", "fd00::/129", "::ffff:10.0.0.0/104", "::ffff:10.0.0.0/8", "10.0.0.0", "",
            " ",
            " 10.0.0.0/8 ", "\t10.0.0.0/8\n", "\x1c10.0.0.0/8", "\u00a010.0.0.0/8", "10.0.0.0/8,10.0.0.0/8",
            "10.0.0.0/ 8",
            "10.0.0.0/8/8", "10.0.0.0/+8", "x", None, 10, "10.0.0.0/255.0.0.0", "FD00::/8", "10.0.0.0/0"]
FAMILIES = [[], ["IPv4"], ["IPv6"], ["IPv4", "IPv6"], ["IPv6", "IPv4"], ["IPv4", "IPv4"], ["ipv4"], [""], [None],
            ["IPv4", "IPv6", "IPv4"], ["IPv5", "IPv4"], "IPv4"]
FAMILY_POLICIES = ["SingleStack", "PreferDualStack", "RequireDualStack", "", None, "DualStack", "preferDualStack"]
TRAFFIC = ["Cluster", "Local", "", None, "local", "Node", "Global"]
DISTRIBUTIONS = ["PreferClose", "PreferSameZone", "PreferSameNode", "", None, "PreferNode", "Preferclose"]
CLASSES = ["example.com/internal", "internal", "", None, "a/b/c", "-a", "A", "example.com/", "/x", "Example.com/x"]
BOOLEANS = [True, False, None, "true", 1]
HOSTS = ["db.example.com", "db.example.com.", "db", "1.2.3.4", "DB.example.com", "a_b", "", ".", "..", "a..b", "-a",
         "a-",
         "https://a", "a" * 63 + ".b", "a" * 253, "a" * 254, "a" * 253 + ".", None, "a b", "a\n",
         "xn--bcher-kva.example", 5]
HEALTH_PORTS = [0, 30010, 30011, 29999, 32768, 1, 65535, 65536, -1, None, "30010"]
STATUSES = [None, {}, {"loadBalancer": {}}, {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}},
            {"loadBalancer": {"ip": "x"}},
            {"loadBalancer": {"ingress": [{"ip": "x", "ipMode": "Foo", "ports": [{"port": 1, "protocol": "TCP"}]}]}},
            {"conditions": [{"type": "A", "status": "True", "lastTransitionTime": None, "reason": "B", "message": ""}]},
            {"conditions": [{"type": 1}]}, {"phase": "x"}, []]
