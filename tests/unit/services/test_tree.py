"""The directory of files: what is ours, and never anything else."""
from __future__ import annotations

import os

import pytest
from ansible.module_utils.fairlead.errors import FairleadError
from ansible.module_utils.fairlead.services import render, tree

A, B = (f"{render.HEADER}kind: {name}\n" for name in "AB")


def settle(directory, wanted):
    planned = tree.plan(str(directory), wanted, tree.observe(str(directory)))
    take(directory, planned)
    assert not tree.plan(str(directory), wanted, tree.observe(str(directory))).changed
    return planned


def take(directory, planned):
    writer = tree.Writer(str(directory))
    try:
        if planned.changed:
            writer.prepare(planned)
        for step in planned.steps:
            writer.apply(step)
    finally:
        writer.close()


def found(directory):
    return {os.path.relpath(os.path.join(place, name), directory) for place, _d, names in os.walk(directory)
            for name in names}


def test_first_run_second_run_and_one_less(tmp_path):
    directory = tmp_path / "rendered" / "x"
    assert settle(directory, {"n/a.yaml": A, "m/b.yaml": B, "k.yaml": A}).describe() == [
        f"write {directory}/n/a.yaml", f"write {directory}/m/b.yaml", f"write {directory}/k.yaml"]
    second = settle(directory, {"n/a.yaml": A, "m/b.yaml": B, "k.yaml": A})
    assert second.describe() == [f"all 3 files in {directory} are as wanted"]
    assert settle(directory, {"n/a.yaml": B, "k.yaml": A}).describe() == [
        f"write {directory}/n/a.yaml", f"remove {directory}/m/b.yaml"]
    assert sorted(os.listdir(directory)) == ["k.yaml", "n"]


def test_files_of_others_stay(tmp_path):
    settle(tmp_path, {"n/a.yaml": A})
    others = {"n/theirs.yaml": "kind: C\n", "README.md": "x", "n/notes.txt": A, "deep/er/a.yaml": A}
    for name, text in others.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "n" / "binary.yaml").write_bytes(b"\xff\x00")
    settle(tmp_path, {})
    assert found(tmp_path) == {*others, "n/binary.yaml"}


def test_our_file_broken_by_hand_is_written_again(tmp_path):
    settle(tmp_path, {"n/a.yaml": A})
    (tmp_path / "n/a.yaml").write_bytes(A.encode() + b"\xff")
    settle(tmp_path, {"n/a.yaml": A})
    assert (tmp_path / "n/a.yaml").read_text() == A


def test_what_a_killed_run_left_is_cleared_away(tmp_path):
    settle(tmp_path, {"n/a.yaml": A})
    (tmp_path / "n/.fairlead-123").write_text("half")
    settle(tmp_path, {"n/a.yaml": A})
    assert found(tmp_path) == {"n/a.yaml"}


def test_a_file_of_others_in_the_way_is_an_error(tmp_path):
    (tmp_path / "n").mkdir()
    (tmp_path / "n/a.yaml").write_text("theirs")
    with pytest.raises(FairleadError, match=r"n/a\.yaml.*Move"):
        settle(tmp_path, {"n/a.yaml": A})
    assert (tmp_path / "n/a.yaml").read_text() == "theirs"


@pytest.mark.parametrize("link", ["root", "directory", "file"])
def test_links_are_not_followed(tmp_path, link):
    outside, directory = tmp_path / "outside", tmp_path / "rendered"
    outside.mkdir()
    (outside / "a.yaml").write_text(A)
    if link == "root":
        directory.symlink_to(outside)
    else:
        directory.mkdir()
        if link == "directory":
            (directory / "n").symlink_to(outside)
        else:
            (directory / "n").mkdir()
            (directory / "n/a.yaml").symlink_to(outside / "a.yaml")
    with pytest.raises(FairleadError):
        settle(directory, {"n/a.yaml": B})
    assert (outside / "a.yaml").read_text() == A
    assert found(outside) == {"a.yaml"}


def test_a_directory_swapped_for_a_link_after_the_plan(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    planned = tree.plan(str(tmp_path / "r"), {"n/a.yaml": A}, tree.observe(str(tmp_path / "r")))
    (tmp_path / "r").mkdir()
    (tmp_path / "r/n").symlink_to(outside)
    with pytest.raises(FairleadError, match="cannot be written"):
        take(tmp_path / "r", planned)
    assert not found(outside)


def test_a_directory_that_is_a_file(tmp_path):
    (tmp_path / "r").write_text("x")
    with pytest.raises(FairleadError, match="cannot be read"):
        tree.observe(str(tmp_path / "r"))
