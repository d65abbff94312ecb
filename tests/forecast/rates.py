#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The dirty curve beside QEMU's calc-dirty-rate and the truth, at several rates.

    rates.py [--repeats N] [--seconds S]

A guest of 1 GiB dirties pages of a set of 256 MiB at a known rate. How many distinct ones within a second: the guest's own
memory tells it, QEMU says it by page-sampling and by dirty-bitmap, kvmlens --forecast by its curve, and of that also what it
says of a tenth of a second and of the time it looked. The first second's figures are compared, in turn, N times; the error is
the mean of the absolute ones. Needs KVM.
"""
import argparse
import contextlib
import os
import sys

from dirtier import FIRST_PAGE, IMAGE, MIB, PAGE, Dirtier, Orders, kvmtest
from migrate import Case, calc_dirty_rate, forecast
from truth import ahead_of_others

RAM, SET_PAGES = 1024 * MIB, 256 * MIB // PAGE
RATES = (100, 1000, 5000, 20000, 80000)
PATTERNS = ({"pattern": "uniform"}, {"pattern": "hot", "hot_pages": SET_PAGES // 10, "hot_share": 0.9})
NEVER_NAMED = 10**9  # bandwidth and link do not matter here


def pages_at(said, seconds):
    """D(t) of a forecast, by a straight line between the moments that it names."""
    points = [(0.0, 0.0)] + [(point["seconds"], point["pages"]) for point in said["dirty"]["curve"]]
    for (begin, low), (end, high) in zip(points, points[1:]):
        if seconds <= end:
            return low + (high - low) * (seconds - begin) / (end - begin)
    return points[-1][1]


def ask(guest, seconds):
    """Each once: {who: pages within 1 s}, and those of the curve at other times with the truth of them."""
    measured, distinct = guest.measure(1.0)
    rate = measured["rate"]
    said = forecast(guest.vm.pid, Case(ram=RAM, orders=guest.orders, bandwidth=NEVER_NAMED), NEVER_NAMED, seconds)
    answers = {mode: calc_dirty_rate(guest.vm, mode) for mode in ("page-sampling", "dirty-bitmap")}
    answers["kvmlens"] = pages_at(said, 1.0)
    interval = next(point for point in said["dirty"]["curve"] if point["seconds"] == 1.0)
    return {"true": distinct(round(rate)), "answers": answers,
            "within": interval["low"] <= distinct(round(rate)) <= interval["high"],
            "at 0.1 s": (pages_at(said, 0.1), distinct(round(rate * 0.1))),
            "at 5 s": (pages_at(said, 5.0), guest.orders.distinct(rate * 5.0))}


def mean_error(pairs):
    errors = [abs(said / true - 1) for said, true in pairs if true > 0]
    return f"{sum(errors) / len(errors):.1%}" if errors else "-"


def row(orders, asked):
    cells = [orders["pattern"], str(orders["rate"]), f"{sum(each['true'] for each in asked) / len(asked):.0f}"]
    for who in ("page-sampling", "dirty-bitmap", "kvmlens"):
        mean = sum(each["answers"][who] for each in asked) / len(asked)
        cells += [f"{mean:.0f}", mean_error([(each["answers"][who], each["true"]) for each in asked])]
    cells += [f"{sum(each['within'] for each in asked)} of {len(asked)}"]
    cells += [mean_error([each[at] for each in asked]) for at in ("at 0.1 s", "at 5 s")]
    return f"| {' | '.join(cells)} |"


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.2)
    options = parser.parse_args()
    binaries = kvmtest.qemu_binaries()
    if not os.access("/dev/kvm", os.R_OK | os.W_OK) or not binaries or not os.path.isfile(IMAGE):
        print("skipped: needs /dev/kvm, a QEMU and the image of the dirtier")
        return 0
    print("| pattern | writes/s | distinct pages in 1 s | page-sampling | error | dirty-bitmap | error | kvmlens | error |"
          " truth in its interval | error at 0.1 s | at 5 s, beyond what was looked at |\n|---|" + "---:|" * 11)
    with ahead_of_others():
        for pattern in PATTERNS:
            for rate in RATES:
                orders = {**pattern, "rate": rate}
                guest = Dirtier(binaries[max(binaries)], RAM,
                                Orders(set_first=RAM // PAGE - SET_PAGES, set_pages=SET_PAGES, fill_first=FIRST_PAGE,
                                       fill_pages=100000, fill_nonzero=0.5, fill_zero=0.3, **orders))
                with contextlib.closing(guest):
                    guest.wait_ready(120)
                    print(row(orders, [ask(guest, options.seconds) for _ in range(options.repeats)]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
