"""The quick depth: which cells are asked, that this can be repeated, and that nobody takes it for the whole."""
from __future__ import annotations

import copy
import random
import time

import pytest
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.verify import cells, page, sample, table
from ansible.module_utils.fairlead.verify.clients import HOST_POD, NODE, POD, inside, outside
from ansible.module_utils.fairlead.verify.report import Seen, make
from ansible.module_utils.fairlead.verify.sample import Sample
from ansible.module_utils.fairlead.verify.targets import Node, Pod, Target

NAMES = ("node1", "node2", "node3")
NODES = [Node(name, (f"192.0.2.1{number}", f"fd98::1{number}"),
              pod_cidrs=(f"10.244.{number}.0/24", f"fd00:{number}::/64")) for number, name in enumerate(NAMES, 1)]
PODS = tuple(Pod(f"pod-{name}", name) for name in NAMES)
ONE_POD = {"IPv4": PODS[:1], "IPv6": PODS[:1]}
SORTS = ({}, {"node_port": 1}, {"node_port": 1, "affinity": True}, {"node_port": 1, "protocol": "UDP"},
         {"node_port": 1, "external_local": True, "pods": ONE_POD}, {"internal_local": True, "pods": ONE_POD},
         {"balancer_ips": ("203.0.113.0",), "source_ranges": ("10.0.0.0/8",)})


def matrix(services):
    """Services of every sort by turns, asked by four machines outside and by every kind of client on three nodes."""
    targets = []
    for number in range(services):
        sort = dict(SORTS[number % len(SORTS)])
        if sort.get("node_port"):
            sort["node_port"] = 30000 + number
        if sort.get("balancer_ips"):
            sort["balancer_ips"] = (f"203.0.113.{number}",)
        targets.append(Target(f"shop/web{number}", 80, **{
            "cluster_ips": (f"10.96.{number // 250}.{number % 250}", f"fd00:96::{number:x}"),
            "pods": {"IPv4": PODS, "IPv6": PODS}, **sort}))
    clients = outside([f"client{number}" for number in range(1, 5)], {"client1": ["198.18.0.1", "fd98::1"]})
    clients += inside(NODES, NAMES, [NODE, POD, HOST_POD], {name: {POD: f"{name}-a", HOST_POD: f"{name}-b"}
                                                            for name in NAMES})
    return cells.compute(clients, NODES, targets, cells.Question({"TCP": "/hostname", "UDP": "hostname"}))


SMALL, LARGE = matrix(14), matrix(200)


def values(asked, name):
    return {cell["expect"]["outcome"] if name == "outcome" else cell[name] for cell in asked}


@pytest.mark.parametrize("name", ["service", "node", "kind", "client", "place", "family", "outcome"])
def test_everything_is_asked_at_least_once(name):
    asked, taken = sample.take(LARGE, Sample(1000))
    assert len(asked) == taken["asked"] == 1000
    assert taken["of"] == len(LARGE) > 10000
    assert values(asked, name) == values(LARGE, name)
    assert taken["not_asked"] == {}


def test_the_smallest_sample_that_asks_everything_is_named():
    needed = sample.take(SMALL, Sample(1))[1]["needed"]
    assert sample.take(SMALL, Sample(needed))[1]["not_asked"] == {}
    assert sample.take(SMALL, Sample(needed - 1))[1]["not_asked"]
    assert needed < 30


@pytest.mark.parametrize("outcome", ["not here", "not allowed"])
def test_the_only_cell_that_must_be_refused_is_asked(outcome):
    """Whichever one it is: a sample of answers alone would not see a policy that is not kept."""
    answers = [cell for cell in SMALL if cell["expect"]["outcome"] == "answer"]
    for refused in [cell for cell in SMALL if cell["expect"]["outcome"] == outcome][::5]:
        needed = sample.take([*answers, refused], Sample(1))[1]["needed"]
        assert refused["id"] in {cell["id"] for cell in sample.take([*answers, refused], Sample(needed))[0]}


def test_where_the_bound_is_tight_what_most_cells_share_comes_first():
    asked, taken = sample.take(LARGE, Sample(20))
    assert len(asked) == 20
    for name in ("node", "kind", "client", "place", "outcome"):
        assert values(asked, name) == values(LARGE, name), name
    left = taken["not_asked"]["port"]
    assert len(left) >= 180
    assert sample.too_small(taken) == [
        "20 cells are too few to ask everything once. Not asked: Service port "
        f"{', '.join(left[:3])}, and {len(left) - 3} more. Set service_verify_sample to {taken['needed']} or more"]


def test_pairs_come_next():
    """A Service that only one node does not serve is found."""
    asked, _ = sample.take(LARGE, Sample(1000))

    def pairs(of):
        return {(cell["service"], cell["node"]) for cell in of if cell["expect"]["outcome"] != "either"}

    assert pairs(asked) == pairs(LARGE)


