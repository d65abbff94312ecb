# SPDX-License-Identifier: MIT
"""Emulated machines with one of Debian's own kernels: what is fetched for them, how they are started and what they say.

QEMU emulates a CPU with SVM, so that a guest has /dev/kvm without any on the outside. The second serial line carries the
lines of the tests, the first one the kernel's messages, which go to build/nested/console-NAME.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CACHE = os.path.join(ROOT, "build/cache/nested")
LOGS = os.path.join(ROOT, "build/nested")
KERNELS = ("6.1", "6.12")
SLOWER = 4  # an emulated CPU beside a real one, as far as tests wait for something
# On a busy host the kernel measures the TSC wrongly, and the clock runs several times too fast; the watchdog
# would call it unstable, and KVM would move the offsets of its guests. Nor does it wait long enough for the timer's
# first interrupts there, and panics.
APPEND = "console=ttyS0 quiet panic=-1 tsc=reliable clocksource=acpi_pm no_timer_check"


def skip(what, why):
    print(f"skipped {what}: {why}", flush=True)
    if os.environ.get("KVMTEST_SKIPPED"):
        with open(os.environ["KVMTEST_SKIPPED"], "a", encoding="utf-8") as f:
            f.write(f"{what}: {why}\n")


def qemu():
    """A QEMU with TCG: newest of those unpacked in build/cache, else that of the machine; None without any."""
    unpacked = sorted(glob.glob(os.path.join(ROOT, "build/cache/qemu-*/run")),
                      key=lambda p: float(re.search(r"qemu-([\d.]+)/", p).group(1)))
    return (unpacked or [shutil.which("qemu-system-x86_64")])[-1]


def version(binary):
    """(major, minor) of a QEMU."""
    out = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(n) for n in re.search(r"version (\d+)\.(\d+)", out).groups())


def why_not(binary, kernel):
    """None when that QEMU emulates what the kernel needs, else why it does not."""
    if kernel != "6.1" and version(binary) < (8, 0):
        return ("QEMU {}.{} computes wrong flags for cmpxchg16b, and this kernel panics on them (tests/e2e/get-qemu 10 "
                "fetches one that does not)".format(*version(binary)))
    return None


def fetch(name):
    """None when build/cache/nested/NAME is there now, else why not."""
    if os.path.isdir(os.path.join(CACHE, name)):
        return None
    os.makedirs(LOGS, exist_ok=True)
    log = os.path.join(LOGS, f"get-{name}.log")
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


def boot(binary, kernel, console, options, append, seconds):
    """The lines that the guest's tests print. The machine is gone afterwards, whatever happened."""
    # Beside busy processes the guest's RCU starved for good in 2 of 23 and 2 of 6 runs on QEMU 7.2, a thread for each
    # vCPU; with one thread for all it takes as long.
    threads = "single" if version(binary) < (8, 0) else "multi"
    argv = [binary, "-accel", f"tcg,thread={threads}", "-cpu", "max", "-smp", "2", "-nodefaults",
            "-display", "none", "-no-reboot", "-serial", f"file:{console}", "-serial", "stdio",
            "-kernel", os.path.join(CACHE, kernel, "vmlinuz"), "-append", f"{APPEND} {append}".strip(), *options]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace")
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        for line in process.stdout:
            yield line.rstrip("\r\n")
    finally:
        timer.cancel()
        process.kill()
        process.wait()


def say(name, line):
    """In one piece: others run beside it."""
    sys.stdout.write(f"{name:<5} {line}\n")
    sys.stdout.flush()


def run(binary, kernel, options, append="", seconds=900, tests=True, name=None):
    """[passed, failed, skipped] of one machine, whose tests print as tests/e2e/run.py does and then
    "tests ended with status N"; each of their lines is printed as it comes. A machine that ends otherwise,
    or takes longer than that, has failed. With tests=False any other command runs there and counts as one.
    name, which each line begins with, is that of the kernel unless two run on it at once."""
    name = name or kernel
    counts = None
    status = None
    booted = None
    os.makedirs(LOGS, exist_ok=True)
    console = os.path.join(LOGS, f"console-{name}")
    start = time.monotonic()
    for line in boot(binary, kernel, console, options, append, seconds):
        booted = booted or time.monotonic() - start
        found = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", line)
        ended = re.fullmatch(r"tests ended with status (\d+)", line)
        if found:
            counts = [int(n) for n in found.groups()]
        elif ended:
            status = int(ended.group(1))
        else:
            say(name, line)
    took = time.monotonic() - start
    say(name, f"{took:.0f} s from power-on to power-off, first result after {booted or 0:.0f} s")
    if not tests and status is not None:
        counts = [int(status == 0), int(status != 0), 0]
    if counts and counts[1] == 0 and status:
        counts[1] += 1  # what ran before the counted tests
    elif counts is None or status is None or (status != 0) != (counts[1] > 0):
        why = f"stopped after {seconds} s" if took >= seconds else "ended early"
        with open(console, encoding="utf-8", errors="replace") as f:
            last = "".join(f"    {line}" for line in f.readlines()[-25:])
        say(name, f"FAILED  the run on {kernel} {why}; the console's last lines:\n{last}")
        counts = counts or [0, 0, 0]
        counts[1] += 1
    return counts
