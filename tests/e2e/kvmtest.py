# SPDX-License-Identifier: MIT
"""Harness of the end-to-end tests: VMs of our own and of QEMU, terminals, kvmlens itself.

Python's standard library only. Nothing here sleeps for a fixed time to let something happen: wait_for()
polls a condition until a deadline, which a machine that is short of CPUs puts off (Stopwatch). What a test starts is stopped when it ends, by pid. A test that
cannot run on this machine raises unittest.SkipTest with the reason, which the runner prints.

Environment: KVMLENS (program under test), TESTVM (tests/vm/testvm), HOSTILE (tests/vm/hostile), KVMTEST_QEMU (QEMU binaries, separated
by colons, before those of build/cache and PATH), KVMTEST_SLOWER (how many times longer than usual is waited
before something counts as hanging: 4 on an emulated CPU), KVMTEST_SKIPPED (a file to which the reason of each test
left out is appended; tests/checks/skipped sums it up).
"""
import contextlib
import ctypes
import fcntl
import functools
import glob
import json
import os
import pty
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KVMLENS = os.path.abspath(os.environ.get("KVMLENS", os.path.join(ROOT, "kvmlens")))
TESTVM = os.path.abspath(os.environ.get("TESTVM", os.path.join(ROOT, "build/gcc/tests/vm/testvm")))
HOSTILE = os.path.abspath(os.environ.get("HOSTILE", os.path.join(ROOT, "build/gcc/tests/vm/hostile")))
GOLDEN_ENV = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PATH": os.environ.get("PATH", "/usr/bin:/bin")}
SLOWER = float(os.environ.get("KVMTEST_SLOWER", "1"))
# For strace: the leak checker of a sanitized program ends it where it is traced.
NO_LEAK_CHECK = ("-E", "ASAN_OPTIONS=detect_leaks=0")
SANITIZER_OPTIONS = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS")


def stalled_s():
    """Seconds since boot in which somebody waited for a CPU (pressure stall information); 0 where nobody tells."""
    try:
        with open("/proc/pressure/cpu", encoding="ascii") as f:
            return int(re.search(r"some .*total=(\d+)", f.read()).group(1)) / 1e6
    except (OSError, AttributeError):
        return 0.0


class Stopwatch:
    """Seconds since it was made, with those of a busy machine and without: what waits for a CPU is not late by its own
    fault, so that only an idle machine decides by time."""

    def __init__(self):
        self.begin, self.stalled = time.monotonic(), stalled_s()

    def wall(self):
        return time.monotonic() - self.begin

    def idle(self):
        """Without those in which somebody waited for a CPU."""
        return self.wall() - (stalled_s() - self.stalled)

    def is_over(self, seconds):
        """Has that time passed? Three times as much is enough on any machine."""
        return self.wall() > seconds and (self.idle() > seconds or self.wall() > 3 * seconds)


def wait_for(condition, what, seconds=10.0, step=0.01):
    """The first true value of condition(); AssertionError when there is none in time."""
    watch = Stopwatch()
    while True:
        is_over = watch.is_over(seconds * SLOWER)  # before it looks: it may be held up for long between the two
        value = condition()
        if value:
            return value
        if is_over:
            raise AssertionError(f"not within {watch.wall():.0f} s: {what}")
        time.sleep(step)


# --- what a test needs --------------------------------------------------------------------------

def remember_skip(reason):
    path = os.environ.get("KVMTEST_SKIPPED")
    if path:
        with open(path, "a", encoding="utf-8") as f:
            f.write(reason + "\n")


def say_skipped(reason):
    """A part of a test is left out, the rest goes on."""
    print(f"skipped: {reason}", flush=True)
    remember_skip(reason)


def need(condition, reason):
    if not condition:
        raise unittest.SkipTest(reason)


def need_kvm():
    need(os.access("/dev/kvm", os.R_OK | os.W_OK), "no usable /dev/kvm")


def need_root():
    need(os.geteuid() == 0, "needs root")


def need_tool(name):
    need(shutil.which(name), f"{name} is not installed")


def debugfs():
    """The kvm directory of debugfs, or None."""
    path = "/sys/kernel/debug/kvm"
    try:
        os.listdir(path)
    except OSError:
        return None
    return path


def need_debugfs():
    need(debugfs(), "debugfs is not mounted or may not be listed")


def lockdown():
    """The kernel's lockdown mode, or None where it cannot be read."""
    try:
        with open("/sys/kernel/security/lockdown", encoding="ascii") as f:
            return re.search(r"\[(\w+)\]", f.read()).group(1)
    except (OSError, AttributeError):
        return None


