# SPDX-License-Identifier: MIT
"""Exits on the screen: what is behind them, and that nothing is counted when nobody looks.

Where kvm_exit fires the reasons are there, else what is seen in their place; where exits cannot be counted the tab
says why.
"""
import json
import time

import kvmtest
from kvmtest import KVMLENS, kvmlens, need, need_kvm, need_root, wait_for
from test_bpf import programs

COLUMNS = 120


def possible():
    """What the doctor says of BPF, which is all that it takes where tracefs is."""
    checks = json.loads(kvmlens("--doctor", "--format", "json").out)["checks"]
    return next(check["level"] for check in checks if check["name"] == "bpf") == "ok"


class Exits(kvmtest.TestCase):
    seconds = 120

    def setUp(self):
        super().setUp()
        need_kvm()

    def monitor(self, *options, prefix=()):
        kvmtest.become_subreaper()
        return self.tmux(*prefix, KVMLENS, "--demo", "-s", "0.2", *options, columns=COLUMNS, lines=30)

    def leave(self, t):
        t.send("q")
        self.assertEqual(t.wait_exit(), 0)

    def open_reason(self, t):
        """From the table to what is behind the ports, however they are called here."""
        t.wait(lambda s: any(name in s for name in ("port writes", "IO_INSTRUCTION", " io ")), "ports", 20)
        t.send("/")
        t.wait_text("Search:")
        t.send("-l", "port w" if "port writes" in t.screen() else "io")
        t.send("Enter")
        t.wait(lambda s: "Search:" not in s, "end of the search")


        def is_open():
            """Where the row is missing for a moment, as on a host that is late with a sample, there is nothing to open."""
            if "REASON " in t.screen():
                t.send("Enter")
                time.sleep(0.5)
            return "REASON " not in t.screen()

        wait_for(is_open, "the page of the ports", 20, 0.1)
        return t.wait(lambda s: s if "0x80" in s else None, "the port that the demo writes to")

    def test_counting_comes_and_goes_with_the_tab(self):
        need_root()
        need(possible(), "BPF cannot be used here")
        t = self.monitor()
        t.wait_text("demo-busy")
        pid = t.child_pid()
        self.assertEqual(programs(pid), [])
        t.send("f")
        t.wait_text("Filter")
        t.send("-l", "demo-busy")
        t.send("Enter")
        t.wait(lambda s: "demo-idle" not in s, "the filter")
        t.send("e")
        screen = self.open_reason(t)
        self.assertRegex(screen, r"0x80 +out +POST code")
        self.assertIn("vCPUs WITH MOST OF IT", screen)
        self.assertEqual(len(programs(pid)), 1)
        t.send("Escape")
        t.wait_text("REASON")
        t.send("1")
        wait_for(lambda: programs(pid) == [], "end of the programs")
        t.wait_text("COUNTER ")
        self.leave(t)

    def test_asked_for_from_the_start(self):
        need_root()
        need(possible(), "BPF cannot be used here")
        vm = self.own_vm("--ram", "64M")  # names may be there twice, where another demo runs
        t = self.monitor("-t", str(vm.pid))
        t.wait_text("[5 Exits]")
        t.wait(lambda s: "REASON" in s or "Nothing was seen of it" in s, "what came of it", 20)
        self.leave(t)
        t = self.monitor("-t")
        t.wait_text("Exits of all VMs")
        screen = self.open_reason(t)
        self.assertNotIn("vCPUs WITH MOST OF IT", screen)
        t.send("Escape")
        t.wait_text("REASON")
        t.send("Escape")
        t.wait_text("Host counters")
        self.leave(t)

    def test_where_it_cannot_be_had_the_tab_says_why(self):
        drop = ("setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin", "--inh-caps=-bpf,-perfmon") if possible() else ()
        vm = self.own_vm("--ram", "64M")
        t = self.monitor("-t", str(vm.pid), prefix=drop)
        t.wait_text("Exits are not counted: ", 20)
        if drop:
            t.wait_text("CAP_BPF")
        t.send("1")
        t.wait_text("COUNTER ")
        self.leave(t)
