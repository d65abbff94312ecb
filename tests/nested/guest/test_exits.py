# SPDX-License-Identifier: MIT
"""Exits that are counted in the kernel, on stock kernels, where guests run on emulated hardware and really exit."""
import csv
import io
import os
import re
import signal
import subprocess

import kvmtest
from kvmtest import wait_for

KVM_STAT = ("python3", "/bin/kvm_stat")
PERF = "/perf/perf"
PAGE = 12
# What a vCPU does once, twice, ... as often as its number in the process says: kind, times, argument.
WORKS = (("out", 100, 0x84), ("in", 50, 0x71), ("ins", 5, 0x72), ("cpuid", 80, 1), ("cpuid", 7, 0x80000000), ("rdmsr", 60, 0x1b),
         ("wrmsr", 12, 0x277), ("hlt", 3, 0), ("mmio-write", 40, 0xb8004), ("mmio-read", 11, 0xb9004), ("hypercall", 30, 1))
STRING = 16  # bytes that one "ins" reads


def work_options():
    return [option for kind, times, argument in WORKS for option in ("--do", f"{kind}:{times}:{argument}")]


def mount_tracefs():
    if not os.path.isdir("/sys/kernel/tracing/events"):
        subprocess.run(["mount", "-t", "tracefs", "none", "/sys/kernel/tracing"], check=True)


class Programs(kvmtest.TestCase):
    """The unit tests of core/bpf/kvm_exits: guests that do known things, counted exactly."""

    def setUp(self):
        super().setUp()
        mount_tracefs()

    def test_exact(self):
        self.run_unit("test_kvm_exits")

    def test_rare_and_too_many(self):
        self.run_unit("test_kvm_exits_odd")

    def run_unit(self, name):
        if not os.path.exists(f"/bin/{name}"):
            self.skipTest(f"{name} was not built: built without BPF")
        result = subprocess.run([f"/bin/{name}"], capture_output=True, text=True, timeout=120, check=False)
        out = result.stdout + result.stderr
        # None may be left out here: there is KVM, tracefs, real exits and every right.
        self.assertEqual(re.findall("skipped: .*", out), [], out)
        self.assertEqual(result.returncode, 0, out)
        for line in out.splitlines():
            if re.search("mean|nested:|crowd:", line):
                print(f"        {line}")
        print(f"        {name}: {out.count('[       OK ]')} cases; times are those of an emulated CPU")


class Beside(kvmtest.TestCase):
    """kvmlens -t beside VMs whose vCPUs each do something else, and say how often."""

    def setUp(self):
        super().setUp()
        if not os.path.exists("/bin/test_kvm_exits"):
            self.skipTest("kvmlens was built without BPF")
        mount_tracefs()

    def follow(self, *options):
        """kvmlens -t as a log, which counts by now."""
        log = self.background(kvmtest.KVMLENS, "-l", "-t", "-s", "0.5", "--format", "json", *options)
        wait_for(lambda: log.records() and log.records()[-1]["host"]["exits"]["state"] == "counted", f"counts of {log}", 30)
        return log

    def go(self, *vms):
        """All vCPUs do their work; returns what they say of it: {tid: (factor, io_exits)}."""
        for vm in vms:
            vm.say("go")
        did = {}
        for vm in vms:
            number = 0
            for one in vm.answered()["vms"]:
                for vcpu in one["vcpus"]:
                    number += 1
                    self.assertTrue(vcpu["work"]["done"])
                    did[vcpu["tid"]] = (number, vcpu["work"]["io_exits"])
        return did

    def last_record(self, log):
        """One that was begun after now."""
        seen = len(log.records())
        return wait_for(lambda: log.records()[-1] if len(log.records()) > seen + 1 else None, "two more records", 30)


