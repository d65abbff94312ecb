# SPDX-License-Identifier: MIT
"""The guest whose dirty rate is known: does it what it is told, seen from outside?"""
import os
import sys

import kvmtest
from kvmtest import need, need_kvm, need_qemu

sys.path.insert(0, os.path.join(kvmtest.ROOT, "tests/forecast"))
from dirtier import IMAGE, MIB, PAGE, SPLIT_AT, Dirtier, Orders  # noqa: E402

BESIDE = "own VMs"  # tests/e2e/run.py

RAM = 256 * MIB
SET = 20000


def need_dirtier():
    need_kvm()
    need(os.path.isfile(IMAGE), "the image of the dirtier is not built (make e2e builds it on x86)")


class Patterns(kvmtest.TestCase):
    def setUp(self):
        need_dirtier()

    def dirtier(self, *args, ram=RAM, **orders):
        guest = self.start(Dirtier(need_qemu(), ram, Orders(*args, **orders)))
        guest.wait_ready()
        return guest

    def does_as_told(self, guest, seconds=1.5):
        """Writes that were left out because the machine was busy are known, and so no failure of the guest."""
        seen, distinct = guest.measure(seconds)
        orders = guest.orders
        wanted = orders.mean_rate()
        reached = seen["rate"] + seen["dropped"] / seen["seconds"]
        self.assertLess(abs(reached - wanted), 0.03 * wanted + 2 / seen["seconds"], seen)
        print(f"{orders.pattern}: {seen['rate']:.0f} writes/s of {wanted:.0f}, {seen['dropped']} dropped, at most"
              f" {seen['most_late_us'] / 1000:.0f} ms late")
        for writes in (n for n in (100, 1000, 5000, 20000) if n <= seen["writes"]):
            found, formula = distinct(writes), orders.distinct(writes)
            # Its standard deviation is below the square root of what was met twice.
            allowed = 5 * max(writes - formula, 0) ** 0.5 + (1 if orders.pattern == "sequential" else 5)
            self.assertLess(abs(found - formula), allowed, (orders.pattern, writes, found, formula))
        return seen

    def test_rate_and_distinct_pages_of_each_pattern(self):
        for orders in (dict(pattern="uniform", rate=20000),
                       dict(pattern="hot", rate=20000, hot_pages=SET // 10, hot_share=0.9),
                       dict(pattern="sequential", rate=15000, set_stride=3),
                       dict(pattern="uniform", rate=300)):
            with self.subTest(**orders):
                guest = self.dirtier(set_pages=SET, **orders)
                self.does_as_told(guest)
                guest.close()

    def test_bursts_write_at_their_rate_and_then_not(self):
        guest = self.dirtier("uniform", 40000, set_pages=SET, on_us=50000, off_us=150000)
        seen, _ = guest.measure(2.0)
        reached = (seen["writes"] + seen["dropped"]) / seen["seconds"]
        # The first and the last period are not seen whole.
        self.assertLess(abs(reached - 10000), 10000 * 0.2 / seen["seconds"] + 300, seen)

    def test_idle_writes_nothing_and_orders_change_the_load(self):
        guest = self.dirtier()
        seen, _ = guest.measure(0.5)
        self.assertEqual(seen["writes"], 0)
        guest.order(pattern="sequential", rate=10000, set_pages=5000, prefill=False)
        self.does_as_told(guest, 1.0)
        guest.order(pattern="idle")
        self.assertEqual(guest.measure(0.3)[0]["writes"], 0)

    def test_memory_is_filled_to_its_share(self):
        """The guest's own count, and what QEMU finds when it migrates; on both sides of the hole below 4 GiB."""
        ram, pages = 3840 * MIB, 40000
        guest = self.dirtier("uniform", 10, ram=ram, set_pages=1, fill_first=SPLIT_AT // PAGE - pages // 2,
                             fill_pages=pages, fill_nonzero=0.25, fill_zero=0.5)
        report = guest.report()
        self.assertLess(abs(report["filled_nonzero"] - pages / 4), 5 * (pages * 3 / 16) ** 0.5)
        self.assertLess(abs(report["filled_zero"] - pages / 2), 5 * (pages / 4) ** 0.5)
        guest.vm.qmp("stop")
        sent = guest.vm.migrate()["normal"]
        # Beside them its own pages, and those of the image and QEMU's tables.
        self.assertGreater(sent, report["filled_nonzero"])
        self.assertLess(sent, report["filled_nonzero"] + 150)
