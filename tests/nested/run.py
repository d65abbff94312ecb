#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs kvmlens on Debian's own kernels, each booted in an emulated machine with KVM and an open debugfs:

    run.py [--kernel 6.1|6.12]... [NAME]...

NAME chooses tests of tests/nested/guest, as in tests/e2e/run.py; without any all are run. QEMU emulates a CPU with SVM, so that /dev/kvm
is there without any on the outside, and no lockdown. The tests' lines come over a serial line; the kernel's messages
are in build/nested/console-VERSION. Environment: KVMLENS, TESTVM (programs that go into the guest).
"""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CACHE = os.path.join(ROOT, "build/cache/nested")
LOGS = os.path.join(ROOT, "build/nested")
KERNELS = ("6.1", "6.12")
APART = "test_cost"  # takes as long as all others, and one kernel tells enough: a run of its own on the first
SECONDS = 180  # then a run hangs; it takes a third of that
sys.path.insert(0, HERE)

import image  # noqa: E402  pylint: disable=wrong-import-position


def skip(what, why):
    print(f"skipped {what}: {why}", flush=True)


def qemu():
    """A QEMU with TCG: newest of those unpacked in build/cache, else that of the machine."""
    unpacked = sorted(glob.glob(os.path.join(ROOT, "build/cache/qemu-*/run")),
                      key=lambda p: float(re.search(r"qemu-([\d.]+)/", p).group(1)))
    return (unpacked or [shutil.which("qemu-system-x86_64")])[-1]


def fetch(name):
    """None when build/cache/nested/NAME is there now, else why not."""
    if os.path.isdir(os.path.join(CACHE, name)):
        return None
    os.makedirs(LOGS, exist_ok=True)
    log = os.path.join(LOGS, "get-kernels.log")
    with open(log, "wb") as f:
        done = subprocess.run([os.path.join(HERE, "get-kernels"), name], stdin=subprocess.DEVNULL,
                              stdout=f, stderr=f, check=False)
    if done.returncode == 0:
        return None
    with open(log, encoding="utf-8", errors="replace") as f:
        lines = [line.strip() for line in f if line.strip()]
    # apt's own first complaint tells more than its last.
    reasons = [line for line in lines if line.startswith("E: ")] + lines[-1:] + ["no reason given"]
    return f"its packages cannot be had: {reasons[0]}"


def make_image(path, kernel, names):
    guest = os.path.join(HERE, "guest")
    e2e = os.path.join(ROOT, "tests/e2e")
    tests = {"/init": os.path.join(guest, "init")}
    for source in (os.path.join(e2e, "run.py"), os.path.join(e2e, "kvmtest.py"),
                   *glob.glob(os.path.join(guest, "*.py"))):
        tests[f"/tests/{os.path.basename(source)}"] = source
    with tempfile.NamedTemporaryFile("w") as f:
        f.write("\n".join(names) + "\n")
        f.flush()
        tests["/tests/names"] = f.name
        programs = {f"/bin/{name}": os.path.abspath(os.environ.get(name.upper(), default))
                    for name, default in (("kvmlens", os.path.join(ROOT, "kvmlens")),
                                          ("testvm", os.path.join(ROOT, "build/gcc/tests/vm/testvm")))}
        # kvm_stat asks ps for the names of guests.
        if shutil.which("ps"):
            programs["/bin/procps"] = shutil.which("ps")
        image.build(path, os.path.join(CACHE, kernel), os.path.join(CACHE, "tools"), programs, tests)


def boot(binary, kernel, initrd, console):
    """The lines that the guest's tests print. The machine is gone afterwards, whatever happened."""
    argv = [binary, "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1G", "-nodefaults",
            "-display", "none", "-no-reboot", "-serial", f"file:{console}", "-serial", "stdio",
            "-kernel", os.path.join(CACHE, kernel, "vmlinuz"), "-initrd", initrd,
            # On a busy host the kernel measures the TSC wrongly, and the clock runs several times too fast; the
            # watchdog would call it unstable, and KVM would move the offsets of its guests.
            "-append", "console=ttyS0 quiet panic=-1 tsc=reliable clocksource=acpi_pm"]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace")
    timer = threading.Timer(SECONDS, process.kill)
    timer.start()
    try:
        for line in process.stdout:
            yield line.rstrip("\r\n")
    finally:
        timer.cancel()
        process.kill()
        process.wait()


def run(kernel, names):
    """{passed, failed, skipped} of one kernel."""
    counts = None
    status = None
    os.makedirs(LOGS, exist_ok=True)
    initrd = os.path.join(LOGS, f"initrd-{kernel}")
    console = os.path.join(LOGS, f"console-{kernel}")
    make_image(initrd, kernel, names)
    start = time.monotonic()
    booted = None
    for line in boot(qemu(), kernel, initrd, console):
        booted = booted or time.monotonic() - start
        found = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", line)
        ended = re.fullmatch(r"tests ended with status (\d+)", line)
        if found:
            counts = [int(n) for n in found.groups()]
        elif ended:
            status = int(ended.group(1))
        else:
            print(f"{kernel:<5} {line}", flush=True)
    seconds = time.monotonic() - start
    print(f"{kernel:<5} {seconds:.0f} s from power-on to power-off, first result after {booted or 0:.0f} s", flush=True)
    if counts is None or status is None or (status != 0) != (counts[1] > 0):
        why = f"stopped after {SECONDS} s" if seconds >= SECONDS else "ended early"
        print(f"FAILED  the run on {kernel} {why}; the console's last lines:")
        with open(console, encoding="utf-8", errors="replace") as f:
            print("".join(f"    {line}" for line in f.readlines()[-25:]))
        counts = counts or [0, 0, 0]
        counts[1] += 1
    return counts


def runs(kernels, names):
    """(kernel, names of tests) of each boot."""
    if names:
        return [(kernel, names) for kernel in kernels]
    modules = sorted(os.path.basename(path)[:-3] for path in glob.glob(f"{HERE}/guest/test_*.py"))
    modules.remove(APART)
    return [(kernel, modules) for kernel in kernels] + [(kernels[0], [APART])]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kernel", action="append", choices=KERNELS)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    total = [0, 0, 0]
    if os.uname().machine != "x86_64" or not qemu():
        skip("stock kernels", "needs x86-64 and qemu-system-x86_64")
        total[2] += 1
    elif why := fetch("tools"):
        skip("stock kernels", why)
        total[2] += 1
    else:
        for kernel, names in runs(args.kernel or KERNELS, args.names):
            why = fetch(kernel)
            if why:
                skip(f"{' '.join(names)} on kernel {kernel}", why)
                total[2] += 1
            else:
                total = [a + b for a, b in zip(total, run(kernel, names))]
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
