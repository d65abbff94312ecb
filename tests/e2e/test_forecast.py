# SPDX-License-Identifier: MIT
"""--forecast of real VMs: rates that are known, VMs that stop and end, many at once, and what it costs.

That real migrations take what was forecast is tests/forecast; here wide bounds do.
"""
import json
import math
import os
import re
import signal
import sys
import tempfile
import time

import kvmtest
from kvmtest import KVMLENS, kvmlens, need_kvm, need_qemu, wait_for

sys.path.insert(0, os.path.join(kvmtest.ROOT, "tests/forecast"))
from dirtier import MIB, Dirtier, Orders  # noqa: E402
from test_bpf_counters import need_bpf  # noqa: E402
from test_dirtier import need_dirtier  # noqa: E402
from test_scan import traces  # noqa: E402

BESIDE = "own VMs"  # tests/e2e/run.py

SET = 20000
SIDE_BY_SIDE = 20
PLACES = 32
BUDGET_CPU = 0.25
# What does not end has none of these.
NUMBERS = ("rounds", "total_s", "total_s_low", "downtime_ms", "downtime_ms_high")


def forecast(*args, expect=(0,), **kwargs):
    """The records, by process id, in their order."""
    result = kvmlens("--format", "json", "--forecast", *[str(a) for a in args], **kwargs)
    if result.returncode not in expect:
        raise AssertionError(str(result))
    return {record["pid"]: record for record in map(json.loads, result.out.splitlines())}


def one(vm, *args, **kwargs):
    records = forecast(vm.pid, *args, **kwargs)
    if list(records) != [vm.pid]:
        raise AssertionError(records)
    return records[vm.pid]


def scanners_of(pid):
    """Processes of ours that scan: they have a thread that works beside one that listens."""
    found = []
    for each in kvmtest.family(pid):
        try:
            if len(os.listdir(f"/proc/{each}/task")) > 1:
                found.append(each)
        except OSError:
            pass
    return found


