// SPDX-License-Identifier: MIT
/*
 * Runs a program and makes one of its system calls fail, seen from outside (ptrace).
 *
 *   faulty --log FILE [--vm PID] [--dir DIR] [--fail KEY --nth K --how ERRNO|short]
 *          -- PROGRAM [ARG]...
 *
 * A call has a key: its name and what it is about, "read /proc/VM/stat", where numbers are "N" and
 * the process PID is "VM", and all below DIR is "DIR". So it is found again in another run,
 * whatever other processes there are.
 * --fail lets the @K-th call with that key fail, of whatever thread or child; "short" cuts what is
 * read or written to a few bytes. A close is done nevertheless: the kernel's always is. Calls of
 * the dynamic linker neither count nor fail.
 *
 * The log has a line for each call with a key; "!" marks the one that failed. Its last line is
 * "= exit STATUS", "= signal NUMBER" or "= left COUNT": so many processes lived for two seconds
 * after the program. Exit status: the program's; 125 for the last two and what goes wrong here.
 */
#include <stdio.h>

#if !defined(__x86_64__)
int main(void)
{
    fprintf(stderr, "faulty: knows the registers of x86-64 only\n");
    return 125;
}
#else

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASKS_MAX   1024
#define KEY_SIZE    256
#define SHORT_BYTES 8 /* an entry of pagemap: less is no read of it at all */
#define LEFT_S      2

/* What a call is about: nothing, the file of its first argument, or a path below that. */
enum about { NOTHING, FILE_FD, FILE_AT, FILE_PATH };

static const struct call {
    long number;
    const char *name;
    enum about about;
} calls[] = {
    {SYS_openat, "openat", FILE_AT},
    {SYS_openat2, "openat2", FILE_AT},
    {SYS_close, "close", FILE_FD},
    {SYS_read, "read", FILE_FD},
    {SYS_pread64, "pread64", FILE_FD},
    {SYS_write, "write", FILE_FD},
    {SYS_newfstatat, "newfstatat", FILE_AT},
    {SYS_statx, "statx", FILE_AT},
    {SYS_readlinkat, "readlinkat", FILE_AT},
    {SYS_readlink, "readlink", FILE_PATH},
    {SYS_access, "access", FILE_PATH},
    {SYS_faccessat2, "faccessat2", FILE_AT},
    {SYS_statfs, "statfs", FILE_PATH},
    {SYS_fstatfs, "fstatfs", FILE_FD},
    {SYS_getdents64, "getdents64", FILE_FD},
    {SYS_fcntl, "fcntl", FILE_FD},
    {SYS_lseek, "lseek", FILE_FD},
    {SYS_ioctl, "ioctl", FILE_FD},
    {SYS_fsync, "fsync", FILE_FD},
    {SYS_fchmod, "fchmod", FILE_FD},
    {SYS_fchown, "fchown", FILE_FD},
    {SYS_rename, "rename", FILE_PATH},
    {SYS_renameat, "renameat", FILE_AT},
    {SYS_renameat2, "renameat2", FILE_AT},
    {SYS_unlink, "unlink", FILE_PATH},
    {SYS_unlinkat, "unlinkat", FILE_AT},
    {SYS_mmap, "mmap", NOTHING},
    {SYS_munmap, "munmap", NOTHING},
    {SYS_mprotect, "mprotect", NOTHING},
    {SYS_mremap, "mremap", NOTHING},
    {SYS_madvise, "madvise", NOTHING},
    {SYS_mlock, "mlock", NOTHING},
    {SYS_clone, "clone", NOTHING},
    {SYS_clone3, "clone3", NOTHING},
    {SYS_fork, "fork", NOTHING},
    {SYS_vfork, "vfork", NOTHING},
    {SYS_wait4, "wait4", NOTHING},
    {SYS_waitid, "waitid", NOTHING},
    {SYS_kcmp, "kcmp", NOTHING},
    {SYS_bpf, "bpf", NOTHING},
    {SYS_pidfd_open, "pidfd_open", NOTHING},
    {SYS_pidfd_getfd, "pidfd_getfd", FILE_FD},
    {SYS_process_vm_readv, "process_vm_readv", NOTHING},
    {SYS_poll, "poll", NOTHING},
    {SYS_ppoll, "ppoll", NOTHING},
    {SYS_epoll_create1, "epoll_create1", NOTHING},
    {SYS_epoll_wait, "epoll_wait", NOTHING},
    {SYS_eventfd2, "eventfd2", NOTHING},
    {SYS_signalfd4, "signalfd4", NOTHING},
    {SYS_timerfd_create, "timerfd_create", NOTHING},
    {SYS_memfd_create, "memfd_create", NOTHING},
    {SYS_pipe2, "pipe2", NOTHING},
    {SYS_socketpair, "socketpair", NOTHING},
    {SYS_socket, "socket", NOTHING},
    {SYS_clock_nanosleep, "clock_nanosleep", NOTHING},
    {SYS_clock_gettime, "clock_gettime", NOTHING},
    {SYS_getrandom, "getrandom", NOTHING},
    {SYS_futex, "futex", NOTHING},
    {SYS_sysinfo, "sysinfo", NOTHING},
};