def test_the_same_seed_asks_the_same_and_another_one_others():
    def ids(cells_, seed, most=60):
        return [cell["id"] for cell in sample.take(cells_, Sample(most, seed))[0]]

    shuffled = copy.copy(SMALL)
    random.Random(3).shuffle(shuffled)
    assert ids(SMALL, "1") == ids(SMALL, "1")
    assert sorted(ids(shuffled, "1")) == sorted(ids(SMALL, "1")), "whatever the order in which the objects came"
    assert set(ids(SMALL, "2")) != set(ids(SMALL, "1"))
    order = [cell["id"] for cell in SMALL]
    assert ids(SMALL, "1") == sorted(ids(SMALL, "1"), key=order.index)


def test_one_connection_and_no_claim_on_what_it_cannot_show():
    asked, taken = sample.take(SMALL, Sample(0))
    assert len(asked) == len(SMALL)
    assert {(cell["connections"], cell["expect"]["share"]) for cell in asked} == {(1, "any")}
    assert not any(cell["expect"]["source"] for cell in asked)
    assert any(cell["expect"]["source"] for cell in SMALL), "the matrix itself is left as it is"
    assert taken["not_judged"] == ["Spread", "Affinity", "Source"]


def test_a_large_matrix_is_drawn_from_in_no_time():
    started = time.process_time()
    sample.take(LARGE, Sample(1000))
    assert time.process_time() - started < 10


def test_questions_to_cluster_dns():
    every = [{"service": f"shop/web{number}", "check": check, "how": how, "type": check, "name": f"web{number}.shop"}
             for number in range(20) for check, how in (("A", ""), ("AAAA", ""), ("A", "+search"), ("SRV", ""))]
    asked = sample.questions(every, "1")
    assert {question["service"] for question in asked} == {f"shop/web{number}" for number in range(20)}
    assert {(question["check"]) for question in asked} == {"A", "AAAA", "SRV"}
    assert {(question["how"]) for question in asked} == {"", "+search"}
    assert len(asked) <= 22
    assert asked == sample.questions(every, "1")


def test_no_number_of_cells():
    with pytest.raises(FairleadError, match="service_verify_sample=-1"):
        sample.of_depth("quick", -1, "1")
    assert sample.of_depth("full", 1000, "1") is None


def report(most, wrong=()):
    """A sample of the small matrix in which every cell is as promised but those of the Services in `wrong`."""
    asked, taken = sample.take(SMALL, Sample(most))
    results = {}
    for cell in asked:
        answers = cell["expect"]["outcome"] == "answer" and cell["service"] not in wrong
        pods = cell["expect"]["pods"][:1] if answers else []
        results[cell["id"]] = {
            "answers": dict.fromkeys(pods, 1), "failures": 0 if pods else 1, "own_faults": 0, "connections": 1,
            "error": "" if pods else "connect: ETIMEDOUT", "unfinished": False, "course": [[pod, 1] for pod in pods],
            "source": "", "latency_ms": {"min": 1.0, "counts": [0, 1]} if pods else {}}
    nodes = [{"name": n.name, "addresses": list(n.addresses), "ready": True, "kernel": "6.12", "kubernetes": "v1"}
             for n in NODES]
    return make({"nodes": nodes, "services": [], "unproven": [], "moving": [], "cells": asked, "sample": taken},
                Seen(results, {}, {}), {}, 3)


def test_a_sample_says_so_everywhere():
    made = report(60)
    assert made["verdict"] == "proven"
    lines = [line["text"] for line in table.render(made)]
    said = f"a sample (quick depth, seed 1): 60 of {len(SMALL)} cells, one connection each; not judged: Spread, " \
           "Affinity, Source. What was not asked is not proven"
    assert said in lines
    assert lines[-1] == (f"proven (of a sample): 3 nodes, 13 clients, 60 of {len(SMALL)} cells (client x address x "
                         "Service port), 60 connections")
    node = next(line for line in lines if line.startswith("node1"))
    assert node.count("not judged") == 3
    shown = page.render(made)
    assert "<h1>✓ proven <small>(of a sample)</small></h1>" in shown
    assert said in shown
    assert f"<b>60/{len(SMALL)}</b>cells asked" in shown
    assert "<td>not judged</td>" in shown


def test_what_was_not_asked_never_looks_proven():
    made = report(60)
    shown = page.render(made)
    assert 'class="unasked" title="none of ' in shown
    whole = {cell["id"] for cell in SMALL}
    sums = [part for part in shown.split("<td")[1:] if part.lstrip().startswith('class="proven"')
            and "data-id" not in part.partition(">")[0]]
    for square in sums:  # at a glance: a full green one has all of its cells asked
        asked = square.partition('title="')[2].partition('"')[0]
        assert asked and "asked" not in asked, square
    assert shown.count('class="proven part"') > 20
    assert len(made["cells"]) < len(whole)


def test_a_sample_finds_a_service_that_is_not_served():
    made = report(60, wrong=("shop/web1",))
    assert made["verdict"] == "disproven"
    assert {failure["service"] for failure in made["failures"]} == {"shop/web1"}
    assert "no client at all" not in str(made["failures"]), "one connection misses a pod by chance"


def test_a_sample_that_leaves_something_out_altogether_is_unknown():
    made = report(6)
    assert made["verdict"] == "unknown"
    assert any("too few to ask everything once" in note for note in made["notes"])
    assert "service_verify_sample" in table.summary(made)
    assert not any("nothing was probed on it" in note for note in report(1)["notes"])
