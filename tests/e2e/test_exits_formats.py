# SPDX-License-Identifier: MIT
"""Exits in all formats, of VMs whose guests do known things. Who attaches what, and that it is gone again, is in test_exits_asked.

A host whose KVM emulates its guests shows no exits, but what is behind them; where it shows them, their reasons are compared as well.
"""
import csv
import json
import os
import re
import tempfile
import time

import kvmtest
from kvmtest import KVMLENS, kvmlens, need, need_root, run, vm_of, wait_for
from test_exits_asked import is_watching, possible
from test_formats import families_of

# What the first vCPU does; the second does it twice as often. A string read is 16 accesses.
WORKS = (("out", 100, 0x84), ("in", 50, 0x71), ("cpuid", 80, 1), ("rdmsr", 60, 0x1b), ("wrmsr", 12, 0x277))
KEYS = {("port", "0x84", "out"): 100, ("port", "0x71", "in"): 50, ("cpuid", "0x1", None): 80, ("msr", "0x1b", "read"): 60,
        ("msr", "0x277", "write"): 12}


def work_options(times=1):
    return [option for kind, count, argument in WORKS for option in ("--do", f"{kind}:{count * times}:{argument}")]


def keys_of(group):
    """{(kind, key, way): count}, wherever they stand; each stands once."""
    items = [key for reason in group["exits"] for key in reason["keys"]] + group["exit_keys"]
    found = {(key["kind"], key["key"], key.get("way")): key["count"] for key in items}
    assert len(found) == len(items), items
    return found


def worked(group):
    """Of that what WORKS names."""
    return {key: count for key, count in keys_of(group).items() if key in KEYS}


def times(factor):
    return {key: factor * count for key, count in KEYS.items()}


def field_of(key):
    kind, name, way = key
    return f"exit_key:{kind}:{name}" + (f":{way}" if way else "")


