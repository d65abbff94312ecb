# SPDX-License-Identifier: MIT
"""Forecasts with the true curve: the model alone, without what looking at the VM gets wrong.

described(line) says of a measured case what is known of its guest, as bench_forecast --lines takes it, and looked(line)
what was seen of it; forecasts(lines) has them made. So the error of the model and that of the looks are told apart.
"""
import json
import math
import os
import subprocess

from dirtier import FIRST_PAGE, PAGE, ROOT
from migrate import CHANNELS

BENCH = os.path.abspath(os.environ.get("BENCH_FORECAST", os.path.join(ROOT, "build/gcc/tests/bench/bench_forecast")))
PLACES = 64
# Pages that the dirtier writes for itself, and how often it wakes up: idle, or at work.
OWN_PAGES, OWN_IDLE_PER_S, OWN_WORK_PER_S = 4, 20, 1000
# Of the machine beside its RAM: firmware and tables. It has no video memory.
OTHER_PAGES, OTHER_NONZERO = 84, 50


def groups(orders, writes_per_s):
    """The mixture that the writes are: [kind, pages, per second]."""
    own = ["decay", OWN_PAGES, OWN_IDLE_PER_S if orders["pattern"] == "idle" else OWN_WORK_PER_S]
    pages = orders["set_pages"]
    if orders["pattern"] == "idle" or pages == 0 or writes_per_s <= 0:
        return [own]
    if orders["pattern"] == "sequential":
        return [["ramp", pages, writes_per_s / pages], own]
    if orders["pattern"] == "hot":
        hot, share = orders["hot_pages"], orders["hot_share"]
        return [["decay", hot, writes_per_s * share / hot],
                ["decay", pages - hot, writes_per_s * (1 - share) / (pages - hot)], own]
    return [["decay", pages, writes_per_s / pages], own]


def pages_within(mixture, seconds):
    """D(t) of it."""
    return sum(pages * (min(1.0, per_s * seconds) if kind == "ramp" else -math.expm1(-per_s * seconds))
               for kind, pages, per_s in mixture)


def spread(pages_all, parts):
    """Which share of the (first page, pages, weight) lies in each of the places of memory."""
    at = [0.0] * PLACES
    for first, pages, weight in parts:
        for place in range(PLACES):
            begin, end = place * pages_all / PLACES, (place + 1) * pages_all / PLACES
            here = min(end, first + pages) - max(begin, first)
            if here > 0:
                at[place] += weight * here / pages
    total = sum(at)
    return [share / total for share in at] if total > 0 else at


def true_rate(line):
    """Writes in a second, of the second before; that tells nothing of bursts."""
    orders = line["inputs"]["orders"]
    if orders["off_us"]:
        return orders["rate"] * orders["on_us"] / (orders["on_us"] + orders["off_us"])
    return line["steady"]["writes_per_s"]


def settings(line):
    inputs = line["inputs"]
    return {"bandwidth": inputs["bandwidth"], "link": line.get("link", 0), "downtime_s": inputs["downtime_ms"] / 1000,
            "mode": inputs["mode"], "zero_detection": inputs["zero_pages"] or "default", "channels": CHANNELS,
            "auto_converge": inputs["auto_converge"]}


def described(line):
    inputs, steady = line["inputs"], line["steady"]
    orders = inputs["orders"]
    ram_pages = inputs["ram"] // PAGE
    written = orders["set_pages"] if orders["pattern"] != "idle" or orders["prefill"] else 0
    nonzero = steady["filled_nonzero"] + written + OTHER_NONZERO
    zero = steady["filled_zero"]
    filled = steady["filled_nonzero"] + zero
    set_part = (orders["set_first"], orders["set_pages"] * orders["set_stride"])
    return {**settings(line), "untouched": ram_pages + OTHER_PAGES - nonzero - zero, "resident": nonzero + zero,
            "zero": zero, "zero_low": zero, "zero_high": zero, "population": nonzero + zero, "longest_s": 1e9,
            "vcpu_busy": steady.get("vcpu_busy", 0), "bursty": bool(orders["off_us"]), "groups": groups(orders, true_rate(line)),
            "resident_at": spread(ram_pages + OTHER_PAGES, [(orders["fill_first"], orders["fill_pages"], filled)] *
                                  bool(orders["fill_pages"]) + [(*set_part, written)] * bool(written) +
                                  [(FIRST_PAGE, 1, OTHER_NONZERO)]),
            "written_at": spread(ram_pages + OTHER_PAGES, [(*set_part, 1)] if written else [(FIRST_PAGE, 1, 1)])}


def made(objects):
    """What the model says of each, in the order they came."""
    text = "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in objects)
    done = subprocess.run([BENCH, "--lines"], input=text, stdout=subprocess.PIPE, check=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def looked(line):
    """What was seen of it, where that was kept: the same forecast again, offline."""
    seen = line["looks"]
    return {**settings(line), **{key: seen[key] for key in ("untouched", "resident", "zero", "zero_low", "zero_high")},
            "vcpu_busy": seen.get("vcpu_busy", 0), "looks": seen}


def forecasts(lines, describe=described):
    """{(seed, case): what the model says of it}; nothing where the program that makes it is not built."""
    if not os.path.isfile(BENCH):
        return {}
    wanted = [line for line in lines if "error" not in line["result"]]
    return {(line["seed"], line["case"]): forecast for line, forecast in zip(wanted, made(map(describe, wanted)))}
