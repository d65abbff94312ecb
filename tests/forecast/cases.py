# SPDX-License-Identifier: MIT
"""A seeded draw of migrations. The same seed and number are the same case, today and later.

Each stratum is a region in which a forecast can be wrong in its own way; they take turns, so a few cases have all of
them. The cases from number 35 on are all near the border between converging and not. What is drawn is bounded by what a
small machine does in a minute: the first round takes 12 s at most.
"""
import math
import random

from dirtier import FIRST_PAGE, MIB, PAGE, Orders
from migrate import Case

WIRE_PAGE = 4104
FIRST_ROUND_S = 12.0
RAM_MIB = (256, 512, 1024, 2048, 3072, 4096)


def log_uniform(rng, low, high):
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def resting(rng, bandwidth, ram_pages):
    """Next to nothing is dirtied: the zero pages decide."""
    if rng.random() < 0.4:
        return dict(pattern="idle")
    return dict(pattern="uniform", rate=round(log_uniform(rng, 5, 200)), set_pages=round(0.05 * ram_pages))


def light(rng, bandwidth, ram_pages):
    """Clearly below the bandwidth, from a large working set."""
    return dict(pattern="uniform", rate=round(rng.uniform(0.05, 0.5) * bandwidth / WIRE_PAGE),
                set_pages=round(rng.uniform(0.1, 0.4) * ram_pages))


def near(rng, bandwidth, ram_pages):
    """As fast as the bandwidth, more or less."""
    return dict(pattern=rng.choice(("uniform", "sequential")),
                rate=round(rng.uniform(0.6, 1.4) * bandwidth / WIRE_PAGE),
                set_pages=round(rng.uniform(0.3, 0.6) * ram_pages))


def saturated(rng, bandwidth, ram_pages):
    """Faster than the bandwidth, from a set that is small: it decides whether that fits into the downtime. The caller
    knows the downtime: set_of_downtime is the set's size in it."""
    return dict(pattern="uniform", rate=round(rng.uniform(1.0, 3.0) * bandwidth / WIRE_PAGE),
                set_of_downtime=log_uniform(rng, 0.3, 3.0))