struct task {
    pid_t tid;
    bool fails;        /* in the call that shall fail */
    uint64_t iov_len;  /* not 0: what process_vm_readv was asked for, ... */
    uint64_t iov_addr; /* ... and where that stands */
};

static struct tracer {
    FILE *log;
    const char *vm, *dir, *key;
    unsigned nth, seen;
    int error; /* 0: short */
    uint64_t linker_start, linker_end;
    struct task tasks[TASKS_MAX];
    size_t count;
} t;

__attribute__((noreturn)) static void die(const char *what)
{
    fprintf(stderr, "faulty: %s: %s\n", what, strerror(errno));
    exit(125);
}

static struct task *task_of(pid_t tid)
{
    for (size_t i = 0; i < t.count; i++)
        if (t.tasks[i].tid == tid)
            return &t.tasks[i];
    return NULL;
}

/* Where the dynamic linker lies in a program that was just started: nowhere when it is static. */
static void find_linker(pid_t pid)
{
    char path[64], line[512];

    snprintf(path, sizeof(path), "/proc/%d/maps", pid);
    FILE *f = fopen(path, "re");
    t.linker_start = t.linker_end = 0;
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        uint64_t start, end;
        if (strstr(line, "/ld-") == NULL || sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) != 2)
            continue;
        t.linker_start = t.linker_start != 0 ? t.linker_start : start;
        t.linker_end = end;
    }
    if (f != NULL)
        fclose(f);
}

/* A string of the program, read up to the end of its page at most. */
static void read_text(pid_t tid, uint64_t addr, char *buf, size_t size)
{
    size_t left = 4096 - addr % 4096;
    struct iovec to = {buf, left < size - 1 ? left : size - 1};
    struct iovec from = {(void *)(uintptr_t)addr, to.iov_len};
    ssize_t n = addr != 0 ? process_vm_readv(tid, &to, 1, &from, 1, 0) : 0;

    buf[n > 0 ? n : 0] = '\0';
}

static void read_link(pid_t tid, int fd, char *buf, size_t size)
{
    char path[64];

    buf[0] = '\0';
    if (fd < 0)
        return;
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", tid, fd);
    ssize_t n = readlink(path, buf, size - 1);
    buf[n > 0 ? n : 0] = '\0';
}

/* Appends @text to @key with "VM" for the process and "N" for each other number. */
static void append(char *key, const char *text)
{
    size_t n = strlen(key);

    while (*text != '\0' && n < KEY_SIZE - 4) {
        size_t digits = strspn(text, "0123456789");
        const char *word = NULL;
        if (digits != 0) {
            bool vm = t.vm != NULL && strlen(t.vm) == digits && memcmp(t.vm, text, digits) == 0;
            word = vm ? "VM" : "N";
            text += digits;
        } else if (*text == '\n' || *text == '\t') {
            word = " ";
            text++;
        }
        if (word != NULL) {
            strcpy(key + n, word);
            n += strlen(word);
        } else {
            key[n++] = *text++;
        }
    }
    key[n] = '\0';
}