@functools.lru_cache(maxsize=None)
def sanitized():
    """Was the program under test built with a sanitizer that reserves terabytes of shadow memory?"""
    with open(KVMLENS, "rb") as f:
        data = f.read()
    return b"__asan_init" in data or b"__tsan_init" in data


def have_binary_stats():
    """Does this kernel have KVM_GET_STATS_FD (5.14)?"""
    return tuple(int(n) for n in re.findall(r"\d+", os.uname().release)[:2]) >= (5, 14)


# --- programs -----------------------------------------------------------------------------------

class Run:
    """A finished program: returncode, out and err as text, seconds it took, and those of an idle machine (Stopwatch)."""

    def __init__(self, args, process, seconds, idle_seconds):
        self.args = args
        self.returncode = process.returncode
        self.out_bytes = process.stdout or b""
        self.out = self.out_bytes.decode("utf-8", "surrogateescape")
        self.err = (process.stderr or b"").decode("utf-8", "surrogateescape")
        self.seconds = seconds
        self.idle_seconds = idle_seconds

    def __str__(self):
        return (f"$ {' '.join(self.args)}\nexit status {self.returncode} after {self.seconds:.2f} s\n"
                f"--- stdout\n{self.out}\n--- stderr\n{self.err}")


def environment(**changes):
    env = dict(GOLDEN_ENV)
    for name in SANITIZER_OPTIONS:
        if name in os.environ:
            env[name] = os.environ[name]
    env.setdefault("LSAN_OPTIONS", f"print_suppressions=0:suppressions={HERE}/lsan.supp")
    env.update(changes)
    return env


def without_leak_check(**changes):
    """environment() where the leak checker of a sanitized program cannot work, and would end it."""
    env = environment(**changes)
    env["ASAN_OPTIONS"] = f"{env.get('ASAN_OPTIONS', '')}:detect_leaks=0".lstrip(":")
    env.pop("LSAN_OPTIONS", None)
    return env


def run(*args, timeout=30, env=None, **kwargs):
    watch = Stopwatch()
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    kwargs.setdefault("stdout", subprocess.PIPE)
    kwargs.setdefault("stderr", subprocess.PIPE)
    process = subprocess.run(args, timeout=timeout * SLOWER, check=False, env=env or environment(), **kwargs)
    return Run(args, process, watch.wall(), watch.idle())


def kvmlens(*args, prefix=(), **kwargs):
    """Run kvmlens to its end. prefix: a command that starts it (setpriv ..., unshare ...)."""
    return run(*prefix, KVMLENS, *args, **kwargs)


def kvmlens_records(*args, expect=(0, 3), **kwargs):
    """JSON records of a run with --format json; fails unless the exit status is an expected one."""
    result = kvmlens(*args, "--format", "json", **kwargs)
    if result.returncode not in expect:
        raise AssertionError(str(result))
    return [json.loads(line) for line in result.out.splitlines()]


def snapshot(*args, **kwargs):
    """The one record of kvmlens -1."""
    records = kvmlens_records("-1", "-s", "0.1", *args, **kwargs)
    if len(records) != 1:
        raise AssertionError(f"{len(records)} records of one snapshot")
    return records[0]


def vms_of(record, pid):
    return [vm for vm in record["vms"] if vm["pid"] == pid]


def vm_of(record, pid):
    found = vms_of(record, pid)
    if len(found) != 1:
        raise AssertionError(f"{len(found)} VMs of process {pid} in {json.dumps(record)[:2000]}")
    return found[0]


NO_DEBUGFS = "umount -l /sys/kernel/debug 2>/dev/null || true"  # setup of in_mounts


def in_mounts(setup, *argv):
    """argv in a mount namespace of its own, after the shell commands of setup: the host's mounts stay
    as they are. Needs root."""
    return ["unshare", "-m", "--propagation", "private", "sh", "-ec", setup + '\nexec "$@"', "sh",
            *argv]


def family(pid):
    """A process and all that come from it: kvmlens is several."""
    found = [pid]
    for each in found:
        try:
            with open(f"/proc/{each}/task/{each}/children", encoding="ascii") as children:
                found += map(int, children.read().split())
        except OSError:
            pass
    return found


def scanner_of(pid):
    """The process of ours that scans, for it has a thread that works beside one that listens; None: there is none."""
    for each in family(pid):
        with contextlib.suppress(OSError):
            if len(os.listdir(f"/proc/{each}/task")) > 1:
                return each
    return None


