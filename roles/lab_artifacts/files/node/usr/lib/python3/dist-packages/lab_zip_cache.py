"""Keep the compiled code of modules that Python imports from a zip archive, as it does for those in directories.

Ansible sends each module with its libraries as a zip archive, which Python compiles anew in every call: 0.1 s on a real
machine, four seconds on an emulated node. Loaded by lab_zip_cache.pth at every start of Python on a node of the lab; it
changes what a call costs and nothing that it does.
"""
import _imp
import marshal
import os
import sys
import zipimport

CACHE = f"/var/cache/lab-python/{sys.implementation.cache_tag}"
compile_source = zipimport._compile_source


def cached(pathname, source):
    """zipimport's compiler: from the archive's path and a module's source to its code."""
    # The path in the archive is part of the key, that of the archive, which is another one in every call, is not.
    name = f"{_imp.source_hash(len(source), source).hex()}-{os.path.basename(pathname)}"
    try:
        with open(f"{CACHE}/{name}", "rb") as stream:
            return marshal.load(stream)
    except (OSError, ValueError, EOFError, TypeError):
        code = compile_source(pathname, source)
    try:
        os.makedirs(CACHE, mode=0o700, exist_ok=True)
        with open(f"{CACHE}/{name}.{os.getpid()}", "wb") as stream:
            marshal.dump(code, stream)
        os.replace(f"{CACHE}/{name}.{os.getpid()}", f"{CACHE}/{name}")
    except OSError:
        pass
    return code


zipimport._compile_source = cached
