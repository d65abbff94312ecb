# SPDX-License-Identifier: MIT
"""What `make install` and `make deb` give, and what comes with the program: units, completions, manual."""
import glob
import hashlib
import os
import re
import shutil
import stat
import tempfile

import kvmtest
from kvmtest import KVMLENS, ROOT, kvmlens, need, need_tool, run

EXPOSURE_MAX = 30  # tenths: systemd-analyze counts from 0 to 10.0


def make(*args, cwd=ROOT, **changes):
    # The compiler of the user's make, not the sanitizers of this run.
    env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": "/nonexistent", **changes}
    return run("make", "--no-print-directory", *args, cwd=cwd, env=env, timeout=300)


class Scratch(kvmtest.TestCase):
    def setUp(self):
        dir_ = tempfile.TemporaryDirectory(prefix="kvmtest-")
        self.addCleanup(dir_.cleanup)
        self.dir = dir_.name

    def make(self, *args, **kwargs):
        result = make(*args, **kwargs)
        self.assertEqual(result.returncode, 0, str(result))
        return result

    def files(self, top):
        return sorted(os.path.relpath(os.path.join(base, name), top)
                      for base, _, names in os.walk(top) for name in names)


class Install(Scratch):
    seconds = 180

    def test_install_check_and_uninstall(self):
        args = [f"DESTDIR={self.dir}", "prefix=/opt/x"]
        os.umask(0o077)  # a strict umask of root must not lock users out
        self.addCleanup(os.umask, 0o022)
        self.make("-j2", "install", *args)
        self.make("installcheck", *args)
        installed = self.files(self.dir)
        self.assertIn("opt/x/bin/kvmlens", installed)
        self.assertIn("opt/x/share/man/man1/kvmlens.1", installed)
        for name in installed:
            mode = stat.S_IMODE(os.stat(os.path.join(self.dir, name)).st_mode)
            self.assertEqual(mode, 0o755 if "/bin/" in name else 0o644, name)
        unit = os.path.join(self.dir, "opt/x/lib/systemd/system/kvmlens-log.service")
        with open(unit, encoding="ascii") as f:
            text = f.read()
        self.assertIn("ExecStart=/opt/x/bin/kvmlens ", text)
        self.assertNotIn("@", re.sub(r"@system-service|[ ~]@[a-z-]+", "", text))
        os.remove(os.path.join(self.dir, "opt/x/share/man/man1/kvmlens.1"))
        self.assertNotEqual(make("installcheck", *args).returncode, 0)
        self.make("uninstall", *args)
        self.assertEqual(self.files(self.dir), [])

    def test_install_programs_of_the_user_are_used(self):
        self.make("-j2", "install", f"DESTDIR={self.dir}", "prefix=/usr", "INSTALL_PROGRAM=install -s",
                  "INSTALL_DATA=install -m 604")
        self.assertEqual(stat.S_IMODE(os.stat(f"{self.dir}/usr/share/man/man1/kvmlens.1").st_mode), 0o604)
        need_tool("readelf")
        self.assertNotIn(".symtab", run("readelf", "-WS", f"{self.dir}/usr/bin/kvmlens").out)

    def test_program_is_hardened(self):
        need_tool("readelf")
        self.make("-j2", "all")
        elf = run("readelf", "-Wlhd", os.path.join(ROOT, "kvmlens")).out
        self.assertRegex(elf, r"Type:\s+DYN")
        self.assertIn("GNU_RELRO", elf)
        self.assertRegex(elf, r"FLAGS_1.*NOW")
        self.assertNotRegex(elf, r"GNU_STACK.*RWE")
        self.assertNotRegex(elf, r"R(UN)?PATH")


