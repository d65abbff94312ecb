# SPDX-License-Identifier: MIT
"""What a VM is doing and what it fights for, held against QEMU, schedstat, cgroups and the names of threads."""
import contextlib
import os
import re
import signal
import tempfile
import time

import kvmtest
from kvmtest import kvmlens, kvmlens_records, need_qemu, need_root, need_tool, snapshot, vm_of, wait_for

SPIN = b"\xfa\xeb\xfe"  # cli; jmp to itself
HALT = b"\xfa\xf4\xeb\xfd"  # cli; hlt; and again
NAME = "guest=load,debug-threads=on"


def read(path):
    with open(path, encoding="ascii") as f:
        return f.read()


def schedstat(pid, tid):
    """CPU time and wait of a thread, seconds."""
    cpu, wait = read(f"/proc/{pid}/task/{tid}/schedstat").split()[:2]
    return int(cpu) / 1e9, int(wait) / 1e9


def key_of(text, key):
    return int(re.search(rf"^{key} (\d+)$", text, re.M).group(1))


def mount_of(kind, option=""):
    """Where a hierarchy of cgroups is mounted, or None. option: a controller of version 1."""
    for line in read("/proc/self/mountinfo").splitlines():
        fields, _, rest = line.partition(" - ")
        kinds = rest.split()
        if kinds[0] == kind and (not option or option in kinds[2].split(",")):
            return fields.split()[4]
    return None


def metrics_of(pid, *args):
    """{(name, label values but those of the VM): value} of one process."""
    out = kvmlens("-1", "-p", str(pid), "--format", "prometheus", *args).out
    found = {}
    for line in out.splitlines():
        match = re.match(r"kvmlens_(\w+)(?:\{(.*)\})? (\S+)$", line)
        if match:
            labels = re.findall(r'(\w+)="([^"]*)"', match.group(2) or "")
            rest = tuple(value for name, value in labels if name not in ("vm", "pid", "vm_fd"))
            found[(match.group(1), *rest)] = float(match.group(3))
    return found


class Load(kvmtest.TestCase):
    def guest(self, code, **options):
        """A QEMU whose guest runs this after its BIOS."""
        disk = tempfile.NamedTemporaryFile(prefix="kvmtest-", suffix=".img")
        self.addCleanup(disk.close)
        disk.write(code.ljust(510, b"\x90") + b"\x55\xaa")
        disk.truncate(1 << 20)
        disk.flush()
        extra = ["-drive", f"file={disk.name},format=raw,if=ide,snapshot=on", *options.pop("extra", ())]
        return self.qemu(need_qemu(), name=NAME, extra=extra, **options)

    def spinning(self, **options):
        vm = self.guest(SPIN, **options)
        thread = vm.vcpu_threads()[0]
        self.wait_busy(vm, thread)
        return vm, thread

    def wait_busy(self, vm, thread):
        """Until the guest runs without a pause: its BIOS waits now and then."""
        def is_busy():
            before, start = schedstat(vm.pid, thread), time.monotonic()
            time.sleep(0.2)
            after, took = schedstat(vm.pid, thread), time.monotonic() - start
            return sum(after) - sum(before) > 0.9 * took
        wait_for(lambda: is_busy() and is_busy(), "a guest that spins", 30)

    def state_of(self, pid, *args):
        """Of the VM, as two looks tell it."""
        return vm_of(snapshot("-p", str(pid), *args), pid).get("state")

    @contextlib.contextmanager
    def group(self, mount, pids, **files):
        """A cgroup of our own below a mount, with some processes in it."""
        path = tempfile.mkdtemp(prefix="kvmtest-", dir=mount)
        try:
            for name, text in files.items():
                self.set(path, name.replace("__", "."), text)
            for pid in pids:
                self.set(path, "cgroup.procs", str(pid))
            yield path
        finally:
            for pid in pids:
                with contextlib.suppress(OSError):
                    self.set(mount, "cgroup.procs", str(pid))
            wait_for(lambda: not read(f"{path}/cgroup.procs").strip(), "an empty cgroup")
            os.rmdir(path)

    @staticmethod
    def set(path, name, text):
        with open(f"{path}/{name}", "w", encoding="ascii") as f:
            f.write(text)