class Counts(Beside):
    """What kvmlens counts is what the guests did."""

    def check_keys(self, reasons, beside, factor, io_exits):
        """@reasons: {name: reason}; beside: keys that belong to none of them alone."""
        keys = {}
        for key in [key for reason in reasons.values() for key in reason["keys"]] + beside:
            keys[key["kind"], key["key"], key.get("way", "")] = key["count"]

        def count(kind, value, way=""):
            return keys.pop((kind, value, way), 0)

        for kind, times, argument in WORKS:
            found = {"out": lambda a: count("port", f"{a:#x}", "out"), "in": lambda a: count("port", f"{a:#x}", "in"),
                     "ins": lambda a: count("port", f"{a:#x}", "in") / STRING,
                     "cpuid": lambda a: count("cpuid", f"{a:#x}"), "rdmsr": lambda a: count("msr", f"{a:#x}", "read"),
                     "wrmsr": lambda a: count("msr", f"{a:#x}", "write"), "hlt": lambda a: count("port", "0xe0", "out"),
                     "mmio-write": lambda a: count("mmio", f"{a >> PAGE << PAGE:#x}", "write"),
                     "mmio-read": lambda a: count("mmio", f"{a >> PAGE << PAGE:#x}", "read"),
                     "hypercall": lambda a: count("hypercall", f"{a}")}[kind](argument)
            self.assertEqual(found, times * factor, (kind, argument, keys))
        self.assertEqual(count("port", "0xe1", "out"), 2)
        # The VMM's own counts; the first return was before anybody looked.
        self.assertEqual(count("user", "IO"), io_exits - 1, keys)
        self.assertEqual(count("user", "MMIO"), 51 * factor, keys)
        # What is left: the guest's port write in each interrupt that wakes it.
        self.assertLessEqual(set(keys), {("port", "0x80", "out")}, keys)

    def check_reasons(self, reasons, factor, io_exits):
        # An emulated CPU exits once more at the end of each string, when nothing is left of it.
        self.assertIn(reasons["io"]["count"] - io_exits + 1, (0, 5 * factor))
        for name, count in (("cpuid", 87), ("msr", 72), ("hypercall", 30)):
            self.assertEqual((reasons[name]["count"], reasons[name]["timed"]), (count * factor, count * factor), name)
        # The last halt goes on, so that it has no time yet.
        self.assertEqual((reasons["hlt"]["count"], reasons["hlt"]["timed"]), (3 * factor + 1, 3 * factor))
        self.assertGreaterEqual(reasons["npf"]["count"], 51 * factor)
        for reason in reasons.values():
            self.assertEqual(sum(reason.get("histogram", [])), reason["timed"])

    def test_each_vcpu_of_two_vms_exactly(self):
        two = [self.own_vm("--vcpus", "2", *work_options()), self.own_vm("--vms", "2", *work_options())]
        log = self.follow()
        did = self.go(*two)
        record = self.last_record(log)
        for vm in record["vms"]:
            sums = {}
            for vcpu in vm["vcpus"]:
                reasons = {reason["reason"]: reason for reason in vcpu["exits"]}
                self.check_keys(reasons, vcpu["exit_keys"], *did[vcpu["tid"]])
                self.check_reasons(reasons, *did.pop(vcpu["tid"]))
                for name, reason in reasons.items():
                    sums[name] = sums.get(name, 0) + reason["count"]
            self.assertEqual({reason["reason"]: reason["count"] for reason in vm["exits"]}, sums)
        self.assertEqual(did, {}, "vCPUs that were not there")
        host = record["host"]["exits"]
        self.assertEqual((set(host["lost"].values()), host["missed"]), ({0}, 0))
        print(f"        {len(record['vms'])} VMs, {sum(len(vm['vcpus']) for vm in record['vms'])} vCPUs: reasons and keys exact")


# What kvm_stat calls what the kernel, and so kvmlens and perf, call otherwise. Of exceptions it has no names.
KVM_STAT_NAMES = {"io": "IOIO", "cpuid": "CPUID", "msr": "MSR", "hypercall": "VMMCALL", "npf": "NPF", "hlt": "HLT",
                  "interrupt": "INTR", "iret": "IRET", "nmi": "NMI", "vintr": "VINTR", "pause": "PAUSE"}
NS = {"ns": 1, "us": 1000, "ms": 1000000, "s": 1000000000}