def fd_links(pid):
    """What the descriptors of a process point to, and those of all that come from it."""
    links = []
    for each in family(pid):
        try:
            names = os.listdir(f"/proc/{each}/fd")
        except OSError:
            continue
        for fd in names:
            try:
                links.append(os.readlink(f"/proc/{each}/fd/{fd}"))
            except OSError:
                pass
    return links


def process_state(pid):
    """State letter of a process; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0]
    except OSError:
        return None


def is_gone(pid):
    return process_state(pid) in (None, "Z", "X")


class Background:
    """A program that runs beside the test; stop() ends it."""

    def __init__(self, *args, env=None, **kwargs):
        self.stdout = tempfile.TemporaryFile()
        self.stderr = tempfile.TemporaryFile()
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        kwargs.setdefault("stdout", self.stdout)
        kwargs.setdefault("stderr", self.stderr)
        self.process = subprocess.Popen(args, env=env or environment(), **kwargs)
        self.pid = self.process.pid

    @staticmethod
    def _text(f):
        # pread: the offset is shared with the program that writes.
        return os.pread(f.fileno(), 1 << 26, 0).decode("utf-8", "surrogateescape")

    def out(self):
        return self._text(self.stdout)

    def err(self):
        return self._text(self.stderr)

    def records(self):
        """Complete JSON lines so far."""
        return [json.loads(line) for line in self.out().split("\n")[:-1] if line]

    def wait(self, seconds=10):
        watch = Stopwatch()
        while True:
            try:
                return self.process.wait(seconds * SLOWER)
            except subprocess.TimeoutExpired:
                if watch.is_over(seconds * SLOWER):
                    raise AssertionError(f"{self.process.args} still runs after {watch.wall():.0f} s\n{self.err()}") \
                        from None

    def stop(self, signum=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(signum)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return self.process.returncode

    def close(self):
        self.stop()
        self.stdout.close()
        self.stderr.close()


# --- VMs ----------------------------------------------------------------------------------------

class TestVm:
    """VMs of tests/vm/testvm; its options are those of its --help text. info is what it printed."""
    __test__ = False

    def __init__(self, *options, prefix=(), **kwargs):
        self.process = subprocess.Popen([*prefix, TESTVM, *options], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        **kwargs)
        self.info = self._read()
        self.pid = self.info["pid"]
        self.vms = self.info["vms"]

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            text = self.process.stderr.read()
            self.close()
            raise AssertionError(f"testvm did not start: {text}")
        return json.loads(line)

    def say(self, word):
        """A command of its standard input; answered() waits until it was done."""
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def answered(self):
        self.info = self._read()
        self.vms = self.info["vms"]
        return self.info

    def recreate(self):
        self.say("recreate")
        self.answered()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def debugfs_dirs(self):
        return [f"/sys/kernel/debug/kvm/{vm['tid']}-{vm['vm_fd']}" for vm in self.vms]

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        for f in (self.process.stdin, self.process.stdout, self.process.stderr):
            f.close()


class Hostile:
    """A neighbour of tests/vm/hostile. info is what it printed last."""
    CANNOT = 77  # its exit status where the machine cannot

    def __init__(self, *args):
        need_kvm()
        self.process = subprocess.Popen([HOSTILE, *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        self.info = self._read()

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            status, text = self.process.wait(), self.process.stderr.read().strip()
            self.close()
            need(status != self.CANNOT, f"no such neighbour here: {text}")
            raise AssertionError(f"hostile ended with status {status}: {text}")
        return json.loads(line)

    def ask(self, word="status"):
        """A line to it; what it says to that."""
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        self.info = self._read()
        return self.info

    def close(self):
        """More than once does no harm."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)  # a test may have stopped it
            self.process.stdin.close()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for f in (self.process.stdin, self.process.stdout, self.process.stderr):
            f.close()


@functools.lru_cache(maxsize=None)
def qemu_version(binary):
    """(major, minor) or None."""
    try:
        result = run(binary, "--version", timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"version (\d+)\.(\d+)", result.out)
    return (int(found.group(1)), int(found.group(2))) if found else None


@functools.lru_cache(maxsize=None)
def qemu_binaries():
    """All QEMUs of this machine as {(major, minor): binary}; those named first win."""
    candidates = [b for b in os.environ.get("KVMTEST_QEMU", "").split(":") if b]
    candidates += sorted(glob.glob(os.path.join(ROOT, "build/cache/qemu-*/run")))
    candidates += [b for b in [shutil.which("qemu-system-x86_64")] if b]
    found = {}
    for binary in candidates:
        version = qemu_version(binary)
        if version:
            found.setdefault(version, binary)
    return found


