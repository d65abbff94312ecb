#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Truth tables: real migrations, one JSON line each.

    truth.py run FILE [--seed N] [--cases N] [--budget SECONDS] [--qemu 10.0] [--looks]
    truth.py show FILE...
    truth.py rates FILE...

run appends the cases that the file lacks, until there are so many or the time is over: each with what kvmlens forecasts
just before, for a line whose speed is measured first. With --looks what was looked at is kept too. Needs KVM. rates compares what
QEMU's calc-dirty-rate said before each migration with the pages that the guest really dirtied in one second.
"""
import argparse
import contextlib
import json
import os
import subprocess
import sys
import time

from cases import draw
from dirtier import FIRST_PAGE, IMAGE, MIB, PAGE, kvmtest
from migrate import Case, Dirtier, Orders, Pool, measured, run

NICE = -10
RATES_HEAD = "seed case stratum     writes/s set pages  in 1 s   sampling   error    bitmap   error"
HEAD = ("seed case stratum       MiB nonzero  set MiB  writes/s   MB/s  down mode      | converged  MB sent  rounds"
        "   time s  down ms   load")


def row(line):
    inputs, result, orders = line["inputs"], line["result"], line["inputs"]["orders"]
    if "error" in result:
        return f"{line['seed']:4} {line['case']:4} {inputs['stratum']:<10}  not measured: {result['error']}"
    steady = line["steady"]
    share = (steady["filled_nonzero"] + orders["set_pages"]) * PAGE / inputs["ram"]
    mode = inputs["mode"] + (f"/{inputs['zero_pages']}" if inputs["zero_pages"] else "") + \
        ("+ac" if inputs["auto_converge"] else "")
    return (f"{line['seed']:4} {line['case']:4} {inputs['stratum']:<10} {inputs['ram'] // MIB:5} {share:6.1%} "
            f"{orders['set_pages'] * PAGE / MIB:8.1f} {steady['writes_per_s']:9.0f} {inputs['bandwidth'] / 1e6:6.0f} "
            f"{inputs['downtime_ms']:5} {mode:<9} | {'yes' if result['converged'] else 'NO':<9} "
            f"{result['bytes'] / 1e6:8.1f} {result['rounds']:6} {result['total_ms'] / 1000:8.2f} "
            f"{result['downtime_ms'] if result['converged'] else '-':>8} {max(line['load']):6.1f}")


def rates_row(line):
    """Where QEMU was asked, and the guest dirtied something."""
    steady, said = line.get("steady"), line.get("qemu_pages_per_s")
    if not steady or not said or steady["distinct"]["1"] == 0:
        return None
    true = steady["distinct"]["1"]
    errors = " ".join(f"{said[mode]:9} {said[mode] / true - 1:+7.0%}" for mode in ("page-sampling", "dirty-bitmap"))
    return (f"{line['seed']:4} {line['case']:4} {line['inputs']['stratum']:<10} {steady['writes_per_s']:9.0f} "
            f"{line['inputs']['orders']['set_pages']:9} {true:9} {errors}")


def lines(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


@contextlib.contextmanager
def ahead_of_others():
    """Other work on this machine takes less of the CPUs meanwhile, where we may say so: it makes the figures its own.
    Its session is what counts where the kernel groups by sessions."""
    with contextlib.suppress(OSError):
        os.nice(NICE)
    try:
        with open("/proc/self/autogroup", encoding="ascii") as f:
            before = f.read().split()[-1]
        set_autogroup(str(NICE))
    except (OSError, IndexError):
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            set_autogroup(before)


def set_autogroup(nice):
    with open("/proc/self/autogroup", "w", encoding="ascii") as f:
        f.write(nice)


def line_speed(binary, pool, ram=1024 * MIB):
    """Bytes/s between two QEMUs here where nothing limits them: that is how fast the last part of each migration goes. The
    middle one of three."""
    orders = Orders(fill_pages=ram // PAGE - FIRST_PAGE, fill_nonzero=1.0)
    speeds = []
    for _ in range(3):
        with contextlib.closing(Dirtier(binary, ram, orders)) as source:
            source.wait_ready(120)
            result = measured(source, Case(ram=ram, orders=orders, bandwidth=1 << 40), binary, pool)
            speeds.append(result["bytes"] / result["total_ms"] * 1000)
    return round(sorted(speeds)[1])


def measure(options):
    binaries = {f"{major}.{minor}": binary for (major, minor), binary in kvmtest.qemu_binaries().items()}
    if not os.access("/dev/kvm", os.R_OK | os.W_OK) or not binaries or not os.path.isfile(IMAGE):
        print("skipped: needs /dev/kvm, a QEMU and the image of the dirtier")
        return 0
    version = options.qemu or max(binaries, key=lambda v: tuple(map(int, v.split("."))))
    done = {(line["seed"], line["case"]) for line in lines(options.file)}
    deadline = time.monotonic() + options.budget
    with ahead_of_others(), contextlib.closing(Pool()) as pool:
        measure_cases(options, version, binaries[version], pool, done, deadline)
    return 0


def measure_cases(options, version, binary, pool, done, deadline):
    if all((options.seed, number) in done for number in range(options.cases)):
        return
    link = line_speed(binary, pool)
    print(f"The line gives {link / 1e6:.0f} MB/s: --link of all forecasts.\n{HEAD}", flush=True)
    for number in range(options.cases):
        if (options.seed, number) in done:
            continue
        if time.monotonic() > deadline:
            print(f"the time is over: cases {number} to {options.cases - 1} of seed {options.seed} are not measured")
            break
        case = draw(options.seed, number)
        try:
            line = run(case, binary, pool, link=link, keep_looks=options.looks)
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            # As JSON has it.
            line = {"inputs": {**vars(case), "orders": vars(case.orders)}, "result": {"error": str(error)[:300]}}
        line = {"seed": options.seed, "case": number, "qemu": version, **line}
        with open(options.file, "a", encoding="utf-8") as f:
            f.write(json.dumps(line, separators=(",", ":")) + "\n")
        print(row(line), flush=True)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run")
    runs.add_argument("file")
    runs.add_argument("--seed", type=int, default=1)
    runs.add_argument("--cases", type=int, default=60)
    runs.add_argument("--budget", type=float, default=3600)
    runs.add_argument("--qemu")
    runs.add_argument("--looks", action="store_true")
    for name in ("show", "rates"):
        commands.add_parser(name).add_argument("file", nargs="+")
    options = parser.parse_args()
    if options.command == "run":
        return measure(options)
    head, to_text = {"show": (HEAD, row), "rates": (RATES_HEAD, rates_row)}[options.command]
    print(head)
    for text in (to_text(line) for path in options.file for line in lines(path)):
        if text:
            print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