class Rates(kvmtest.TestCase):
    """Guests that write as they are told to."""

    def setUp(self):
        need_dirtier()

    def dirtier(self, *args, **orders):
        guest = self.start(Dirtier(need_qemu(), 256 * MIB, Orders(*args, **orders)))
        guest.wait_ready()
        return guest.vm

    def test_curve_is_that_of_the_guest(self):
        vm = self.dirtier("uniform", 20000, set_pages=SET)
        record = one(vm)
        self.assertEqual(record["schema"], "kvmlens-forecast/1")
        self.assertEqual((record["name"], record["vmm"]), ("dirtier", "qemu"))
        points = {p["seconds"]: p for p in record["dirty"]["curve"]}
        self.assertEqual(sorted(points), [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60])
        for seconds in (0.5, 1, 2):
            truth = SET * -math.expm1(-seconds)  # so many writes at random as there are pages, each second
            # A busy machine may keep the guest from its writes, but makes it write no more.
            self.assertLess(points[seconds]["low"], truth * 1.05, points)
            self.assertGreater(points[seconds]["high"], truth * 0.8, points)
            self.assertFalse(points[seconds]["extrapolated"])
        self.assertTrue(points[60]["extrapolated"])
        self.assertLessEqual(points[60]["pages"], record["pages"]["resident"])
        self.assertEqual(record["dirty"]["pages_per_s"], points[1]["pages"])
        # 1 Gbit/s sends 30,000 pages a second.
        self.assertIs(record["converges"], True, record)
        self.assertGreater(record["total_s"], 0.5)
        self.assertLessEqual(record["total_s_low"], record["total_s"])
        self.assertGreaterEqual(record["total_s_high"], record["total_s"])
        self.assertIsInstance(record["wire"]["bytes"], int)
        self.assertGreater(record["wire"]["bytes"], SET * 4096)

    def test_one_that_does_not_end_says_what_would_make_it(self):
        # All that it writes to is dirty again at once, and too much for the downtime. A guest that waits for a CPU meanwhile
        # writes in bursts, which is said, and makes it unsure: then it is looked at again.
        vm = self.dirtier("uniform", 200000, set_pages=SET // 4)
        records = (one(vm, "--bandwidth", "30") for _ in range(5))
        record = next((r for r in records if "bursts" not in r["reasons"]), None)
        self.assertIsNotNone(record, "bursts in each of five looks")
        self.assertIs(record["converges"], False, record)
        for name in NUMBERS:
            self.assertIsNone(record[name], name)
        self.assertIsNone(record["wire"]["bytes"])
        self.assertLess(record["margin"], 1)
        enough = record["would_end"]["bandwidth_bytes_per_s"]
        self.assertGreater(enough, 30e6)
        # That it ends takes no long look.
        faster = one(vm, "--bandwidth", str(round(enough / 1e6 * 4)), "--duration", "1")
        self.assertIs(faster["converges"], True, faster)

    def test_words_of_one_that_does_not_end(self):
        vm = self.dirtier("uniform", 200000, set_pages=SET // 4)
        texts = (self.assert_status(kvmlens("--forecast", str(vm.pid), "--bandwidth", "30", "--duration", "1"), 0).out
                 for _ in range(5))
        text = next((t for t in texts if "bursts" not in t), "bursts in each of five looks")
        self.assertIn("\nTime       never\n", text)
        self.assertIn("\nTo end     send about ", text)
        self.assertIn("30 MB/s (0.24 Gbit/s)", text)

    def test_how_busy_the_vcpu_is_is_seen(self):
        """It wants half of the time; on a busy machine it does not get that. What it ran is what counts."""
        vm = self.dirtier("uniform", 20000, set_pages=SET, work_ns=25000)
        vcpu = vm.vcpu_threads()[0]

        def ran():
            with open(f"/proc/{vm.pid}/task/{vcpu}/schedstat", encoding="ascii") as f:
                return int(f.read().split()[0]) / 1e9, time.monotonic()
        before = ran()
        record = one(vm, "--auto-converge", "--duration", "3")
        after = ran()
        truth = (after[0] - before[0]) / (after[1] - before[1])
        print(f"  vCPU ran {truth:.3f} of the time, seen {record['vcpu_busy']:.3f}")
        self.assertGreater(record["vcpu_busy"], 0.7 * truth - 0.05)
        self.assertLess(record["vcpu_busy"], 1.4 * truth + 0.05)
        self.assertNotIn("busy-unknown", record["reasons"])
        self.assertNotIn("other-vmm", record["void"])

    def test_a_guest_that_rests_is_quiet_and_one_that_is_paused_is_said_to_be(self):
        vm = self.dirtier()
        record = one(vm, "--duration", "1")
        self.assertIs(record["converges"], True)
        self.assertLess(record["dirty"]["pages_per_s"], 100)
        self.assertNotIn("stopped", record["reasons"])
        vm.qmp("stop")
        record = one(vm, "--duration", "1")
        self.assertEqual(record["dirty"]["pages_per_s"], 0)
        self.assertIn("stopped", record["void"])
        self.assertIn("stopped", record["causes"])
        self.assertIs(record["converges"], True)

    def test_looking_leaves_no_trace(self):
        vm = self.dirtier("uniform", 5000, set_pages=SET)
        time.sleep(1)  # all of its pages are written
        before = traces(vm.pid)
        record = one(vm, "--duration", "2")
        self.assertEqual(traces(vm.pid), before)
        self.assertGreater(record["cost"]["bytes_read"], 0)
        self.assertLess(record["cost"]["bytes_read"], 2 << 30)
        self.assertLess(record["cost"]["cpu_s"], 2 * BUDGET_CPU * 2.0)

    def test_settings_are_those_that_were_given(self):
        vm = self.dirtier()
        record = one(vm, "--duration", "0.2", "--mode", "multifd", "--channels", "4", "--bandwidth", "1250.5", "--link",
                     "2500", "--downtime", "50", "--zero-page-detection", "none", "--auto-converge")
        self.assertEqual(record["settings"], {
            "mode": "multifd", "channels": 4, "zero_page_detection": "none", "bandwidth_bytes_per_s": 1250500000,
            "link_bytes_per_s": 2500000000, "downtime_limit_ms": 50, "auto_converge": True, "duration_s": 0.2})
        self.assertEqual(record["wire"]["mode"], "multifd")
        # Every page is sent, zero or not.
        self.assertGreater(record["wire"]["bytes"], 256 * MIB)
        self.assertLess(one(vm, "--duration", "0.2")["wire"]["bytes"], 64 * MIB)


class Bios(kvmtest.TestCase):
    def test_bios_is_cheap(self):
        vm = self.qemu(need_qemu(), ram="4G")
        time.sleep(1)
        record = one(vm, "--duration", "1")
        self.assertIs(record["converges"], True)
        self.assertIn("mostly-zero", record["reasons"])
        self.assertLess(record["wire"]["bytes"], 64 * MIB)
        self.assertGreaterEqual(record["pages"]["untouched"] + record["pages"]["resident"], 1 << 20)
        text = self.assert_status(kvmlens("--forecast", str(vm.pid), "--duration", "0.2"), 0).out
        self.assertIn("precopy at 125 MB/s (1 Gbit/s), downtime at most 300 ms", text)
        self.assertLess(max(len(line) for line in text.splitlines()), 81)


class Ends(kvmtest.TestCase):
    """Who and what ends in the middle of it."""

    def vms(self, count):
        return [self.own_vm("--ram", "64M", "--fill", "nonzero:4M:16M") for _ in range(count)]

    def looks(self, *args):
        """A run that has scanners at work. Of VMs that are named: those of others would have places, too."""
        run = self.background(KVMLENS, "--format", "json", "--forecast", *map(str, args))
        wait_for(lambda: scanners_of(run.pid), "a scanner", 20)
        return run

    def signalled_looks(self, signum, *target):
        """A run that a signal ended after some looks."""
        for seconds in (1.5, 6, 15):  # who is scheduled seldom has no second look for a while, and says so
            run = self.looks(*target, "--duration", "60")
            time.sleep(seconds)
            run.process.send_signal(signum)
            begin = time.monotonic()
            status = run.wait(20)
            print(f"  signal {int(signum)} after {seconds} s, its end {time.monotonic() - begin:.2f} s later", flush=True)
            if "not looked at for long enough" not in run.err():
                break
        self.assertEqual(status, 0, run.err())
        return run

    def test_signal_leaves_what_was_seen(self):
        vm = self.vms(1)[0]
        for signum in (signal.SIGINT, signal.SIGTERM):
            for target in (("all", "-p", vm.pid), (vm.pid,)):
                begin = time.monotonic()
                run = self.signalled_looks(signum, *target)
                (record,) = run.records()
                self.assertTrue(record["partial"])
                self.assertGreater(record["looked_s"], 0.1)
                self.assertLess(record["looked_s"], time.monotonic() - begin)
                self.assertIsNotNone(record["total_s"])

    def test_second_signal_ends_at_once(self):
        self.vms(1)
        run = self.looks("all", "--duration", "60")
        run.process.send_signal(signal.SIGINT)
        run.process.send_signal(signal.SIGTERM)
        run.wait(5)

    def test_signal_before_the_second_look_is_told(self):
        vm = self.vms(1)[0]
        run = self.looks(vm.pid, "--duration", "60")
        run.process.send_signal(signal.SIGINT)
        status = run.wait(5)
        if status != 0:  # else there were two
            self.assertEqual(status, 1, run.err())
            self.assertRegex(run.err(), "not looked at for long enough|did not end in time")

    def test_vm_that_ends_is_told_and_the_others_go_on(self):
        first, second = self.vms(2)
        run = self.looks("all", "--duration", "2")
        time.sleep(0.5)
        first.kill()
        self.assertEqual(run.wait(60), 3, run.err())
        records = {r["pid"]: r for r in run.records()}
        self.assertIsNone(records[first.pid]["total_s"])
        self.assertIn("ended", records[first.pid]["error"])
        self.assertIs(records[second.pid]["converges"], True)
        self.assertIsNone(records[first.pid]["rank"])
        self.assertIsNotNone(records[second.pid]["rank"])
        self.assertLess(list(records).index(second.pid), list(records).index(first.pid))
        self.assertIn(f"({first.pid}): ", run.err())
        self.assertNotIn(f"({second.pid}): ", run.err())

    def test_another_vm_in_its_place_is_noticed(self):
        """The same process and the same descriptor, and a memory map that looks the same."""
        for options in ([], ["--bpf"]):
            with self.subTest(options=options):
                if options:
                    need_bpf()
                vm = self.own_vm("--ram", "64M", "--fill", "nonzero:4M:16M", "--busy", "100")
                run = self.looks(vm.pid, "--duration", "3", *options)
                time.sleep(1.5)
                vm.recreate()
                self.assertEqual(run.wait(60), 3, run.err())
                (record,) = run.records()
                self.assertIn("replaced", record["void"])
                self.assertIsNone(record["total_s"])
                self.assertIn("another one in its place", run.err())
                self.assertNotIn("replaced", one(vm, "--duration", "0.5", *options)["void"])

    def test_scanner_that_ends_or_hangs_takes_its_vm_alone(self):
        vm = self.own_vm("--vms", "3", "--ram", "64M", "--fill", "nonzero:4M:16M")
        for signum in (signal.SIGKILL, signal.SIGSTOP):
            run = self.looks("all", "-p", vm.pid, "--duration", "3")
            wait_for(lambda run=run: len(scanners_of(run.pid)) >= 3, "all scanners", 20)
            os.kill(scanners_of(run.pid)[0], signum)
            self.assertEqual(run.wait(30), 3, run.err())
            records = run.records()
            self.assertEqual(len(records), 3)
            lost = [r["error"] for r in records if r.get("error")]
            self.assertEqual(len(lost), 1, lost)
            self.assertRegex(lost[0], "process that scans|does not answer")

    def test_no_vm_of_that_name_and_several_of_one(self):
        self.vms(2)
        self.assert_status(kvmlens("--forecast", "no-such-vm"), 1)
        for args in (("testvm",), ("all", "-g", "testvm")):
            self.assert_status(kvmlens("--forecast", *args), 2)


class All(kvmtest.TestCase):
    BESIDE = None

    def setUp(self):
        need_kvm()

    def test_many_are_ranked_at_once_within_the_budget(self):
        """The more of a VM is not zero the longer it takes."""
        vms = [self.own_vm("--ram", "128M", "--fill", f"nonzero:4M:{4 + 4 * i}M") for i in range(SIDE_BY_SIDE)]
        begin = time.monotonic()
        records = forecast("all", expect=(0, 3), timeout=60)
        elapsed = time.monotonic() - begin
        print(f"  {len(records)} VMs ranked in {elapsed:.1f} s, "
              f"{sum(r['cost']['cpu_s'] for r in records.values()):.2f} s of CPU, "
              f"{sum(r['cost']['bytes_read'] for r in records.values()) / 1e6:.0f} MB read", flush=True)
        # Far from what they take one after the other. Others may be on the host; some wait for a place then.
        waves = math.ceil(len(records) / PLACES)
        self.assertLess(elapsed, 3.2 * max(SIDE_BY_SIDE, len(records)) / 2)
        ours = [records[vm.pid] for vm in vms]
        for record in ours:
            self.assertIs(record["converges"], True, record)
        by_rank = sorted(ours, key=lambda r: r["rank"])
        self.assertEqual([r["pid"] for r in by_rank], [vm.pid for vm in vms])
        # Who else is on the host may have none; such come last.
        ranks = [r["rank"] for r in records.values()]
        known = sum(rank is not None for rank in ranks)
        self.assertEqual(ranks, list(range(1, known + 1)) + [None] * (len(ranks) - known))
        times = [r["total_s"] for r in by_rank]
        self.assertEqual(times, sorted(times))
        # A sanitizer is slow, and its first looks are of the least size all the same.
        self.assertLess(sum(r["cost"]["cpu_s"] for r in records.values()),
                        (BUDGET_CPU * 3.2 * 2 * waves + 0.5) * kvmtest.SLOWER)
        self.assertLess(sum(r["cost"]["bytes_read"] for r in records.values()), 500e6 * 3.2 * waves * 1.2)

    def test_text_is_a_table(self):
        vms = [self.own_vm("--ram", "64M", "--fill", f"nonzero:4M:{8 * i}M") for i in (1, 4)]
        lines = kvmlens("--forecast", "all", "--duration", "0.3").out.splitlines()
        self.assertEqual(lines[1].split(), ["#", "NAME", "PID", "RAM", "TIME", "FROM", "..", "TO", "SENDS", "DOWN", "ENDS"])
        self.assertLess(max(map(len, lines)), 81)
        places = [next(i for i, line in enumerate(lines) if f" {vm.pid} " in line) for vm in vms]
        self.assertLess(places[0], places[1])

    def test_choice_of_vms(self):
        first, second = (self.own_vm("--ram", "64M", "--fill", "nonzero:4M:8M") for _ in range(2))
        records = forecast("all", "-p", first.pid, "--duration", "0.2")
        self.assertEqual(list(records), [first.pid])
        self.assertEqual(records[first.pid]["rank"], 1)
        self.assertNotIn(second.pid, records)

    def test_progress_is_shown_on_a_terminal_and_gone_at_the_end(self):
        vm = self.own_vm("--ram", "64M", "--fill", "nonzero:4M:8M")
        # Of this VM only: others may end meanwhile, and that is told there, too.
        args = ("--forecast", "all", "-p", str(vm.pid), "--duration", "1")
        pty = self.pty("sh", "-c", f"{KVMLENS} {' '.join(args)} > /dev/null")
        pty.wait_bytes(b"s left", seconds=20)
        self.assertEqual(pty.wait_exit(20), 0)
        self.assertEqual(re.sub(rb".*\r\x1b\[K", b"", pty.output).strip(), b"")
        self.assertEqual(self.assert_status(kvmlens(*args), 0).err, "")


class Metrics(kvmtest.TestCase):
    """--forecast all beside --once and --log: from run to run, and no record later than its time."""

    def setUp(self):
        dir_ = tempfile.TemporaryDirectory(prefix="kvmtest-")
        self.addCleanup(dir_.cleanup)
        self.path = os.path.join(dir_.name, "kvmlens.prom")
        # Of one process, so that -p keeps others from having the places and the time of a record.
        vm = self.own_vm("--vms", "3", "--ram", "64M", "--fill", "mix:4M:32M")
        self.args = ("-p", str(vm.pid), "--forecast", "all", "-o", self.path)
        self.vms = {str(each["vm_fd"]) for each in vm.vms}

    def samples(self, name):
        """{descriptor: value} of our VMs."""
        with open(self.path, encoding="utf-8") as f:
            rows = re.findall(rf'^kvmlens_{name}\{{[^}}]*vm_fd="(\d+)"[^}}]*\}} (\S+)$', f.read(), re.M)
        return {fd: float(value) for fd, value in rows}

    def record(self, *args):
        return self.assert_status(kvmlens("-1", "--duration", "1", "--format", "prometheus", *self.args, *args), 0, 3)

    def test_next_run_keeps_forecasts_and_their_age_grows(self):
        self.record()
        names = ("vm_forecast_seconds", "vm_forecast_wire_bytes", "vm_dirty_pages_per_second",
                 "vm_forecast_downtime_seconds", "vm_forecast_age_seconds", "vm_forecast_converges")
        first = {name: self.samples(name) for name in names}
        for name in names:
            self.assertEqual(set(first[name]), self.vms, name)
        self.assertEqual(set(first["vm_forecast_converges"].values()), {1})
        # They are of one process, and so each is of all of them.
        self.assertEqual(set(self.samples("vm_forecast_shared").values()), {1})
        for fd, low in self.samples("vm_forecast_low_seconds").items():
            self.assertLessEqual(low, first["vm_forecast_seconds"][fd])
        self.record()  # nobody is looked at
        for fd, value in self.samples("vm_forecast_seconds").items():
            self.assertAlmostEqual(value, first["vm_forecast_seconds"][fd], 6)
        for fd, age in self.samples("vm_forecast_age_seconds").items():
            self.assertGreater(age, first["vm_forecast_age_seconds"][fd])
        # For another migration they are made anew.
        self.record("--bandwidth", "12.5")
        for fd, value in self.samples("vm_forecast_seconds").items():
            self.assertGreater(value, 2 * first["vm_forecast_seconds"][fd])
        with open(self.path, encoding="utf-8") as f:
            self.assertIn('bandwidth_bytes_per_second="12500000"', f.read())

    def test_log_is_no_later_than_its_time(self):
        """A look of an hour does not fit into the two seconds that a record may wait."""
        watch = kvmtest.Stopwatch()
        self.assert_status(kvmlens("-l", "-n", "1", "-s", "1", "--duration", "3600", "--format", "openmetrics",
                                   *self.args), 0, 3)
        self.assertLess(watch.idle(), 6 * kvmtest.SLOWER)
        self.assertEqual(set(self.samples("vm_forecast_seconds")), self.vms)
        for looked in self.samples("vm_forecast_looked_seconds").values():
            self.assertLess(looked, 2)

    def test_signal_ends_the_looks_and_the_record_is_there(self):
        run = self.background(KVMLENS, "-1", "--duration", "8", "--format", "prometheus", *self.args)
        wait_for(lambda: scanners_of(run.pid), "a scanner", 20)
        watch = kvmtest.Stopwatch()
        run.process.send_signal(signal.SIGTERM)
        self.assertEqual(run.wait(10), 3, run.err())
        self.assertLess(watch.idle(), 4 * kvmtest.SLOWER)
        self.assertIn("no forecast yet", run.err())
        self.assertEqual(set(self.samples("vm_forecast_pending").values()), {1})
        self.assertEqual(self.samples("vm_forecast_seconds"), {})