class Package(Scratch):
    BESIDE = "any"
    seconds = 400

    def copy_of_tree(self, name):
        top = os.path.join(self.dir, name)
        listed = run("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT)
        need(listed.returncode == 0, f"git does not list the files of this tree: {listed.err.strip()[:100]}")
        for path in listed.out.splitlines():
            if os.path.isfile(os.path.join(ROOT, path)):
                os.makedirs(os.path.dirname(os.path.join(top, path)), exist_ok=True)
                shutil.copy2(os.path.join(ROOT, path), os.path.join(top, path))
        return top

    def test_package_is_reproducible_clean_and_runs(self):
        for tool in ("dpkg-deb", "dpkg-shlibdeps", "git"):
            need_tool(tool)
        sums = []
        # Another folder, another time zone, another umask: the same bytes.
        for name, zone, mask in (("one", "UTC", 0o022), ("a-longer-two", "Asia/Tokyo", 0o077)):
            top = self.copy_of_tree(name)
            os.umask(mask)
            self.addCleanup(os.umask, 0o022)
            self.make("-j2", "deb", cwd=top, SOURCE_DATE_EPOCH="1767225600", TZ=zone,
                      CFLAGS="-O1 -g")
            deb = glob.glob(os.path.join(top, "build/*.deb"))[0]
            with open(deb, "rb") as f:
                sums.append(hashlib.sha256(f.read()).hexdigest())
        self.assertEqual(sums[0], sums[1], "two builds differ")
        root = os.path.join(self.dir, "root")
        self.assertEqual(run("dpkg-deb", "-x", deb, root).returncode, 0)
        result = run(os.path.join(root, "usr/bin/kvmlens"), "--version")
        self.assertEqual((result.returncode, result.out.split()[0]), (0, "kvmlens"), str(result))
        self.check_removal(deb)
        if shutil.which("lintian"):
            lint = run("lintian", "-EvIL", "+pedantic", deb, timeout=120)
            self.assertEqual([line for line in lint.out.splitlines() if line[:2] in ("E:", "W:", "I:", "P:")], [])
        else:
            kvmtest.say_skipped("lintian is not installed")

    def check_removal(self, deb):
        control, host = os.path.join(self.dir, "control"), os.path.join(self.dir, "host")
        self.assertEqual(run("dpkg-deb", "-e", deb, control).returncode, 0)
        wants = "etc/systemd/system/timers.target.wants/kvmlens-textfile.timer"
        other = "etc/systemd/system/multi-user.target.wants/kvmlens-log.service"
        for name in ("run/kvmlens/kvmlens.prom", "run/other", "var/log/kvmlens/kvmlens.csv.1", "var/log/other",
                     wants, other, "etc/systemd/system/kvmlens-log.service"):
            os.makedirs(os.path.dirname(os.path.join(host, name)), exist_ok=True)
            with open(os.path.join(host, name), "w", encoding="ascii"):
                pass
        # Of a unit that went with the package, and of one that the administrator wrote.
        for name, target in ((wants, f"{host}/gone/kvmlens-textfile.timer"), (other, "../kvmlens-log.service")):
            os.remove(os.path.join(host, name))
            os.symlink(target, os.path.join(host, name))
        before = set(self.files(host))
        for step, gone in (("upgrade", set()), ("remove", {"run/kvmlens/kvmlens.prom"}),
                           ("purge", {"var/log/kvmlens/kvmlens.csv.1", wants}), ("purge", set())):
            result = run("sh", os.path.join(control, "postrm"), step,
                         env={**kvmtest.environment(), "DPKG_ROOT": host})
            self.assertEqual((result.returncode, result.out, result.err), (0, "", ""), str(result))
            before -= gone
            self.assertEqual(set(self.files(host)), before, step)
        self.assertFalse(os.path.exists(os.path.join(host, "run/kvmlens")))
        self.assertFalse(os.path.exists(os.path.join(host, "var/log/kvmlens")))

    def test_archive_of_nothing_is_no_success(self):
        need_tool("git")
        top = self.copy_of_tree("no-repository")
        result = make("dist", cwd=top, GIT_CEILING_DIRECTORIES=self.dir)
        self.assertNotEqual(result.returncode, 0, str(result))
        self.assertEqual(glob.glob(os.path.join(top, "build/*.gz")), [])


class Units(Scratch):
    def setUp(self):
        super().setUp()
        need_tool("systemd-analyze")
        self.make("-j2", "install", f"DESTDIR={self.dir}", "prefix=/usr")
        self.units = os.path.join(self.dir, "usr/lib/systemd/system")

    def test_exposure_is_low(self):
        for name in ("kvmlens-textfile.service", "kvmlens-log.service"):
            result = run("systemd-analyze", "security", "--offline=yes", "--no-pager",
                         f"--threshold={EXPOSURE_MAX}", os.path.join(self.units, name))
            self.assertEqual(result.returncode, 0, str(result))
            self.assertRegex(result.out, r"Overall exposure level")

    def test_units_are_valid(self):
        for unit in sorted(os.listdir(self.units)):
            with open(os.path.join(self.units, unit), encoding="ascii") as f:
                text = f.read().replace("/usr/bin/kvmlens", KVMLENS)
            with open(os.path.join(self.dir, unit), "w", encoding="ascii") as f:
                f.write(text)
        for unit in sorted(os.listdir(self.units)):
            result = run("systemd-analyze", "verify", "--man=no", os.path.join(self.dir, unit))
            self.assertNotIn(unit, result.err, str(result))

    def test_drop_in_gives_what_bpf_takes(self):
        drop_in = os.path.join(self.dir, "usr/share/doc/kvmlens/examples/kvmlens-bpf.conf")
        for name in ("kvmlens-textfile.service", "kvmlens-log.service"):
            os.mkdir(os.path.join(self.units, name + ".d"))
            shutil.copy(drop_in, os.path.join(self.units, name + ".d", "bpf.conf"))
            result = run("systemd-analyze", "verify", "--man=no", os.path.join(self.units, name))
            self.assertNotIn("bpf.conf", result.err, str(result))
        with open(drop_in, encoding="ascii") as f:
            text = f.read()
        # Without the comment signs it is a command that works.
        command = re.search(r"^#ExecStart=(\S+ .*)$", text, re.MULTILINE).group(1).split()
        self.assertIn("--bpf", command)
        args = [os.path.join(self.dir, os.path.basename(a)) if a.startswith("/") else a for a in command[1:]]
        self.assert_status(kvmlens(*args, "--iterations", "1", "--set-delay", "0.1"), 0, 3)
        kvmtest.need_root()
        need_tool("setpriv")
        caps = ",".join("+" + word.removeprefix("CAP_").lower() for word in
                        re.search(r"^AmbientCapabilities=(.*)$", text, re.MULTILINE).group(1).split())
        self.assertEqual(caps, "+bpf,+perfmon")
        caps += ",+sys_ptrace,+dac_read_search,+checkpoint_restore"
        as_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs",
                   f"--inh-caps=-all,{caps}", f"--ambient-caps=-all,{caps}", f"--bounding-set=-all,{caps}"]
        need(run(*as_user, KVMLENS, "--version").returncode == 0, "another user cannot run the program from here")
        as_root, as_unit = (kvmtest.snapshot("--bpf", prefix=prefix)["host"]["bpf"] for prefix in ((), as_user))
        self.assertEqual(as_unit, as_root)

    def test_commands_of_the_units_work(self):
        for name in ("kvmlens-textfile.service", "kvmlens-log.service"):
            with open(os.path.join(self.units, name), encoding="ascii") as f:
                command = re.search(r"^ExecStart=\S+ (.*)$", f.read(), re.MULTILINE).group(1).split()
            args = [os.path.join(self.dir, os.path.basename(a)) if a.startswith("/") else a
                    for a in command]
            if "--log-to-file" in args:
                args += ["--iterations", "1", "--set-delay", "0.1"]
            self.assert_status(kvmlens(*args), 0, 3)

    def test_user_and_capabilities_of_the_units_are_enough(self):
        kvmtest.need_root()
        need_tool("setpriv")
        with open(os.path.join(self.units, "kvmlens-log.service"), encoding="ascii") as f:
            text = f.read()
        bounding, ambient = (re.search(rf"^{key}=(.*)$", text, re.MULTILINE).group(1).lower()
                             .replace("cap_", "+").replace(" ", ",")
                             for key in ("CapabilityBoundingSet", "AmbientCapabilities"))
        self.assertEqual(bounding, ambient)
        as_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs",
                   f"--inh-caps=-all,{ambient}", f"--ambient-caps=-all,{ambient}",
                   f"--bounding-set=-all,{bounding}"]
        need(run(*as_user, KVMLENS, "--version").returncode == 0,
             "another user cannot run the program from here")
        pid = self.own_vm("--vcpus", "2", "--fill", "nonzero:0:1M").pid

        def seen_by(prefix):
            return kvmtest.vm_of(kvmtest.snapshot("-p", str(pid), prefix=prefix), pid)

        def root_and_user():
            before, user, after = seen_by(()), seen_by(as_user), seen_by(())
            return (before, user) if before["counters"] == after["counters"] else None

        # The kernel wakes a halted vCPU now and then, soon after its start most of all.
        root, user = kvmtest.wait_for(root_and_user, "counters that stand still", 20)
        for key in ("counters", "missing", "sources", "ram_bytes", "vcpus_total"):
            self.assertEqual(root[key], user[key], key)
        metrics = self.assert_status(kvmlens("-1", "--estimate", "--format", "prometheus", "-p", str(pid),
                                             prefix=as_user), 0, 3).out
        ratio = re.search(r"^kvmlens_vm_zero_ratio\{.*\} ([0-9.e-]+)$", metrics, re.MULTILINE)
        self.assertTrue(0.9 < float(ratio.group(1)) < 1, metrics)

    def test_system_call_filter_lets_all_through_that_kvmlens_needs(self):
        need_tool("strace")
        need(not kvmtest.sanitized(), "a sanitizer makes system calls of its own")
        self.own_vm("--vcpus", "2")
        listing = run("systemd-analyze", "syscall-filter", "--no-pager").out
        sets, current = {}, None
        for line in listing.splitlines():
            if line.startswith("@"):
                current = sets.setdefault(line.strip(), [])
            elif line.startswith("    ") and current is not None and "#" not in line:
                current.append(line.strip())

        def expand(word):
            if not word.startswith("@"):
                return {word}
            return set().union(*[expand(w) for w in sets.get(word, [])])
        with open(os.path.join(self.units, "kvmlens-textfile.service"), encoding="ascii") as f:
            filters = re.findall(r"^SystemCallFilter=(~?)(.*)$", f.read(), re.MULTILINE)
        allowed = expand("@default")
        for tilde, words in filters:
            calls = set().union(*[expand(w) for w in words.split()])
            allowed = allowed - calls if tilde else allowed | calls
        self.assertTrue({"read", "pidfd_getfd", "process_vm_readv"} <= allowed)
        # To give up more, each process on its own (core/privilege).
        self.assertTrue({"prctl", "capset", "seccomp", "landlock_create_ruleset", "landlock_add_rule",
                         "landlock_restrict_self", "socketpair", "sendmsg", "recvmsg", "kill"} <= allowed)
        self.assertFalse({"ptrace", "process_vm_writev", "mount", "pidfd_send_signal", "socket", "connect", "bpf",
                          "chroot", "setuid"} & allowed)
        used = set()
        for args in (["-1", "--estimate", "--format", "prometheus", "-o", self.dir + "/x"],
                     ["-lcz", "-n", "2", "-s", "0.1", "-L", self.dir + "/y"]):
            trace = os.path.join(self.dir, "trace")
            run("strace", "-f", "-qq", "-o", trace, KVMLENS, *args)
            with open(trace, encoding="utf-8", errors="replace") as f:
                used |= set(re.findall(r"^\d+ +(\w+)\(", f.read(), re.MULTILINE))
        self.assertIn("pidfd_getfd", used)
        # Lowering its own priority is asked for politely, and done without.
        self.assertEqual(used - allowed - {"sched_setscheduler", "ioprio_set", "setpriority"}, set())


