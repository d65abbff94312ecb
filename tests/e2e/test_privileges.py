# SPDX-License-Identifier: MIT
"""What the processes of kvmlens hold, mode by mode, as the kernel tells it.

That what is refused is refused, tests/core/test_privilege.c shows from inside each role.
"""
import contextlib
import errno
import os
import re
import signal
import tempfile
import unittest

import kvmtest
from kvmtest import KVMLENS, family, need, need_root, need_tool, wait_for

SYS_PTRACE, DAC_READ_SEARCH, DAC_OVERRIDE, CHECKPOINT_RESTORE = 1 << 19, 1 << 2, 1 << 1, 1 << 40
COLLECTOR = SYS_PTRACE | DAC_READ_SEARCH
SCANNER = COLLECTOR | CHECKPOINT_RESTORE
BPF = 1 << 38 | 1 << 39  # and CAP_PERFMON
# Of the front end, the supervisor, and what may stand below it: (permitted, effective).
STRICT = {"front": (0, 0), "supervisor": (SCANNER | BPF, 0), "collector": (COLLECTOR, COLLECTOR),
          "scanner": (SCANNER, SCANNER)}
UNIT = dict(STRICT, supervisor=(SCANNER, 0))
BASIC = dict(STRICT, front=(DAC_OVERRIDE, DAC_OVERRIDE))
UNITS = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs",
         "--inh-caps=-all,+sys_ptrace,+dac_read_search,+checkpoint_restore",
         "--ambient-caps=-all,+sys_ptrace,+dac_read_search,+checkpoint_restore")
