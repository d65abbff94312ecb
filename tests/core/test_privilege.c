// SPDX-License-Identifier: MIT
/*
 * What each role of core/privilege holds, what it may no longer do, and what all can still do.
 */
#include "core/privilege/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/role_case.h"

#define PAGE 4096

/* Asked before anything was given up. */
static bool role_was_root;

/* --- what a process holds --- */

static uint64_t status_value(const char *key, int base)
{
    char line[256];
    uint64_t value = UINT64_MAX;
    FILE *in = fopen("/proc/self/status", "r");

    while (in != NULL && fgets(line, sizeof(line), in) != NULL)
        if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
            value = strtoull(line + strlen(key) + 1, NULL, base);
    if (in != NULL)
        fclose(in);
    return value;
}

static void look_at_status(const struct role_case *s, char *say, size_t size)
{
    const struct privilege_row *row = &privilege_table[s->role];
    uint64_t had = s->user == ROOT        ? (role_is_root() ? 0 : UINT64_MAX)
                   : s->user == UNIT_USER ? ROLE_OF_UNIT
                                          : 0;
    uint64_t keep = row->permitted[s->level];
    /* A root in a container may lack some; what it had cannot be asked any more. */
    uint64_t permitted = status_value("CapPrm", 16), effective = status_value("CapEff", 16);

    if (had != 0 && had != UINT64_MAX && permitted != (keep & had))
        SAY("CapPrm is %llx", (unsigned long long)permitted);
    if ((permitted & ~keep) != 0)
        SAY("CapPrm has more than the table: %llx", (unsigned long long)permitted);
    if (s->user == ROOT && geteuid() == 0 && (keep & ROLE_OF_UNIT & ~permitted) != 0 &&
        (status_value("CapBnd", 16) & keep & ROLE_OF_UNIT) == (keep & ROLE_OF_UNIT))
        SAY("CapPrm lacks what root had: %llx", (unsigned long long)permitted);
    if (effective != (row->effective ? permitted : 0))
        SAY("CapEff is %llx", (unsigned long long)effective);
    if (status_value("CapAmb", 16) != 0 || status_value("CapInh", 16) != 0)
        SAY("something is ambient or inheritable");
    /* Root had CAP_SETPCAP and could cut it; the others have no use for it. */
    if (s->inherited)
        keep |= privilege_table[ROLE_SUPERVISOR].permitted[s->level];
    if (s->inherited && s->places != NULL && s->places->admin)
        keep |= PRIVILEGE_ADMIN_CAP;
    if (s->user == ROOT && geteuid() == 0 && (status_value("CapBnd", 16) & ~keep) != 0)
        SAY("CapBnd is %llx", (unsigned long long)status_value("CapBnd", 16));
    if (status_value("NoNewPrivs", 10) != 1)
        SAY("no_new_privs is not set");
    if (prctl(PR_GET_DUMPABLE) != 0)
        SAY("it is dumpable");
    if (status_value("Seccomp", 10) != (s->level == PRIVILEGE_STRICT ? 2 : 0))
        SAY("Seccomp is %llu", (unsigned long long)status_value("Seccomp", 10));
}

static void each_role_holds_what_the_table_says(void **state)
{
    struct role_case s = *(struct role_case *)*state;

    for (s.role = 0; s.role < PRIVILEGE_ROLES; s.role++)
        for (s.level = PRIVILEGE_STRICT; s.level < PRIVILEGE_OFF; s.level++)
            role_check_users(s, look_at_status);
}

static void look_at_nothing_changed(const struct role_case *s, char *say, size_t size)
{
    if (status_value("CapPrm", 16) != *(uint64_t *)s->page || status_value("Seccomp", 10) != 0 ||
        prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0 || prctl(PR_GET_DUMPABLE) != 1)
        SAY("something has changed");
}

static void off_changes_nothing(void **state)
{
    struct role_case s = *(struct role_case *)*state;

    if (status_value("Seccomp", 10) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0) {
        print_message("skipped: this test runs in a sandbox already\n");
        return;
    }
    s.level = PRIVILEGE_OFF;
    *(uint64_t *)s.page = status_value("CapPrm", 16);
    for (s.role = 0; s.role < PRIVILEGE_ROLES; s.role++)
        role_check(&s, look_at_nothing_changed);
}

