# SPDX-License-Identifier: MIT
"""The interactive monitor in a real terminal."""
import os
import re
import resource
import signal
import time

import kvmtest
from kvmtest import KVMLENS, is_gone, need_kvm, wait_for


STANDS = r" (paused|not halted) "


class Monitor(kvmtest.TestCase):
    def demo(self, *options, **kwargs):
        need_kvm()
        kvmtest.become_subreaper()
        terminal = self.tmux(KVMLENS, "--demo", "-s", "0.2", *options, **kwargs)
        terminal.wait_text("demo-busy")
        return terminal

    def row(self, screen, name):
        return next((line for line in screen.splitlines() if name in line), "")

    def assert_restored(self, terminal):
        self.assertFalse(terminal.mode("alternate_on"))
        self.assertTrue(terminal.mode("cursor_flag"))
        self.assertFalse(terminal.mode("mouse_any_flag"))
        for mode in ("icanon", "echo", "isig", "icrnl", "opost", "onlcr"):
            self.assertIn(mode, terminal.line_modes())

    def test_both_vms_are_there_and_the_busy_one_moves(self):
        t = self.demo(columns=140, lines=30)
        first = self.row(t.screen(), "demo-busy")
        t.wait(lambda s: self.row(s, "demo-busy") not in ("", first), "another rate of demo-busy")
        self.assertTrue(t.mode("alternate_on"))
        t.send("f")
        t.wait_text("Show only")
        t.send("-l", "^demo-")  # idle VMs of others may fill the screen
        t.send("Enter")
        t.wait(lambda s: "demo-idle" in s and "demo-busy" in s, "both")

    def test_quit_keys_restore_the_terminal(self):
        for key in ("q", "F10"):
            t = self.demo()
            pid = t.child_pid()
            t.send(key)
            self.assertEqual(t.wait_exit(), 0)
            self.assert_restored(t)
            self.assertTrue(is_gone(pid))
            t.close()

    def test_signals_restore_the_terminal(self):
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGSEGV):
            t = self.demo()
            self.assertIn("-icanon", t.line_modes())
            pid = t.child_pid()
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
            os.kill(pid, signum)
            self.assertEqual(t.wait_exit(), 128 + signum)  # as a shell tells the end by a signal
            self.assert_restored(t)
            t.close()

    def test_no_color_means_no_colours(self):
        coloured = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")
        for env, options, expected in (({}, (), True), ({"NO_COLOR": ""}, (), True),
                                       ({"NO_COLOR": "1"}, (), False), ({}, ("--no-color",), False)):
            t = self.demo(*options, env=env)
            self.assertEqual(bool(coloured.search(t.screen(escapes=True))), expected, (env, options))
            t.close()

    def test_stopped_and_continued_by_a_shell(self):
        need_kvm()
        kvmtest.become_subreaper()
        self.own_vm("--comm", "still-there")
        t = self.tmux("bash", "--norc", "-i", columns=120)
        t.send("-l", f"{KVMLENS} -s 0.2")
        t.send("Enter")
        t.wait_text("still-there")
        t.send("C-z")
        t.wait_text("Stopped")
        self.assertFalse(t.mode("alternate_on"))
        self.assertFalse(t.mode("mouse_any_flag"))
        t.send("-l", "stty -a")
        t.send("Enter")
        t.wait(lambda s: " icanon" in s and " echo " in s, "a sane line")
        t.send("-l", "fg")
        t.send("Enter")
        t.wait_text("F10 Quit")
        self.assertTrue(t.mode("alternate_on"))
        t.send("q")
        t.wait(lambda s: "F10 Quit" not in s, "the shell again")
        t.send("-l", "exit 7")
        t.send("Enter")
        self.assertEqual(t.wait_exit(), 7)

    def test_vcpu_rows_open_and_close(self):
        t = self.demo(columns=120, lines=30)
        t.send("F5")
        t.wait(lambda s: len(re.findall(r"vCPU [01]\b", s)) >= 3, "three vCPU rows")
        t.send("t")
        t.wait(lambda s: not re.search(r"vCPU 0 +tid", s), "no vCPU row")

    def test_resize_to_nothing_and_back(self):
        t = self.demo()
        for columns, lines in ((1, 1), (2, 2), (10, 3), (40, 5), (200, 50), (80, 24)):
            t.resize(columns, lines)
            # Two redraws at that size, or the program is gone.
            t.send("C-l")
            wait_for(lambda: not is_gone(t.child_pid()), "the program alive")
        t.wait_text("demo-busy")
        t.send("q")
        self.assertEqual(t.wait_exit(), 0)

    def test_starts_in_a_tiny_terminal(self):
        need_kvm()
        kvmtest.become_subreaper()
        t = self.tmux(KVMLENS, "--demo", "-s", "0.2", columns=1, lines=1)
        wait_for(lambda: t.mode("alternate_on"), "the monitor")
        t.resize(80, 24)
        t.wait_text("demo-busy")
        t.send("q")
        self.assertEqual(t.wait_exit(), 0)

    def test_escape_does_not_quit(self):
        t = self.demo()
        t.send("Escape")
        t.send("F1")
        t.wait(lambda s: "demo-busy" not in s or "quit" in s.lower(), "help")
        t.send("Escape")
        t.wait_text("demo-busy")

    def test_freeze_holds_the_numbers(self):
        t = self.demo(columns=140, lines=30)
        t.send("Z")
        t.wait(lambda s: re.search("(?i)fr[eo]ze", s), "the word frozen")
        held = self.row(t.screen(), "demo-busy")
        for _ in range(10):
            kvmtest.time.sleep(0.1)
            self.assertEqual(self.row(t.screen(), "demo-busy"), held)
        t.send("Z")
        t.wait(lambda s: self.row(s, "demo-busy") != held, "moving numbers")

    def test_vm_that_ends_leaves_the_screen(self):
        vm = self.own_vm("--comm", "short-lived", "--busy", "500")  # above the idle VMs of others
        t = self.demo()
        t.wait_text("short-lived")
        vm.kill()
        t.wait(lambda s: "short-lived" not in s, "its row gone")
        self.assertIn("demo-busy", t.screen())

    def test_hostile_name_does_not_move_the_cursor(self):
        vm = self.start(kvmtest.Qemu(kvmtest.need_qemu(), name="guest=ev\x1b[5;1Hil\x1b[31m数据库",
                                     ram="16M", extra=("-S",)))
        t = self.tmux(KVMLENS, "-s", "0.2", "-p", str(vm.pid), columns=120)
        t.wait_text(f" {vm.pid} ")
        self.assertRegex(self.row(t.screen(), str(vm.pid)), r"ev\?\[5;1Hil\?\[31m数据库|ev.*il")
        t.send("q")
        self.assertEqual(t.wait_exit(), 0)

    def test_a_paused_vm_is_not_said_to_run(self):
        need_kvm()
        qemu = self.qemu(kvmtest.need_qemu(at_least=(8, 1)), name="guest=paused", extra=("-S",))
        t = self.tmux(KVMLENS, "-s", "0.2", "paused", columns=120)
        t.send("2")
        # Never started (prelaunch), then run, then stopped.
        # "not halted" where its thread is not known yet.
        t.wait(lambda s: re.search(STANDS, s), "a guest that does not run")
        for _ in range(5):
            self.assertNotIn("running", t.screen())
            time.sleep(0.2)
        qemu.qmp("cont")
        t.wait(lambda s: not re.search(STANDS, s), "a guest that runs or halts")
        qemu.stop_guest()
        self.assertEqual(qemu.qmp("query-status")["status"], "paused")
        # "not halted" where its thread is not known yet.
        t.wait(lambda s: re.search(STANDS, s), "a guest that does not run")
        for _ in range(5):
            self.assertNotIn("running", t.screen())
            time.sleep(0.2)

    def test_terminal_that_goes_away_ends_the_program(self):
        t = self.demo()
        pid = t.child_pid()
        t.close()
        wait_for(lambda: is_gone(pid), "end of the program")

    def test_first_screen_is_there_at_once(self):
        need_kvm()
        vm = self.own_vm("--comm", "quick-look")
        watch = kvmtest.Stopwatch()
        t = self.tmux(KVMLENS, "-s", "60", "-p", str(vm.pid))
        # Long before there is another one.
        t.wait_text("quick-look", 20)
        # Start of tmux and of a shell included; the program's own share is in the benchmark.
        self.assertLess(watch.idle(), 2)
        vm.kill()
        t.send("q")
        t.wait_exit()
