# SPDX-License-Identifier: MIT
"""What a refresh costs, beside kvm_stat of Linux 6.1's own sources."""
import statistics
import time

import kvmtest
from kvmtest import wait_for

KVM_STAT = ("python3", "/bin/kvm_stat")


class Cost(kvmtest.TestCase):
    """CPU time of one refresh while nothing but the tool itself runs. Halted VMs in one process."""
    seconds = 150

    def refreshes(self, *argv, lines_each=1):
        """Milliseconds of CPU that a refresh costs: the median of some, after the first few. The emulator
        translates what runs for the first time, and what others do on the machine counts as ours now and then."""
        log = self.background(*argv, env=kvmtest.environment(PYTHONUNBUFFERED="1"))
        costs, seen, last, start = [], 0, None, time.monotonic()

        def more():
            count = log.out().count("\n") // lines_each
            return count if count > seen else None

        while len(costs) < 2 or (len(costs) < 25 and time.monotonic() < start + 4):
            count = wait_for(more, "a refresh", 60, step=0.03)
            with open(f"/proc/{log.pid}/schedstat", encoding="ascii") as f:
                cpu = int(f.read().split()[0])
            if last is not None:
                costs.append((cpu - last) / 1e6 / (count - seen))
            seen, last = count, cpu
        log.stop()
        return statistics.median(costs[len(costs) // 4:])

    def test_refresh_costs_at_most_a_tenth_of_kvm_stats(self):
        print(f"        {'VMs':>5} {'kvm_stat ms':>12} {'kvmlens -d ms':>14} {'times':>6} "
              f"{'kvmlens ms':>11} {'times':>6}")
        for count in 1, 10, 50:
            vm = self.own_vm("--vms", str(count), "--ram", "2M")
            theirs = self.refreshes(*KVM_STAT, "-d", "-l", "-s", "0.1")
            debugfs = self.refreshes(kvmtest.KVMLENS, "-l", "-d", "-s", "0.1", lines_each=count)
            ours = self.refreshes(kvmtest.KVMLENS, "-l", "-s", "0.1", lines_each=count)
            vm.close()
            print(f"        {count:>5} {theirs:>12.2f} {debugfs:>14.2f} {theirs / debugfs:>6.1f} "
                  f"{ours:>11.2f} {theirs / ours:>6.1f}", flush=True)
            self.assertLess(ours, theirs / 10)
            self.assertLess(debugfs, theirs / 5)
