#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a forecast costs: CPU, bytes read, and what becomes of the VM meanwhile.

    cost.py [--runs N] [--seconds S]

The first table is of VMs of several sizes: what kvmlens says that it spent, and how much larger the resident memory and the
page tables of the VMM are afterwards. The second is of a guest that counts how often it comes round its loop of writes, as
fast as it can: N times with a forecast under way, N times without, in turn. Slowed is what differs by more than those without
differ among themselves. Beside the counts in a second stand those in a second of the vCPU's CPU time: where other work takes
the CPUs, the former tell of that too. Needs KVM.
"""
import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import threading
import time

from dirtier import FIRST_PAGE, IMAGE, MIB, PAGE, Dirtier, Orders, kvmtest
from migrate import Case, Threads, forecast
from truth import ahead_of_others

SIZES = (256, 1024, 4096)  # MiB; all of it is there
LOOP_RAM, LOOP_SET = 1024 * MIB, 64 * MIB // PAGE
AS_FAST_AS_IT_CAN = 10**9
BANDWIDTH = 125 * 10**6


def memory_of(pid):
    """(VmRSS, VmPTE) in KiB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        fields = dict(line.split(":", 1) for line in f)
    return tuple(int(fields[name].split()[0]) for name in ("VmRSS", "VmPTE"))


def all_there(binary, mib):
    ram = mib * MIB
    pages = ram // PAGE
    orders = Orders(pattern="uniform", rate=2000, set_first=pages - 10000, set_pages=10000, fill_first=FIRST_PAGE,
                    fill_pages=pages - 10000 - FIRST_PAGE, fill_nonzero=0.6, fill_zero=0.4)
    return Dirtier(binary, ram, orders)


def cost_table(binary, seconds):
    print("| RAM | looked at | CPU | of one CPU | read | VmRSS | VmPTE |\n|---:|---:|---:|---:|---:|---:|---:|")
    for mib in SIZES:
        with contextlib.closing(all_there(binary, mib)) as guest:
            guest.wait_ready(120)
            time.sleep(0.5)
            before = memory_of(guest.vm.pid)
            cost = forecast(guest.vm.pid, Case(ram=mib * MIB, orders=guest.orders, bandwidth=BANDWIDTH), BANDWIDTH,
                            seconds)["cost"]
            after = memory_of(guest.vm.pid)
            print(f"| {mib} MiB | {cost['elapsed_s']:.2f} s | {cost['cpu_s']:.3f} s | {cost['cpu_s'] / cost['elapsed_s']:.1%} | "
                  f"{cost['bytes_read'] / 1e6:.0f} MB | {after[0] - before[0]:+} KiB | {after[1] - before[1]:+} KiB |", flush=True)


def count_loops(guest, seconds):
    """(in a second, in a second of the vCPU's CPU time)"""
    vcpu = guest.vm.vcpu_threads()[0]
    threads, before = Threads(guest.vm.pid), guest.report()
    time.sleep(seconds)
    after, cpu_s = guest.report(), threads.spent(vcpu)["cpu_s"]
    loops = after["writes"] - before["writes"]
    return loops * after["hz"] / (after["tsc"] - before["tsc"]), loops / cpu_s


def count_under_forecast(guest, seconds):
    """While one is under way from the first moment to the last."""
    looker = threading.Thread(target=lambda: subprocess.run(
        [kvmtest.KVMLENS, "--forecast", str(guest.vm.pid), "--format", "json", "--duration", f"{seconds + 0.5:g}"], check=True,
        stdout=subprocess.DEVNULL))
    looker.start()
    time.sleep(0.2)
    counted = count_loops(guest, seconds)
    looker.join()
    return counted


def loop_table(binary, runs, seconds):
    orders = Orders(pattern="uniform", rate=AS_FAST_AS_IT_CAN, set_first=LOOP_RAM // PAGE - LOOP_SET, set_pages=LOOP_SET,
                    fill_first=FIRST_PAGE, fill_pages=150000, fill_nonzero=0.6, fill_zero=0.4)
    rows = {"without": [], "with a forecast": []}
    with contextlib.closing(Dirtier(binary, LOOP_RAM, orders)) as guest:
        guest.wait_ready(120)
        for _ in range(runs):
            rows["without"].append(count_loops(guest, seconds))
            rows["with a forecast"].append(count_under_forecast(guest, seconds))
    print(f"\n| loops, {runs} runs each | in a second | from | to | in a CPU second | from | to |\n|---|" + "---:|" * 6)
    for name, counted in rows.items():
        cells = []
        for values in zip(*counted):
            cells += [f"{each / 1e6:.3f} M" for each in (statistics.median(values), min(values), max(values))]
        print(f"| {name} | {' | '.join(cells)} |")
    for what, (without, under) in {"a second": [[each[0] for each in rows[name]] for name in rows],
                                   "a CPU second": [[each[1] for each in rows[name]] for name in rows]}.items():
        slowed = 1 - statistics.median(under) / statistics.median(without)
        noise = statistics.stdev(without) / statistics.mean(without)
        print(f"In {what} it is {abs(slowed):.2%} {'slower' if slowed > 0 else 'faster'} with one; without, runs differ by"
              f" {noise:.2%} (standard deviation): {'beyond' if slowed > 2 * noise else 'within'} the noise.")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=3.2)
    options = parser.parse_args()
    binaries = kvmtest.qemu_binaries()
    if not os.access("/dev/kvm", os.R_OK | os.W_OK) or not binaries or not os.path.isfile(IMAGE):
        print("skipped: needs /dev/kvm, a QEMU and the image of the dirtier")
        return 0
    with ahead_of_others():
        cost_table(binaries[max(binaries)], options.seconds)
        loop_table(binaries[max(binaries)], options.runs, options.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
