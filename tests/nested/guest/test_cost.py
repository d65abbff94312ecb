# SPDX-License-Identifier: MIT
"""What a refresh costs, beside kvm_stat of Linux 6.1's own sources."""
import re
import statistics

import kvmtest
from kvmtest import wait_for

KVM_STAT = ("python3", "/bin/kvm_stat")


class Cost(kvmtest.TestCase):
    """CPU time of one refresh while nothing but the tool itself runs. Halted VMs in one process."""
    seconds = 150

    def refreshes(self, *argv, lines_each=1, count=20):
        """(milliseconds of CPU, read calls) of one refresh, of so many. The first is a median for people to read:
        the emulator translates what runs for the first time, and what others do on the machine counts as ours now
        and then. The second is the same each time, and decides; a look may fall into a refresh, hence many."""
        log = self.background(*argv, env=kvmtest.environment(PYTHONUNBUFFERED="1"))
        costs, seen = [], 0

        def more():
            now = log.out().count("\n") // lines_each
            return now if now > seen else None

        def look():
            with open(f"/proc/{log.pid}/schedstat", encoding="ascii") as f:
                cpu = int(f.read().split()[0])
            with open(f"/proc/{log.pid}/io", encoding="ascii") as f:
                return cpu, int(re.search(r"syscr: (\d+)", f.read()).group(1))

        first, before = None, None
        while first is None or seen < first[0] + count:
            now = wait_for(more, "a refresh", 60, step=0.03)
            cpu, reads = look()
            if first is None:
                first = now, reads
            else:
                costs.append((cpu - before) / 1e6 / (now - seen))
            seen, before = now, cpu
        log.stop()
        return statistics.median(costs[len(costs) // 4:]), (reads - first[1]) / (seen - first[0])

    def test_refresh_takes_at_most_a_tenth_of_kvm_stats_reads(self):
        print(f"        {'':>5} {'kvm_stat':>16} {'kvmlens -d':>16} {'':>6} {'kvmlens':>16}\n"
              f"        {'VMs':>5} {'ms':>8} {'reads':>7} {'ms':>8} {'reads':>7} {'times':>6} "
              f"{'ms':>8} {'reads':>7} {'times':>6}")
        for count in 1, 10, 50:
            vm = self.own_vm("--vms", str(count), "--ram", "2M")
            theirs = self.refreshes(*KVM_STAT, "-d", "-l", "-s", "0.1", count=5)
            debugfs = self.refreshes(kvmtest.KVMLENS, "-l", "-d", "-s", "0.1", lines_each=count)
            ours = self.refreshes(kvmtest.KVMLENS, "-l", "-s", "0.1", lines_each=count)
            vm.close()
            print(f"        {count:>5} {theirs[0]:>8.2f} {theirs[1]:>7.0f} {debugfs[0]:>8.2f} {debugfs[1]:>7.0f} "
                  f"{theirs[0] / debugfs[0]:>6.1f} {ours[0]:>8.2f} {ours[1]:>7.0f} {theirs[0] / ours[0]:>6.1f}",
                  flush=True)
            self.assertLess(ours[1], theirs[1] / 10)
            self.assertLess(debugfs[1], theirs[1] * 0.7)  # the same files, one more call each for kvm_stat
