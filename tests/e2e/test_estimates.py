# SPDX-License-Identifier: MIT
"""--estimate: of many VMs, from run to run, and ended by a signal."""
import os
import re
import signal
import tempfile

import kvmtest
from kvmtest import KVMLENS, Background, kvmlens, wait_for


class Estimates(kvmtest.TestCase):
    def setUp(self):
        dir_ = tempfile.TemporaryDirectory(prefix="kvmtest-")
        self.addCleanup(dir_.cleanup)
        self.path = os.path.join(dir_.name, "kvmlens.prom")
        self.pids = {str(self.own_vm("--ram", "256M", "--fill", "mix:16M:64M").pid) for _ in range(3)}

    def samples(self, name):
        """{pid: value} of our VMs; others may be on the host."""
        with open(self.path, encoding="utf-8") as f:
            rows = re.findall(rf'^kvmlens_{name}\{{[^}}]*pid="(\d+)"[^}}]*\}} (\S+)$', f.read(), re.M)
        return {pid: float(value) for pid, value in rows if pid in self.pids}

    def record(self):
        return self.assert_status(kvmlens("-1", "--estimate", "--format", "prometheus", "-o", self.path),
                                  0, 3)

    def test_next_run_keeps_estimates_and_their_age_grows(self):
        self.record()
        first = self.samples("vm_zero_ratio"), self.samples("vm_scan_age_seconds")
        self.assertEqual(set(first[0]), self.pids)
        with open(self.path + ".estimates", encoding="ascii") as f:
            self.assertTrue(f.read().startswith("kvmlens-estimates/1 "))
        self.record()
        self.assertEqual(self.samples("vm_zero_ratio"), first[0])
        for pid, age in self.samples("vm_scan_age_seconds").items():
            self.assertGreater(age, first[1][pid])
        self.assertEqual(set(self.samples("vm_scan_pending").values()), {0})

    def test_signal_ends_a_run_and_the_file_is_there(self):
        run = Background(KVMLENS, "-1", "--estimate", "--format", "prometheus", "-o", self.path)
        try:
            # A scanner with its two threads: an estimate has begun, or is about to.
            wait_for(lambda: run.process.poll() is not None or kvmtest.scanner_of(run.pid), "an estimate", 20, 0.001)
            run.process.send_signal(signal.SIGTERM)
            status = run.wait(10)
            self.assertIn(status, (0, 3), run.err())
            # Each VM has a row that says whether it was reached, whichever the signal caught.
            pending, ratios = self.samples("vm_scan_pending"), self.samples("vm_zero_ratio")
            self.assertEqual(set(pending), self.pids)
            self.assertEqual(set(ratios), {pid for pid, value in pending.items() if value == 0})
            print(f"    {len(ratios)} of {len(pending)} estimated when the signal came")
            if len(ratios) < len(pending):
                self.assertEqual(status, 3)
                self.assertIn("no estimate yet", run.err())
        finally:
            run.close()
        self.record()
        self.assertEqual(set(self.samples("vm_zero_ratio")), self.pids)