def need_qemu(at_least=(0, 0), below=(999, 0)):
    """Newest QEMU with at_least <= version < below."""
    need_kvm()
    fitting = [v for v in qemu_binaries() if at_least <= v < below]
    text = f"QEMU >= {at_least[0]}.{at_least[1]}" if below == (999, 0) else \
        f"QEMU < {below[0]}.{below[1]}"
    have = ", ".join(f"{a}.{b}" for a, b in sorted(qemu_binaries())) or "none"
    need(fitting, f"needs {text}, found {have} (tests/e2e/get-qemu unpacks Debian's)")
    return qemu_binaries()[max(fitting)]


class Qemu:
    """A BIOS-only QEMU VM with a QMP connection.

    ram: as -m takes it. backend: None (private anonymous), or the type and options of a memory backend, such as
    "memory-backend-memfd,share=on". name: text after -name; extra: more options.
    """

    def __init__(self, binary, name="guest=e2e", ram="64M", smp=1, backend=None, extra=(),
                 devices=False):
        self.dir = tempfile.mkdtemp(prefix="kvmtest-")
        path = os.path.join(self.dir, "qmp")
        args = [binary, "-m", ram, "-smp", str(smp), "-display", "none", "-enable-kvm",
                "-monitor", "none", "-qmp", f"unix:{path},server,nowait"]
        if name is not None:
            args += ["-name", name]
        if not devices:
            # Without a display adapter the BIOS is through in a fraction of the time.
            args += ["-nodefaults", "-vga", "none"]
        if backend:
            args += ["-object", f"{backend},id=ram,size={ram}", "-machine", "pc,memory-backend=ram"]
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen([*args, *extra], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log)
        self.pid = self.process.pid
        try:
            self.socket = self._connect(path)
            self.file = self.socket.makefile("rw", encoding="utf-8")
            self._read()
            self.qmp("qmp_capabilities")
        except BaseException:
            self.close()
            raise

    def _text(self):
        return os.pread(self.log.fileno(), 1 << 20, 0).decode("utf-8", "replace")

    def _connect(self, path):
        def attempt():
            if self.process.poll() is not None:
                raise AssertionError(f"QEMU ended: {self._text()}")
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(path)
                return s
            except OSError:
                s.close()
                return None
        s = wait_for(attempt, "QMP socket of QEMU", 20)
        s.settimeout(60)
        return s

    def _read(self):
        line = self.file.readline()
        if not line:
            raise AssertionError(f"QEMU closed its QMP socket: {self._text()}")
        return json.loads(line)

    def qmp(self, command, **arguments):
        request = {"execute": command}
        if arguments:
            request["arguments"] = {k.replace("_", "-"): v for k, v in arguments.items()}
        self.file.write(json.dumps(request) + "\n")
        self.file.flush()
        while True:
            answer = self._read()
            if "error" in answer:
                raise AssertionError(f"QMP {command}: {answer['error']}")
            if "return" in answer:
                return answer["return"]

    def vcpu_stats(self):
        """{vCPU id: {counter: value or list}}, QEMU's own view."""
        index = {cpu["qom-path"]: cpu["cpu-index"] for cpu in self.qmp("query-cpus-fast")}
        return {index[r["qom-path"]]: {s["name"]: s["value"] for s in r["stats"]}
                for r in self.qmp("query-stats", target="vcpu")}

    def vm_stats(self):
        return {s["name"]: s["value"]
                for r in self.qmp("query-stats", target="vm") for s in r["stats"]}

    def vcpu_threads(self):
        return {cpu["cpu-index"]: cpu["thread-id"] for cpu in self.qmp("query-cpus-fast")}

    def stop_guest(self):
        """Pause all vCPUs; afterwards no counter moves."""
        self.qmp("stop")
        wait_for(lambda: self.vcpu_stats() == self.vcpu_stats(), "counters that stand still")

    def migrate(self, seconds=60):
        """Migrate to nowhere; the ram part of query-migrate."""
        self.qmp("migrate-set-parameters", max_bandwidth=1 << 40)
        self.qmp("migrate", uri="exec:cat > /dev/null")

        def done():
            info = self.qmp("query-migrate")
            if info.get("status") == "failed":
                raise AssertionError(f"migration failed: {info}")
            return info if info.get("status") == "completed" else None
        return wait_for(done, "end of the migration", seconds)["ram"]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.kill()
        for name in ("file", "socket"):
            if hasattr(self, name):
                getattr(self, name).close()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


