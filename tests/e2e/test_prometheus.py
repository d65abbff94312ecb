# SPDX-License-Identifier: MIT
"""kvmlens, node_exporter's textfile collector and Prometheus, all real, on loopback."""
import json
import os
import re
import signal
import socket
import tempfile
import urllib.error
import urllib.parse
import urllib.request

import kvmtest
from kvmtest import KVMLENS, ROOT, need_tool, run, wait_for

RULES = os.path.join(ROOT, "contrib/prometheus/kvmlens.rules.yml")
RAM = 64 << 20


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(url):
    """Body of a page, or None while nobody answers or is not ready."""
    try:
        # No proxy: this is loopback.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=5) as answer:
            return answer.read().decode("utf-8")
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


class Rules(kvmtest.TestCase):
    def test_rules_do_what_their_tests_say(self):
        need_tool("promtool")
        for command in (("check", "rules", RULES),
                        ("test", "rules", RULES.replace(".rules.yml", ".test.yml"))):
            result = run("promtool", *command)
            self.assertEqual(result.returncode, 0, str(result))

    def test_each_rule_has_a_metric_that_kvmlens_writes(self):
        pid = self.own_vm("--busy", "10").pid
        metrics = kvmtest.kvmlens("-1", "--estimate", "--forecast", "all", "--duration", "0.5", "--format", "prometheus",
                                  "-p", str(pid)).out
        written = set(re.findall(r"^# TYPE (\S+)", metrics, re.MULTILINE))
        # pf_fixed counts only where the hardware walks the guest's tables, but it is always there.
        with open(RULES, encoding="utf-8") as f:
            used = set(re.findall(r"\bkvmlens_\w+", f.read()))
        # Written only where something could not be read.
        used.discard("kvmlens_vm_unreadable_counters")
        self.assertTrue(used)
        self.assertEqual(used - written, set())


class Fleet(kvmtest.TestCase):
    seconds = 120

    def setUp(self):
        need_tool("prometheus")
        need_tool("prometheus-node-exporter")
        kvmtest.need_root()
        dir_ = tempfile.TemporaryDirectory(prefix="kvmtest-")
        self.addCleanup(dir_.cleanup)
        self.dir = dir_.name
        self.textfiles = os.path.join(self.dir, "textfile")
        self.run_dir = os.path.join(self.dir, "run")
        os.mkdir(self.textfiles)
        os.mkdir(self.run_dir)

    def start_exporter(self):
        port = free_port()
        self.background("prometheus-node-exporter", "--collector.disable-defaults",
                        "--collector.textfile", f"--collector.textfile.directory={self.textfiles}",
                        f"--web.listen-address=127.0.0.1:{port}")
        wait_for(lambda: get(f"http://127.0.0.1:{port}/metrics"), "node_exporter", 20)
        return port

    def start_prometheus(self, exporter):
        port = free_port()
        path = os.path.join(self.dir, "prometheus.yml")
        with open(path, "w", encoding="ascii") as f:
            f.write("global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
                    f"rule_files: ['{RULES}']\n"
                    "scrape_configs:\n"
                    "  - job_name: node\n"
                    f"    static_configs: [{{targets: ['127.0.0.1:{exporter}']}}]\n")
        self.prometheus = self.background(
            "prometheus", f"--config.file={path}", f"--storage.tsdb.path={self.dir}/tsdb",
            f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn")
        wait_for(lambda: get(f"http://127.0.0.1:{port}/-/ready"), "Prometheus", 30)
        self.url = f"http://127.0.0.1:{port}/api/v1/"

    def query(self, text):
        """[(labels, value)] in the order of the answer."""
        body = get(self.url + "query?" + urllib.parse.urlencode({"query": text}))
        result = json.loads(body)["data"]["result"] if body else []
        return [(r["metric"], float(r["value"][1])) for r in result]

    def test_textfile_to_query(self):
        kvmtest.need(not kvmtest.sanitized(),
                     "shadow memory of the sanitizer in the test VMs looks like RAM")
        full = self.own_vm("--ram", "64M", "--busy", "200", "--fill", "nonzero:0:48M").pid
        empty = self.own_vm("--ram", "64M", "--busy", "200", "--fill", "zero:0:8M").pid
        # As the units do it: written in one place, linked to from the collector's directory.
        output = os.path.join(self.run_dir, "kvmlens.prom")
        os.symlink(output, os.path.join(self.textfiles, "kvmlens.prom"))
        log = self.background(KVMLENS, "-l", "-s", "1", "--estimate", "--format", "prometheus", "-o", output)
        wait_for(lambda: os.path.exists(output), "the metrics")
        exporter = self.start_exporter()

        def page_with_metrics():
            page = get(f"http://127.0.0.1:{exporter}/metrics")
            return page if page and "kvmlens_vm_exits_total" in page else None
        page = wait_for(page_with_metrics, "metrics at node_exporter")
        self.assertIn("node_textfile_scrape_error 0", page)
        self.start_prometheus(exporter)

        both = f'pid=~"{full}|{empty}"'

        def moving():
            rates = self.query(f"rate(kvmlens_vm_exits_total{{{both}}}[15s])")
            return rates if sum(rate > 0 for _, rate in rates) == 2 else None
        rates = wait_for(moving, "rates of both VMs", 30, 0.2)
        self.assertEqual({r[0]["pid"] for r in rates}, {str(full), str(empty)})
        for labels, rate in rates:
            self.assertGreater(rate, 20, labels)

        ranked = self.query(f"topk(2, kvmlens_vm_zero_ratio{{{both}}})")
        self.assertEqual([r[0]["pid"] for r in ranked], [str(empty), str(full)])
        self.assertGreater(ranked[0][1], 0.95)
        self.assertLess(ranked[1][1], 0.35)
        sent = {r[0]["pid"]: r[1] for r in self.query(f"kvmlens_vm_migration_bytes{{{both}}}")}
        self.assertLess(sent[str(empty)], sent[str(full)])
        self.assertGreater(sent[str(full)], 48 << 20)
        candidates = wait_for(lambda: [r[0]["pid"] for r in self.query(
            "kvmlens:migration_candidates:top10")], "the recording rule", 20, 0.2)
        # Other VMs of this host may be cheaper than ours.
        if len(self.query("kvmlens_vm_migration_bytes")) <= 10:
            self.assertLessEqual({str(empty), str(full)}, set(candidates))
        else:
            self.assertEqual(len(candidates), 10)
        ages = self.query(f"kvmlens_vm_scan_age_seconds{{{both}}}")
        self.assertTrue(all(age >= 0 for _, age in ages) and len(ages) == 2)
        log.process.send_signal(signal.SIGTERM)
        self.assertIn(log.wait(10), (0, 3), log.err())
