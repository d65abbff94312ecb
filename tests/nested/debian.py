#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs what needs real VMs where this machine has no /dev/kvm: in an emulated Debian 12 with KVM.

    debian.py [--kernel 6.1|6.12] [--qemu PROGRAM] [--append WORDS] [--command COMMAND] [--memory SIZE] [NAME]...

That is the unit tests that make VMs or look at memory as this kernel may not have it, and the end-to-end tests.
NAME chooses tests of tests/e2e, as in tests/e2e/run.py, and leaves the units out. --append adds to the kernel's command line, so that
lockdown=integrity makes a locked-down host. --command runs a shell command in the tree instead of the tests.
The tree is a copy of what the tests read, and of the programs built. Inside are Debian's QEMU 7.2, and QEMU 10 where
tests/e2e/get-qemu has fetched it. Nothing of what happens there is kept. Environment: KVMLENS, TESTVM.

Tests that need tools which are not inside (make, a compiler, prometheus) are left out there.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import image  # noqa: E402  pylint: disable=wrong-import-position
import machine  # noqa: E402  pylint: disable=wrong-import-position
from machine import CACHE, KERNELS, ROOT, skip  # noqa: E402  pylint: disable=wrong-import-position

MINUTES = 25  # then a run hangs; it takes a third of that
SYSTEM = "6b766d6c-01"  # the partition that get-kernels makes; Linux numbers disks in the order in which they answer
READ_BY_TESTS = ("tests", "man", "contrib", "README.md", "Makefile", "LICENSE")
# test_demo has an e2e module beside it; its unit bounds what the demo costs a real CPU.
UNITS = ("core/test_minivm", "core/test_residency", "core/test_scan")
# What they test is there without KVM, and needs a compiler, shells and readers.
ELSEWHERE = ("test_install", "test_prometheus", "test_arm64")


def add_modules(directory, kernel):
    """The module kvm-amd and those it needs, below DIRECTORY, with their order."""
    os.makedirs(directory)
    order = image.modules_in_order(os.path.join(CACHE, kernel), "kvm-amd")
    for name, data in order:
        with open(os.path.join(directory, f"{name}.ko"), "wb") as f:
            f.write(data)
    with open(os.path.join(directory, "order"), "w", encoding="ascii") as f:
        f.write("".join(f"{name}.ko\n" for name, _ in order))


def add_tree(tree, programs):
    """What the tests read of this tree, and at build/gcc the programs under test."""
    os.makedirs(os.path.join(tree, "build/cache"))
    for name in READ_BY_TESTS:
        source = os.path.join(ROOT, name)
        if os.path.isdir(source):
            shutil.copytree(source, os.path.join(tree, name), symlinks=True,
                            ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, tree)
    for name, source in programs.items():
        os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
        shutil.copy2(source, os.path.join(tree, name))
    os.symlink("build/gcc/kvmlens", os.path.join(tree, "kvmlens"))
    newer = os.path.join(ROOT, "build/cache/qemu-10")
    if os.path.isdir(newer):
        shutil.copytree(newer, os.path.join(tree, "build/cache/qemu-10"), symlinks=True)


def default_command(names):
    if names:
        return "exec python3 tests/e2e/run.py " + " ".join(names)
    modules = sorted(name[:-3] for name in os.listdir(os.path.join(ROOT, "tests/e2e")) if name.startswith("test_"))
    return (f"bad=0\nfor unit in {' '.join(UNITS)}; do\n    build/gcc/tests/$unit 2>&1 || bad=1\ndone\n"
            f"python3 tests/e2e/run.py {' '.join(m for m in modules if m not in ELSEWHERE)} || bad=1\nexit $bad")


def make_disk(path, kernel, command):
    testvm = os.environ.get("TESTVM", os.path.join(ROOT, "build/gcc/tests/vm/testvm"))
    programs = {"build/gcc/kvmlens": os.environ.get("KVMLENS", os.path.join(ROOT, "kvmlens")),
                "build/gcc/tests/vm/testvm": testvm,
                "build/gcc/tests/vm/hostile": os.path.join(os.path.dirname(testvm), "hostile")}
    tests = os.path.dirname(os.path.dirname(testvm))
    programs.update({f"build/gcc/tests/{unit}": os.path.join(tests, unit) for unit in UNITS})
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as root:
        add_modules(os.path.join(root, "modules"), kernel)
        add_tree(os.path.join(root, "tree"), programs)
        with open(os.path.join(root, "command"), "w", encoding="utf-8") as f:
            f.write("export KVMLENS=$PWD/build/gcc/kvmlens TESTVM=$PWD/build/gcc/tests/vm/testvm KVMTEST_MOUNTS=1 "
                    f"KVMTEST_SLOWER={machine.SLOWER} PYTHONDONTWRITEBYTECODE=1\n{command}\n")
        if os.path.exists(path):
            os.remove(path)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-L", "tree", "-d", root, path, "1G"],
                       stdout=subprocess.DEVNULL, check=True)


def disk(path, name):
    # What the guest writes goes to a file that is gone with the machine.
    return ["-drive", f"file={path},format=raw,if=none,id={name},snapshot=on", "-device", f"nvme,drive={name},serial={name}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kernel", choices=KERNELS, default=KERNELS[-1])
    parser.add_argument("--qemu", default=machine.qemu(), metavar="PROGRAM")
    parser.add_argument("--append", default="", metavar="WORDS")
    parser.add_argument("--command")
    parser.add_argument("--memory", default="5G", metavar="SIZE")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    why = None
    if os.uname().machine != "x86_64" or not args.qemu:
        why = "needs x86-64 and qemu-system-x86_64"
    why = why or machine.why_not(args.qemu, args.kernel) or machine.fetch(args.kernel) or machine.fetch("debian")
    if why:
        skip("end-to-end tests in an emulated Debian", why)
        print("0 passed, 0 failed, 1 skipped")
        return 0
    path = os.path.join(machine.LOGS, "tree.img")
    os.makedirs(machine.LOGS, exist_ok=True)
    make_disk(path, args.kernel, args.command or default_command(args.names))
    options = [*disk(os.path.join(CACHE, "debian/disk.img"), "system"), *disk(path, "tree"), "-m", args.memory]
    counts = machine.run(args.qemu, args.kernel, options, f"root=PARTUUID={SYSTEM} rw init=/tests-init {args.append}",
                         MINUTES * 60, tests=not args.command)
    os.remove(path)
    print(f"{counts[0]} passed, {counts[1]} failed, {counts[2]} skipped")
    return 1 if counts[1] else 0


if __name__ == "__main__":
    sys.exit(main())
