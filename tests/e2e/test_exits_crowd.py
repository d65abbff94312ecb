# SPDX-License-Identifier: MIT
"""Exits of 64 busy vCPUs: each is counted, and a monitor beside them that shows them goes on to hear its keys."""
import os
import select
import statistics
import time

import kvmtest
from kvmtest import KVMLENS, SLOWER, need, need_kvm, need_root, vm_of, wait_for
from test_exits import possible

VCPUS = 64
WRITES = max(5, int(100 / SLOWER**2))  # of the first vCPU; the second does twice as many, and so on
F1, ESCAPE = b"\x1bOP", b"\x1b"
KEY_SECONDS = 1.0 * SLOWER  # 0.05 is the aim
HELP, BACK = b"close", b"Order"  # what is written of a line may be a part of it


class Crowd(kvmtest.TestCase):
    seconds = 150

    def setUp(self):
        super().setUp()
        need_root()
        need_kvm()
        need(possible(), "exits cannot be counted here")

    def follow(self, pid):
        log = self.background(KVMLENS, "-l", "-t", "-s", "0.5", "--format", "json", "-p", str(pid))
        wait_for(lambda: log.records() and log.records()[-1]["host"]["exits"]["state"] == "counted", "counts", 20)
        return log

    def key(self, p):
        """Seconds until the help is there; it is closed again."""
        start = len(p.read())
        begin = time.monotonic()
        p.send(F1)
        wait_for(lambda: HELP in p.read()[start:], "the help", KEY_SECONDS, 0.001)
        took = time.monotonic() - begin
        start = len(p.read())
        p.send(ESCAPE)  # alone: with a key soon after it, it would be part of that
        wait_for(lambda: BACK in p.read()[start:], "the exits behind the help")
        return took

    def test_each_event_is_counted_and_keys_are_heard(self):
        vm = self.own_vm("--vcpus", str(VCPUS), "--do", f"out:{WRITES}:0x84")
        log = self.follow(vm.pid)
        p = self.pty(KVMLENS, "-s", "0.5", "-t", str(vm.pid), columns=120, lines=40)
        p.wait_bytes(b"Exits")
        p.wait_bytes(b"Nothing", seconds=20)  # of a guest that waits
        quiet = [self.key(p) for _ in range(10)]
        vm.say("go")
        begin = time.monotonic()
        busy = []
        while not select.select([vm.process.stdout], [], [], 0)[0]:
            busy.append(self.key(p))
        took = time.monotonic() - begin
        info = vm.answered()["vms"][0]
        seen = len(log.records())
        wait_for(lambda: len(log.records()) > seen + 1, "two more records")
        record = log.records()[-1]
        counts = {}
        for vcpu in vm_of(record, vm.pid)["vcpus"]:
            keys = [key for reason in vcpu["exits"] for key in reason["keys"]] + vcpu["exit_keys"]
            counts[vcpu["tid"]] = sum(key["count"] for key in keys if (key["kind"], key["key"]) == ("port", "0x84"))
        self.assertEqual(counts, {vcpu["tid"]: WRITES * (1 + vcpu["id"]) for vcpu in info["vcpus"]})
        self.assertEqual((set(record["host"]["exits"]["lost"].values()), record["host"]["exits"]["missed"]), ({0}, 0))
        total = sum(counts.values())
        print(f"        {VCPUS} vCPUs on {os.cpu_count()} CPUs, {total / took / 1000:.0f}k port writes/s for {took:.1f} s: all counted")
        print(f"        a key: median {statistics.median(quiet) * 1000:.0f} ms, slowest {max(quiet) * 1000:.0f} ms; beside them "
              f"{statistics.median(busy) * 1000:.0f} ms, slowest of {len(busy)} {max(busy) * 1000:.0f} ms", flush=True)
        p.send(b"q")
        self.assertEqual(p.wait_exit(), 0)
