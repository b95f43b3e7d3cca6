"""From wanted and found modules to steps."""
from __future__ import annotations

import pytest
from ansible.module_utils.fairlead.command import Result
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.kernel_modules_apply import apply, report
from ansible.module_utils.fairlead.kernel_modules_blocked import Option, Rules
from ansible.module_utils.fairlead.kernel_modules_journal import Journal
from ansible.module_utils.fairlead.kernel_modules_missing import package_remedy
from ansible.module_utils.fairlead.kernel_modules_observe import Found, Kernel
from ansible.module_utils.fairlead.kernel_modules_parameters import Found as Parameter
from ansible.module_utils.fairlead.kernel_modules_plan import (
    Desired,
    Observed,
    check_path,
    file_text,
    plan,
)

JOURNAL = "/var/lib/fairlead/kernel_modules.json"
OPTIONS = "/etc/modprobe.d/fairlead.conf"
PATH = "/etc/modules-load.d/fairlead.conf"


def desired(*names: str) -> Desired:
    return Desired("ipvs", names, PATH)


def kernel(states: dict[str, str], **more) -> Kernel:
    return Kernel("6.12.1", {name: Found(state, name) for name, state in states.items()}, **more)


def shown(planned) -> list[str]:
    """The steps without the journal's, for tests that are not about it."""
    return [step.describe() for step in planned.steps if step.target != JOURNAL]


def settled(wish: Desired, node: Kernel, **more) -> Observed:
    """The node after a run."""
    fresh = Observed(node, file_text(wish, node), **more)
    steps = [step for step in plan(wish, fresh).steps if step.target == JOURNAL]
    return fresh._replace(journal=steps[-1].after if steps else None)


def test_fresh_node_loads_what_is_loadable_then_writes():
    node = kernel({"br_netfilter": "builtin", "ip_vs": "loadable", "nf_conntrack": "loaded"})
    wish = desired("br_netfilter", "ip_vs", "nf_conntrack")
    planned = plan(wish, Observed(node, None))
    assert shown(planned) == ["load module ip_vs", f"write {PATH}"]
    lines = [line for line in planned.steps[-1].after.splitlines() if not line.startswith("#")]
    assert lines == ["br_netfilter", "ip_vs", "nf_conntrack"]
    assert planned.steps[-1].after.startswith("# Written by Fairlead")


def test_each_module_and_parameter_beside_its_wish():
    node = kernel({"br_netfilter": "builtin", "ip_vs": "loadable", "nf_conntrack": "loaded", "xt_recent": "loaded"})
    wish = desired("br_netfilter", "ip_vs", "nf_conntrack")._replace(
        parameters={"xt_recent": {"ip_list_tot": "1000", "ip_pkt_list_tot": "20", "hidden": "1"}})
    have = Observed(node, None, parameters={"xt_recent": {
        "ip_list_tot": Parameter("100", True), "ip_pkt_list_tot": Parameter("20", True)}})
    assert [(row["setting"], row["found"], row["same"]) for row in report(wish, have)["compared"]] == [
        ("module br_netfilter", "builtin", True), ("module ip_vs", "loadable", False),
        ("module nf_conntrack", "loaded", True), ("parameter xt_recent.hidden", "not shown", None),
        ("parameter xt_recent.ip_list_tot", "100", False), ("parameter xt_recent.ip_pkt_list_tot", "20", True)]


def test_nothing_to_do():
    node, wish = kernel({"ip_vs": "loaded"}), desired("ip_vs")
    planned = plan(wish, settled(wish, node))
    assert not planned.changed
    assert planned.describe() == [f"all 1 modules are in the kernel and {PATH} names them"]


def test_a_file_changed_by_hand_is_written_again():
    node, wish = kernel({"ip_vs": "loaded"}), desired("ip_vs")
    by_hand = settled(wish, node)._replace(file=file_text(wish, node) + "nfs\n")
    assert plan(wish, by_hand).describe() == [f"write {PATH}"]


def test_aliases_of_one_module_are_one():
    node = Kernel("6.12.1", {"ipt_MARK": Found("loadable", "xt_mark"), "xt_mark": Found("loadable", "xt_mark")})
    wish = desired("ipt_MARK", "xt_mark")
    planned = plan(wish, Observed(node, None))
    assert shown(planned) == ["load module xt_mark", f"write {PATH}"]
    assert planned.steps[-1].after.count("\nxt_mark\n") == 1
    assert report(wish, Observed(node, None))["modules"] == {"xt_mark": "loadable"}