class Completions(Scratch):
    def complete(self, *words, cwd=None):
        script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kvmlens; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        result = run("bash", "-c", script, "bash", f"{ROOT}/contrib/completions/kvmlens.bash", *words,
                     cwd=cwd)
        self.assertEqual((result.returncode, result.err), (0, ""), str(result))
        return result.out.split()

    def test_bash_completes(self):
        self.assertEqual(self.complete(KVMLENS, "--format", "j"), ["json"])
        self.assertEqual(self.complete(KVMLENS, "--format", "=", "p"), ["prometheus"])
        self.assertEqual(self.complete(KVMLENS, "--source", "statsfd,d"), ["statsfd,debugfs"])
        self.assertEqual(self.complete(KVMLENS, "--privileges", "s"), ["strict"])
        self.assertEqual(self.complete("kvmlens", "--log-"), ["--log-to-file"])
        self.assertIn(str(os.getpid()), self.complete("kvmlens", "-p", str(os.getpid())))
        offered = self.complete("kvmlens", "--")
        listed = set(re.findall(r"--[a-z][a-z-]+", kvmlens("--help").out))
        self.assertEqual(set(offered), listed & set(offered))
        self.assertGreater(len(offered), 20)

    def test_names_of_vms_are_completed_unless_a_shell_would_run_them(self):
        kvmtest.need_root()
        names = ["kc-good.1", "kc$(>mark)", "kc`>mark`", "kc;>mark", "-kc"]
        for name in names:
            self.own_vm("--comm", name)
        for words in ((KVMLENS, "kc"), (KVMLENS, "--scan", ""), (KVMLENS, "-g", "")):
            offered = [name for name in self.complete(*words, cwd=self.dir) if "kc" in name]
            self.assertEqual(offered, names[:1], words)
        self.assertEqual(self.files(self.dir), [])
        if not shutil.which("fish"):
            kvmtest.say_skipped("fish is not installed")
            return
        result = run("fish", "-c", f"source {ROOT}/contrib/completions/kvmlens.fish; complete -C 'kvmlens --scan '",
                     env={**kvmtest.environment(), "HOME": self.dir,
                          "PATH": f"{os.path.dirname(KVMLENS)}:{os.environ['PATH']}"})
        offered = [line.split("\t")[0] for line in result.out.splitlines() if "kc" in line]
        self.assertEqual(offered, names[:1], str(result))

    def test_zsh_and_fish_read_theirs(self):
        for shell, name in (("zsh", "_kvmlens"), ("fish", "kvmlens.fish"), ("bash", "kvmlens.bash")):
            if not shutil.which(shell):
                kvmtest.say_skipped(f"{shell} is not installed")
                continue
            result = run(shell, "-n", f"{ROOT}/contrib/completions/{name}")
            self.assertEqual((result.returncode, result.err), (0, ""), str(result))

    def test_fish_completes(self):
        need_tool("fish")
        result = run("fish", "-c", f"source {ROOT}/contrib/completions/kvmlens.fish; complete -C 'kvmlens --format '",
                     env={**kvmtest.environment(), "HOME": self.dir,
                          "PATH": f"{os.path.dirname(KVMLENS)}:{os.environ['PATH']}"})
        self.assertEqual([line.split("\t")[0] for line in result.out.splitlines()],
                         ["csv", "json", "openmetrics", "prometheus", "text"], str(result))


class Manual(kvmtest.TestCase):
    def test_page_is_clean_and_renders(self):
        need_tool("mandoc")
        page = os.path.join(ROOT, "man/kvmlens.1")
        lint = run("mandoc", "-T", "lint", page)
        # Whether other manuals are installed is no matter of this page.
        bad = [line for line in lint.out.splitlines() if "referenced manual not found" not in line]
        self.assertEqual(bad, [])
        text = re.sub(".\b", "", run("mandoc", "-T", "ascii", page).out)
        self.assertIn("\nEXIT STATUS\n", text)