class BesideOthers(Beside):
    """The same interval, looked at by kvmlens and by another tool. It is one in which the guests do what they were told and
    then halt for good, so that neither's beginning or end falls into it. Each in turn: what one of them does at an exit is
    time that the other measures."""
    seconds = 150

    def perf(self):
        """perf kvm stat record, which records by now; returns the function that ends it and gives
        {reason: (samples, mean in ns)}."""
        env = kvmtest.environment(LD_LIBRARY_PATH="/perf/lib", HOME="/tmp", PERF_PAGER="cat")
        wait = "echo >/tmp/perf-began; while [ ! -e /tmp/perf-ends ]; do sleep 0.1; done"
        for name in ("began", "ends"):
            if os.path.exists(f"/tmp/perf-{name}"):
                os.remove(f"/tmp/perf-{name}")
        log = self.background(PERF, "kvm", "stat", "record", "-a", "-o", "/tmp/perf.data", "sh", "-c", wait, env=env)
        wait_for(lambda: os.path.exists("/tmp/perf-began"), "perf's beginning", 30)

        def result():
            with open("/tmp/perf-ends", "wb"):
                pass
            self.assertEqual(log.wait(30), 0, log.err())
            report = subprocess.run([PERF, "kvm", "-i", "/tmp/perf.data", "stat", "report", "--event=vmexit"], text=True, env=env,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)
            self.assertEqual(report.returncode, 0, report.stdout)
            rows = re.findall(r"^ +(\S.*?) +(\d+) +[\d.]+% +[\d.]+% +\S+ +\S+ +([\d.]+)([mun]?s)", report.stdout, re.MULTILINE)
            self.assertGreater(len(rows), 3, report.stdout)
            return {name: (int(count), float(mean) * NS[unit]) for name, count, mean, unit in rows}
        return result

    def kvm_stat(self):
        """The same of kvm_stat: {event: how often}."""
        log = self.background(*KVM_STAT, "-t", "-l", "-c", "-s", "0.5", env=kvmtest.environment(PYTHONUNBUFFERED="1"))
        wait_for(lambda: "\n" in log.out(), "kvm_stat's beginning", 40)

        def result():
            seen = log.out().count("\n")
            wait_for(lambda: log.out().count("\n") > seen + 2, "two more lines", 30)
            text = log.out()
            log.process.kill()  # it takes its time to close some hundred events
            head, *lines = csv.reader(io.StringIO(text))
            sums = [sum(int(line[i]) for line in lines) for i in range(1, len(head))]
            return dict(zip(head[1:], sums))
        return result

    def look(self, begin):
        """What both counted: {reason: reason} of kvmlens, and the other's."""
        vm = self.own_vm("--vcpus", "2", *work_options())
        log = self.follow()  # first: who comes to an event first is called first, there and at the entry
        end = begin()
        self.go(vm)
        ours = {reason["reason"]: reason for reason in self.last_record(log)["vms"][0]["exits"]}
        log.stop(signal.SIGINT)
        self.assertEqual((ours["hlt"]["count"], ours["hlt"]["timed"]), (3 * (1 + 2) + 2, 3 * (1 + 2)))
        return ours, end()

    def test_counts_of_kvm_stat(self):
        ours, theirs = self.look(self.kvm_stat)
        print(f"        {'':<12} {'kvmlens':>8} {'kvm_stat':>8}")
        bad = []
        for name, reason in ours.items():
            event = KVM_STAT_NAMES.get(name)
            count = theirs[f"kvm_exit({event})"] if event else None
            print(f"        {name:<12} {reason['count']:>8} {'-' if count is None else count:>8}")
            if count not in (None, reason["count"]):
                bad.append(name)
        total = sum(reason["count"] for reason in ours.values())
        print(f"        {'all':<12} {total:>8} {theirs['kvm_exit']:>8}")
        self.assertEqual(bad, [], "counts differ")
        self.assertEqual(total, theirs["kvm_exit"])
        self.assertEqual(total, sum(count for name, count in theirs.items() if name.startswith("kvm_exit("))
                         + sum(ours[name]["count"] for name in ours if name not in KVM_STAT_NAMES))

    def test_counts_and_times_of_perf(self):
        """perf knows an exit by the entry after it: the last halt of each vCPU is not among its samples."""
        if not os.path.exists(PERF):
            self.skipTest("perf is not in this image: its packages cannot be had")
        ours, theirs = self.look(self.perf)
        print(f"        {'':<12} {'kvmlens':>8} {'and back':>8} {'perf':>8}   {'mean us':>9} {'perf':>9} {'ratio':>6}")
        bad = []
        for name in sorted(set(ours) | set(theirs)):
            reason = ours.get(name, {"count": 0, "timed": 0})
            samples, mean = theirs.get(name, (0, 0.0))
            own = reason["time_ns"] / reason["timed"] if reason["timed"] else 0.0
            print(f"        {name:<12} {reason['count']:>8} {reason['timed']:>8} {samples:>8}   "
                  f"{own / 1000:>9.1f} {mean / 1000:>9.1f} {own / mean if mean else 0:>6.2f}")
            if reason["timed"] != samples:
                bad.append(name)
        self.assertEqual(bad, [], "counts differ")
