# SPDX-License-Identifier: MIT
"""kvm_stat, of Linux 6.1's own sources, beside kvmlens: the same numbers."""
import csv
import io
import os
import re
import signal
import time

import kvmtest
from kvmtest import kvmlens, snapshot, wait_for

KVM_STAT = ("python3", "/bin/kvm_stat")
# kvm_stat leaves these out, and of a histogram it shows the first bucket as if it were a counter.
ONLY_KVMLENS = {"halt_poll_fail_ns", "halt_poll_success_ns", "halt_wait_ns"}
PATH = {"PATH": "/ps:/bin"}


def table(text):
    """{name: (total, growth in its second)} of kvm_stat -1."""
    rows = re.findall(r"^(\w+)\s+(-?\d+)\s+(-?\d+)$", text, re.MULTILINE)
    return {name: (int(total), int(growth)) for name, total, growth in rows if not name.endswith("_hist")}


def is_counter_of_kvm(row):
    """Load, memory and I/O of VMs and of the host stand in rows beside them."""
    return row["pid"] and "." not in row["field"] and not row["field"].endswith(("_ratio", "_bytes", "state", "_s"))


class SameNumbers(kvmtest.TestCase):
    """Three processes with four VMs, one of them with a name, all of which ran, then were stopped."""

    def setUp(self):
        self.vms = [self.own_vm("--busy", "100", "--vcpus", "2", "--comm", "qemu-system-x86", "--",
                                "-name", "guest=web-07"),
                    self.own_vm("--busy", "40", "--vms", "2", "--touch", "4M:1M"),
                    self.own_vm("--busy", "60")]
        self.addCleanup(self.go_on)
        time.sleep(0.5)
        self.hold()

    def go_on(self):
        for vm in self.vms:
            os.kill(vm.pid, signal.SIGCONT)

    def hold(self):
        for vm in self.vms:
            os.kill(vm.pid, signal.SIGSTOP)
        wait_for(lambda: snapshot("-d")["vms"] and self.raw() == self.raw(), "counters that stand still")

    @staticmethod
    def raw():
        return [vm["counters"] for vm in snapshot("-d")["vms"]]

    def kvm_stat(self, *options):
        """A function that waits for the run and gives its table: several run at once."""
        log = self.background(*KVM_STAT, "-1", "-d", *options, env=kvmtest.environment(**PATH))

        def result():
            self.assertEqual(log.wait(60), 0, log.err())
            return table(log.out())
        return result

    def of_all_vms(self, *options):
        """kvmlens -1. On a machine that is busy outside a process takes too long, and its VMs have to wait."""
        for _ in range(10):
            result = self.assert_status(kvmlens("-1", "-d", "-s", "0.2", *options), 0, 3)
            if "takes too long" not in result.err:
                return result
        self.fail(result.err)

    def ours(self, *options):
        """{name: (sum over the VMs, growth in a second)} of kvmlens -1; growth None for what is no counter."""
        result = self.of_all_vms("--csv", *options)
        sums = {}
        for row in csv.DictReader(io.StringIO(result.out)):
            if row["vcpu"] or row["state"] != "ok" or not is_counter_of_kvm(row):
                continue
            total, growth = sums.get(row["field"], (0, 0))
            rate = round(float(row["rate"])) if row["kind"] == "cumulative" else None
            sums[row["field"]] = (total + int(row["value"]), None if rate is None else growth + rate)
        return sums

    def ours_since_start(self):
        """The same from the text report, which counts from the start of the program as kvm_stat does. Gauges
        are left out: kvm_stat takes them for counters and shows what they gained, kvmlens what they are."""
        result = self.of_all_vms()
        self.assertIn("SINCE START", result.out)
        sums = {}
        for name, value, rate in re.findall(r"^  (\w+) +(\d+) +([\d.]+)$", result.out, re.MULTILINE):
            total, growth = sums.get(name, (0, 0))
            sums[name] = (total + int(value), growth + round(float(rate)))
        return sums

    def compare(self, title, theirs, ours):
        """One line of the table; fails where a number differs."""
        different = [n for n in ours if n in theirs and theirs[n] != (ours[n][0], ours[n][1] or 0)]
        names = set(theirs) & set(ours)
        print(f"        {title:<32} {len(names):>8} {sum(theirs[n][0] for n in names):>12} "
              f"{sum(ours[n][0] for n in names):>12} {len(different):>9}")
        self.assertEqual(different, [], f"{title}: {[(n, theirs[n], ours[n]) for n in different]}")
        return theirs

    def compare_all(self, title, theirs, ours, without=frozenset()):
        """And where one of the two lacks a counter."""
        theirs = theirs()
        self.assertEqual((set(ours) - set(theirs), set(theirs) - set(ours)), (without, set()), title)
        return self.compare(title, theirs, ours)

    def test_table_of_equal_counters(self):
        pid = str(self.vms[1].pid)
        theirs = [self.kvm_stat("-i"), self.kvm_stat(), self.kvm_stat("-i", "-p", pid),
                  self.kvm_stat("-i", "-f", "pf_")]
        named = None
        if os.path.exists("/bin/procps"):
            os.makedirs("/ps", exist_ok=True)
            if not os.path.exists("/ps/ps"):
                os.symlink("/bin/procps", "/ps/ps")
            named = self.kvm_stat("-i", "-g", "web-07")
        print(f"        {'options':<32} {'counters':>8} {'kvm_stat':>12} {'kvmlens':>12} {'different':>9}")
        before = self.compare_all("-1 -d -i", theirs[0], self.ours("-i"), ONLY_KVMLENS)
        self.assertGreater(before["exits"][0], 100)
        since_start = self.ours_since_start()
        self.assertGreater(len(since_start), 40)
        self.compare("-1 -d, counters", theirs[1](), since_start)
        self.compare_all("-1 -d -i -p, two VMs", theirs[2], self.ours("-i", "-p", pid), ONLY_KVMLENS)
        self.compare_all("-1 -d -i -f pf_", theirs[3], self.ours("-i", "-f", "^pf_"))
        if named:
            self.compare_all("-1 -d -i -g web-07", named, self.ours("-i", "-g", "web-07"), ONLY_KVMLENS)
        else:
            print("        -1 -d -i -g: skipped, this machine has no procps for kvm_stat to ask")
        self.go_on()
        time.sleep(0.3)
        self.hold()
        after = self.compare_all("-1 -d -i, a moment later", self.kvm_stat("-i"), self.ours("-i"), ONLY_KVMLENS)
        self.assertGreater(after["exits"][0], before["exits"][0] + 20)
