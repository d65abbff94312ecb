# SPDX-License-Identifier: MIT
"""Keys and the terminal, on a raw pseudo terminal and through tmux. A saved host has the VMs."""
import os
import resource
import shutil
import signal
import tempfile

import kvmtest
from kvmtest import KVMLENS, ROOT

BESIDE = "any"  # tests/e2e/run.py

HOST = os.path.join(ROOT, "tests/data/roots/no-debugfs")

# Sequences that are no key of kvmlens. Before, their bytes were commands.
NO_KEYS = {
    "focus in": b"\x1b[I",
    "focus out": b"\x1b[O",
    "Ctrl-Right": b"\x1b[1;5C",
    "Ctrl-PgUp": b"\x1b[5;5~",
    "Shift-F5": b"\x1b[15;2~",
    "rxvt Ctrl-PgUp": b"\x1b[5^",
    "rxvt Shift-Delete": b"\x1b[3$",
    "Alt-x": b"\x1bx",
    "Alt-q": b"\x1bq",
    "Insert": b"\x1b[2~",
    "colours": b"\x1b]11;rgb:ffff/ffff/dddd\x1b\\",
    "device": b"\x1b[?64;1;2;6;22c",
    "DCS": b"\x1bP>|XTerm(390)\x1b\\",
    "paste": b"\x1b[200~q]dZ[\x1b[201~",
}


class Keys(kvmtest.TestCase):
    def monitor(self, term, *options):
        t = self.pty(KVMLENS, "--sysroot", HOST, "-s", "3600", *options, term=term)
        t.wait_bytes(b"F10")
        return t

    def assert_untouched(self, t):
        """All that was sent before is worked off, and was no command: delay and screen are as they were."""
        start = len(t.read())
        t.send(b"\x0c")  # Ctrl-L: everything is drawn again
        start = t.wait_bytes(b"kvmlens", start)
        t.wait_bytes(b"F10", start)
        said = t.read()[start:]
        self.assertIn(b"3600s", said)
        self.assertIn(b"F2", said)  # of the VMs screen
        self.assertNotIn(b"FROZEN", said)

    def test_sequences_that_are_no_key_do_nothing(self):
        for term in ("xterm-256color", "screen", "tmux-256color", "linux", "vt100", "vt220", "rxvt"):
            t = self.monitor(term)
            for data in NO_KEYS.values():
                t.send(data)
            self.assert_untouched(t)
            t.send(b"q")
            self.assertEqual(t.wait_exit(), 0)
            t.close()

    def test_sequences_in_pieces_do_nothing(self):
        t = self.monitor("xterm-256color")
        for data in NO_KEYS.values():
            for byte in data:
                t.send(bytes([byte]))
        self.assert_untouched(t)
        t.send(b"q")
        self.assertEqual(t.wait_exit(), 0)

    def test_function_keys_work_where_terminfo_knows_them_not(self):
        """F5 on a terminal that is called vt100 and is an xterm: it opens the vCPUs."""
        for term in ("vt100", "vt220", "screen", "linux", "xterm-256color", "rxvt"):
            t = self.monitor(term)
            start = len(t.read())
            t.send(b"\x1b[15~")
            t.wait_bytes(b"vCPU 1", start)
            self.assert_untouched(t)
            t.send(b"\x1b[21~")  # F10
            self.assertEqual(t.wait_exit(), 0)
            t.close()

    def test_a_lone_escape_closes(self):
        for term in ("xterm-256color", "linux", "vt100"):
            t = self.monitor(term)
            start = len(t.read())
            t.send(b"h")
            start = t.wait_bytes(b"lines", start)
            t.send(b"\x1b")
            t.wait_bytes(b"EXITS/s", start)  # the help may name a VM, but has no such title
            t.send(b"q")
            self.assertEqual(t.wait_exit(), 0)
            t.close()

    def test_what_is_pasted_is_text_in_a_prompt(self):
        t = self.monitor("xterm-256color")
        start = len(t.read())
        t.send(b"/\x1b[200~no\r-such\x1b[201~\r")
        t.wait_bytes(b"'no-such' is not in this list", start)
        t.send(b"q")
        self.assertEqual(t.wait_exit(), 0)

    def test_tmux_passes_keys_and_reports(self):
        t = self.tmux(KVMLENS, "--sysroot", HOST, "-s", "3600", columns=120)
        t.wait_text("web-07")
        for data in NO_KEYS.values():
            t.send_bytes(data)
        for key in ("C-Right", "S-F5", "M-x", "C-PgUp", "M-Up", "S-Left", "C-M-Right", "IC"):
            t.send(key)
        t.send("F5")
        t.wait_text("vCPU 1")
        screen = t.screen()
        self.assertNotIn("Refreshing", screen)
        self.assertIn("3600s", screen)
        t.send("F10")
        self.assertEqual(t.wait_exit(), 0)
        self.assertFalse(t.mode("alternate_on"))


