# SPDX-License-Identifier: MIT
"""Every screen of the monitor on real VMs: keys, drill-down, memory scans."""
import json
import os
import re

import kvmtest
from kvmtest import KVMLENS, is_gone, kvmlens, need_kvm, wait_for

# Names of keys in the help that tmux calls otherwise.
TMUX_NAMES = {"Esc": "Escape", "PgUp": "PageUp", "PgDn": "PageDown", "Shift-Tab": "BTab"}


def tmux_key(name):
    if name.startswith("Ctrl-"):
        return "C-" + name[5:].lower()
    return TMUX_NAMES.get(name, name)


class Screens(kvmtest.TestCase):
    seconds = 180  # some 2,700 starts of tmux

    def monitor(self, *options, columns=120, lines=30):
        need_kvm()
        kvmtest.become_subreaper()
        return self.tmux(KVMLENS, "-s", "0.2", *options, columns=columns, lines=lines)

    def select(self, terminal, name):
        """The VM of that name: searched for, so selected."""
        # Esc was taken, too: with a key right behind it, it would be Alt.
        terminal.wait(lambda s: "NAME" in s and "[3 Memory]" not in s, "the list of VMs")

        def is_found():
            terminal.send("/")
            terminal.wait_text("Search:")
            terminal.send("-l", name)
            terminal.send("Enter")
            return name in terminal.wait(lambda s: s if "Search:" not in s else None, "end of the search")
        # It may be below the screen, or not be seen yet.
        wait_for(is_found, f"{name} among the VMs", step=0.2)

    def quit(self, terminal):
        terminal.send("q")
        self.assertEqual(terminal.wait_exit(), 0)

    def keys_of_the_help(self):
        t = self.monitor("--demo", columns=100, lines=170)
        t.wait_text("demo-busy")
        t.send("h")
        screen = t.wait(lambda s: s if "show the keys" in s else None, "the help")
        # Two blanks end the names of the keys, as in "   F1, h, ?  show the keys".
        keys = []
        before, _, rest = screen.partition("Signs and colours")
        for line in (before + rest.partition("Everywhere")[2]).splitlines():
            found = re.match(r" {1,18}(\S.*?)  (?=\S)", line)
            if found:
                keys += found.group(1).split(", ")
        self.quit(t)
        return keys

    def test_every_key_of_the_help_on_every_screen(self):
        keys = self.keys_of_the_help()
        self.assertGreater(len(keys), 60)
        for name in ("F1", "Enter", "PgDn", "Ctrl-L", "Tab", "Space"):
            self.assertIn(name, keys)
        t = self.monitor("--demo")
        t.wait_text("demo-busy")
        pid = t.child_pid()
        for way in ((), ("Enter",), ("Enter", "2"), ("m",), ("Enter", "4"), ("e",), ("b",), ("b", "b"),
                    ("b", "e"), ("F2",), ("h",)):
            for key in keys:
                if key in ("q", "Q", "F10"):
                    continue
                t.send(*way, tmux_key(key))
                t.send("Escape")
                t.send("Escape")
                t.send("Escape")
            self.assertFalse(is_gone(pid), way)
        t.send("Escape")
        t.send("c", "U")
        t.wait_text("demo-busy")
        self.quit(t)

    def test_vm_killed_while_it_is_open(self):
        vm = self.own_vm("--comm", "short-lived", "--busy", "100")
        t = self.monitor()
        self.select(t, "short-lived")
        t.send("Enter")
        t.wait(lambda s: re.search(r"short-lived \(\d+.*\[1 Counters\]", s) and "exits" in s,
               "its counters")
        vm.kill()
        t.wait_text("ENDED")
        self.assertIn("exits", t.screen())  # the last numbers stay
        for tab in ("2", "3", "4", "1"):
            t.send(tab)
        t.wait_text("[1 Counters]")
        t.send("Escape")
        t.wait(lambda s: "short-lived" not in s, "its row gone")
        self.quit(t)

    def test_follower_takes_the_next_vm_of_the_name(self):
        vm = self.own_vm("--comm", "comes-back", "--busy", "50")
        t = self.monitor()
        self.select(t, "comes-back")
        t.send("Enter")
        t.wait_text("comes-back (%d" % vm.pid)
        t.send("F")
        t.wait_text("Following")
        vm.kill()
        t.wait_text("ENDED")
        again = self.own_vm("--comm", "comes-back", "--busy", "50")
        t.wait_text("comes-back (%d" % again.pid)
        self.assertNotIn("ENDED", t.screen())
        self.quit(t)

    def test_counters_of_the_screen_are_those_of_the_json(self):
        vm = self.own_vm("--comm", "idle-guest")
        t = self.monitor("-i")
        self.select(t, "idle-guest")
        t.send("Enter")
        screen = t.wait(lambda s: s if "exits" in s and "[1 Counters]" in s else None,
                        "its counters")
        shown = dict(re.findall(r"(?m)^([a-z0-9_]+) +([0-9,]+) ", screen))
        record = json.loads(kvmlens("-1", "-p", str(vm.pid), "--format", "json").out)
        counters = record["vms"][0]["counters"]
        self.assertGreater(len(shown), 0)
        for name, text in shown.items():  # a halted guest's counters stand still
            self.assertEqual(int(text.replace(",", "")), counters[name], name)
        self.quit(t)

    def test_opening_the_memory_does_not_read_all_of_it(self):
        self.big_vm()
        t = self.monitor()
        self.select(t, "big-guest")
        t.send("Enter")
        for _ in range(4):
            t.send("Tab")  # past it, and back to where it began
        t.send("m")
        screen = t.wait(lambda s: s if re.search(r"Exact +R reads", s) else None, "an estimate", 30)
        self.assertRegex(screen, r"Exact +R reads 76\dM, about \S+ at \S+ GB/s")
        self.assertRegex(screen, r"Estimate +\d\S* % zero")
        self.assertRegex(screen, r"Resident +76\dM")
        t.send("R")
        t.wait(lambda s: re.search(r"Exact +\d.*% zero .* ago", s), "an exact result", 60)
        self.quit(t)

    def test_memory_is_read_when_asked_for(self):
        vm = self.own_vm("--comm", "known-pages", "--ram", "256M", "--fill", "nonzero:16M:32M",
                         "--fill", "zero:96M:16M")
        t = self.monitor(columns=130, lines=35)
        self.select(t, "known-pages")
        t.send("m", "R")
        screen = t.wait(lambda s: s if re.search(r"Exact +\d.*% zero .* ago", s) else None,
                        "an exact result", 30)
        record = json.loads(kvmlens("--scan", str(vm.pid), "--format", "json").out)
        pages = record["pages"]
        for label, name in (("nonzero", "nonzero"), ("zero, resident for nothing", "zero_content"),
                            ("untouched", "untouched")):
            mib = pages[name] * 4096 / (1 << 20)
            self.assertRegex(screen, rf"\S {label} {mib:.{0 if mib >= 99.95 else 1}f}M")
        rows = [int(label) for label in re.findall(r"(?m)^ +(\d+)M? \S+$", screen)]
        self.assertGreater(len(rows), 5)
        self.assertEqual(rows, [i * rows[1] for i in range(len(rows))])
        self.assertRegex(screen, r"Estimate +\d")
        self.assertRegex(screen, r"On the wire +\d")
        t.send("Escape")
        share = int(record["zero_ratio"] * 1000) / 10
        t.wait(lambda s: any("known-pages" in line and f" {share:.1f} " in line
                             for line in s.splitlines()),
               f"ZERO% {share} in the list")
        self.quit(t)

    def big_vm(self):
        """A VM whose scan takes a while on this machine."""
        return self.own_vm("--comm", "big-guest", "--ram", "1G", "--fill", "nonzero:0:768M")

    def test_scan_is_cancelled_and_done_again(self):
        self.big_vm()
        t = self.monitor()
        self.select(t, "big-guest")
        t.send("m", "R", "x")
        t.wait(lambda s: re.search(r"Exact +(cancelled|\d)", s), "the end of the scan")
        t.send("R")
        t.wait(lambda s: re.search(r"Exact +\d.*% zero .* ago", s), "an exact result", 60)
        self.quit(t)

    def test_a_scan_that_waits_for_another_says_so(self):
        self.big_vm()
        self.own_vm("--comm", "next-in-line", "--ram", "16M")
        t = self.monitor()
        exact = r"Exact +\d.*% zero .* ago"
        self.select(t, "next-in-line")
        t.send("m", "R")
        t.wait(lambda s: re.search(exact, s), "an exact result")
        # Looks have a thread of their own, which ends with them.
        t.wait(lambda s: re.search(r"Migration .*: ends", s), "the end of the looks that follow", 20)
        t.send("Escape")
        # The worker is there now. While it stands still, no scan is over before the keys have come.
        pid = kvmtest.scanner_of(t.child_pid())
        worker = next(int(task) for task in os.listdir(f"/proc/{pid}/task") if int(task) != pid)
        with kvmtest.stopped_thread(worker):
            self.select(t, "big-guest")
            t.send("m", "R")
            t.wait_text("[3 Memory]")
            t.send("Escape")
            self.select(t, "next-in-line")
            t.send("m", "R")
            t.wait_text("The scan begins when")
        t.wait(lambda s: re.search(exact, s), "an exact result")
        t.send("Escape")
        self.select(t, "big-guest")
        t.send("m")
        t.wait(lambda s: re.search(exact, s), "the scan that went before")
        self.quit(t)

    def test_resize_during_a_scan(self):
        self.big_vm()
        t = self.monitor()
        self.select(t, "big-guest")
        t.send("m")
        for columns, lines in ((40, 8), (1, 1), (200, 50), (10, 3), (80, 24), (130, 35)):
            t.resize(columns, lines)
            t.send("R")
        t.wait(lambda s: re.search(r"Exact +\d.*% zero .* ago", s), "an exact result", 60)
        self.quit(t)

    def test_keys_are_prompt_during_a_scan(self):
        self.big_vm()
        t = self.monitor()
        self.select(t, "big-guest")
        t.send("m")
        took = []
        for i in range(10):
            tab, title = (("2", "[2 vCPUs]"), ("3", "[3 Memory]"))[i % 2]
            watch = kvmtest.Stopwatch()
            t.send("R", tab)
            wait_for(lambda title=title: title in t.screen(), title, 10, 0.001)
            took.append((watch.idle(), watch.wall()))
        print("key to screen during a scan, two runs of tmux included: "
              "worst %.0f ms" % (max(wall for _, wall in took) * 1e3))
        self.assertLess(sorted(took)[5][0], 0.5)
        self.quit(t)

    def test_quit_during_a_scan_is_quick(self):
        self.big_vm()
        t = self.monitor()
        self.select(t, "big-guest")
        t.send("m")
        t.wait_text("[3 Memory]")
        watch = kvmtest.Stopwatch()
        self.quit(t)
        self.assertLess(watch.idle(), 1)

    def test_host_counters_lead_to_a_guest(self):
        self.own_vm("--comm", "busy-guest", "--busy", "500")
        t = self.monitor()
        t.wait_text("busy-guest")
        t.send("b")
        t.wait(lambda s: re.search(r"(?m)^exits +>?[0-9,]+ ", s), "host counters")
        t.send("f")
        t.send("-l", "^halt_exits$")
        t.send("Enter")
        t.wait(lambda s: "halt_exits" in s and not re.search(r"(?m)^exits +>?[0-9,]+ ", s),
               "one counter")
        # Rows follow what is typed: that there is one counter does not say that Enter was taken.
        t.wait(lambda s: "Show only" not in s, "the end of the prompt")
        t.send("Enter")
        t.wait(lambda s: re.search(r"(?m)^ *\d+ busy-guest +[0-9,]+", s), "its guests")
        t.send("Home", "Enter")
        t.wait_text("[1 Counters]")
        self.quit(t)

    def test_reset_starts_the_totals_again(self):
        self.own_vm("--comm", "busy-guest", "--busy", "500")
        t = self.monitor()
        self.select(t, "busy-guest")
        t.send("Enter")

        def total(screen):
            found = re.search(r"(?m)^halt_exits +([0-9,]+) ", screen)
            return int(found.group(1).replace(",", "")) if found else None

        before = t.wait(lambda s: (total(s) or 0) > 1000 and total(s), "a total to take back", 20)
        t.send("r")
        t.wait(lambda s: total(s) is not None and total(s) < before // 2, "less than that")
        t.send("i")
        t.wait(lambda s: (total(s) or 0) >= before, "all since the VM was made")
        self.quit(t)

    def test_saved_columns_come_back(self):
        need_kvm()
        self.own_vm("--comm", "some-guest")
        home = kvmtest.tempfile.mkdtemp()
        self.addCleanup(kvmtest.shutil.rmtree, home)
        t = self.tmux(KVMLENS, "-s", "0.2", columns=200, env={"HOME": home})
        t.wait_text("VMM")
        t.send("F2")
        t.wait_text("[x] VMM")
        t.send("/")  # no search here
        t.send("Down", "Down", "Space", "w")
        t.wait_text("Saved to")
        self.quit(t)
        with open(os.path.join(home, ".config/kvmlens/config"), encoding="ascii") as f:
            self.assertNotIn("vmm =", f.read())
        t = self.tmux(KVMLENS, "-s", "0.2", columns=200, env={"HOME": home})
        screen = t.wait(lambda s: s if "some-guest" in s else None, "the VMs")
        self.assertNotIn(" VMM ", screen)
        self.quit(t)
