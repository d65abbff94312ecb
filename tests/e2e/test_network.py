# SPDX-License-Identifier: MIT
"""Packets of a real guest, which drives a network adapter itself, on the screen and in all formats, against its kernel."""
import csv
import io
import json
import os
import re
import sys
import tempfile
import time

import kvmtest
import test_contention
from kvmtest import KVMLENS, kvmlens, need, need_qemu, need_root, need_tool, snapshot, vm_of, wait_for

# Makes a tap in a network name space of its own and becomes QEMU.
WRAPPER = """#!/bin/sh
exec unshare -n python3 - "$@" <<'END'
import fcntl, os, struct, subprocess, sys
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH14x", b"guest0", 0x0002 | 0x1000))
with open("/proc/sys/net/ipv6/conf/guest0/disable_ipv6", "w") as f:
    f.write("1")
subprocess.run(["ip", "link", "set", "guest0", "up"], check=True)
os.set_inheritable(tun, True)
os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
os.execv("QEMU", ["QEMU", *sys.argv[1:], "-netdev", f"tap,id=n,fd={tun}",
                  "-device", "ne2k_isa,netdev=n,iobase=0x300,irq=9"])
END
"""

# Sends so many packets of so many bytes each time that it is told so, into the tap: the guest receives them.
SENDER = """
import socket, sys
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind(("guest0", 0))
for line in sys.stdin:
    count, size = map(int, line.split())
    for _ in range(count):
        try:
            out.send(b"\\xff" * 6 + b"\\x02\\0\\0\\0\\0\\1" + b"\\x88\\xb5" + b"k" * (size - 14))
        except OSError:
            pass  # its queue is full
    print("sent", flush=True)
"""

SIZE = 100
# cli; TPSR = 0x40, TBCR = SIZE: what the adapter sends when it is told so
PREPARE = b"\xfa\xba\x04\x03\xb0\x40\xee\x42\xb0" + bytes([SIZE]) + b"\xee\x42\x30\xc0\xee\xba\x00\x03"
SEND = b"\xb0\x26\xee"  # CR = start, transmit
DONE = b"\xf4\xeb\xfd"
# The local APIC is turned off, so that the PIC has the vCPU to itself; a stack; the clock's interrupt leads to
# F000:0100, all others are off
CLOCK = (b"\x66\xb9\x1b\x00\x00\x00\x0f\x32\x66\x25\xff\xf7\xff\xff\x0f\x30"
         b"\x31\xc0\x8e\xd8\x8e\xd0\xbc\x00\x70\xc7\x06\x20\x00\x00\x01\xc7\x06\x22\x00\x00\xf0"
         b"\xb0\x11\xe6\x20\xb0\x08\xe6\x21\xb0\x04\xe6\x21\xb0\x01\xe6\x21\xb0\xfe\xe6\x21"
         b"\xb0\x34\xe6\x43\xb0\x00\xe6\x40\xb0\x00\xe6\x40")
ON_CLOCK = b"\x50\xb0\x20\xe6\x20\x58\xcf"


def sends(count):
    """A guest that sends so many packets, then halts for good."""
    return PREPARE + b"\xb9" + count.to_bytes(2, "little") + SEND + b"\xe2\xfb" + DONE


# sti; at each tick of the clock, 18.2 times a second, 10 packets
STEADY = CLOCK + PREPARE + b"\xfb\xf4\xb9\x0a\x00" + SEND + b"\xe2\xfb" + b"\xeb\xf5"


def firmware(code):
    """In the place of a BIOS, which takes long on a busy host: the code at F000:0000."""
    return (code.ljust(0x100, b"\xf4") + ON_CLOCK).ljust(0xfff0, b"\xf4") + b"\xea\x00\x00\x00\xf0".ljust(16, b"\0")