static const struct call *make_key(pid_t tid, const struct __ptrace_syscall_info *info, char *key)
{
    const struct call *call = NULL;
    char path[2 * KEY_SIZE] = "", text[KEY_SIZE];

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (calls[i].number == (long)info->entry.nr)
            call = &calls[i];
    if (call == NULL)
        return NULL;
    snprintf(key, KEY_SIZE, "%s ", call->name);
    if (call->about == FILE_FD || call->about == FILE_AT)
        read_link(tid, (int)info->entry.args[0], path, sizeof(path));
    if (call->about == FILE_AT || call->about == FILE_PATH) {
        read_text(tid, info->entry.args[call->about == FILE_AT ? 1 : 0], text, sizeof(text));
        size_t n = text[0] == '/' || strcmp(path, "/") == 0 ? 0 : strlen(path);
        const char *slash = text[0] == '/' || text[0] == '\0' ? "" : "/";
        snprintf(path + n, sizeof(path) - n, "%s%s", slash, text);
    }
    bool inside = t.dir != NULL && strncmp(path, t.dir, strlen(t.dir)) == 0;
    append(key, inside ? "DIR" : path);
    return call;
}

static void registers(pid_t tid, struct user_regs_struct *regs)
{
    if (ptrace(PTRACE_GETREGS, tid, NULL, regs) < 0)
        die("PTRACE_GETREGS");
}

static void set_registers(pid_t tid, struct user_regs_struct *regs)
{
    if (ptrace(PTRACE_SETREGS, tid, NULL, regs) < 0)
        die("PTRACE_SETREGS");
}

/* process_vm_readv of one page; the program's own length comes back when that is done. */
static void cut_vector(struct task *task, const struct user_regs_struct *regs)
{
    uint64_t addr = regs->rsi + offsetof(struct iovec, iov_len);
    errno = 0;
    long len = ptrace(PTRACE_PEEKDATA, task->tid, addr, NULL);

    if (errno != 0 || len <= 4096)
        return;
    if (ptrace(PTRACE_POKEDATA, task->tid, addr, 4096) < 0)
        die("PTRACE_POKEDATA");
    task->iov_addr = addr;
    task->iov_len = (uint64_t)len;
}

static void begin_failure(struct task *task, const struct call *call)
{
    struct user_regs_struct regs;

    registers(task->tid, &regs);
    task->fails = true;
    if (t.error == 0 && call->number == SYS_process_vm_readv) {
        cut_vector(task, &regs);
    } else if (t.error == 0) {
        if (regs.rdx > SHORT_BYTES)
            regs.rdx = SHORT_BYTES;
        set_registers(task->tid, &regs);
    } else if (call->number != SYS_close) {
        regs.orig_rax = (unsigned long long)-1; /* no such call: nothing happens */
        set_registers(task->tid, &regs);
    }
}

static void end_failure(struct task *task)
{
    struct user_regs_struct regs;

    task->fails = false;
    if (task->iov_len != 0 && ptrace(PTRACE_POKEDATA, task->tid, task->iov_addr, task->iov_len) < 0)
        die("PTRACE_POKEDATA");
    task->iov_len = 0;
    if (t.error == 0)
        return;
    registers(task->tid, &regs);
    regs.rax = (unsigned long long)-(long long)t.error;
    set_registers(task->tid, &regs);
}