class Prompts(kvmtest.TestCase):
    """What is typed, and what of names is shown."""

    def test_a_filter_is_replaced_edited_and_refused(self):
        t = self.tmux(KVMLENS, "--sysroot", HOST, "-s", "3600", columns=120)
        t.wait_text("web-07")
        for keys, expected in (
                (("f", "w", "e", "b", "Enter"), "1 of 3 VMs, filter web;"),
                (("f", "t", "w", "o", "Enter"), "2 of 3 VMs, filter two;"),  # not webtwo
                (("f", "End", "-", "i", "n", "Enter"), "2 of 3 VMs, filter two-in;"),
                (("f", "BSpace", "Home", "Right", "DC", "w", "Enter"), "filter two-i;"),
                (("f", "(", "x", "Enter"), r"Not a regular expression: Unmatched ( or \(: (x"),
                ((")", "?", "Enter"), "web-07")):
            for key in keys:
                t.send(key)
            t.wait_text(expected)
        t.send("c")
        t.wait_text("web-07")
        t.send("q")
        self.assertEqual(t.wait_exit(), 0)

    def test_keys_that_come_at_once_are_each_taken(self):
        """The filter, its end, and the row that it leaves: to the guests of the counter, and into the first."""
        t = self.pty(KVMLENS, "--sysroot", HOST, "-s", "3600", columns=120, term="screen")
        t.wait_bytes(b"F10")
        for keys, expected in ((b"bif^halt_exits$\r\r", b"by guest"), (b"bc\r\r", b"1 Counters"), (b"\x1b[1~\x0c", b"F10")):
            start = len(t.read())
            t.send(keys)
            t.wait_bytes(expected, start)
        t.send(b"q")
        self.assertEqual(t.wait_exit(), 0)

    def test_the_cursor_of_the_vcpus_moves(self):
        for options in ((), ("--no-color",)):
            t = self.tmux(KVMLENS, "--sysroot", HOST, "-s", "3600", *options, "web-07")
            t.wait_text("[1 Counters]")
            t.send("2")
            t.wait_text("[2 vCPUs]")
            before = kvmtest.wait_for(lambda: self.vcpu_rows(t), "two vCPUs")
            t.send("Down")
            kvmtest.wait_for(lambda: all(a != b for a, b in zip(self.vcpu_rows(t), before)),
                             "the cursor on the second one")
            t.send("q")
            self.assertEqual(t.wait_exit(), 0)
            t.close()

    @staticmethod
    def vcpu_rows(t):
        """Both vCPUs of web-07 with their colours and attributes; None: they are not both there."""
        rows = [line for line in t.screen(escapes=True).splitlines() if "12089" in line or "12090" in line]
        return rows if len(rows) == 2 else None

    def test_without_unicode_nothing_but_ascii_is_sent(self):
        root = tempfile.mkdtemp(prefix="kvmtest-")
        self.addCleanup(shutil.rmtree, root, ignore_errors=True)
        shutil.copytree(HOST, root, dirs_exist_ok=True, symlinks=True)
        cmdline = os.path.join(root, "proc/12084/cmdline")
        with open(cmdline, "rb") as f:
            data = f.read()
        os.chmod(cmdline, 0o644)
        with open(cmdline, "wb") as f:
            f.write(data.replace(b"web-07,", "数据库-é,".encode()))
        for options, expected in ((("--no-unicode",), b"??????-?"), ((), "数据库-é".encode())):
            t = self.pty(KVMLENS, "--sysroot", root, "-s", "3600", *options)
            t.wait_bytes(expected)
            for key in b"\r234\x1bhq":
                t.send(bytes([key]))
            self.assertEqual(t.wait_exit(), 0)
            self.assertEqual(t.read().isascii(), bool(options))
            t.close()

    def test_a_guest_is_chosen_by_one_rule(self):
        for name, count in (("web-07", 1), ("WEB-07", 0), ("qemu", 0)):
            batch = kvmtest.kvmlens("-1", "-s", "0.1", "--sysroot", HOST, "-g", name)
            self.assertEqual("web-07" in batch.out, count == 1, batch)
            t = self.pty(KVMLENS, "--sysroot", HOST, "-s", "3600", "-g", name, columns=120)
            t.wait_bytes(f"{count} VM{'s' if count != 1 else ''}, guest {name}; c clears it".encode())
            t.send(b"q")
            self.assertEqual(t.wait_exit(), 0)
            t.close()


