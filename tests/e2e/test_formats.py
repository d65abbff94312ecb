# SPDX-License-Identifier: MIT
"""What is printed for machines: formats that say the same, logs that lose nothing."""
import csv
import datetime
import io
import json
import os
import re
import shutil
import signal
import stat
import tempfile
import time

import kvmtest
from kvmtest import KVMLENS, kvmlens, need_qemu, need_root, need_tool, run, snapshot, vm_of, wait_for

HOSTILE = 'guest=db,,"x" =1+1'  # commas are doubled for QEMU


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def settled(pid):
    """The VM once its counters stand still: a guest halts some time after its VMM says ready."""
    seen = []

    def is_still():
        seen.append(vm_of(snapshot("-p", str(pid)), pid))
        return len(seen) > 1 and seen[-1]["counters"] == seen[-2]["counters"]

    wait_for(is_still, "the guest to halt")
    return seen[-1]


def families_of(case, openmetrics):
    """How many a strict parser finds."""
    # Debian's package is for Debian's Python, which may not be the one that runs this.
    python = "/usr/bin/python3"
    module = "prometheus_client.openmetrics.parser"
    kvmtest.need(os.access(python, os.X_OK) and run(python, "-c", f"import {module}").returncode == 0,
                 "python3-prometheus-client is not installed")
    check = run(python, "-c", f"import sys\nfrom {module} import text_string_to_metric_families as p\n"
                "print(len(list(p(sys.stdin.read()))))", stdin=None, input=openmetrics)
    case.assertEqual(check.returncode, 0, str(check))
    return int(check.out)


class Formats(kvmtest.TestCase):
    def test_what_people_read_is_wrapped_at_words_within_80_columns(self):
        self.own_vm()
        texts = {}
        for args in (["--doctor"], ["--help"], ["-f", "help"], ["--list"], ["-1", "-s", "0.1"]):
            text = texts[args[0]] = self.assert_status(kvmlens(*args), 0, 1, 3).out
            self.assertEqual([line for line in text.splitlines() if len(line) > 80], [], str(args))
        words = " ".join(texts["--doctor"].split())
        for check in json.loads(kvmlens("--doctor", "--format", "json").out)["checks"]:
            for key in {"finding", "effect", "fix"} & set(check):
                if not re.search(r"\d", check[key]):
                    self.assertIn(" ".join(check[key].split()), words)

    def test_csv_text_and_metrics_equal_the_json_of_a_halted_vm(self):
        pid = self.own_vm("--vcpus", "2").pid  # its guests halt: counters stand still
        at = ["-1", "-s", "0.1", "-p", str(pid), "-i"]
        vm = settled(pid)
        self.assertTrue(vm["counters"])

        rows = rows_of(self.assert_status(kvmlens(*at, "-c"), 0, 3).out)
        by_vcpu = {None: vm, **{str(c["id"]): c for c in vm["vcpus"]}}
        seen = 0
        for row in rows:
            counters = by_vcpu[row["vcpu"] or None]["counters"]
            if row["field"] in counters and row["value"]:
                self.assertEqual(int(row["value"]), counters[row["field"]], row)
                seen += 1
        self.assertEqual(seen, len(vm["counters"]) + sum(len(c["counters"]) for c in vm["vcpus"]))

        text = self.assert_status(kvmlens(*at), 0, 3).out
        for name, value in vm["counters"].items():
            found = re.search(rf"^  {re.escape(name)} +([0-9.]+)(s?)", text, re.MULTILINE)
            self.assertTrue(found, name)
            shown = round(float(found.group(1)) * 1e9) if found.group(2) else int(found.group(1))
            if found.group(2):
                self.assertAlmostEqual(shown, value, delta=1000)  # microseconds are shown
            else:
                self.assertEqual(shown, value, name)

        metrics = self.assert_status(kvmlens(*at, "--format", "prometheus"), 0, 3).out
        exits = re.search(r"^kvmlens_vm_exits_total\{[^}]*\} (\d+)$", metrics, re.MULTILINE)
        self.assertEqual(int(exits.group(1)), vm["counters"]["exits"])

    def test_hostile_name_is_the_same_in_csv_and_json(self):
        qemu = self.qemu(need_qemu(), name=HOSTILE)
        name = vm_of(snapshot("-p", str(qemu.pid)), qemu.pid)["name"]
        self.assertEqual(name, 'db,"x" =1+1')
        rows = rows_of(kvmlens("-1", "-s", "0.1", "-c", "-p", str(qemu.pid)).out)
        self.assertEqual({row["vm"] for row in rows}, {name})
        metrics = kvmlens("-1", "--format", "prometheus", "-p", str(qemu.pid)).out
        self.assertIn('vm="db,\\"x\\" =1+1"', metrics)

    def test_every_json_record_is_read_by_jq(self):
        need_tool("jq")
        self.own_vm()
        log = kvmlens("-l", "-n", "3", "-s", "0.1", "--format", "json")
        jq = run("jq", "-c", '[.schema, (.vms | length)]', stdin=None, input=log.out_bytes)
        lines = [json.loads(line) for line in jq.out.splitlines()]
        self.assertEqual(len(lines), 3, str(jq))
        self.assertEqual({line[0] for line in lines}, {"kvmlens/1"})

    def test_wide_csv_has_one_row_per_interval(self):
        pid = self.own_vm("--busy", "100").pid
        result = self.assert_status(kvmlens("-l", "-n", "4", "-s", "0.4", "-c", "--wide", "-f",
                                            "^exits$", str(pid)), 0, 3)
        rows = rows_of(result.out)
        self.assertEqual(len(rows), 4)
        for before, after in zip(rows, rows[1:]):
            more = int(after["exits"]) - int(before["exits"])  # none: the guest had no CPU for so long
            self.assertGreaterEqual(more, 0)
            self.assertEqual(float(after["exits_per_s"]) > 0, more > 0)
        self.assertGreater(int(rows[-1]["exits"]), int(rows[0]["exits"]))

    def test_metrics_pass_promtool(self):
        need_tool("promtool")
        self.own_vm("--vcpus", "2")
        result = self.assert_status(kvmlens("--demo", "-1", "--format", "prometheus", "--per-vcpu",
                                            "--estimate"), 0, 3)
        check = run("promtool", "check", "metrics", stdin=None, input=result.out_bytes)
        self.assertEqual((check.returncode, check.out, check.err), (0, "", ""))

    def test_openmetrics_passes_a_strict_parser(self):
        self.own_vm("--vcpus", "2")
        result = self.assert_status(kvmlens("--demo", "-1", "--format", "openmetrics", "--per-vcpu",
                                            "--estimate"), 0, 3)
        self.assertGreater(families_of(self, result.out_bytes), 30)