/* --- what is refused --- */

/* By their names, with arguments that mean nothing: not done where they are not refused either. */
static const char *const never[] = {
    "execve",
    "execveat",
    "uselib",
    "ptrace",
    "process_vm_writev",
    "process_madvise",
    "process_mrelease",
    "migrate_pages",
    "mbind",
    "sched_setattr",
    "sched_setparam",
    "sched_setaffinity",
    "tkill",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "unshare",
    "setns",
    "lookup_dcookie",
    "socket",
    "connect",
    "bind",
    "listen",
    "accept",
    "accept4",
    "sendmmsg",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "fchmod",
    "truncate",
    "creat",
    "rmdir",
    "symlink",
    "symlinkat",
    "mknod",
    "mknodat",
    "chmod",
    "fchmodat",
    "chown",
    "fchown",
    "lchown",
    "fchownat",
    "setxattr",
    "lsetxattr",
    "fsetxattr",
    "removexattr",
    "lremovexattr",
    "fremovexattr",
    "utime",
    "utimes",
    "futimesat",
    "utimensat",
    "open_by_handle_at",
    "name_to_handle_at",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "io_setup",
    "io_submit",
    "modify_ldt",
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setgroups",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "reboot",
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "open_tree",
    "move_mount",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "swapon",
    "swapoff",
    "acct",
    "quotactl",
    "quotactl_fd",
    "keyctl",
    "add_key",
    "request_key",
    "fanotify_init",
    "iopl",
    "ioperm",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "sethostname",
    "setdomainname",
    "syslog",
    "openat2",
};

static void look_at_names(const struct role_case *s, char *say, size_t size)
{
    (void)s;
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        int number = seccomp_syscall_resolve_name(never[i]);
        if (number < 0)
            continue; /* not in this architecture */
        if (syscall(number, -1L, -1L, -1L, -1L, -1L, -1L) != -1 || errno != EPERM)
            SAY("%s: %s, not EPERM", never[i], strerror(errno));
        /* Where EPERM could be the call's own answer, the filter's comes whatever is asked. */
        if (syscall(number, 0L, 0L, 0L, 0L, 0L, 0L) != -1 || errno != EPERM)
            SAY("%s of nothing: %s, not EPERM", never[i], strerror(errno));
    }
}

static void each_role_is_refused_what_nobody_needs(void **state)
{
    struct role_case s = *(struct role_case *)*state;

    s.level = PRIVILEGE_STRICT;
    for (s.role = 0; s.role < PRIVILEGE_ROLES; s.role++)
        role_check_users(s, look_at_names);
}

/* Of no use as it is: who is not refused hears that, and nothing is done. */
static long bpf_of_nothing(unsigned long command)
{
    return syscall(SYS_bpf, command, NULL, 0);
}

/* What programs need that are asked, and what it takes to read and clean maps. */
static bool is_left(const struct role_case *s, unsigned command)
{
    if (s->role == ROLE_COUNTER)
        return command == BPF_MAP_LOOKUP_ELEM || command == BPF_MAP_LOOKUP_BATCH ||
               command == BPF_MAP_UPDATE_ELEM || command == BPF_MAP_DELETE_ELEM ||
               command == BPF_OBJ_GET_INFO_BY_FD;
    return (s->role == ROLE_COLLECTOR || s->role == ROLE_SCANNER) && s->places != NULL &&
           s->places->bpf && (command == BPF_LINK_CREATE || command == BPF_ITER_CREATE);
}

static void look_at_bpf(const struct role_case *s, char *say, size_t size)
{
    for (unsigned command = 0; command < 64; command++) {
        errno = 0;
        if (bpf_of_nothing(command) != -1 || (errno == EPERM) == is_left(s, command))
            SAY("bpf(%u): %s", command, strerror(errno));
    }
    REFUSED(bpf_of_nothing(~0UL));
    REFUSED(bpf_of_nothing(1UL << 32 | BPF_PROG_LOAD));
    REFUSED(bpf_of_nothing(1UL << 31));
}

