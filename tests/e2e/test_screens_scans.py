# SPDX-License-Identifier: MIT
"""R and x on the VMs screen, on four real VMs: whose memory is scanned, what waits, what it fills."""
import os
import re
import signal
import time

import kvmtest
from kvmtest import KVMLENS, need_kvm

BESIDE = "own VMs"  # tests/e2e/run.py

# The names are of this run alone: another one on this machine has such VMs, too.
RUN = f"scans{os.getpid()}"
A, B, C, D = [f"{RUN}-{letter}" for letter in "abcd"]
# MiB of 256 that are not zero
FILLED = {A: 64, B: 128, C: 192, D: 32}
RAM = 256


def cells(screen, title):
    """What stands in that column, by VM."""
    lines = screen.splitlines()
    head = next((line for line in lines if re.search(rf"\bNAME\b.* {re.escape(title)}", line)), None)
    if head is None:
        return {}
    end = head.index(title) + len(title)
    return {found.group(0): line[:end].split()[-1]
            for line in lines if (found := re.search(rf"\b{RUN}-[a-d]\b", line[:end])) and re.match(r" *\d+\W", line)}


class Scans(kvmtest.TestCase):
    def monitor(self):
        """The four of them are listed, by process, and no others are."""
        need_kvm()
        vms = {name: self.own_vm("--comm", name, "--ram", f"{RAM}M", "--fill", f"nonzero:0:{filled}M")
               for name, filled in FILLED.items()}
        t = self.tmux(KVMLENS, "-s", "0.2", columns=160, lines=30)
        t.wait_text("F10 Quit")
        t.send("f")
        t.wait_text("Show only")
        t.send("-l", f"{RUN}-[a-d]")
        t.send("Enter")
        t.wait(lambda s: f"filter {RUN}-[a-d]" in s and all(name in s for name in FILLED), "the VMs")
        t.send("N", "v", "Home")
        return t, vms

    def zeros(self, terminal):
        return cells(terminal.screen(), "ZERO%")

    def quit(self, terminal):
        terminal.send("q")
        self.assertEqual(terminal.wait_exit(), 0)

    def expect_zeros(self, figures, tolerance):
        print(" ".join(f"{name} {text}" for name, text in figures.items()))
        for name, text in figures.items():
            self.assertAlmostEqual(float(text.lstrip("~")), 100 * (1 - FILLED[name] / RAM), delta=tolerance)

    def test_all_rows_get_their_zero_pages(self):
        t, _ = self.monitor()
        t.send("4")
        t.wait(lambda s: len(cells(s, "ZERO%")) == 4, "the column")
        before = self.zeros(t)
        self.assertFalse([text for text in before.values() if re.search(r"\d", text)], before)
        t.send("R")
        screen = t.wait(lambda s: s if "a: all" in s else None, "the question")
        self.assertNotIn("tagged", screen)
        t.send("a")
        t.wait(lambda s: [text[-1].isdigit() for text in cells(s, "ZERO%").values()] == [True] * 4,
               "figures in all rows", 30)
        t.wait(lambda s: "x ends" not in s, "the end of the scans", 30)
        print(t.screen())
        self.expect_zeros(self.zeros(t), 2)
        self.quit(t)

    def test_tagged_ones_are_read_and_no_others(self):
        t, _ = self.monitor()
        t.send("4")
        t.wait(lambda s: len(cells(s, "ZERO%")) == 4, "the column")
        t.send("j", "Space", "Space")  # B and C
        t.wait_text("2 tagged")
        t.send("R")
        t.wait_text("t: tagged")
        t.send("t")
        t.wait(lambda s: all(cells(s, "ZERO%").get(name, "-")[-1].isdigit() for name in (B, C)) and
               "x ends" not in s, "figures of the tagged VMs", 30)
        figures = self.zeros(t)
        self.expect_zeros({name: figures[name] for name in (B, C)}, 0.1)
        self.assertNotIn("~", figures[B] + figures[C])
        for name in (A, D):
            self.assertNotRegex(figures[name], r"\d")
        # likewise what they write
        t.send("6")
        t.wait(lambda s: len(cells(s, "MIGR")) == 4, "the column")
        t.send("R")
        t.wait_text("l: tagged")
        t.send("l")
        t.wait(lambda s: re.search(rf"Looking at what {RUN}-[bc] writes, 1 waiting", s), "looks")
        t.wait(lambda s: all(re.match(r"~?[0-9.]+m?s", cells(s, "MIGR").get(name, ""))
                             for name in (B, C)),
               "forecasts of the tagged VMs", 30)
        for name in (A, D):
            self.assertNotRegex(cells(t.screen(), "MIGR")[name], r"\d")
        self.quit(t)

    def test_the_queue_is_shown_and_what_ends_or_is_taken_back_leaves_it(self):
        t, vms = self.monitor()
        t.send("R")
        t.wait_text("L: all")
        t.send("L")
        t.wait(lambda s: f"Looking at what {A} writes, 3 waiting; x ends them" in s, "all of them")
        # While it stands still, A's looks are not over before the keys have come. It has ten seconds.
        scanner = kvmtest.wait_for(lambda: kvmtest.scanner_of(t.child_pid()), "the scanner")
        os.kill(scanner, signal.SIGSTOP)
        try:
            vms[C].kill()
            t.wait_text(f"Looking at what {A} writes, 2 waiting", 3)
            t.send("j", "x")  # B
            t.wait_text("s: that of the selected VM")
            t.send("s")
            t.wait(lambda s: f"Looking at what {A} writes, 1 waiting" in s, "one less", 3)
        finally:
            os.kill(scanner, signal.SIGCONT)
        t.wait(lambda s: f"Looking at what {D} writes; x ends it" in s, "the last one", 10)
        t.send("x")  # of B nothing waits any more
        t.wait_text("a: all of them")
        start = time.monotonic()
        t.send("a")
        t.wait(lambda s: "x ends" not in s and "a: all" not in s, "the end of all", 3)
        print(f"cancelled after {time.monotonic() - start:.2f} s")
        t.send("x")
        t.wait_text("No VM is being scanned")
        t.send("6")
        t.wait(lambda s: re.match(r"~?[0-9.]+m?s", cells(s, "MIGR").get(A, "")), "a forecast")
        self.assertNotRegex(cells(t.screen(), "MIGR")[B], r"\d")
        self.quit(t)

    def test_of_a_saved_host_nothing_is_scanned(self):
        root = os.path.join(kvmtest.ROOT, "tests/data/roots/unlocked-qemu72")
        t = self.tmux(KVMLENS, "--sysroot", root, columns=120, lines=30)
        t.wait_text("PID")
        t.send("R")
        t.wait_text("The memory of a VM can be scanned on the live system only")
        t.send("x")
        t.wait_text("No VM is being scanned")
        self.quit(t)
