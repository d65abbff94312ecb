# SPDX-License-Identifier: MIT
"""The bed in which forecasts are held against real migrations: does it measure, and can its cases be had again?"""
import dataclasses
import glob
import json
import os
import sys

import kvmtest
from kvmtest import need_qemu
from test_dirtier import need_dirtier

sys.path.insert(0, os.path.join(kvmtest.ROOT, "tests/forecast"))
import cases  # noqa: E402
import compare  # noqa: E402
import constants  # noqa: E402
import migrate  # noqa: E402
from dirtier import MIB, PAGE, Orders  # noqa: E402

RAM = 128 * MIB
RAM_PAGES = RAM // PAGE


class Bed(kvmtest.TestCase):
    BESIDE = "own VMs"

    def migration(self, **options):
        orders = Orders(**{"set_first": RAM_PAGES - 4000, "set_pages": 4000, "fill_pages": 20000, "fill_nonzero": 0.5,
                           "fill_zero": 0.25, **options.pop("orders")})
        need_dirtier()
        return migrate.run(migrate.Case(ram=RAM, orders=orders, **options), need_qemu(), own_rates=False)

    def test_a_migration_that_converges_sends_what_is_there_and_what_is_dirtied(self):
        for mode in ("precopy", "multifd"):
            with self.subTest(mode=mode):
                line = self.migration(orders={"pattern": "uniform", "rate": 2000}, bandwidth=100 * 10**6, mode=mode)
                result, there = line["result"], line["steady"]["filled_nonzero"] + 4000
                self.assertTrue(result["converged"] and result["resumed"], line)
                self.assertGreaterEqual(result["normal"], there)
                # No page is sent again that was not written, but for the guest's own and those of QEMU.
                self.assertLess(result["normal"], there + result["writes"] + 400)
                self.assertGreater(result["normal"] + result["duplicate"], RAM_PAGES - 1)
                self.assertGreater(result["bytes"], result["normal"] * PAGE)
                self.assertLess(result["bytes"], result["normal"] * 4110 + result["duplicate"] * 11 + 400000)
                # The whole is at most as fast as it may be, but for what is sent while the guest stands still.
                fastest = (result["bytes"] / 100e6 - 0.3 - 0.1) * 1000
                self.assertGreater(result["total_ms"], fastest)
                json.dumps(line)

    def test_a_migration_that_does_not_converge_is_ended_and_said_so(self):
        line = self.migration(orders={"pattern": "uniform", "rate": 50000}, bandwidth=20 * 10**6, downtime_ms=100,
                              rounds_limit=3)
        self.assertFalse(line["result"]["converged"], line)
        self.assertGreaterEqual(line["result"]["rounds"], 3)
        self.assertGreater(line["result"]["remaining"], 0)

    def test_bytes_on_the_wire_are_those_that_qemu_says(self):
        need_dirtier()
        sent = constants.send(need_qemu(), RAM, "precopy", "", "untouched")
        self.assertGreaterEqual(sent.normal + sent.duplicate, RAM_PAGES)
        self.assertLess(abs(sent.bytes - sent.normal * 4104 - sent.duplicate * 9), 200000, sent)
        self.assertLess(sent.downtime_ms, 300)


class Forecasts(kvmtest.TestCase):
    """A few cases of a seed, with wide bounds: the machine may be busy. `make bench-forecast` has many, and the figures."""

    def test_what_is_forecast_comes_about(self):
        need_dirtier()
        for number, kind in ((8, "light precopy"), (47, "saturated multifd"), (43, "saturated precopy")):
            with self.subTest(number=number):
                drawn = dataclasses.replace(cases.draw(9, number), rounds_limit=8)
                line = {"seed": 9, "case": number,
                        **migrate.run(drawn, need_qemu(), own_rates=False, link=3 * 10**9, forecast_s=1.6)}
                case = compare.case_of(line)
                print(f"{case.name} {case.kind}: {case.bytes / 1e6:.1f} MB, {case.seconds:.2f} s, {case.converged};"
                      f" forecast {case.said}")
                self.assertEqual(case.kind, kind)
                self.assertFalse(compare.is_wrong(case.said, case), line)
                self.assertEqual(case.converged, number != 43)
                if case.converged:
                    self.assertLess(compare.relative(case.said.bytes, case.bytes), 0.4, line)
                    # Other work makes it longer, never shorter.
                    self.assertLess(case.said.seconds - case.seconds, 1 + 0.5 * case.seconds, line)
                    self.assertLess(case.seconds, 5 + 3 * case.said.seconds, line)


class Cases(kvmtest.TestCase):
    BESIDE = "any"

    def test_cases_of_a_seed_are_always_the_same(self):
        """All of the tables that are kept."""
        tables = glob.glob(os.path.join(kvmtest.ROOT, "tests/forecast/truth-*.jsonl"))
        self.assertTrue(tables)
        for table in tables:
            with open(table, encoding="utf-8") as f:
                for line in map(json.loads, f):
                    drawn = dataclasses.asdict(cases.draw(line["seed"], line["case"]))
                    # Orders that there were not yet were as they are without.
                    orders = {**dataclasses.asdict(Orders()), **line["inputs"]["orders"]}
                    self.assertEqual(drawn, {**line["inputs"], "orders": orders}, (table, line["case"]))

    def test_cases_are_within_their_bounds_and_have_all_strata(self):
        drawn = [cases.draw(seed, number) for seed in range(100, 110) for number in range(70)]
        self.assertEqual({case.stratum for case in drawn}, {stratum.__name__ for stratum in cases.STRATA})
        self.assertEqual({case.mode for case in drawn}, {"precopy", "multifd"})
        for case in drawn:
            orders = case.orders
            with self.subTest(case=case):
                self.assertLessEqual(case.ram, 4096 * MIB)
                self.assertLessEqual(orders.set_first + orders.set_pages, case.ram // PAGE)
                self.assertLessEqual(orders.fill_first + orders.fill_pages, orders.set_first)
                self.assertLessEqual(orders.fill_nonzero + orders.fill_zero, 1.0001)
                self.assertGreaterEqual(orders.fill_nonzero, 0)
                self.assertLessEqual(orders.rate, cases.RATE_MAX)
                self.assertTrue(orders.pattern == "idle" or orders.set_pages > 1)
                self.assertTrue(orders.pattern != "hot" or 0 < orders.hot_pages < orders.set_pages)
                there = orders.fill_pages * orders.fill_nonzero + orders.set_pages
                self.assertLess(there * cases.WIRE_PAGE / case.bandwidth, cases.FIRST_ROUND_S * 1.05)
        # Both sides of what decides are drawn: faster and slower than the bandwidth, sets that fit into the downtime or not.
        for stratum, ratio in (("near", lambda c: c.orders.rate * 4104 / c.bandwidth),
                               ("saturated", lambda c: c.orders.set_pages * 4104 / c.bandwidth * 1000 / c.downtime_ms)):
            ratios = [ratio(case) for case in drawn if case.stratum == stratum]
            self.assertGreater(sum(r < 0.9 for r in ratios), 10)
            self.assertGreater(sum(r > 1.1 for r in ratios), 10)
