#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs kvmlens on Debian's own kernels, each booted in an emulated machine with KVM and an open debugfs:

    run.py [--kernel 6.1|6.12]... [--qemu PROGRAM] [--again] [NAME]...

NAME chooses tests of tests/nested/guest, and --again gives them a second chance, as in tests/e2e/run.py; without any all are run.
There is no lockdown inside.
Environment: KVMLENS, TESTVM (programs that go into the guest).
"""
import argparse
import concurrent.futures
import glob
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import image  # noqa: E402  pylint: disable=wrong-import-position
import machine  # noqa: E402  pylint: disable=wrong-import-position
from machine import CACHE, HERE, KERNELS, LOGS, ROOT, skip  # noqa: E402  pylint: disable=wrong-import-position

# What is true of the oldest kernel is true of the others: its verifier is the strictest, and files of cgroups stay.
OLDEST = {"test_bpf", "test_cgroup"}
# Each CPU has a node of its own, with half of the memory.
NODES = [word for node in (0, 1) for word in (
    "-object", f"memory-backend-ram,id=m{node},size=512M", "-numa", f"node,nodeid={node},cpus={node},memdev=m{node}")]
APART = "test_cost"  # takes as long as all others, and one kernel tells enough: a run of its own on the first


def needs_perf(names):
    return any(name.startswith("test_exits") or name == "BesideOthers" for name in names)


def make_image(path, kernel, names, options):
    guest = os.path.join(HERE, "guest")
    e2e = os.path.join(ROOT, "tests/e2e")
    tests = {"/init": os.path.join(guest, "init")}
    for source in (os.path.join(e2e, "run.py"), os.path.join(e2e, "kvmtest.py"),
                   *glob.glob(os.path.join(guest, "*.py"))):
        tests[f"/tests/{os.path.basename(source)}"] = source
    with tempfile.NamedTemporaryFile("w") as f:
        f.write("\n".join([*options, *names]) + "\n")
        f.flush()
        tests["/tests/arguments"] = f.name
        programs = {f"/bin/{name}": os.path.abspath(os.environ.get(name.upper(), default))
                    for name, default in (("kvmlens", os.path.join(ROOT, "kvmlens")),
                                          ("testvm", os.path.join(ROOT, "build/gcc/tests/vm/testvm")))}
        # There only in a build with BPF.
        for name in ("test_kvm_bpf", "test_kvm_exits", "test_kvm_exits_odd", "test_source_bpf"):
            built = os.path.join(ROOT, "build/gcc/tests/core", name)
            if os.path.exists(built):
                programs[f"/bin/{name}"] = built
        # kvm_stat asks ps for the names of guests.
        if shutil.which("ps"):
            programs["/bin/procps"] = shutil.which("ps")
        # perf, with its libraries, is large.
        trees = {"/perf": os.path.join(CACHE, "perf")} if needs_perf(names) and not machine.fetch("perf") else {}
        image.build(path, os.path.join(CACHE, kernel), os.path.join(CACHE, "tools"), programs, tests, trees)


def run(binary, kernel, names, options):
    """[passed, failed, skipped] of one boot."""
    os.makedirs(LOGS, exist_ok=True)
    name = f"{kernel}-{APART}" if names == [APART] else kernel
    initrd = os.path.join(LOGS, f"initrd-{name}")
    make_image(initrd, kernel, names, options)
    return machine.run(binary, kernel, ["-m", "1G", "-initrd", initrd, *NODES], name=name)


def runs(kernels, names):
    """(kernel, names of tests) of each boot."""
    if names:
        return [(kernel, names) for kernel in kernels]
    modules = sorted(os.path.basename(path)[:-3] for path in glob.glob(f"{HERE}/guest/test_*.py"))
    modules.remove(APART)
    return [(kernel, [name for name in modules if kernel == kernels[0] or name not in OLDEST])
            for kernel in kernels] + [(kernels[0], [APART])]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kernel", action="append", choices=KERNELS)
    parser.add_argument("--qemu", default=machine.qemu(), metavar="PROGRAM")
    parser.add_argument("--at-once", type=int, default=2, metavar="N", help="machines that run side by side")
    parser.add_argument("--again", action="store_const", const=["--again"], default=[])
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    total = [0, 0, 0]
    if os.uname().machine != "x86_64" or not args.qemu:
        skip("stock kernels", "needs x86-64 and qemu-system-x86_64")
        total[2] += 1
    elif why := machine.fetch("tools"):
        skip("stock kernels", why)
        total[2] += 1
    else:
        boots = []
        for kernel, names in runs(args.kernel or KERNELS, args.names):
            why = machine.why_not(args.qemu, kernel) or machine.fetch(kernel)
            if why:
                skip(f"{' '.join(names)} on kernel {kernel}", why)
                total[2] += 1
            else:
                boots.append((kernel, names))
        # A machine waits half of its time. Where one thread has all CPUs of a guest, it has to be alone.
        at_once = 1 if machine.version(args.qemu) < (8, 0) else min(args.at_once, os.cpu_count())
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            for counts in pool.map(lambda boot: run(args.qemu, *boot, args.again), boots):
                total = [a + b for a, b in zip(total, counts)]
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