def hot(rng, bandwidth, ram_pages):
    """Nine of ten writes go to a tenth of the set."""
    pages = round(rng.uniform(0.05, 0.4) * ram_pages)
    return dict(pattern="hot", rate=round(log_uniform(rng, 0.2, 2.0) * bandwidth / WIRE_PAGE), set_pages=pages,
                hot_pages=pages // 10, hot_share=0.9)


def sequential(rng, bandwidth, ram_pages):
    """Each page is new until the lap is over."""
    return dict(pattern="sequential", rate=round(log_uniform(rng, 0.1, 0.9) * bandwidth / WIRE_PAGE),
                set_pages=round(log_uniform(rng, 0.02, 0.4) * ram_pages))


def bursts(rng, bandwidth, ram_pages):
    """On and off: the mean says little of each moment."""
    on_us = round(log_uniform(rng, 50e3, 1e6))
    return dict(pattern="uniform", rate=round(rng.uniform(0.3, 1.5) * bandwidth / WIRE_PAGE), on_us=on_us,
                off_us=round(on_us * rng.uniform(0.5, 4)), set_pages=round(rng.uniform(0.1, 0.4) * ram_pages))


STRATA = (resting, light, near, saturated, hot, sequential, bursts)
# The cases behind these are all of the border between converging and not.
MIXED = 35
BORDER = (near, saturated)
# Seeds of guests that auto-converge has to hold back, and of nothing else.
HELD_BACK = (5, 6)
HELD_BACK_RAM_MIB = (256, 512, 1024, 2048)
# A guest whose pages are watched writes some 100,000 of them in a second here, so there is no more of a load.
RATE_MAX = 100000


def draw_held_back(rng):
    """A guest that writes faster than is sent, for a part of its vCPU's time that is anything between next to nothing and
    all of it, and that catches up what it was held back from: its limits are wide, for it takes long."""
    ram_pages = rng.choice(HELD_BACK_RAM_MIB) * MIB // PAGE
    bandwidth = round(log_uniform(rng, 40, 160)) * 10**6
    downtime_ms = round(log_uniform(rng, 100, 600))
    mode = rng.choices(("precopy", "multifd"), (2, 1))[0]
    rate = round(rng.uniform(0.9, 2.2) * bandwidth / WIRE_PAGE)
    busy = log_uniform(rng, 0.02, 0.95)
    room = 6.0 * bandwidth / WIRE_PAGE
    set_pages = round(min(rng.uniform(0.2, 0.6) * ram_pages, 0.6 * room))
    first, last = FIRST_PAGE, ram_pages - set_pages
    nonzero = min(rng.choice((0.02, 0.3, 0.9)) * rng.uniform(0.5, 1.1), (room - set_pages) / (last - first))
    pattern = rng.choices(("uniform", "hot", "sequential"), (3, 1, 1))[0]
    load = dict(hot_pages=max(set_pages // 10, 1), hot_share=0.9) if pattern == "hot" else {}
    orders = Orders(pattern=pattern, rate=rate, set_first=last, set_pages=set_pages, fill_first=first,
                    fill_pages=last - first, fill_nonzero=round(nonzero, 4), fill_zero=round(rng.uniform(0, 1 - nonzero), 4),
                    seed=rng.randrange(1, 1 << 32), work_ns=round(busy * 1e9 / rate), forgive_us=5000000, **load)
    return Case(ram=ram_pages * PAGE, orders=orders, bandwidth=bandwidth, downtime_ms=downtime_ms, mode=mode,
                auto_converge=True, rounds_limit=100, seconds_limit=75.0, stratum="held_back")


def draw(seed, number):
    rng = random.Random(f"{seed}/{number}")
    if seed in HELD_BACK:
        return draw_held_back(rng)
    stratum = STRATA[number % len(STRATA)] if number < MIXED else BORDER[number % len(BORDER)]
    ram_pages = rng.choice(RAM_MIB) * MIB // PAGE
    bandwidth = round(log_uniform(rng, 50, 1000 if stratum in (resting, light) else 400)) * 10**6
    downtime_ms = round(log_uniform(rng, 100, 1000))
    mode = rng.choices(("precopy", "multifd"), (2, 1))[0]
    zero_pages = rng.choice(("", "", "legacy")) if mode == "multifd" else ""
    load = stratum(rng, bandwidth, ram_pages)
    if "set_of_downtime" in load:
        load["set_pages"] = round(load.pop("set_of_downtime") * bandwidth * downtime_ms / 1000 / WIRE_PAGE)
    room = FIRST_ROUND_S * bandwidth / WIRE_PAGE  # pages that the first round may send
    set_pages = round(min(load.get("set_pages", 0), 0.6 * room, 0.6 * ram_pages))
    if "hot_pages" in load:
        load["hot_pages"] = max(set_pages // 10, 1)
    load["set_pages"] = set_pages
    load["rate"] = min(load.get("rate", 0), RATE_MAX)
    # What is not the set, which is the last of the memory, has content in a share of its pages; some are there, but zero.
    first, last = FIRST_PAGE, ram_pages - set_pages
    nonzero = min(rng.choice((0.02, 0.3, 0.9)) * rng.uniform(0.5, 1.1), (room - set_pages) / (last - first))
    orders = Orders(set_first=last, fill_first=first, fill_pages=last - first, fill_nonzero=round(nonzero, 4),
                    fill_zero=round(rng.uniform(0, 1 - nonzero), 4), seed=rng.randrange(1, 1 << 32), **load)
    return Case(ram=ram_pages * PAGE, orders=orders, bandwidth=bandwidth, downtime_ms=downtime_ms, mode=mode,
                zero_pages=zero_pages, auto_converge=rng.random() < 0.1, stratum=stratum.__name__)