static void look_at_refusals(const struct role_case *s, char *say, size_t size)
{
    char *const argv[] = {(char *)(uintptr_t) "true", NULL};
    int pair[2];
    struct iovec mine = {s->page, 8}, theirs = {s->page, 8};
    const unsigned roles = 1u << s->role;
    static const unsigned long namespaces[] = {CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS,
                                               CLONE_NEWIPC, CLONE_NEWUSER,   CLONE_NEWPID,
                                               CLONE_NEWNET};
    const struct rlimit64 {
        uint64_t now, max;
    } limit = {0, 0};
    void *here = s->page;
    int node = 0, status = 0;

    REFUSED(execve("/bin/true", argv, argv));
    REFUSED(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, argv, 0));
    REFUSED(socket(AF_UNIX, SOCK_STREAM, 0));
    REFUSED(socket(AF_INET, SOCK_STREAM, 0));
    REFUSED(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    REFUSED(ptrace(PTRACE_SEIZE, s->other, NULL, NULL));
    REFUSED(process_vm_writev(s->other, &mine, 1, &theirs, 1, 0));
    REFUSED(open("/dev/null", O_WRONLY));
    REFUSED(open("/dev/null", O_RDWR | O_CLOEXEC));
    REFUSED(open("/tmp/kvmlens-must-not-be-made", O_RDONLY | O_CREAT, 0600));
    REFUSED(open("/proc/self/status", O_RDONLY | O_TRUNC));
    REFUSED(openat(AT_FDCWD, "/tmp", O_TMPFILE | O_RDWR, 0600));
#ifdef SYS_open
    REFUSED(syscall(SYS_open, "/dev/null", O_WRONLY));
    REFUSED(syscall(SYS_open, "/proc/self/status", O_RDONLY | O_TRUNC));
    REFUSED(syscall(SYS_creat, "/tmp/kvmlens-must-not-be-made", 0600));
#endif
    REFUSED(symlink("a", "/tmp/kvmlens-must-not-be-made"));
    /* Of memory: whatever stands for standard input is nobody's to change. */
    int memory = memfd_create("mode", MFD_CLOEXEC);
    DONE(memory);
    REFUSED(fchmod(memory, 04755));
    for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++)
        REFUSED(syscall(SYS_clone, namespaces[i] | SIGCHLD, NULL, NULL, NULL, NULL));
    REFUSED(sendto(0, "x", 1, 0, &(struct sockaddr){.sa_family = AF_UNIX}, sizeof(sa_family_t)));
    REFUSED(syscall(SYS_personality, 0xffffffff));
    REFUSED(syscall(SYS_prlimit64, s->other, RLIMIT_CORE, &limit, NULL));
    REFUSED(setpriority(PRIO_PROCESS, (id_t)s->other, 1));
    REFUSED(syscall(SYS_ioprio_set, 1, s->other, 0));
    REFUSED(syscall(SYS_move_pages, s->other, 1, &here, &node, &status, 0));
    REFUSED(syscall(SYS_sched_setscheduler, s->other, SCHED_IDLE, &(struct sched_param){0}));
    REFUSED(ioctl(0, TIOCSTI, "x"));
    REFUSED(ioctl(0, TIOCLINUX, "x"));
    REFUSED(prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0));
    REFUSED(socketpair(AF_INET, SOCK_STREAM, 0, pair));
    REFUSED(socketpair(AF_UNIX, SOCK_RAW, 0, pair));
    if (roles & ~(1u << ROLE_SUPERVISOR)) {
        REFUSED(kill(s->other, 0));
        REFUSED(kill(-1, SIGWINCH));
        REFUSED(kill(-0x7ffffff0, SIGKILL)); /* a group that there is not */
        REFUSED(syscall(SYS_tgkill, s->other, s->other, SIGWINCH));
        REFUSED(syscall(SYS_pidfd_send_signal, 0, 0, NULL, 0));
    }
    if (roles & ~(1u << ROLE_SUPERVISOR | 1u << ROLE_COUNTER))
        REFUSED(syscall(SYS_tgkill, s->other, s->other, 0));
    if (roles & 1u << ROLE_COUNTER) {
        REFUSED(kill(getpid(), 0));
        REFUSED(raise(SIGUSR1)); /* not even to itself */
        REFUSED(syscall(SYS_pidfd_open, getpid(), 0));
    }
    if (roles & (1u << ROLE_FRONT | 1u << ROLE_COLLECTOR | 1u << ROLE_COUNTER)) {
        REFUSED(fork());
        REFUSED(kill(s->other, SIGKILL));
        REFUSED(process_vm_readv(s->other, &mine, 1, &theirs, 1, 0));
        REFUSED(syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY));
    }
    /* To its children the supervisor must leave it. */
    if (roles & ~(1u << ROLE_SUPERVISOR)) {
        look_at_bpf(s, say, size);
        REFUSED(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
    }
    if (roles & (1u << ROLE_COLLECTOR | 1u << ROLE_COUNTER)) {
        REFUSED(write(0, "", 0));
        REFUSED(pwrite(0, "", 0, 0));
        REFUSED(writev(0, &mine, 0));
        REFUSED(pwritev(0, &mine, 0, 0));
        REFUSED(pwritev2(0, &mine, 0, 0, 0));
        REFUSED(sendfile(0, 0, NULL, 0));
        REFUSED(splice(0, NULL, 0, NULL, 0, 0));
        REFUSED(vmsplice(0, &mine, 0, 0));
        REFUSED(copy_file_range(0, NULL, 0, NULL, 0, 0));
    }
    if (roles & (1u << ROLE_FRONT | 1u << ROLE_SCANNER | 1u << ROLE_COUNTER)) {
        REFUSED(syscall(SYS_move_pages, s->other, 1, &here, NULL, &status, 0));
        REFUSED(syscall(SYS_pidfd_getfd, 0, ROLE_OTHER_FD, 0));
        REFUSED(syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 0));
    }
    /* A call that is not known is not there, so that a C library takes another. */
    if (syscall(9999) != -1 || errno != ENOSYS)
        SAY("an unknown call: %s", strerror(errno));
    if (access("/tmp/kvmlens-must-not-be-made", F_OK) == 0)
        SAY("a file was made in /tmp");
}