class Logs(kvmtest.TestCase):
    def setUp(self):
        dir_ = tempfile.TemporaryDirectory(prefix="kvmtest-")
        self.addCleanup(dir_.cleanup)
        self.path = os.path.join(dir_.name, "log")
        self.own_vm()

    def read(self, path):
        with open(path, encoding="utf-8") as f:
            return f.read()

    def lines(self, path):
        return self.read(path).splitlines() if os.path.exists(path) else []

    def test_rotation_loses_no_record(self):
        log = self.background(KVMLENS, "-s", "0.1", "--format", "json", "-L", self.path)
        for i in range(1, 4):
            wait_for(lambda: len(self.lines(self.path)) >= 2, "records of the log")
            os.rename(self.path, f"{self.path}.{i}")
            log.process.send_signal(signal.SIGHUP)
            wait_for(lambda: os.path.exists(self.path), "the new file")
        wait_for(lambda: len(self.lines(self.path)) >= 2, "records of the last file")
        log.process.send_signal(signal.SIGTERM)
        self.assertIn(log.wait(5), (0, 3), log.err())
        records = []
        for name in (f"{self.path}.1", f"{self.path}.2", f"{self.path}.3", self.path):
            part = [json.loads(line) for line in self.lines(name)]
            self.assertIn("fields", part[0], "each file explains itself")
            records += part
        times = [record["time"] for record in records]
        self.assertEqual(times, sorted(set(times)))
        # None is missing: each interval is about the delay, also across a rotation.
        for record in records:
            self.assertLess(record["interval_s"], 0.5)

    def test_line_of_the_service_of_kvm_stat(self):
        """kvm_stat.service calls kvm_stat -dtcz -s 10 -L FILE, and reloads it with SIGHUP."""
        pid = self.own_vm("--busy", "50").pid
        directory = tempfile.mkdtemp(prefix="kvmtest-")
        self.addCleanup(shutil.rmtree, directory)
        path = os.path.join(directory, "kvm_stat.csv")
        log = self.background(KVMLENS, "-dtcz", "-s", "0.2", "-L", path)

        def is_logged():
            if not os.path.exists(path):
                return False
            with open(path, encoding="utf-8") as f:
                whole = f.read().rpartition("\n")[0]
            return str(pid) in {row["pid"] for row in rows_of(whole)}
        wait_for(is_logged, "a record")
        os.rename(path, path + ".1")
        os.kill(log.pid, signal.SIGHUP)
        wait_for(is_logged, "a record in a new file")
        os.kill(log.pid, signal.SIGTERM)
        self.assertIn(log.wait(), (0, 3), log.err())

    def test_header_of_csv_comes_once_per_file(self):
        for _ in range(2):
            kvmlens("-cl", "-n", "1", "-s", "0.1", "-L", self.path)
        self.assertEqual(sum(line.startswith("time,") for line in self.lines(self.path)), 1)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode) & 0o027, 0)

    def test_log_that_was_truncated_has_its_header_again(self):
        # A record of many VMs takes a while: some are being made when the file is truncated.
        self.own_vm("--vms", "50", "--vcpus", "4", "--ram", "2M")
        log = self.background(KVMLENS, "-c", "-s", "0.1", "-L", self.path)
        for i in range(20):
            wait_for(lambda: len(self.lines(self.path)) > 1, "a record")
            self.assertTrue(self.read(self.path).startswith("time,pid,"), f"after {i} times")
            time.sleep(i * 0.007)
            os.truncate(self.path, 0)
        wait_for(lambda: len(self.lines(self.path)) > 1, "a record after that")
        log.process.send_signal(signal.SIGTERM)
        self.assertIn(log.wait(5), (0, 3), log.err())
        self.assertTrue(self.read(self.path).startswith("time,pid,"))

    def test_csv_of_other_columns_is_not_mixed_in(self):
        args = ["-cl", "-n", "1", "-s", "0.1", "-L", self.path, "--wide", "-p", "1"]
        theirs = "time,pid,vm_fd,vm,other\n1,2,3,a,4"
        with open(self.path, "w", encoding="ascii") as f:
            f.write(theirs)
        pid = str(self.own_vm().pid)
        result = self.assert_status(kvmlens(*args[:-1], pid), 1)
        self.assertIn("other columns", result.err)
        self.assertEqual(self.read(self.path), theirs, "a refused file is left as it was")

    def test_csv_of_other_columns_is_not_mixed_in_after_a_rotation_either(self):
        theirs = "time,pid,vm_fd,vm,other\n1,2,3,a,4"
        log = self.background(KVMLENS, "-cl", "-s", "0.1", "-L", self.path)
        wait_for(lambda: len(self.lines(self.path)) > 1, "a record")
        os.rename(self.path, self.path + ".1")
        with open(self.path, "w", encoding="ascii") as f:
            f.write(theirs)
        log.process.send_signal(signal.SIGHUP)
        self.assertEqual(log.wait(10), 1)
        self.assertIn("other columns", log.err())
        self.assertEqual(self.read(self.path), theirs)

    def test_a_log_is_always_opened_as_the_kernel_guards_it(self):
        """Only with O_CREAT do fs.protected_regular and fs.protected_fifos refuse what others put there."""
        need_tool("strace")
        need_root()
        with open(self.path, "w", encoding="ascii") as f:
            f.write("time,pid,vm_fd,vm,\n")
        os.chmod(os.path.dirname(self.path), 0o755)
        os.chown(self.path, 65534, 65534)
        os.chmod(self.path, 0o200)  # to be written, not to be read: two ways are tried
        trace = os.path.join(os.path.dirname(self.path), "trace")
        run("strace", "-f", "-qq", "-e", "trace=openat", "-o", trace, "setpriv", "--reuid=65534", "--clear-groups",
            KVMLENS, "-cl", "-n", "1", "-s", "0.1", "-L", self.path)
        opens = [line for line in self.lines(trace) if f'"{self.path}"' in line]
        self.assertEqual(len(opens), 2, opens)
        for line in opens:
            self.assertIn("O_CREAT", line)
            self.assertIn("O_NOFOLLOW", line)
        os.remove(trace)

    def test_killed_log_has_whole_records_and_goes_on(self):
        for _ in range(5):
            before = len(self.lines(self.path))
            log = self.background(KVMLENS, "-s", "0.1", "--format", "json", "-L", self.path)
            wait_for(lambda n=before: len(self.lines(self.path)) > n, "a record")
            log.stop(signal.SIGKILL)
        for line in self.lines(self.path):
            self.assertEqual(json.loads(line)["schema"], "kvmlens/1")
        self.assertTrue(self.read(self.path).endswith("\n"))

    def test_replaced_file_is_always_whole(self):
        path = self.path + ".prom"
        log = self.background(KVMLENS, "-l", "-s", "0.1", "--format", "prometheus", "-o", path)
        wait_for(lambda: os.path.exists(path), "the file")
        inodes = set()

        def whole():
            text = self.read(path)
            self.assertTrue(text.startswith("# HELP kvmlens_build_info"))
            self.assertTrue(text.endswith("\n"))
            inodes.add(os.stat(path).st_ino)
            return len(inodes) >= 4
        wait_for(whole, "replacements", step=0)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o644)
        log.process.send_signal(signal.SIGTERM)
        self.assertIn(log.wait(5), (0, 3))
        self.assertEqual(os.listdir(os.path.dirname(path)), [os.path.basename(path)])

    def test_full_disk_names_the_file(self):
        result = self.assert_status(kvmlens("-l", "-n", "1", "-s", "0.1", "-L", "/dev/full"), 1)
        self.assertIn("'/dev/full': No space left", result.err)

    def test_quiet_end_of_a_pipe_with_all_that_was_asked_for(self):
        result = run("bash", "-c", 'set -o pipefail; "$0" -1 -s 0.1 --source statsfd,proc -f "^exits$" | head -1', KVMLENS)
        self.assertEqual(result.out.count("\n"), 1)
        self.assertIn(result.returncode, (0, 3))

    def test_reader_that_left_is_no_error_of_any_mode(self):
        pid = str(self.own_vm().pid)
        for args in (["--list"], ["--doctor"], ["-f", "help"], ["--help"], ["--version"], ["--scan", pid],
                     ["-1", "-s", "0.1", "-p", pid], ["-1", "--format", "prometheus", "-p", pid]):
            with self.subTest(args=args):
                reader, writer = os.pipe()
                os.close(reader)
                result = run(KVMLENS, *args, stdout=writer)
                os.close(writer)
                self.assertIn(result.returncode, (0, 3), str(result))
                self.assertNotIn("standard output", result.err)

    def test_full_disk_is_told_by_every_mode(self):
        pid = str(self.own_vm().pid)
        for args in (["--list"], ["--doctor"], ["-f", "help"], ["--help"], ["--scan", pid],
                     ["-1", "-s", "0.1", "-p", pid]):
            with self.subTest(args=args), open("/dev/full", "w", encoding="ascii") as full:
                result = run(KVMLENS, *args, stdout=full)
                self.assertEqual(result.returncode, 1, str(result))
                self.assertIn("standard output: No space left on device", result.err)

    def test_full_disk_is_told_by_a_list_that_lacks_processes(self):
        kvmtest.need_root()
        nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        with open("/dev/full", "w", encoding="ascii") as full:
            result = run(*nobody, KVMLENS, "--list", stdout=full)
        self.assertEqual(result.returncode, 1, str(result))
        self.assertIn("could not be looked into", result.err)
        self.assertIn("standard output: No space left on device", result.err)