class Network(test_contention.Load):
    def setUp(self):
        need_root()
        need(os.path.exists("/dev/net/tun"), "no /dev/net/tun")
        need_tool("ip")
        need_tool("nsenter")

    def on_a_tap(self, code):
        with tempfile.NamedTemporaryFile("w", prefix="kvmtest-", suffix=".sh", delete=False) as wrapper:
            wrapper.write(WRAPPER.replace("QEMU", need_qemu()))
        self.addCleanup(os.unlink, wrapper.name)
        os.chmod(wrapper.name, 0o700)
        bios = tempfile.NamedTemporaryFile(prefix="kvmtest-", suffix=".bin")
        self.addCleanup(bios.close)
        bios.write(firmware(code))
        bios.flush()
        return self.qemu(wrapper.name, name="guest=sends", extra=["-S", "-bios", bios.name])

    def counts(self, vm):
        """As the host counts them: what it received the guest sent."""
        out = kvmtest.run("nsenter", "-t", str(vm.pid), "-n", "ip", "-s", "-j", "link", "show", "guest0").out
        stats = json.loads(out)[0]["stats64"]
        return {f"{way}_{what}": stats[side][key] for way, side in (("out", "rx"), ("in", "tx"))
                for what, key in (("bytes", "bytes"), ("ops", "packets"), ("drops", "dropped"))}

    def sender(self, vm):
        process = kvmtest.subprocess.Popen(
            ["nsenter", "-t", str(vm.pid), "-n", sys.executable, "-c", SENDER], text=True,
            stdin=kvmtest.subprocess.PIPE, stdout=kvmtest.subprocess.PIPE)

        def end():
            process.stdin.close()
            process.stdout.close()
            process.wait(10)
        self.addCleanup(end)

        def send(count, size=SIZE):
            process.stdin.write(f"{count} {size}\n")
            process.stdin.flush()
            process.stdout.readline()
        return send

    def test_what_a_guest_sends_and_receives_is_in_all_formats(self):
        vm = self.on_a_tap(sends(321))
        vm.qmp("cont")
        wait_for(lambda: self.counts(vm)["out_ops"] == 321, "all that the guest sends", 30)
        send = self.sender(vm)
        send(45, 200)
        wait_for(lambda: self.counts(vm)["in_ops"] == 45, "all that the guest receives", 30)
        # Who stops does not take what comes, and a tap keeps 1000.
        vm.qmp("stop")
        send(1500, 200)
        truth = self.counts(vm)
        self.assertEqual((truth["out_ops"], truth["out_bytes"]), (321, 321 * SIZE))
        # It had asked for the next one already.
        self.assertIn((truth["in_ops"], truth["in_bytes"]), [(n, n * 200) for n in (45, 46, 47)])
        self.assertGreaterEqual(truth["in_drops"], 400)
        record = vm_of(snapshot("-p", str(vm.pid)), vm.pid)
        tap = next(d for d in record["io"]["devices"] if d["kind"] == "tap")
        self.assertEqual({name: tap[name] for name in truth}, truth)
        self.assertEqual(record["io"]["net"], {f"{name}_per_second": 0 for name in truth})
        metrics = test_contention.metrics_of(vm.pid)
        rows = {row["field"]: row for row in csv.DictReader(io.StringIO(
            kvmlens("-1", "-s", "0.1", "-p", str(vm.pid), "--csv").out))}
        for name, value in truth.items():
            way, what = name.split("_")
            family = {"bytes": "bytes", "ops": "operations", "drops": "drops"}[what]
            self.assertEqual(metrics[(f"vm_device_{family}_total", "tap", "guest0", way)], value)
            row = rows[f"io.devices.tap.guest0.{name}"]
            self.assertEqual((row["value"], row["unit"]), (str(value), "bytes" if what == "bytes" else "none"))

    def monitor(self, vm):
        t = self.tmux(KVMLENS, "-s", "0.5", "-p", str(vm.pid), columns=200, lines=24)
        t.wait(lambda s: re.search(rf"^ *{vm.pid} ", s, re.M), "the row of the VM", 20)
        t.send("5")
        t.wait_text(" 5 I/O ")
        return t

    def cells(self, screen, pid):
        lines = screen.splitlines()
        titles = next((line for line in lines if re.search(r"\bPID NAME\b", line)), "")
        row = next((line for line in lines if re.match(rf" *{pid} ", line)), "")
        names = re.sub("[\u25b4\u25be]", "", titles).split()
        return dict(zip(names, row.split())) if len(names) == len(row.split()) else {}

    def test_rates_of_packets_are_on_the_screen(self):
        vm = self.on_a_tap(STEADY)
        t = self.monitor(vm)
        quiet = t.wait(lambda s: (lambda c: c if c.get("TX/s") == "0" else None)(self.cells(s, vm.pid)), "a rate of 0")
        self.assertEqual([quiet[title] for title in ("RX/s", "RXPK/s", "TXPK/s", "RXDRP/s", "TXDRP/s")], ["0"] * 5)
        vm.qmp("cont")
        wait_for(lambda: self.counts(vm)["out_ops"] > 0, "packets of the guest", 30)
        send = self.sender(vm)
        next_s = time.monotonic()
        samples = {}
        while len(samples) < 4 or time.monotonic() - start < 5:
            send(20, 400)
            screen = t.screen()
            samples[screen.split("\n", 1)[0].split()[-1]] = self.cells(screen, vm.pid)
            if len(samples) < 4:  # before that ticks that it missed come all at once
                before, start = self.counts(vm), time.monotonic()
            next_s += 0.1
            time.sleep(max(0, next_s - time.monotonic()))
        after, took = self.counts(vm), time.monotonic() - start
        rates = {name: (after[name] - before[name]) / took for name in after}
        self.assertGreater(rates["out_ops"], 20)
        seen = [c for c in list(samples.values())[4:] if "TX/s" in c]
        self.assertGreaterEqual(len(seen), 3)
        for title, name in (("TXPK/s", "out_ops"), ("TX/s", "out_bytes"), ("RXPK/s", "in_ops"), ("RX/s", "in_bytes")):
            mean = sum(number_of(c[title]) for c in seen) / len(seen)
            self.assertAlmostEqual(mean / rates[name], 1, delta=0.25, msg=f"{title} {seen} {rates}")
        # Packets that it does not take are marked.
        vm.qmp("stop")
        send(1500)
        drops = wait_for(lambda: self.cells(t.screen(), vm.pid).get("RXDRP/s", "0").lstrip("!") != "0" and
                         self.cells(t.screen(), vm.pid).get("RXDRP/s"), "drops")
        self.assertRegex(drops, r"^!!?[\d.]")
        t.send("q")
        self.assertEqual(t.wait_exit(), 0)


def number_of(text):
    """Of a cell: "11.7K" bytes, "1.2k" packets."""
    match = re.fullmatch(r"!*<?([0-9.]+)([KMGk]?)", text)
    return float(match.group(1)) * {"": 1, "k": 1000, "K": 1024, "M": 1 << 20, "G": 1 << 30}[match.group(2)]