static void at_call(struct task *task)
{
    struct __ptrace_syscall_info info;
    char key[KEY_SIZE];

    if (ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, sizeof(info), &info) <= 0)
        return;
    if (info.op == PTRACE_SYSCALL_INFO_EXIT && task->fails)
        end_failure(task);
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY ||
        (info.instruction_pointer >= t.linker_start && info.instruction_pointer < t.linker_end))
        return;
    const struct call *call = make_key(task->tid, &info, key);
    if (call == NULL)
        return;
    bool fails = t.key != NULL && strcmp(key, t.key) == 0 && ++t.seen == t.nth;
    fprintf(t.log, "%s%s\n", fails ? "!" : "", key);
    if (fails)
        begin_failure(task, call);
}

static void forget(pid_t tid)
{
    struct task *task = task_of(tid);

    if (task != NULL)
        *task = t.tasks[--t.count];
}

static void on_alarm(int signum)
{
    (void)signum;
}

/* Lets a task that has stopped go on; a new one is entered first. */
static void go_on(pid_t tid, int status)
{
    struct task *task = task_of(tid);
    int signum = WSTOPSIG(status);

    if (task == NULL) {
        if (t.count == TASKS_MAX) {
            errno = EAGAIN;
            die("too many threads");
        }
        t.tasks[t.count++] = (struct task){.tid = tid};
        signum = 0; /* the stop that a new task begins with */
    } else if (signum == (SIGTRAP | 0x80)) {
        at_call(task);
        signum = 0;
    } else if (status >> 16 != 0) {
        if (status >> 16 == PTRACE_EVENT_EXEC)
            find_linker(tid);
        signum = 0;
    }
    if (ptrace(PTRACE_SYSCALL, tid, NULL, signum) < 0 && errno != ESRCH)
        die("PTRACE_SYSCALL");
}

/* Until all that @pid started has ended; its status as waitpid has it. */
static int trace(pid_t pid)
{
    struct sigaction alarm_action = {.sa_handler = on_alarm};
    int result = 0;

    sigaction(SIGALRM, &alarm_action, NULL);
    for (;;) {
        int status;
        pid_t tid = waitpid(-1, &status, __WALL);
        if (tid < 0)
            return result;
        if (WIFSTOPPED(status)) {
            go_on(tid, status);
            continue;
        }
        forget(tid);
        if (tid == pid) {
            result = status;
            alarm(LEFT_S);
        }
    }
}

static void options(int argc, char **argv)
{
    static const struct option known[] = {
        {"log", 1, NULL, 'l'}, {"vm", 1, NULL, 'v'},  {"dir", 1, NULL, 'd'}, {"fail", 1, NULL, 'f'},
        {"nth", 1, NULL, 'n'}, {"how", 1, NULL, 'h'}, {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "+", known, NULL)) != -1) {
        switch (c) {
        case 'l':
            t.log = fopen(optarg, "we");
            break;
        case 'v':
            t.vm = optarg;
            break;
        case 'd':
            t.dir = optarg;
            break;
        case 'f':
            t.key = optarg;
            break;
        case 'n':
            t.nth = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'h':
            t.error = (int)strtol(optarg, NULL, 10); /* 0 for a word */
            break;
        default:
            exit(125);
        }
    }
    errno = EINVAL;
    if (t.log == NULL || optind == argc)
        die("--log FILE and a program are needed");
}

int main(int argc, char **argv)
{
    int status;

    options(argc, argv);
    pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        execvp(argv[optind], argv + optind);
        _exit(125);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
        die("cannot start it");
    t.tasks[t.count++] = (struct task){.tid = pid};
    if (ptrace(PTRACE_SETOPTIONS, pid, NULL,
               PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE |
                   PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC) < 0 ||
        ptrace(PTRACE_SYSCALL, pid, NULL, NULL) < 0)
        die("cannot trace it");
    status = trace(pid);
    if (t.count != 0)
        fprintf(t.log, "= left %zu\n", t.count);
    else if (WIFSIGNALED(status))
        fprintf(t.log, "= signal %d\n", WTERMSIG(status));
    else
        fprintf(t.log, "= exit %d\n", WEXITSTATUS(status));
    if (fclose(t.log) != 0)
        die("cannot write the log");
    return t.count == 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
#endif