# Numbers and arguments, as syscall(2) takes them.
REFUSED = {
    "execve": '59, "/bin/true", 0L, 0L',
    "socket": "41, 1L, 1L, 0L",
    "connect": "42, 0L, 0L, 0L",
    "open for writing": '257, -100L, "/tmp/kvmlens-must-not-be-made", 65L, 384L',
    "ptrace": "101, 16L, 1L, 0L, 0L",
    "process_vm_writev": "311, 1L, 0L, 0L, 0L, 0L, 0L",
    "kill of init": "62, 1L, 0L",
    "bpf": "321, 0L, 0L, 0L",
    "mount": '165, "none", "/mnt", "tmpfs", 0L, 0L',
}
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def status(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as f:
        fields = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    return {"held": (int(fields["CapPrm"], 16), int(fields["CapEff"], 16)), "ambient": int(fields["CapAmb"], 16),
            "no_new_privs": fields["NoNewPrivs"], "seccomp": fields["Seccomp"], "uid": int(fields["Uid"].split()[0])}


def is_dumpable(pid):
    """What is not, belongs to root in /proc, whoever runs it; of root's own processes it does not tell."""
    return os.stat(f"/proc/{pid}/mem").st_uid == status(pid)["uid"]


@contextlib.contextmanager
def stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: kvmtest.process_state(pid) == "T", "a process that stands still")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class Privileges(kvmtest.TestCase):
    def setUp(self):
        super().setUp()
        need_root()
        need(not kvmtest.sanitized(), "a sanitizer needs what is given up")

    def processes(self, run):
        """Name and pid of each process, once there are all."""
        wait_for(lambda: len(family(run.pid)) >= 3, "three processes")
        front, supervisor, *children = family(run.pid)
        return [("front", front), ("supervisor", supervisor), *[("child", child) for child in children]]

    def assert_holds(self, run, expected, filtered=True):
        def as_expected():
            found = self.processes(run)
            for name, pid in found:
                s = status(pid)
                allowed = [expected["collector"], expected["scanner"]] if name == "child" else [expected[name]]
                if s["held"] not in allowed or s["no_new_privs"] != "1" or s["ambient"] != 0 or \
                        s["seccomp"] != ("2" if filtered else "0"):
                    return None
            return found
        try:
            found = wait_for(as_expected, "processes that hold what they should", 5)
        except AssertionError as error:
            raise AssertionError(f"{error}: {[(n, status(p)) for n, p in self.processes(run)]}") from None
        for name, pid in found:
            s = status(pid)
            print(f"  {name}: permitted {s['held'][0]:#x} effective {s['held'][1]:#x} NoNewPrivs {s['no_new_privs']} "
                  f"Seccomp {s['seccomp']}", flush=True)

    def log(self, *options, prefix=()):
        return self.background(*prefix, KVMLENS, "-l", "-s", "0.3", "--format", "json", *options)

    def test_log_and_once_in_strict(self):
        self.assert_holds(self.log(), STRICT)
        self.assert_holds(self.background(KVMLENS, "-1", "-s", "2", "--format", "json"), STRICT)

    def test_monitor_in_strict(self):
        t = self.pty(KVMLENS)
        t.wait_bytes(b"F10")
        self.assert_holds(t, STRICT)
        t.send(b"q")
        self.assertEqual(t.wait_exit(), 0)
        t.close()

    def test_scan_in_strict(self):
        vm = self.own_vm("--ram", "512M", "--fill", "nonzero:0:300M")
        scan = self.background(KVMLENS, "--scan", str(vm.pid), "--max-rate", "20", "--format", "json")
        wait_for(lambda: any(status(p)["held"] == STRICT["scanner"] for n, p in self.processes(scan) if n == "child"),
                 "the scanner", 5)
        self.assert_holds(scan, STRICT)

    def test_each_process_is_refused_what_it_has_no_use_for(self):
        """A debugger makes them try, as whoever had taken them over would."""
        need_tool("gdb")
        need(os.uname().machine == "x86_64", "the numbers of the system calls are those of x86-64")
        vm = self.own_vm("--ram", "512M", "--fill", "nonzero:0:300M")
        log = self.log()
        scan = self.background(KVMLENS, "--scan", str(vm.pid), "--max-rate", "5", "--format", "json")
        wait_for(lambda: any(status(p)["held"] == STRICT["scanner"] for _, p in self.processes(scan)), "the scanner", 5)
        scanner = [(n, p) for n, p in self.processes(scan) if status(p)["held"] == STRICT["scanner"]]
        for name, pid in self.processes(log) + scanner:
            with self.subTest(name, pid=pid), contextlib.ExitStack() as stack:
                wait_for(lambda pid=pid: status(pid)["seccomp"] == "2", "the filter", 5)
                if name == "child":  # who does not answer while the debugger is slow would be ended
                    stack.enter_context(stopped(scan.pid if (name, pid) in scanner else log.pid))
                # The supervisor ends those that hang, and leaves its children bpf(2).
                calls = {k: v for k, v in REFUSED.items()
                         if name != "supervisor" or not k.startswith(("kill", "bpf"))}
                self.tries(pid, calls)
                print(f"  {name}: {', '.join(calls)} refused", flush=True)

    def tries(self, pid, calls):
        """Each made by the process itself: -1 with EPERM."""
        script = [word for call in calls.values()
                  for word in ("-ex", f"print (long)syscall({call})", "-ex", "print *(int *)__errno_location()")]
        result = kvmtest.run("gdb", "-nx", "-batch", "-p", str(pid), *script, timeout=60)
        values = re.findall(r"^\$\d+ = (-?\d+)$", result.out, re.M)
        self.assertEqual(values, ["-1", str(errno.EPERM)] * len(calls), str(result))

    def test_basic_keeps_what_writing_takes_and_has_no_filter(self):
        self.assert_holds(self.log("--privileges", "basic"), BASIC, filtered=False)

    def test_off_changes_nothing(self):
        run = self.log("--privileges=off")
        mine = status(os.getpid())
        for _, pid in self.processes(run):
            self.assertEqual(status(pid)["held"], mine["held"])
            self.assertEqual(status(pid)["seccomp"], mine["seccomp"])

    def test_user_of_the_units(self):
        need(kvmtest.run(*NOBODY, "test", "-x", KVMLENS).returncode == 0,
             "the program is in a directory that nobody may not enter")
        run = self.log(prefix=UNITS)
        self.assert_holds(run, UNIT)
        for _, pid in self.processes(run):
            self.assertFalse(is_dumpable(pid))

    def test_user_without_any(self):
        need(kvmtest.run(*NOBODY, "test", "-x", KVMLENS).returncode == 0,
             "the program is in a directory that nobody may not enter")
        run = self.log(prefix=NOBODY)
        self.assert_holds(run, {name: (0, 0) for name in STRICT})
        for _, pid in self.processes(run):
            self.assertFalse(is_dumpable(pid))
        off = self.log("--privileges=off", prefix=NOBODY)
        self.assertTrue(is_dumpable(self.processes(off)[1][1]))

    def test_places_of_others_are_refused_with_what_helps(self):
        with tempfile.TemporaryDirectory() as top:
            place = os.path.join(top, "others")
            os.mkdir(place)
            os.chown(place, 65534, 65534)
            for option in ("-o", "-L"):
                args = ["-1" if option == "-o" else "-l", "-n1", "-s", "0.1", "--format", "json", option,
                        os.path.join(place, "out")]
                args = [a for a in args if a != "-n1" or option == "-L"]
                result = kvmtest.kvmlens(*args)
                self.assert_status(result, 1)
                self.assertRegex(result.err, "belongs to uid 65534.*--privileges=basic")
                self.assert_status(kvmtest.kvmlens(*args, "--privileges=basic"), 0, 3)

    def test_nothing_of_ours_is_left(self):
        run = self.log()
        pids = [pid for _, pid in self.processes(run)]
        run.process.kill()
        run.wait(5)
        wait_for(lambda: not any(kvmtest.process_state(pid) not in ("Z", None, "") for pid in pids[1:]),
                 "the end of all", 2)


if __name__ == "__main__":
    unittest.main()