def test_all_missing_modules_stand_in_one_error():
    node = kernel({"a": "missing", "b": "loadable", "c": "missing"}, distribution="ubuntu debian")
    with pytest.raises(FairleadError) as caught:
        plan(desired("a", "b", "c"), Observed(node, None))
    assert str(caught.value) == (
        "kernel module a, c: kernel 6.12.1 has it neither loaded, built in nor to load. "
        "Install linux-modules-extra-6.12.1.")


def test_missing_because_the_kernel_has_no_directory():
    with pytest.raises(FairleadError, match=r"no directory /lib/modules/6\.12\.1 .*Reboot"):
        plan(desired("a"), Observed(kernel({"a": "missing"}, installed=False), None))


def test_a_locked_kernel_is_an_error_only_when_something_is_to_load():
    assert plan(desired("a"), Observed(kernel({"a": "loaded"}, locked=True), None)).changed
    with pytest.raises(FairleadError, match="modules_disabled"):
        plan(desired("a"), Observed(kernel({"a": "loadable"}, locked=True), None))


@pytest.mark.parametrize(("words", "said"), [
    ("debian", "linux-image"), ("ubuntu debian", "linux-modules-extra-6.1"),
    ("rocky rhel centos fedora", "kernel-modules-extra-6.1"), ("arch", "distribution"), ("", "distribution"),
])
def test_package_remedy(words, said):
    assert said in package_remedy(words, "6.1")


@pytest.mark.parametrize("path", ["fairlead.conf", "/etc/modules-load.d/fairlead", ""])
def test_a_path_that_systemd_would_not_read(path):
    with pytest.raises(FairleadError, match="end in"):
        check_path(path)


class Recorder:
    """Stands in for Commands: the effect itself is shown on real nodes."""

    def __init__(self, result: Result) -> None:
        self.result, self.argv = result, []

    def run(self, argv, timeout=30.0, stdin=None):
        self.argv.append(argv)
        return self.result


def load_step():
    return plan(desired("a"), Observed(kernel({"a": "loadable"}), None)).steps[1]


def test_load_is_an_argument_list():
    commands = Recorder(Result(0, "", ""))
    apply(desired("a"), load_step(), commands)
    assert commands.argv == [["modprobe", "--", "a"]]


def test_what_modprobe_says_is_passed_on():
    with pytest.raises(FairleadError, match="Operation not permitted"):
        apply(desired("a"), load_step(), Recorder(Result(1, "", "modprobe: ERROR: Operation not permitted\n")))


def blocked(**rules) -> str:
    with pytest.raises(FairleadError) as caught:
        plan(desired("a", "b", "c"), Observed(kernel({"a": "loadable", "b": "loadable", "c": "loaded"}), None,
                                              rules=Rules(**rules)))
    return str(caught.value)


def test_a_denied_module_is_named_with_file_and_line():
    assert blocked(denied={"a": "/etc/modprobe.d/x.conf:3"}) == (
        "kernel module a: blocked: a: /etc/modprobe.d/x.conf:3 has it on the deny list; remove that line. "
        "Nothing was changed; mend this and run again.")
    assert "x.conf:4 forbids to load it" in blocked(replaced={"b": "/etc/modprobe.d/x.conf:4"})


def test_one_reason_stands_once():
    assert "blocked: a, b: this process may not load modules" in blocked(right=False)


def test_a_loaded_module_that_boot_will_not_load_is_a_warning():
    node, wish = kernel({"c": "loaded"}), desired("c")
    found = plan(wish, settled(wish, node)._replace(rules=Rules(denied={"c": "/etc/modprobe.d/x.conf:3"})))
    assert not found.changed
    assert found.warnings == (
        "module c: /etc/modprobe.d/x.conf:3 keeps it from being loaded at boot; remove that line",)


IN_USE = {"ip_vs": (3, frozenset({"ip_vs_rr", "xt_ipvs"})), "ip_vs_rr": (0, frozenset()), "xt_ipvs": (0, frozenset()),
          "nf_tables": (9, frozenset())}


def left(users, **entries):
    """A node in which the modules of ipvs mode are left from before."""
    wish = Desired("nftables", ("nf_tables",), PATH, unload=True)
    node = kernel({"nf_tables": "loaded"})
    journal = Journal({"nf_tables": True, **entries}).render()
    return plan(wish, Observed(node, file_text(wish, node), journal=journal, users=users))