class Waits(kvmtest.TestCase):
    """poll(2) refuses to wait: for more descriptors than the limit, which somebody lowered meanwhile."""

    def test_monitor_ends_with_a_message(self):
        t = self.pty(KVMLENS, "--sysroot", HOST, "-s", "3600")
        t.wait_bytes(b"F10")
        resource.prlimit(t.pid, resource.RLIMIT_NOFILE, (2, 2))
        t.send(b"j")
        self.assertEqual(t.wait_exit(), 1)
        said = t.read()
        self.assertIn(b"kvmlens: poll: Invalid argument", said[said.rfind(b"\x1b[?1049l"):])
        self.assertEqual(t.modes(), t.before[:4])

    def test_log_ends_with_a_message(self):
        log = self.background(KVMLENS, "-l", "--sysroot", HOST, "-s", "3600")
        # It waits for the first interval: system call poll or ppoll, as its number stands there.
        kvmtest.wait_for(lambda: len(kvmtest.family(log.pid)) > 2 and self.is_confined(log.pid) and self.waits(log.pid),
                         "the log waits")
        resource.prlimit(log.pid, resource.RLIMIT_NOFILE, (2, 2))
        os.kill(log.pid, signal.SIGSTOP)
        kvmtest.wait_for(lambda: kvmtest.process_state(log.pid) == "T", "stopped")
        os.kill(log.pid, signal.SIGCONT)
        self.assertEqual(log.wait(), 1)
        self.assertIn("poll: Invalid argument", log.err())

    @staticmethod
    def is_confined(pid):
        """A sanitized program is not."""
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            return kvmtest.sanitized() or "Seccomp:\t2" in f.read()

    @staticmethod
    def waits(pid):
        with open(f"/proc/{pid}/wchan", encoding="ascii") as f:
            return "poll" in f.read()


class Signals(kvmtest.TestCase):
    """The terminal after the end, byte by byte and as tmux sees it."""
    FATAL = ("SIGUSR1", "SIGUSR2", "SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSYS", "SIGTRAP",
             "SIGALRM", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGTERM", "SIGHUP",
             "SIGINT", "SIGQUIT", "SIGRTMIN", "SIGRTMAX")

    def assert_restored(self, t):
        """Each mode that was switched on is off, last of all, and the line is as it was."""
        output = t.read()
        for on, off in ((b"\x1b[?1049h", b"\x1b[?1049l"), (b"\x1b[?25l", b"\x1b[?25h"),
                        (b"\x1b[?1000h", b"\x1b[?1000l"), (b"\x1b[?1006h", b"\x1b[?1006l"),
                        (b"\x1b[?2004h", b"\x1b[?2004l"), (b"\x1b[?1h", b"\x1b[?1l")):
            self.assertIn(on, output)
            self.assertGreater(output.rfind(off), output.rfind(on), off)
        self.assertEqual(t.modes(), t.before[:4])

    def test_every_fatal_signal_restores_the_terminal(self):
        for name in self.FATAL:
            t = self.pty(KVMLENS, "--sysroot", HOST, "-s", "3600")
            t.wait_bytes(b"F10")
            signum = getattr(signal, name)
            os.kill(t.pid, signum)
            self.assertEqual(t.wait_exit(), -signum, name)
            self.assert_restored(t)
            t.close()

    def test_tmux_has_its_terminal_back(self):
        for name in ("SIGUSR1", "SIGALRM", "SIGXCPU", "SIGILL"):
            t = self.tmux(KVMLENS, "--sysroot", HOST, "-s", "3600")
            t.wait_text("web-07")
            self.assertTrue(t.mode("mouse_any_flag"))
            self.assertIn("-icanon", t.line_modes())
            pid = t.child_pid()
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
            os.kill(pid, getattr(signal, name))
            self.assertEqual(t.wait_exit(), 128 + getattr(signal, name))
            for mode, expected in (("alternate_on", False), ("cursor_flag", True),
                                   ("mouse_any_flag", False), ("mouse_sgr_flag", False)):
                self.assertEqual(t.mode(mode), expected, (name, mode))
            for mode in ("icanon", "echo", "isig", "icrnl", "opost", "onlcr"):
                self.assertIn(mode, t.line_modes())
            t.close()

    def test_without_mouse_nothing_is_reported(self):
        t = self.pty(KVMLENS, "--sysroot", HOST, "--no-mouse")
        t.wait_bytes(b"F10")
        t.send(b"q")
        self.assertEqual(t.wait_exit(), 0)
        self.assertNotIn(b"?1000h", t.read())
        self.assertIn(b"\x1b[?2004l", t.read())
