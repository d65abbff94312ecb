# SPDX-License-Identifier: MIT
"""The forecast on the Memory tab, of real VMs: looks that begin by themselves, keys, the column MIGR."""
import os
import re
import signal
import sys
import time

import kvmtest
from kvmtest import KVMLENS, need, need_kvm, need_qemu, scanner_of, wait_for

sys.path.insert(0, os.path.join(kvmtest.ROOT, "tests/forecast"))
from dirtier import IMAGE, MIB, Dirtier, Orders  # noqa: E402

BESIDE = "own VMs"  # tests/e2e/run.py

FORECAST = re.compile(r"(?m)^Migration  ([0-9.]+)(ms|s)\b.*\bends")
LOOKING = r"Migration +looking at what it writes"


def seconds_of(screen):
    found = FORECAST.search(screen)
    return float(found.group(1)) * {"ms": 1e-3, "s": 1}[found.group(2)] if found else None


class Forecasts(kvmtest.TestCase):
    def monitor(self, pid, *options, columns=120, lines=35, **env):
        return self.tmux(KVMLENS, "-s", "0.2", "-p", str(pid), *options, columns=columns, lines=lines, env=env)

    def open_memory(self, terminal):
        terminal.wait(lambda s: re.search(r"(?m)^ *\d+ .* qemu|^ *\d+ .*vm-", s) or "1 VM " in s, "the VM")
        terminal.send("m")
        terminal.wait_text("[3 Memory]")

    def quit(self, terminal):
        terminal.send("q")
        self.assertEqual(terminal.wait_exit(), 0)

    def dirtier(self, **orders):
        need_kvm()
        need(os.path.isfile(IMAGE), "the image of the dirtier is not built (make e2e builds it on x86)")
        guest = self.start(Dirtier(need_qemu(), 256 * MIB, Orders(**orders)))
        guest.wait_ready()
        return guest

    def memory_vm(self):
        """One whose zero scan does not end at once, and that writes nothing."""
        return self.own_vm("--comm", "vm-quiet", "--ram", "1G", "--fill", "nonzero:0:768M")

    def test_forecast_appears_keys_change_it_and_the_column_has_it(self):
        """100 MiB at 20 MB/s: half a second or so at 1 Gbit/s, and no end at 100 Mbit/s."""
        home = kvmtest.tempfile.mkdtemp()
        self.addCleanup(kvmtest.shutil.rmtree, home)
        guest = self.dirtier(pattern="uniform", rate=5000, set_pages=20000, fill_pages=30000, fill_nonzero=0.8)
        t = self.monitor(guest.vm.pid, HOME=home)
        self.open_memory(t)
        t.wait(lambda s: re.search(LOOKING + r", \d s left; x ends it", s), "looks that began by themselves")
        first = t.wait(seconds_of, "a forecast", 20)
        screen = t.screen()
        self.assertRegex(screen, r"\+- 1 Gbit/s  <> limit 300ms  M precopy  a auto-converge off")
        self.assertRegex(screen, r"(?m)^Writes +\d")
        self.assertRegex(screen, r"(?m)^within 0\.1s .* 1s ")
        start = time.monotonic()
        t.send("+", "+", "+", "+")
        t.wait_text("+- 10 Gbit/s")
        faster = t.wait(lambda s: (seconds_of(s) or first) < first / 2 and seconds_of(s), "a shorter time")
        took = time.monotonic() - start
        self.assertNotRegex(t.screen(), "looking")
        print(f"forecast {first:.2f} s at 1 Gbit/s, {faster:.3f} s at 10; keys to screen {took * 1e3:.0f} ms")
        t.send("-", "-", "-", "-", "-", "-", "-", "-")
        t.wait(lambda s: re.search(r"(?m)^Migration +does not end", s) and "+- 100 Mbit/s" in s, "no end")
        self.assertRegex(t.screen(), r"(?m)^To end +send about [\d.]+ MB/s \([\d.]+ Mbit/s\) or more")
        t.send("Escape")
        t.wait(lambda s: "MIGR" in s and re.search(r"(?m)^ *\d+ dirtier .* ! ", s), "! in the column")
        t.send("m")
        t.send("+", "+", "+", "+", "w")
        t.wait_text("Saved to")
        t.send("Escape")
        t.wait(lambda s: re.search(r"(?m)^ *\d+ dirtier .* \d[0-9.]*m?s ", s), "a time in the column")
        self.quit(t)
        with open(os.path.join(home, ".config/kvmlens/config"), encoding="ascii") as f:
            self.assertIn("[forecast]\n; MB/s, milliseconds\nbandwidth = 125\n", f.read())

    def test_what_is_asked_for_comes_before_looks_that_nobody_asked_for(self):
        vm = self.memory_vm()
        t = self.monitor(vm.pid)
        self.open_memory(t)
        t.wait(lambda s: re.search(LOOKING, s), "looks that began by themselves")
        start = time.monotonic()
        t.send("R")
        t.wait(lambda s: re.search(r"Exact +\d.*% zero .* ago", s), "an exact result", 30)
        print(f"exact after {time.monotonic() - start:.1f} s")
        t.wait(seconds_of, "a forecast, after looks that began again", 20)
        self.assertRegex(t.screen(), r"Exact +\d.*% zero .* ago")  # it is still there
        self.quit(t)

    def test_looks_are_cancelled_and_done_again(self):
        vm = self.memory_vm()
        t = self.monitor(vm.pid)
        self.open_memory(t)
        t.wait(lambda s: re.search(LOOKING, s), "looks that began by themselves")
        t.send("x")
        t.wait(lambda s: not re.search(LOOKING, s) and (seconds_of(s) or "L looks again" in s), "their end", 2)
        t.send("L")
        t.wait(lambda s: re.search(LOOKING + "|looking again", s), "looks")
        t.wait(lambda s: seconds_of(s) and "looking" not in s, "a forecast", 20)
        t.send("L")
        t.wait_text("looking again, ")
        t.wait(lambda s: seconds_of(s) and "looking" not in s, "another one", 20)
        self.quit(t)

    def test_a_scanner_or_a_vm_that_ends_is_said(self):
        vm = self.memory_vm()
        t = self.monitor(vm.pid)
        self.open_memory(t)
        t.wait(lambda s: re.search(LOOKING + r", \d s left", s), "looks that began by themselves")
        os.kill(wait_for(lambda: scanner_of(t.child_pid()), "the scanner"), signal.SIGKILL)
        t.wait(lambda s: re.search(r"(?m)^Migration +not known: .*; L looks again", s), "why there is none")
        t.send("L")
        t.wait(lambda s: re.search(LOOKING + r", \d s left", s), "looks")
        vm.kill()
        t.wait_text("ENDED")
        screen = t.wait(lambda s: s if not re.search(LOOKING, s) else None, "the end of the looks")
        self.assertRegex(screen, r"(?m)^Migration  (not known: the VM has ended|void:|[0-9.]+m?s)")
        t.send("L")
        t.wait_text("has ended: its last numbers stay, and no new ones come")
        self.quit(t)

    def test_a_scanner_that_hangs_is_given_up_and_said(self):
        """Stopped between two looks it touches nobody, so it has ten seconds. What was seen before stays."""
        vm = self.memory_vm()
        t = self.monitor(vm.pid)
        self.open_memory(t)
        t.wait(lambda s: seconds_of(s) and "looking" not in s, "a forecast", 20)
        t.send("L")
        t.wait(lambda s: re.search(r"looking again, \d s left", s), "looks")
        scanner = wait_for(lambda: scanner_of(t.child_pid()), "the scanner")
        os.kill(scanner, signal.SIGSTOP)
        t.send("2", "3")  # keys are answered meanwhile
        t.wait_text("[3 Memory]", 1)
        screen = t.wait(lambda s: s if re.search(r"(?m)^Last look  \S", s) else None, "why there is no newer one", 30)
        print(re.search(r"(?m)^Last look .*", screen).group(0))
        self.assertIsNotNone(seconds_of(screen))
        wait_for(lambda: kvmtest.is_gone(scanner), "the end of the scanner")
        t.send("L")
        t.wait_text("looking again, ")
        t.wait(lambda s: seconds_of(s) and not re.search(r"looking|Last look", s), "another forecast", 20)
        self.quit(t)

    def test_a_saved_host_is_not_looked_at(self):
        t = self.tmux(KVMLENS, "--sysroot", os.path.join(kvmtest.ROOT, "tests/data/roots/lockdown-qemu10"))
        t.wait(lambda s: re.search(r"\d VMs?", s), "its VMs")
        t.send("m")
        t.wait_text("can be scanned on the live system only")
        t.send("L")
        t.wait_text("What a VM writes can be looked at on the live system only")
        self.quit(t)