class States(Load):
    def test_a_vm_is_never_running_for_who_asks_qemu_and_hears_otherwise(self):
        vm = self.guest(SPIN, extra=["-S"])
        self.assertEqual(vm.qmp("query-status")["status"], "prelaunch")
        self.assertEqual(self.state_of(vm.pid), "paused")
        vm.qmp("cont")
        self.wait_busy(vm, vm.vcpu_threads()[0])
        self.assertEqual(self.state_of(vm.pid), "running")
        for _ in range(3):
            vm.qmp("stop")
            self.assertEqual(vm.qmp("query-status")["status"], "paused")
            # At once, and without a wait: the guest may have run in the first of the two looks.
            self.assertIn(self.state_of(vm.pid), ("paused", "idle-or-paused"))
            self.assertEqual(self.state_of(vm.pid), "paused")
            vm.qmp("cont")
            self.assertEqual(self.state_of(vm.pid), "running")

    def test_a_log_follows_what_qemu_does(self):
        vm, _ = self.spinning()
        log = self.background(kvmtest.KVMLENS, "-l", "-s", "0.1", "-p", str(vm.pid), "--format", "json")

        def newest():
            records = log.records()
            return vm_of(records[-1], vm.pid).get("state") if records else None

        wait_for(lambda: newest() == "running", "a running VM in the log")
        for _ in range(3):
            vm.qmp("stop")
            count = len(log.records())
            wait_for(lambda: len(log.records()) >= count + 4, "records of a paused VM")
            # The record under way may have looked before.
            states = [vm_of(r, vm.pid).get("state") for r in log.records()[count + 1:count + 4]]
            self.assertNotIn("running", states)
            self.assertEqual(states[-1], "paused")
            vm.qmp("cont")
            wait_for(lambda: newest() == "running", "a VM that runs again")

    def test_vcpus_halt_spin_and_are_paused(self):
        vm = self.guest(HALT, smp=2)

        def states(*args):
            return [c.get("state") for c in vm_of(snapshot("-p", str(vm.pid), *args), vm.pid)["vcpus"]]

        wait_for(lambda: states() == ["halted", "halted"], "two halted vCPUs", 60)
        self.assertEqual(self.state_of(vm.pid), "running")
        vm.qmp("stop")
        self.assertEqual(self.state_of(vm.pid), "paused")
        self.assertEqual(states(), ["paused", "paused"])
        busy, thread = self.spinning()
        seen = set()
        for _ in range(5):
            seen.update(c.get("state") for c in vm_of(snapshot("-p", str(busy.pid)), busy.pid)["vcpus"])
        # This machine has other work: it may wait, have both in equal parts, or too little time to tell.
        self.assertLessEqual(seen, {"guest", "ready", "not-halted"})
        vcpu = vm_of(snapshot("-p", str(busy.pid), "-s", "1"), busy.pid)["vcpus"][0]
        self.assertEqual(vcpu["tid"], thread)
        if "cpu_guest_ratio" not in vcpu:
            # On a busy host it may have had too little CPU time to tell.
            self.assertIn(vcpu["missing"]["cpu_guest_ratio"], ("not-counted", "few-ticks"))
            self.assertNotIn("cpu_host_ratio", vcpu)
            kvmtest.say_skipped("guest time of a guest that spins: this kernel sees none of it")
            return
        self.assertGreater(vcpu["cpu_guest_ratio"], 0.7 * vcpu["cpu_ratio"])
        self.assertAlmostEqual(vcpu["cpu_guest_ratio"] + vcpu["cpu_host_ratio"], vcpu["cpu_ratio"], 6)

    def test_vcpus_that_have_no_cpu_are_ready(self):
        """Four guests that never wait, on one CPU: each of them waits for three quarters of the time."""
        cpu = max(os.sched_getaffinity(0))
        vms = [self.own_vm("--do", "cpuid:1000000000:1") for _ in range(4)]
        for vm in vms:
            os.sched_setaffinity(vm.vms[0]["vcpus"][0]["tid"], {cpu})
            vm.say("go")
            self.addCleanup(vm.kill)
        tids = {vm.pid: vm.vms[0]["vcpus"][0]["tid"] for vm in vms}

        def states():
            before = {pid: schedstat(pid, tid) for pid, tid in tids.items()}
            record = snapshot("-s", "1.5")
            after = {pid: schedstat(pid, tid) for pid, tid in tids.items()}
            # Who had more than half of what it wanted was not ready.
            waits = [pid for pid in tids
                     if after[pid][1] - before[pid][1] > 2 * (after[pid][0] - before[pid][0])]
            return len(waits) == 4 and [vm_of(record, pid)["vcpus"][0].get("state") for pid in tids]

        self.assertEqual(wait_for(states, "four that wait more than they run", 40), ["ready"] * 4)

    def test_a_stopped_process_is_stopped(self):
        vm, _ = self.spinning()
        os.kill(vm.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, vm.pid, signal.SIGCONT)
        wait_for(lambda: kvmtest.process_state(vm.pid) == "T", "a stopped process")
        self.assertEqual(self.state_of(vm.pid), "stopped")
        record = vm_of(snapshot("-p", str(vm.pid)), vm.pid)
        self.assertEqual([c.get("state") for c in record["vcpus"]], ["stopped"])
        os.kill(vm.pid, signal.SIGCONT)
        self.assertEqual(self.state_of(vm.pid), "running")

    def test_a_frozen_cgroup_is_frozen(self):
        need_root()
        ways = [(mount_of("cgroup2"), "cgroup.freeze", "1", "0"),
                (mount_of("cgroup", "freezer"), "freezer.state", "FROZEN", "THAWED")]
        kvmtest.need(any(mount for mount, *_ in ways), "no cgroups that freeze are mounted")
        for mount, name, freeze, thaw in ways:
            if mount is None:
                kvmtest.say_skipped(f"no cgroups with {name} are mounted")
                continue
            vm, _ = self.spinning()
            with self.group(mount, [vm.pid]) as path:
                self.assertEqual(self.state_of(vm.pid), "running")
                self.set(path, name, freeze)
                try:
                    wait_for(lambda: self.state_of(vm.pid) == "frozen", f"a frozen VM, {name}")
                finally:
                    self.set(path, name, thaw)
                wait_for(lambda: self.state_of(vm.pid) == "running", f"a thawed VM, {name}")

    def test_uptime_is_the_age_of_the_process(self):
        vm = self.guest(HALT)
        start = int(read(f"/proc/{vm.pid}/stat").rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        before = time.clock_gettime(time.CLOCK_BOOTTIME) - start
        uptime = vm_of(snapshot("-p", str(vm.pid)), vm.pid)["uptime_s"]
        self.assertGreaterEqual(uptime, before)
        self.assertLess(uptime, before + 10)


class Contention(Load):
    def test_two_vms_on_one_cpu_wait_for_each_other_as_schedstat_says(self):
        vms = [self.spinning() for _ in range(2)]
        cpu = max(os.sched_getaffinity(0))
        for _, thread in vms:
            os.sched_setaffinity(thread, {cpu})
        time.sleep(0.3)  # they have shared it for a while
        for vm, thread in vms:
            before = schedstat(vm.pid, thread)
            metrics = metrics_of(vm.pid, "--per-vcpu")
            after = schedstat(vm.pid, thread)
            for i, name in enumerate(("vcpu_cpu_seconds_total", "vcpu_wait_seconds_total")):
                self.assertGreaterEqual(metrics[(name, "0")], before[i] - 1e-6)
                self.assertLessEqual(metrics[(name, "0")], after[i] + 1e-6)
            self.assertEqual(metrics[("vcpu_host_cpu", "0")], cpu)
            self.assertEqual(metrics[("vcpu_cpus_allowed", "0")], 1)
        # Both in one log, and schedstat beside it over the same time.
        before = {vm.pid: schedstat(vm.pid, thread) for vm, thread in vms}
        start = time.monotonic()
        records = kvmlens_records("-l", "-n", "4", "-s", "0.5")
        took = time.monotonic() - start
        for vm, thread in vms:
            own = [vm_of(record, vm.pid) for record in records]
            ratios = [r["vcpus"][0] for r in own if "wait_ratio" in r["vcpus"][0]]
            self.assertGreaterEqual(len(ratios), 3)
            # It always wants to run: what it does not get it waits for. The wait is known at its end, and where many
            # wait for that CPU it is longer than an interval: one may have none, and the next that of both.
            both = [r["wait_ratio"] + r["cpu_ratio"] for r in ratios]
            self.assertGreater(sum(r["wait_ratio"] for r in ratios) / len(ratios), 0.2, str(both))
            self.assertTrue(0.7 < sum(both) / len(both) < 1.3, str(both))
            for r in ratios:
                self.assertEqual(r["cpus_allowed"], str(cpu))
                self.assertEqual(r["host_cpu"], cpu)
            after = schedstat(vm.pid, thread)
            mean = sum(r["wait_ratio"] for r in ratios) / len(ratios)
            beside = (after[1] - before[vm.pid][1]) / took
            self.assertAlmostEqual(mean, beside, delta=0.15)
            for r in own[1:]:
                self.assertAlmostEqual(r["ready_worst_ratio"], r["vcpus"][0]["wait_ratio"], 6)
                self.assertAlmostEqual(r["ready_mean_ratio"], r["vcpus"][0]["wait_ratio"], 6)
                self.assertAlmostEqual(r["roles"]["vcpu"]["cpu_ratio"], r["vcpus"][0]["cpu_ratio"], delta=0.02)

    def test_halt_polling_is_what_kvm_counts(self):
        vm = self.own_vm("--busy", "1000")

        def seen():
            found = vm_of(snapshot("-p", str(vm.pid), "-s", "0.3"), vm.pid)
            rates = found["rates"]
            kvmtest.need("halt_poll_fail_ns" in rates, "KVM's counters of halt polling cannot be read here")
            self.assertAlmostEqual(found["halt_poll_ratio"],
                                   (rates["halt_poll_success_ns"] + rates["halt_poll_fail_ns"]) / 1e9, 9)
            return found["halt_poll_ratio"]

        if max(seen() for _ in range(3)) == 0:
            kvmtest.say_skipped("a guest that is polled for: KVM polls for none here")

    def limited(self, mount, files, unit):
        """A spinning VM that may have less of a CPU than a busy machine leaves it; unit: of its throttled time."""
        vm, _ = self.spinning()
        without = vm_of(snapshot("-p", str(vm.pid)), vm.pid)
        self.assertEqual(without["missing"]["throttled_ratio"], "no-cpu-limit")
        self.assertNotIn("throttled_ratio", without)
        with self.group(mount, [vm.pid], **files) as path:
            def totals():
                text = read(f"{path}/cpu.stat")
                key = "throttled_usec" if unit == 1e-6 else "throttled_time"
                return [key_of(text, key) * unit, key_of(text, "nr_throttled"), key_of(text, "nr_periods")]

            wait_for(lambda: totals()[1] > 3, "a limit that is hit")
            before = totals()
            metrics = metrics_of(vm.pid, "--per-vcpu")
            after = totals()
            names = [("vm_throttled_seconds_total",), ("vm_throttled_periods_total",), ("vm_limited_periods_total",)]
            for name, low, high in zip(names, before, after):
                self.assertTrue(low - 1e-6 <= metrics[name] <= high + 1e-6, f"{name} {low} {metrics} {high}")
            self.assertTrue(before[0] - 1e-6 <= metrics[("vcpu_throttled_seconds_total", "0")] <= after[0] + 1e-6)
            before, start = totals(), time.monotonic()
            record = vm_of(snapshot("-p", str(vm.pid), "-s", "2"), vm.pid)
            after, took = totals(), time.monotonic() - start
            beside = (after[0] - before[0]) / took
            self.assertAlmostEqual(record["throttled_ratio"], beside, delta=0.25)
            if mount_of("cgroup2") is not None and "\n0::/\n" in "\n" + read(f"/proc/{vm.pid}/cgroup"):
                self.assertEqual(record["missing"]["pressure.cpu_some_ratio"], "cgroup-v1")
            # Where others take the CPU as well, it is late in each period that the limit is hit.
            self.assertGreater(beside, 0)
            self.assertGreater(record["throttled_ratio"], beside / 2)
            self.assertAlmostEqual(record["throttled_periods_ratio"], (after[1] - before[1]) / (after[2] - before[2]),
                                   delta=0.3)
            self.assertGreater(record["throttled_periods_ratio"], 0)
            self.assertLess(record["run_worst_ratio"], 0.15)
            self.assertAlmostEqual(record["vcpus"][0]["throttled_ratio"], record["throttled_ratio"], delta=0.1)

    def test_a_limit_of_a_cgroup_takes_what_its_own_count_says(self):
        need_root()
        mount = mount_of("cgroup", "cpu")
        if mount is not None:
            return self.limited(mount, {"cpu__cfs_quota_us": "3000", "cpu__cfs_period_us": "100000"}, 1e-9)
        mount = mount_of("cgroup2")
        kvmtest.need(mount is not None and "cpu" in read(f"{mount}/cgroup.subtree_control").split(),
                     "no cgroups with a CPU controller are mounted")
        return self.limited(mount, {"cpu__max": "3000 100000"}, 1e-6)

    def test_pressure_is_that_of_the_cgroup(self):
        need_root()
        mount = mount_of("cgroup2")
        kvmtest.need(mount is not None, "cgroup v2 is not mounted")
        vms = [self.spinning() for _ in range(2)]
        cpu = max(os.sched_getaffinity(0))
        for _, thread in vms:
            os.sched_setaffinity(thread, {cpu})
        alone = vm_of(snapshot("-p", str(vms[0][0].pid)), vms[0][0].pid)
        text = read(f"/proc/{vms[0][0].pid}/cgroup")
        if f"0::/\n" in text:
            in_v1 = re.search(r"^\d+:(.*,)?(cpu|memory|freezer)(,.*)?:/.", text, re.M)
            self.assertEqual(alone["missing"]["pressure.cpu_some_ratio"], "cgroup-v1" if in_v1 else "root-cgroup")
        with self.group(mount, [vm.pid for vm, _ in vms]) as path:
            kvmtest.need(os.path.exists(f"{path}/cpu.pressure"), "this kernel measures no pressure")

            def total():
                return int(re.search(r"^some .*total=(\d+)$", read(f"{path}/cpu.pressure"), re.M).group(1)) / 1e6

            time.sleep(0.5)
            before = total()
            metrics = metrics_of(vms[0][0].pid)
            self.assertTrue(before <= metrics[("vm_pressure_seconds_total", "cpu", "some")] <= total())
            record = vm_of(snapshot("-p", str(vms[0][0].pid), "-s", "1"), vms[0][0].pid)
            self.assertGreater(record["pressure"]["cpu_some_ratio"], 0.5)
            self.assertEqual(sorted(record["pressure"]),
                             sorted(f"{r}_{k}_ratio" for r in ("cpu", "memory", "io") for k in ("some", "full")))

    def test_the_host_says_how_it_is(self):
        host = snapshot("-s", "1")["host"]  # shares of CPU time have ticks enough with one CPU, too
        load = [float(x) for x in read("/proc/loadavg").split()[:3]]
        for name, value in zip(("load_1", "load_5", "load_15"), load):
            self.assertAlmostEqual(host[name], value, delta=1.5)
        shares = [host[f"cpu_{name}_ratio"] for name in ("busy", "steal", "iowait")]
        self.assertTrue(all(0 <= s <= 1 for s in shares) and sum(shares) <= 1.0001, str(host))
        self.assertLessEqual(host["cpu_guest_ratio"], host["cpu_busy_ratio"] + 0.1)
        meminfo = {k: int(v) * 1024 for k, v in re.findall(r"^(\w+): +(\d+) kB", read("/proc/meminfo"), re.M)}
        self.assertEqual(host["swap_total_bytes"], meminfo["SwapTotal"])
        self.assertAlmostEqual(host["mem_available_bytes"] / meminfo["MemAvailable"], 1, delta=0.3)
        if os.path.exists("/proc/pressure/cpu"):
            self.assertTrue(0 <= host["pressure"]["cpu_some_ratio"] <= 1.01, str(host))
        else:
            self.assertEqual(host["missing"]["pressure.cpu_some_ratio"], "no-pressure")


class Roles(Load):
    @staticmethod
    def names(pid):
        found = []
        for tid in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                found.append(read(f"/proc/{pid}/task/{tid}/comm").strip())
        return found

    def test_roles_are_those_of_the_names_of_threads(self):
        vm = self.guest(HALT, smp=2, extra=["-object", "iothread,id=disk0", "-object", "iothread,id=disk1"])
        # Workers of QEMU come and go.
        def agrees():
            names = self.names(vm.pid)
            roles = vm_of(snapshot("-p", str(vm.pid)), vm.pid)["roles"]
            own = {"vcpu": sum(n.startswith("CPU ") for n in names),
                   "iothread": sum(n.startswith("IO disk") for n in names),
                   "vhost": sum(n.startswith("vhost-") for n in names), "migration": 0}
            own["emulator"] = len(names) - sum(own.values()) - sum(n.startswith(("kvm-nx", "iou-")) for n in names)
            return all(roles[role]["threads"] == count for role, count in own.items() if role in roles) and own

        own = wait_for(agrees, "roles that agree with the names of threads", 20)
        self.assertEqual((own["vcpu"], own["iothread"]), (2, 2))
        self.assertGreaterEqual(own["emulator"], 1)

    def test_helpers_in_the_kernel_are_found_where_all_processes_are_listed(self):
        vm = self.guest(HALT)

        def listed():
            for pid in filter(str.isdigit, os.listdir("/proc")):
                with contextlib.suppress(OSError):  # one that has ended meanwhile
                    yield read(f"/proc/{pid}/comm").strip()

        # New kernels start some of their threads with the first vCPU that runs.
        def agrees():
            helpers = list(listed()).count(f"kvm-pit/{vm.pid}")
            own = sum(n.startswith(("kvm-nx", "iou-")) for n in self.names(vm.pid))
            seen = vm_of(snapshot(), vm.pid)["roles"].get("kernel", {"threads": 0})["threads"]
            return 0 < seen == helpers + own

        wait_for(agrees, "helpers that agree with the names of threads", 20)
        # With one process there is no other in the list.
        narrow = vm_of(snapshot("-p", str(vm.pid)), vm.pid)
        self.assertEqual(narrow["missing"].get("roles.kernel.threads", "not-asked-for"), "not-asked-for")
        self.assertNotIn("kernel", narrow["roles"])

    def test_a_migration_shows_as_a_state_and_as_threads(self):
        vm, _ = self.spinning(ram="256M")
        vm.qmp("migrate-set-parameters", max_bandwidth=1 << 20)
        vm.qmp("migrate", uri="exec:cat > /dev/null")
        wait_for(lambda: any(n.startswith(("mig/src", "live_migration")) for n in self.names(vm.pid)),
                 "a thread that migrates")
        record = wait_for(lambda: [r for r in [vm_of(snapshot("-p", str(vm.pid)), vm.pid)]
                                   if r["roles"]["migration"]["threads"]], "the migration")[0]
        self.assertEqual(record["state"], "migrating")
        vm.qmp("migrate_cancel")
        wait_for(lambda: self.state_of(vm.pid) == "running", "a VM that stays")

    def test_emulation_is_done_by_the_emulator_and_not_by_a_vcpu(self):
        """What all threads used is what the process used."""
        vm = self.guest(HALT, smp=2)
        metrics = metrics_of(vm.pid)
        roles = [v for k, v in metrics.items() if k[0] == "vm_role_cpu_seconds_total"]
        # Threads that have ended are in the process's time alone.
        self.assertLessEqual(sum(roles), metrics[("vm_cpu_seconds_total",)] + 0.02)
        self.assertGreater(sum(roles), 0.5 * metrics[("vm_cpu_seconds_total",)])


class Cost(Load):
    def test_what_is_not_shown_is_not_read(self):
        need_root()
        need_tool("strace")
        vm = self.guest(HALT)
        # Who does not sleep is not asked where.
        wait_for(lambda: vm_of(snapshot("-p", str(vm.pid)), vm.pid)["vcpus"][0].get("state") == "halted", "a halt", 60)
        for shown, args in ((False, ["--format", "text"]), (False, ["--csv", "--wide"]), (True, ["--format", "json"])):
            with tempfile.NamedTemporaryFile(mode="r") as log:
                result = kvmlens("-1", "-s", "0.1", "-p", str(vm.pid), *args, prefix=(
                    "strace", "-f", "-qq", "-e", "trace=openat,openat2", "-o", log.name, *kvmtest.NO_LEAK_CHECK))
                if result.returncode not in (0, 3):
                    raise AssertionError(str(result))
                opened = log.read()
            for name in ("syscall", "cgroup", "comm", "loadavg", "pressure/cpu", "proc/stat"):
                found = re.search(rf'"/?(proc/)?[\w/]*{name}"', opened) is not None
                if name != "comm":
                    self.assertEqual(found, shown, f"{name} with {args}")