static void each_role_is_refused_what_it_does_not_need(void **state)
{
    struct role_case s = *(struct role_case *)*state;

    s.level = PRIVILEGE_STRICT;
    for (s.role = 0; s.role < PRIVILEGE_ROLES; s.role++)
        role_check_users(s, look_at_refusals);
}

#ifdef __x86_64__
static void look_at_other_tables_of_calls(const struct role_case *s, char *say, size_t size)
{
    long result;

    (void)s;
    /* getpid by the table of 32-bit programs, where the kernel has it. */
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
    if ((int)result != -EPERM && (int)result != -ENOSYS)
        SAY("int $0x80: %ld", result);
    if (syscall(0x40000000 + SYS_getpid) != -1 || (errno != EPERM && errno != ENOSYS))
        SAY("x32: %s", strerror(errno));
}

static void calls_of_other_architectures_are_refused(void **state)
{
    struct role_case s = *(struct role_case *)*state;

    s.level = PRIVILEGE_STRICT;
    for (s.role = 0; s.role < PRIVILEGE_ROLES; s.role++)
        role_check(&s, look_at_other_tables_of_calls);
}
#endif

/* --- what still works --- */

static volatile sig_atomic_t signals_seen;

static void count_signal(int sig)
{
    (void)sig;
    signals_seen++;
}