# --- terminals ----------------------------------------------------------------------------------

class Tmux:
    """One command in a tmux window of a server of its own."""

    def __init__(self, *argv, columns=80, lines=24, env=None):
        self.dir = tempfile.mkdtemp(prefix="kvmtest-")
        self.socket = os.path.join(self.dir, "tmux")
        self.status = os.path.join(self.dir, "status")
        script = '"$@"; echo $? > "$0.new"; mv "$0.new" "$0"; exec sleep 3600'
        env = environment(TERM="screen-256color", **(env or {}))
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(lines),
                   "env", "-i", *[f"{k}={v}" for k, v in env.items()],
                   "sh", "-c", script, self.status, *argv)
        self._tmux("set-option", "-g", "status", "off")
        self.resize(columns, lines)
        self.shell_pid = int(self._tmux("display-message", "-p", "#{pane_pid}"))

    def _tmux(self, *args):
        result = run("tmux", "-S", self.socket, *args, env=environment(HOME=self.dir, TERM="screen"))
        if result.returncode != 0:
            raise AssertionError(str(result))
        return result.out

    def resize(self, columns, lines):
        self._tmux("resize-window", "-x", str(columns), "-y", str(lines))

    def send(self, *keys):
        """Keys as tmux names them: F5, Up, Enter, C-l, or text."""
        self._tmux("send-keys", *keys)

    def screen(self, escapes=False):
        return self._tmux("capture-pane", "-p", *(["-e"] if escapes else []))

    def wait(self, condition, what, seconds=10):
        """Until condition(screen) is true; the screen is in the message when it never is."""
        try:
            return wait_for(lambda: condition(self.screen()), what, seconds, 0.05)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.screen()}") from None

    def wait_text(self, text, seconds=10):
        return self.wait(lambda screen: text in screen, f"'{text}' on the screen", seconds)

    def child_pid(self):
        """Process id of the command."""
        def child():
            with open(f"/proc/{self.shell_pid}/task/{self.shell_pid}/children",
                      encoding="ascii") as f:
                pids = f.read().split()
            return int(pids[0]) if pids else None
        return wait_for(child, "the command in the terminal")

    def wait_exit(self, seconds=10):
        """Exit status of the command."""
        try:
            wait_for(lambda: os.path.exists(self.status), "end of the command", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.screen()}") from None
        with open(self.status, encoding="ascii") as f:
            return int(f.read())

    def send_bytes(self, data):
        """Bytes as they are, at once."""
        self._tmux("send-keys", "-H", *[f"{byte:02x}" for byte in data])

    def mode(self, flag):
        """A flag of the terminal as tmux names it: alternate_on, cursor_flag, mouse_any_flag, ..."""
        return self._tmux("display-message", "-p", f"#{{{flag}}}").strip() == "1"

    def line_modes(self):
        """Words of stty -a for the terminal's line: "icanon" or "-icanon", "echo" or "-echo", ..."""
        tty = self._tmux("display-message", "-p", "#{pane_tty}").strip()
        return run("stty", "-F", tty, "-a").out.replace(";", " ").split()

    def close(self):
        run("tmux", "-S", self.socket, "kill-server", env=environment())
        shutil.rmtree(self.dir, ignore_errors=True)


class Pty:
    """One command on a pseudo terminal of its own, byte by byte: what a terminal emulator would hide is seen."""

    def __init__(self, *argv, term="xterm-256color", columns=80, lines=24, env=None):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave,
                                        env=environment(TERM=term, **(env or {})),
                                        preexec_fn=self._take_terminal)
        os.close(slave)
        os.set_blocking(self.master, False)
        self.pid = self.process.pid
        self.output = b""

    @staticmethod
    def _take_terminal():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def read(self):
        """All output so far."""
        try:
            while True:
                data = os.read(self.master, 65536)
                if not data:
                    break
                self.output += data
        except (BlockingIOError, OSError):
            pass  # EIO: nobody has the other side open any more
        return self.output

    def send(self, data):
        os.write(self.master, data)

    def wait_bytes(self, what, start=0, seconds=10):
        """Until that is in the output behind start; where it ends."""
        def found():
            at = self.read().find(what, start)
            return at + len(what) if at >= 0 else None
        try:
            return wait_for(found, f"{what} in the output", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output[start:]}") from None

    def wait_exit(self, seconds=10):
        """Exit status, negative for a signal."""
        def ended():
            self.read()
            return self.process.poll() is not None
        wait_for(ended, "end of the command", seconds)
        self.read()
        return self.process.returncode

    def modes(self):
        """What of the line must be as it was: the four words of flags."""
        return termios.tcgetattr(self.master)[:4]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.master >= 0:
            os.close(self.master)
            self.master = -1