class Exits(kvmtest.TestCase):
    def setUp(self):
        super().setUp()
        need_root()
        need(possible(), "exits cannot be counted here: kvmlens --doctor says why")
        dir_ = tempfile.TemporaryDirectory(prefix="kvmtest-")
        self.addCleanup(dir_.cleanup)
        self.dir = dir_.name

    def working_vm(self, factor=1):
        return self.own_vm("--vcpus", "2", *work_options(factor))

    def work(self, *vms):
        for vm in vms:
            vm.say("go")
        for vm in vms:
            vm.answered()

    def whole(self, record):
        """Nothing is exact of which something is missing, and says so."""
        host = record["host"]["exits"]
        self.assertEqual(host["state"], "counted", host)
        need(host["missed"] == 0, f"{host['missed']} events were hidden by other BPF programs on this host")
        self.assertEqual(host["lost"], {"threads": 0, "reasons": 0, "keys": 0})

    def test_one_record_is_exact_for_each_vcpu_of_each_vm(self):
        kvmtest.need_tool("bpftool")
        one, other = self.working_vm(), self.working_vm(5)
        once = self.background(KVMLENS, "-1", "-t", "-s", "4", "--format", "json")
        wait_for(lambda: is_watching(once.pid), "its first count")
        self.work(one, other)
        self.assertIn(once.wait(20), (0, 3), once.err())
        record = json.loads(once.out())
        self.whole(record)
        for vm, factor in ((one, 1), (other, 5)):
            found = vm_of(record, vm.pid)
            self.assertEqual(worked(found["vcpus"][0]), times(factor))
            self.assertEqual(worked(found["vcpus"][1]), times(2 * factor))
            self.assertEqual(worked(found), times(3 * factor))
            for key in found["exit_keys"]:
                self.assertGreaterEqual(key["rate"], 0)
        self.assertGreater(record["host"]["exits"]["interval_s"], 3.9)

    def log(self, name, *options, output=False):
        """A log in that format, as (run, what it has written)."""
        path = os.path.join(self.dir, name)
        log = self.background(KVMLENS, "-l", "-t", "-s", "0.3", "--format", name, *(("-o", path) if output else ()), *options)

        def written():
            if not output:
                return log.out()
            with open(path, encoding="utf-8") as f:
                return f.read()
        return log, written, path

    def test_all_formats_say_the_same(self):
        vm = self.working_vm()
        chosen = ("-p", str(vm.pid))
        logs = {name: self.log(name, *chosen, output=name in ("prometheus", "openmetrics"))
                for name in ("json", "csv", "text", "prometheus", "openmetrics")}
        for log, written, path in logs.values():
            wait_for(lambda path=path, log=log, written=written: (os.path.exists(path) or log.out()) and "exits" in written(),
                     "the first record")
        self.work(vm)
        done = time.time()
        before = {name: written() for name, (_, written, _) in logs.items()}
        json_log = logs["json"][0]
        seen = len(json_log.records())
        wait_for(lambda: len(json_log.records()) >= seen + 2, "two records more")
        for name, (_, written, path) in logs.items():
            if name in ("csv", "text"):
                wait_for(lambda name=name, written=written: len(written()) > len(before[name]), name)
            elif name != "json":  # of a sample that began after the work
                wait_for(lambda path=path: os.stat(path).st_mtime > done + 0.4, path)
        record = json_log.records()[-1]
        self.whole(record)
        found = vm_of(record, vm.pid)
        self.assertEqual(worked(found), times(3))

        rows = list(csv.DictReader(logs["csv"][1]().splitlines()))
        last = {(row["vcpu"], row["field"]): row for row in rows}
        for vcpu, factor in (("", 3), ("0", 1), ("1", 2)):
            for key, count in times(factor).items():
                row = last[vcpu, field_of(key)]
                self.assertEqual((int(row["value"]), row["kind"]), (count, "cumulative"), row)
        rates = [float(row["rate"]) for row in rows if row["field"] == "exit_key:port:0x84:out" and row["rate"] and not row["vcpu"]]
        self.assertGreater(max(rates), 0)

        text = logs["text"][1]()
        self.assertRegex(text, r"\n +port out 0x84 \(DMA page registers\) +300 ")
        self.assertRegex(text, r"\n +msr write 0x277 \(IA32_PAT\) +36 ")

        for name in ("prometheus", "openmetrics"):
            metrics = logs[name][1]()
            self.assertIn("\nkvmlens_exits_counted 1\n", metrics)
            self.assertNotIn("0x84", metrics)
            self.assertNotIn("per_second", metrics)
            totals = dict(re.findall(r'^kvmlens_vm_exit_reason_total\{[^}]*reason="([^"]*)"[^}]*\} (\d+)$', metrics, re.MULTILINE))
            # Halted now, it exits no more.
            self.assertEqual({reason["reason"]: str(reason["count"]) for reason in found["exits"]}, totals)

    def test_metrics_are_taken_by_the_readers(self):
        self.own_vm("--vcpus", "2", "--busy", "100")
        for mode in ("-1", "-l"):
            path = os.path.join(self.dir, f"metrics{mode}")
            options = [mode, "-t", "-s", "0.3", "--per-vcpu", "-o", path] + (["-n", "2", "--exit-histograms"] if mode == "-l" else [])
            self.assert_status(kvmlens(*options, "--format", "prometheus"), 0, 3)
            with open(path, "rb") as f:
                text = f.read()
            self.assertIn(b"\nkvmlens_exits_counted 1\n", text)
            self.assertIn(b"\nkvmlens_exits_cost_ratio ", text)
            kvmtest.need_tool("promtool")
            check = run("promtool", "check", "metrics", stdin=None, input=text)
            self.assertEqual((check.returncode, check.out, check.err), (0, "", ""))
            self.assert_status(kvmlens(*options, "--format", "openmetrics"), 0, 3)
            with open(path, "rb") as f:
                self.assertGreater(families_of(self, f.read()), 30)

    def test_a_csv_log_that_was_begun_without_goes_on(self):
        vm = self.own_vm("--busy", "100")
        path = os.path.join(self.dir, "log.csv")
        log = ["-l", "-c", "-n", "2", "-s", "0.2", "-L", path, "-p", str(vm.pid)]
        for options in ([], ["-t"], []):
            self.assert_status(kvmlens(*log, *options), 0, 3)
        with open(path, encoding="utf-8", newline="") as f:
            rows = list(csv.DictReader(f, strict=True))
        fields = [row["field"] for row in rows]
        self.assertNotIn("field", fields)  # one header
        self.assertIn("exit_key:user:IO", fields)
        self.assertEqual({None not in row and None not in row.values() for row in rows}, {True})

    def test_wide_csv_refuses_them(self):
        vm = self.own_vm()
        result = self.assert_status(kvmlens("-1", "-t", "-c", "--wide", str(vm.pid)), 2)
        self.assertIn("--wide has no columns for --tracepoints", result.err)