def test_left_modules_are_unloaded_users_first():
    planned = left(IN_USE, ip_vs=False, ip_vs_rr=False, xt_ipvs=False)
    assert shown(planned) == ["unload module ip_vs_rr", "unload module xt_ipvs", "unload module ip_vs"]
    assert "ip_vs" not in planned.steps[-1].after


def test_ip_vs_as_a_6_12_kernel_counts_its_users_goes_unless_a_virtual_server_holds_it():
    schedulers = [f"ip_vs_{name}" for name in ("rr", "sh", "wlc", "wrr")]
    names = [*schedulers, "xt_ipvs"]
    for uses, last in ((9, "ip_vs"), (10, "xt_ipvs")):
        users = {"ip_vs": (uses, frozenset(names)), **{name: (0, frozenset()) for name in names}}
        planned = left(users, ip_vs=False, **dict.fromkeys(names, False))
        assert shown(planned)[-1] == f"unload module {last}"


def test_what_is_in_use_or_was_there_before_stays():
    planned = left(IN_USE, ip_vs=False, ip_vs_rr=False, xt_ipvs=True)
    assert shown(planned) == ["unload module ip_vs_rr"]
    assert planned.warnings == ("module ip_vs stays in the kernel: it is in use 3 times (by ip_vs_rr, xt_ipvs)",)
    assert '"ip_vs": false' in planned.steps[-1].after


def test_what_a_boot_has_unloaded_is_no_change():
    assert not left({"nf_tables": (9, frozenset())}, ip_vs=False).changed


def parameters(found, state="loaded", **rules):
    wish = Desired("iptables", ("xt_recent",), PATH, {"xt_recent": {"ip_list_tot": "1000"}})
    node = kernel({"xt_recent": state})
    shown_by_kernel = {} if state == "loadable" else {"xt_recent": {"ip_list_tot": found}}
    return plan(wish, Observed(node, file_text(wish, node), parameters=shown_by_kernel, rules=Rules(**rules)))


def test_a_writable_parameter_is_set_and_kept():
    planned = parameters(Parameter("100", True))
    assert shown(planned) == [f"write {OPTIONS}", "set xt_recent.ip_list_tot"]
    assert planned.steps[1].after.endswith("\noptions xt_recent ip_list_tot=1000\n")
    assert '"ip_list_tot": "100"' in planned.steps[0].after


def test_a_parameter_comes_with_the_module():
    assert shown(parameters(None, "loadable")) == [f"write {OPTIONS}", "load module xt_recent"]


def test_a_parameter_that_waits_for_the_next_load_is_a_warning():
    assert "can only be given when the module is loaded" in parameters(Parameter("100", False)).warnings[0]


def test_a_built_in_module_takes_its_parameter_from_the_command_line():
    words = parameters(Parameter("1000", False), "builtin").warnings
    assert words == ("xt_recent.ip_list_tot: the module is built in, so modprobe.d does not reach it at boot; add "
                     "xt_recent.ip_list_tot=1000 to the kernel's command line",)
    assert not parameters(Parameter("1000", False), "builtin", cmdline={"xt_recent.ip_list_tot": "1000"}).warnings


def test_another_file_that_wins_is_named():
    rules = {"options": {"xt_recent": {"ip_list_tot": Option("/etc/modprobe.d/zz.conf:7", "5")}}}
    words = parameters(Parameter("1000", False), **rules).warnings
    assert words[0].startswith("/etc/modprobe.d/zz.conf:7 gives xt_recent")


def test_a_parameter_that_is_wanted_no_longer_goes_back():
    node, wish = kernel({"a": "loaded"}), desired("a")
    journal = Journal({"a": True}, {"xt_recent": {"ip_list_tot": "100"}}).render()
    shown_by_kernel = {"xt_recent": {"ip_list_tot": Parameter("1000", True)}}
    seen = Observed(node, file_text(wish, node), "old", journal, shown_by_kernel)
    planned = plan(wish, seen)
    assert shown(planned) == [f"remove {OPTIONS}", "restore xt_recent.ip_list_tot"]
    assert "xt_recent" not in planned.steps[-1].after


def test_nothing_wanted_takes_everything_of_ours_away():
    node = kernel({})
    wish = Desired("ipvs", (), PATH)
    planned = plan(wish, Observed(node, "text", "options", Journal({"ip_vs": False}).render()))
    assert planned.describe() == [f"remove {OPTIONS}", f"remove {PATH}", f"remove {JOURNAL}"]
    assert plan(wish, Observed(node, None)).describe() == ["no module is asked for, and none is kept"]