/* What all roles do: files, pairs of sockets, shared memory, signals to themselves. */
static void look_at_common_work(const struct role_case *s, char *say, size_t size)
{
    int pair[2] = {-1, -1};
    char byte = 'x', text[16];

    signal(SIGUSR1, count_signal);
    DONE(open("/proc/self/status", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    DONE(open("/", O_PATH | O_DIRECTORY));
    DONE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    DONE(send(pair[0], &byte, 1, MSG_NOSIGNAL));
    DONE(recv(pair[1], &byte, 1, MSG_DONTWAIT));
    DONE(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
    int fd = memfd_create("buffer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    DONE(fd);
    DONE(ftruncate(fd, PAGE));
    DONE(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
    if (mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED)
        SAY("mmap: %s", strerror(errno));
    DONE(mlock(text, sizeof(text))); /* buffers of guest memory are kept out of swap */
    struct iovec part = {&byte, 1};
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof(control)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
    *head = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(head), &fd, sizeof(fd));
    /* A descriptor that is handed on may hold for good who drops it. */
    if (s->role == ROLE_SUPERVISOR)
        DONE(sendmsg(pair[0], &msg, 0));
    else if (sendmsg(pair[0], &msg, 0) >= 0 || errno != EPERM)
        SAY("it can hand descriptors on");
    DONE(send(pair[0], &byte, 1, MSG_NOSIGNAL));
    DONE(recvmsg(pair[1], &msg, 0));
    raise(SIGUSR1);
    /* Who may kill may send nothing else, not even to itself. */
    if (s->role == ROLE_SCANNER)
        raise(SIGUSR1);
    else
        kill(getpid(), SIGUSR1);
    /* The counter sends nothing at all. */
    const int signals = s->role == ROLE_COUNTER ? 0 : 2;
    if (signals_seen != signals)
        SAY("%d of %d signals to itself arrived", (int)signals_seen, signals);
    DONE(setpriority(PRIO_PROCESS, 0, 19));
    DONE(prctl(PR_SET_PDEATHSIG, SIGKILL));
    if (s->role != ROLE_COUNTER) /* which looks at no process */
        DONE(syscall(SYS_pidfd_open, getpid(), 0));
}

static void each_role_can_do_what_all_do(void **state)
{
    struct role_case s = *(struct role_case *)*state;

    s.level = PRIVILEGE_STRICT;
    for (s.role = 0; s.role < PRIVILEGE_ROLES; s.role++)
        role_check_users(s, look_at_common_work);
}

/* --- BPF --- */

static void look_at_loaded_bpf(const struct role_case *s, char *say, size_t size)
{
    look_at_bpf(s, say, size);
    look_at_refusals(s, say, size);
    look_at_status(s, say, size);
}

/* Who has loaded programs may make them run and has none of what it took; the front end neither. */
static void of_bpf_only_what_is_loaded_can_be_used(void **state)
{
    static const struct privilege_places loaded[] = {{.bpf = true}, {.bpf = true, .admin = true}};
    struct role_case s = *(struct role_case *)*state;

    s.level = PRIVILEGE_STRICT;
    for (size_t i = 0; i < sizeof(loaded) / sizeof(loaded[0]); i++) {
        s.places = &loaded[i];
        for (s.role = 0; s.role < PRIVILEGE_ROLES; s.role++)
            if (s.role != ROLE_SUPERVISOR)
                role_check_users(s, look_at_loaded_bpf);
    }
}

/* As a child of the supervisor, before it enters its role. */
static void look_at_raised(const struct role_case *s, enum privilege_role role, char *say,
                           size_t size)
{
    struct error err = {0};
    uint64_t permitted = status_value("CapPrm", 16);

    if (s->level == PRIVILEGE_STRICT && (bpf_of_nothing(63) != -1 || errno == EPERM))
        SAY("the supervisor leaves no bpf(2) to its children: %s", strerror(errno));
    if (syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0) != -1 || errno == EPERM)
        SAY("the supervisor leaves no perf_event_open to its children: %s", strerror(errno));
    if (status_value("CapEff", 16) != 0)
        SAY("CapEff is %llx", (unsigned long long)status_value("CapEff", 16));
    if (privilege_held() != permitted)
        SAY("it is told to hold %llx", (unsigned long long)privilege_held());
    /* Only root has it, and only where it was wanted. */
    const bool has_admin =
        s->places != NULL && s->places->admin && s->user == ROOT && role_was_root;
    if ((permitted & PRIVILEGE_ADMIN_CAP) != (has_admin ? PRIVILEGE_ADMIN_CAP : 0))
        SAY("CapPrm is %llx", (unsigned long long)permitted);
    if (privilege_raise(PRIVILEGE_BPF_CAPS | PRIVILEGE_ADMIN_CAP, &err) < 0)
        SAY("%s", err.msg);
    if (status_value("CapEff", 16) != (permitted & (PRIVILEGE_BPF_CAPS | PRIVILEGE_ADMIN_CAP)))
        SAY("CapEff is %llx", (unsigned long long)status_value("CapEff", 16));
    if (s->user == ROOT && role_was_root &&
        (status_value("CapBnd", 16) & ~permitted & PRIVILEGE_BPF_CAPS) != 0)
        SAY("CapPrm is %llx", (unsigned long long)permitted);
    if (status_value("CapPrm", 16) != permitted)
        SAY("CapPrm changed");
    if (privilege_enter(role, s->level, NULL, &err) < 0)
        SAY("%s", err.msg);
    if ((status_value("CapPrm", 16) & (PRIVILEGE_BPF_CAPS | PRIVILEGE_ADMIN_CAP)) != 0)
        SAY("in its role it still has them");
    struct role_case as_child = *s;
    as_child.role = role;
    as_child.inherited = true;
    look_at_status(&as_child, say, size);
}

static void look_at_raised_collector(const struct role_case *s, char *say, size_t size)
{
    look_at_raised(s, ROLE_COLLECTOR, say, size);
}

static void look_at_raised_counter(const struct role_case *s, char *say, size_t size)
{
    look_at_raised(s, ROLE_COUNTER, say, size);
}

static void a_child_of_the_supervisor_raises_what_bpf_takes_and_gives_it_up(void **state)
{
    static const struct privilege_places without, lent = {.admin = true};
    struct role_case s = *(struct role_case *)*state;

    role_was_root = role_is_root();
    s.role = ROLE_SUPERVISOR;
    for (s.level = PRIVILEGE_STRICT; s.level < PRIVILEGE_OFF; s.level++) {
        s.places = &without;
        role_check_users(s, look_at_raised_collector);
        s.places = &lent;
        role_check_users(s, look_at_raised_collector);
        role_check_users(s, look_at_raised_counter);
    }
}

static void look_at_children(const struct role_case *s, char *say, size_t size)
{
    static const enum privilege_role roles[] = {ROLE_COLLECTOR, ROLE_SCANNER, ROLE_COUNTER};

    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        role_look_in_child(s, roles[i], look_at_status, say, size);
        if (s->level != PRIVILEGE_STRICT)
            continue;
        role_look_in_child(s, roles[i], look_at_refusals, say, size);
        role_look_in_child(s, roles[i], look_at_common_work, say, size);
    }
}

static void children_of_the_supervisor_are_held_to_their_own_roles(void **state)
{
    struct role_case s = *(struct role_case *)*state;

    s.role = ROLE_SUPERVISOR;
    for (s.level = PRIVILEGE_STRICT; s.level < PRIVILEGE_OFF; s.level++)
        role_check_users(s, look_at_children);
}

static void levels_have_names(void **state)
{
    enum privilege_level level = PRIVILEGE_LEVELS;

    (void)state;
    for (int i = 0; i < PRIVILEGE_LEVELS; i++) {
        assert_int_equal(privilege_level_find(privilege_words[i], &level), 0);
        assert_int_equal(level, i);
    }
    assert_null(privilege_words[PRIVILEGE_LEVELS]);
    assert_int_equal(privilege_level_find("", &level), -EINVAL);
    assert_int_equal(privilege_level_find("stric", &level), -EINVAL);
    assert_string_equal(privilege_gap_text(0), "");
    assert_non_null(strstr(privilege_gap_text(PRIVILEGE_NO_LANDLOCK), "Landlock"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_have_names),
        cmocka_unit_test(each_role_holds_what_the_table_says),
        cmocka_unit_test(off_changes_nothing),
        cmocka_unit_test(each_role_is_refused_what_nobody_needs),
        cmocka_unit_test(each_role_is_refused_what_it_does_not_need),
#ifdef __x86_64__
        cmocka_unit_test(calls_of_other_architectures_are_refused),
#endif
        cmocka_unit_test(each_role_can_do_what_all_do),
        cmocka_unit_test(children_of_the_supervisor_are_held_to_their_own_roles),
        cmocka_unit_test(of_bpf_only_what_is_loaded_can_be_used),
        cmocka_unit_test(a_child_of_the_supervisor_raises_what_bpf_takes_and_gives_it_up),
    };
    return cmocka_run_group_tests(tests, role_with_other, role_without_other);
}
