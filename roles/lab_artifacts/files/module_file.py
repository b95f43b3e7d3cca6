"""Copy a file out of a Go module that the one in this directory is built from, as go.sum has checked it.

Usage: module_file.py MODULE PATH TARGET
"""
from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path


def main() -> None:
    module, path, target = sys.argv[1:]
    # Not `go list`, which names no directory when what was built from it is kept and the module itself is not.
    argv = ["go", "mod", "download", "-json", module]
    found = json.loads(subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout)
    shutil.copyfile(Path(found["Dir"], path), target)


if __name__ == "__main__":
    main()
