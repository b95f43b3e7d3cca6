"""Copy a file out of a Go module that the one in this directory is built from, as go.sum has checked it.

Usage: module_file.py MODULE PATH TARGET
"""
from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path


def main() -> None:
    module, path, target = sys.argv[1:]
    argv = ["go", "list", "-m", "-f", "{{.Dir}}", module]
    place = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    shutil.copyfile(Path(place, path), target)


if __name__ == "__main__":
    main()
