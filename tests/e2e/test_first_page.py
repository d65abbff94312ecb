# SPDX-License-Identifier: MIT
"""The first page on real VMs that share one CPU: column sets, marks, the line about the host, the pane."""
import os
import re
import tempfile

import test_contention
from kvmtest import KVMLENS, become_subreaper


def row_of(screen, pid):
    """The words of the row of a process in the table; [] without one."""
    for line in screen.splitlines():
        if line.split()[:1] == [str(pid)]:
            return line.split()
    return []


class FirstPage(test_contention.Load):
    def contended(self):
        """Two VMs that spin on one CPU."""
        vms = [self.spinning() for _ in range(2)]
        cpu = max(os.sched_getaffinity(0))
        for _, thread in vms:
            os.sched_setaffinity(thread, {cpu})
        return [vm for vm, _ in vms], cpu

    def monitor(self, columns, lines, config=""):
        become_subreaper()
        home = tempfile.TemporaryDirectory(prefix="kvmtest-")
        self.addCleanup(home.cleanup)
        if config:
            os.mkdir(f"{home.name}/kvmlens", 0o700)
            with open(f"{home.name}/kvmlens/config", "w", encoding="ascii") as f:
                f.write(config)
        t = self.tmux(KVMLENS, "-s", "0.5", columns=columns, lines=lines, env={"XDG_CONFIG_HOME": home.name})
        return t, f"{home.name}/kvmlens/config"

    def quit(self, terminal):
        terminal.send("q")
        self.assertEqual(terminal.wait_exit(), 0)

    def test_vcpus_that_wait_for_one_cpu_are_marked(self):
        vms, cpu = self.contended()
        t, _ = self.monitor(120, 35)
        t.wait_text("F4")
        t.send("F4")
        t.wait_text("Show only")
        t.send("-l", "^load$")  # a VM of somebody else may be the busiest
        t.send("Enter")
        t.wait_text("filter ^load")
        t.send("2")

        def marked(screen):
            rows = [row_of(screen, vm.pid) for vm in vms]
            # PID NAME STATE vCPU CPU% RUN% RDY% RDYMAX
            return len([r for r in rows if len(r) > 7 and re.fullmatch(r"!!\d+\.\d", r[6]) and
                        r[2] == "running" and 20 < float(r[6][2:]) <= 100 and r[7] == r[6]]) == 2  # others may be there, too

        t.wait(lambda s: "RDYMAX" in s and marked(s), "two VMs that wait, marked")
        # What the pane needs of that VM alone is there a moment later.
        screen = t.wait(lambda s: s if re.search(r"^vcpu {8}1 .*waits +[\d.]+%", s, re.M) else None, "its threads")
        self.assertIn("2 CPU time", screen)
        # The pane is of the selected one, whose only vCPU waits as long.
        pane = screen.partition("v hides")[2]
        self.assertRegex(pane, r"RDY {7}[2-9] .*mean !!\d+\.\d%  worst !!\d+\.\d%")
        self.assertRegex(pane, r"STATE {5}[RGHn] ")
        self.assertRegex(pane, r"emulator +\d")
        # The vCPU rows say where it runs, and where it may: by hand, for one VM.
        t.send("t")
        t.send("Right")
        for _ in range(20):
            t.send("Right")
        t.wait(lambda s: "AFFINITY" in s and re.search(rf"vCPU 0 .* {cpu} {cpu}( |$)", s, re.M), "the CPU of the vCPUs")
        self.quit(t)

    def test_v_hides_the_pane_and_sets_have_their_keys(self):
        vms, _ = self.contended()
        t, config = self.monitor(120, 35)
        t.wait(lambda s: "v hides" in s and all(row_of(s, vm.pid) for vm in vms), "the first page")
        t.send("v")
        t.wait(lambda s: "v hides" not in s, "a page without a pane")
        for key, name, title in (("2", "CPU", "RDY%"), ("3", "exits", "PF_FIX/s"), ("4", "memory", "HUGE%"),
                                 ("5", "I/O", "WRITE/s"), ("6", "migration", "MIGTHR%"), ("1", "overview", "WAIT%")):
            t.send(key)
            t.wait(lambda s: f" {key} {name} " in s and title in s and
                   all(row_of(s, vm.pid) for vm in vms), f"the columns of {name}")
        t.send("5")
        t.send("w")
        t.wait_text("Saved to")
        self.quit(t)
        with open(config, encoding="utf-8") as f:
            text = f.read()
        self.assertIn("set = io\n", text)
        self.assertIn("pane = no\n", text)
        again, _ = self.monitor(120, 35, text)
        again.wait(lambda s: " 5 I/O " in s and "WRITE/s" in s, "what was saved")
        self.assertNotIn("v hides", again.screen())
        self.quit(again)

    def test_the_host_says_what_it_is_judged_by(self):
        self.contended()
        t, _ = self.monitor(80, 24)
        found = t.wait(lambda s: re.search(r"^load !*([\d.]+)/(\d+)  PSI .*avail !*([\d.]+[KMGT])", s, re.M),
                       "the line about the host")
        self.assertEqual(int(found.group(2)), os.sysconf("SC_NPROCESSORS_ONLN"))
        self.assertAlmostEqual(float(found.group(1)), os.getloadavg()[0], delta=2)
        if os.path.exists("/proc/pressure/cpu"):
            self.assertRegex(t.screen(), r"PSI cpu !*[\d<.]+%? mem [!\d<.]+%? io [!\d<.]+")
        self.quit(t)