class LogRotate(kvmtest.TestCase):
    def setUp(self):
        need_tool("logrotate")
        dir_ = tempfile.TemporaryDirectory(prefix="kvmtest-")
        self.addCleanup(dir_.cleanup)
        self.dir = dir_.name
        with open(os.path.join(kvmtest.ROOT, "contrib/kvmlens.logrotate"), encoding="ascii") as f:
            # The user is made when the package is installed.
            self.text = f.read().replace("    su kvmlens kvmlens\n", "")

    def logrotate(self, text, *options):
        path = os.path.join(self.dir, "conf")
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(path, 0o644)
        result = run("logrotate", *options, "-s", os.path.join(self.dir, "state"), path)
        self.assertEqual(result.returncode, 0, str(result))
        self.assertNotIn("error:", result.err)

    def test_snippet_is_accepted_by_logrotate(self):
        self.logrotate(self.text, "-d")

    def test_logrotate_loses_no_record(self):
        self.own_vm()
        path = os.path.join(self.dir, "kvmlens.csv")
        log = self.background(KVMLENS, "-c", "-s", "0.1", "-f", "^exits$", "-L", path)
        # Compressing later, the last two files can be read as they are.
        text = re.sub(r"systemctl .*", f"kill -HUP {log.pid}", self.text).replace(
            "/var/log/kvmlens/*.csv", path)
        self.assertIn(f"kill -HUP {log.pid}", text)

        def times(name):
            with open(name, encoding="utf-8", newline="") as f:
                return sorted({row["time"] for row in rows_of(f.read())})
        wait_for(lambda: os.path.exists(path) and len(times(path)) >= 3, "records")
        self.logrotate(text, "-f")
        wait_for(lambda: os.path.exists(path) and len(times(path)) >= 3, "records of the new file")
        log.process.send_signal(signal.SIGTERM)
        self.assertIn(log.wait(5), (0, 3), log.err())
        seconds = [datetime.datetime.fromisoformat(t.rstrip("Z")) for name in (path + ".1", path)
                   for t in times(name)]
        steps = [(b - a).total_seconds() for a, b in zip(seconds, seconds[1:])]
        self.assertTrue(all(0 < step < 0.5 for step in steps), steps)