# --- the kernel ---------------------------------------------------------------------------------

class KernelLog:
    """Messages of the kernel from now on."""

    def __init__(self):
        try:
            self.fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise unittest.SkipTest(f"the kernel log cannot be read: {error.strerror}") from None
        os.lseek(self.fd, 0, os.SEEK_END)

    def lines(self):
        lines = []
        while True:
            try:
                record = os.read(self.fd, 8192)
            except BlockingIOError:
                return lines
            except BrokenPipeError:
                continue  # overwritten before it was read; the next one follows
            lines.append(record.decode("utf-8", "replace").partition(";")[2].split("\n")[0])

    def close(self):
        os.close(self.fd)


SYS_PIDFD_OPEN, SYS_PIDFD_GETFD = 434, 438


def read_stats(pid, fd):
    """What a binary stats fd of another process holds: {name: value, or list for a histogram}.

    An oracle of its own, read as Documentation/virt/kvm/api.rst describes it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = libc.syscall(SYS_PIDFD_OPEN, pid, 0)
    copy = libc.syscall(SYS_PIDFD_GETFD, pidfd, fd, 0) if pidfd >= 0 else -1
    error = ctypes.get_errno()
    if pidfd >= 0:
        os.close(pidfd)
    if copy < 0:
        raise OSError(error, os.strerror(error))
    try:
        _, name_size, count, _, descriptors, data = struct.unpack("6I", os.pread(copy, 24, 0))
        stride = 16 + name_size
        table = os.pread(copy, stride * count, descriptors)
        stats = {}
        for i in range(count):
            at = i * stride
            flags, _, size, offset, _ = struct.unpack_from("IhHII", table, at)
            name = table[at + 16:at + stride].split(b"\0")[0].decode("ascii")
            values = struct.unpack(f"{size}Q", os.pread(copy, 8 * size, data + offset))
            stats[name] = list(values) if flags & 0xf >= 3 else values[0]
        return stats
    finally:
        os.close(copy)


PR_SET_CHILD_SUBREAPER = 36


@contextlib.contextmanager
def stopped_thread(tid):
    """One thread of another process stands still, its others go on. By ptrace, as a debugger would."""
    seize, interrupt, detach, any_thread = 0x4206, 0x4207, 17, 0x40000000
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(seize, tid, None, None) < 0:
        need(False, f"no ptrace here: {os.strerror(ctypes.get_errno())}")
    try:
        libc.ptrace(interrupt, tid, None, None)
        os.waitpid(tid, any_thread)
        yield
    finally:
        libc.ptrace(detach, tid, None, None)


def become_subreaper():
    """Orphans of what the test starts become our children, so that their end can be seen."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


# --- base of all tests --------------------------------------------------------------------------

class TestCase(unittest.TestCase):
    """start(thing) hands a Background, TestVm, Qemu, Tmux or KernelLog over to be closed."""
    maxDiff = None
    seconds = 90  # the runner ends a test that takes longer

    def start(self, thing):
        self.addCleanup(thing.close)
        return thing

    def own_vm(self, *options, **kwargs):
        need_kvm()
        return self.start(TestVm(*options, **kwargs))

    def pty(self, *argv, **kwargs):
        return self.start(Pty(*argv, **kwargs))

    def qemu(self, binary, **kwargs):
        return self.start(Qemu(binary, **kwargs))

    def tmux(self, *argv, **kwargs):
        need_tool("tmux")
        return self.start(Tmux(*argv, **kwargs))

    def background(self, *args, **kwargs):
        return self.start(Background(*args, **kwargs))

    def assert_status(self, result, *expected):
        if result.returncode not in expected:
            self.fail(f"expected exit status {' or '.join(map(str, expected))}\n{result}")
        self.assert_sane(result)
        return result

    def assert_sane(self, result):
        """No sanitizer report, no control character but newline and tab."""
        self.assertNotRegex(result.err, r"Sanitizer|runtime error:")
        bad = re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]",
                        result.out + result.err)
        if bad:
            self.fail(f"control character {bad.group(0)!r} in the output\n{result!s}")
