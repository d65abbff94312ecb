// SPDX-License-Identifier: MIT
/*
 * With what its role of core/privilege leaves it, a process can do its work.
 */
#include "core/privilege/privilege.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/openat2.h>
#include <linux/userfaultfd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/role_case.h"

static void look_at_collecting(const struct role_case *s, char *say, size_t size)
{
    char path[64], text[8] = "";
    pid_t other = s->user == PLAIN_USER ? s->own : s->other;
    int roots = (int)syscall(SYS_pidfd_open, s->other, 0);
    int pidfd = (int)syscall(SYS_pidfd_open, other, 0);
    int fd = (int)syscall(SYS_pidfd_getfd, pidfd, ROLE_OTHER_FD, 0);

    if (s->user == PLAIN_USER)
        REFUSED(syscall(SYS_pidfd_getfd, roots, ROLE_OTHER_FD, 0));
    DONE(pidfd);
    DONE(fd);
    if (pread(fd, text, 7, 0) != 7 || strcmp(text, "foreign") != 0)
        SAY("the copy of a descriptor says '%s'", text);
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)other, ROLE_OTHER_FD);
    DONE(readlink(path, text, sizeof(text)));
    snprintf(path, sizeof(path), "/proc/%d/smaps", (int)other);
    int smaps = open(path, O_RDONLY);
    if (read(smaps, text, 1) != 1)
        SAY("%s: %s", path, strerror(errno));
    DONE(syscall(SYS_kcmp, other, other, 0, ROLE_OTHER_FD, ROLE_OTHER_FD));
    void *page = s->page;
    int node = -1;
    DONE(syscall(SYS_move_pages, other, 1, &page, NULL, &node, 0));
    if (node < 0)
        SAY("the node of a page: %s", strerror(-node));
    if (s->user == PLAIN_USER)
        return;
    /* A directory that is root's alone, as debugfs is. */
    int dir = open(s->private_dir, O_RDONLY | O_DIRECTORY);
    DONE(dir);
    DONE(openat(dir, "secret", O_RDONLY));
}

/* A directory that only root may enter, with one file in it. */
static void make_private(char dir[32])
{
    char path[64];

    strcpy(dir, "/tmp/kvmlens-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/secret", dir);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void remove_private(const char *dir)
{
    char path[64];

    snprintf(path, sizeof(path), "%s/secret", dir);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
}

static void the_collector_reads_processes_of_others(void **state)
{
    struct role_case s = *(struct role_case *)*state;
    char dir[32];

    make_private(dir);
    s.role = ROLE_COLLECTOR;
    s.private_dir = dir;
    for (s.level = PRIVILEGE_STRICT; s.level < PRIVILEGE_OFF; s.level++)
        role_check_users(s, look_at_collecting);
    remove_private(dir);
}

/* The first mapping of a file, which has an entry in map_files. */
static void find_mapped_file(pid_t pid, unsigned long *ret_start, unsigned long *ret_end)
{
    char path[40], line[300] = "";

    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "r");
    while (maps != NULL && strchr(line, '/') == NULL && fgets(line, sizeof(line), maps) != NULL)
        if (sscanf(line, "%lx-%lx", ret_start, ret_end) != 2)
            break;
    if (maps != NULL)
        fclose(maps);
}

static void look_at_scanning(const struct role_case *s, char *say, size_t size)
{
    char path[80], page[16] = "";
    struct iovec mine = {page, sizeof(page)}, theirs = {s->page, sizeof(page)};
    pid_t other = s->user == PLAIN_USER ? s->own : s->other;
    ssize_t n = process_vm_readv(other, &mine, 1, &theirs, 1, 0);

    DONE(n);
    if (s->user == PLAIN_USER)
        REFUSED(process_vm_readv(s->other, &mine, 1, &theirs, 1, 0));
    if (page[0] != ROLE_OTHER_BYTE || page[15] != ROLE_OTHER_BYTE)
        SAY("process_vm_readv read something else");
    snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)other);
    DONE(open(path, O_RDONLY));
    snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)other, (int)other);
    int syscall_fd = open(path, O_RDONLY); /* tells whether a vCPU may run */
    DONE(syscall_fd);
    DONE(read(syscall_fd, page, sizeof(page)));
    close(syscall_fd);
    unsigned long start = 0, end = 0;
    find_mapped_file(other, &start, &end);
    snprintf(path, sizeof(path), "/proc/%d/map_files/%lx-%lx", (int)other, start, end);
    if (s->user != PLAIN_USER) /* takes a capability, whoever owns the process */
        DONE(open(path, O_RDONLY));

    int guard = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
    if (guard < 0 && errno != ENOSYS) /* a kernel without it is none of ours */
        SAY("userfaultfd: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        n = process_vm_readv(other, &mine, 1, &theirs, 1, 0);
        _exit(n == sizeof(page) && syscall(SYS_close_range, 100u, ~0u, 0u) == 0 ? 0 : 1);
    }
    int status = -1;
    DONE(child);
    DONE(waitpid(child, &status, 0));
    if (status != 0)
        SAY("the reading child: %#x", (unsigned)status);
    child = fork();
    if (child == 0)
        for (;;)
            pause();
    DONE(kill(child, SIGKILL));
    DONE(waitpid(child, &status, 0));
    if (!WIFSIGNALED(status))
        SAY("the reading child was not killed: %#x", (unsigned)status);
}

static void the_scanner_reads_memory_of_others(void **state)
{
    struct role_case s = *(struct role_case *)*state;

    s.role = ROLE_SCANNER;
    for (s.level = PRIVILEGE_STRICT; s.level < PRIVILEGE_OFF; s.level++)
        role_check_users(s, look_at_scanning);
}

/* --- maps of BPF programs --- */

/* Of numbers, as those that count exits. Every process below has it: as its own, or as a copy of
 * somebody else's. */
static int map_fd = -1;

#define MAP_KEY   7
#define MAP_VALUE 55

static long map_call(enum bpf_cmd command, uint32_t key, uint64_t *value)
{
    union bpf_attr attr = {
        .map_fd = (uint32_t)map_fd, .key = (uintptr_t)&key, .value = (uintptr_t)value};

    return syscall(SYS_bpf, command, &attr, sizeof(attr));
}

static long map_batch(uint32_t *keys, uint64_t *values, uint32_t *count)
{
    union bpf_attr attr = {.batch = {.map_fd = (uint32_t)map_fd,
                                     .keys = (uintptr_t)keys,
                                     .values = (uintptr_t)values,
                                     .out_batch = (uintptr_t) & (uint32_t){0},
                                     .count = *count}};
    long result = syscall(SYS_bpf, BPF_MAP_LOOKUP_BATCH, &attr, sizeof(attr));

    *count = attr.batch.count;
    return result;
}

static long map_info(struct bpf_map_info *ret)
{
    union bpf_attr attr = {
        .info = {.bpf_fd = (uint32_t)map_fd, .info_len = sizeof(*ret), .info = (uintptr_t)ret}};

    return syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr));
}

/* False, and why is said: nothing can be tried here. */
static bool make_map(void)
{
    union bpf_attr attr = {
        .map_type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 8, .max_entries = 16};
    struct utsname host;
    int major = 0, minor = 0;

    if (uname(&host) < 0 || sscanf(host.release, "%d.%d", &major, &minor) != 2 || major < 5 ||
        (major == 5 && minor < 19)) {
        print_message("skipped: before Linux 5.19 a map takes a capability whenever it is used\n");
        return false;
    }
    map_fd = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
    if (map_fd < 0)
        print_message("skipped: no map can be made here: %s\n", strerror(errno));
    return map_fd >= 0;
}

static void end_map(void)
{
    close(map_fd);
    map_fd = -1;
}

static void look_at_counting(const struct role_case *s, char *say, size_t size)
{
    uint64_t value = MAP_VALUE, values[16];
    uint32_t keys[16], count = 16;
    struct bpf_map_info info = {0};

    DONE(map_call(BPF_MAP_UPDATE_ELEM, MAP_KEY, &value));
    value = 0;
    DONE(map_call(BPF_MAP_LOOKUP_ELEM, MAP_KEY, &value));
    if (value != MAP_VALUE)
        SAY("the map says %llu", (unsigned long long)value);
    if ((map_batch(keys, values, &count) < 0 && errno != ENOENT) || count != 1 ||
        keys[0] != MAP_KEY || values[0] != MAP_VALUE)
        SAY("%u rows at once: %s", (unsigned)count, strerror(errno));
    DONE(map_info(&info));
    if (info.max_entries != 16)
        SAY("the map is said to have room for %u", (unsigned)info.max_entries);
    DONE(map_call(BPF_MAP_DELETE_ELEM, MAP_KEY, NULL));
    if (map_call(BPF_MAP_LOOKUP_ELEM, MAP_KEY, &value) != -1 || errno != ENOENT)
        SAY("what was removed is there: %s", strerror(errno));

    /* Who lives? Of another user's the kernel says no more than that it is there. */
    const bool is_root = s->user == ROOT && geteuid() == 0;
    DONE(syscall(SYS_tgkill, getpid(), getpid(), 0));
    if (syscall(SYS_tgkill, 1, 1, 0) != 0 && (is_root || errno != EPERM))
        SAY("whether init lives: %s", strerror(errno));
    if (syscall(SYS_tgkill, 1, 0x3fffffff, 0) != -1 || errno != ESRCH)
        SAY("of a thread that there is not: %s", strerror(errno));
    if (s->level == PRIVILEGE_STRICT) {
        REFUSED(syscall(SYS_tgkill, getpid(), getpid(), SIGWINCH));
        REFUSED(syscall(SYS_tgkill, s->own, s->own, SIGKILL));
    }
}

static void the_counter_reads_and_cleans_its_maps(void **state)
{
    struct role_case s = *(struct role_case *)*state;

    if (!make_map())
        return;
    s.role = ROLE_COUNTER;
    for (s.level = PRIVILEGE_STRICT; s.level < PRIVILEGE_OFF; s.level++)
        role_check_users(s, look_at_counting);
    end_map();
}

static void look_at_a_copied_map(const struct role_case *s, char *say, size_t size)
{
    uint64_t value = MAP_VALUE + 1, values[16];
    uint32_t keys[16], count = 16;
    struct bpf_map_info info;

    (void)s;
    REFUSED(map_call(BPF_MAP_UPDATE_ELEM, MAP_KEY, &value));
    REFUSED(map_call(BPF_MAP_DELETE_ELEM, MAP_KEY, NULL));
    REFUSED(map_call(BPF_MAP_LOOKUP_ELEM, MAP_KEY, &value));
    REFUSED(map_batch(keys, values, &count));
    REFUSED(map_info(&info));
}

/* Who copies descriptors of others has no use for maps, whether it asks BPF programs or not. */
static void maps_of_others_are_left_alone(void **state)
{
    static const struct privilege_places places[] = {{.bpf = false}, {.bpf = true}};
    static const enum privilege_role roles[] = {ROLE_FRONT, ROLE_COLLECTOR, ROLE_SCANNER};
    struct role_case s = *(struct role_case *)*state;
    uint64_t value = MAP_VALUE;

    if (!make_map())
        return;
    assert_int_equal(map_call(BPF_MAP_UPDATE_ELEM, MAP_KEY, &value), 0);
    s.level = PRIVILEGE_STRICT;
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
        for (size_t k = 0; k < sizeof(places) / sizeof(places[0]); k++) {
            s.role = roles[i];
            s.places = &places[k];
            role_check_users(s, look_at_a_copied_map);
        }
    assert_int_equal(map_call(BPF_MAP_LOOKUP_ELEM, MAP_KEY, &value), 0);
    assert_int_equal(value, MAP_VALUE);
    end_map();
}

static void look_at_children(const struct role_case *s, char *say, size_t size)
{
    int status = -1;

    role_look_in_child(s, ROLE_COLLECTOR, look_at_collecting, say, size);
    role_look_in_child(s, ROLE_SCANNER, look_at_scanning, say, size);
    if (map_fd >= 0)
        role_look_in_child(s, ROLE_COUNTER, look_at_counting, say, size);
    /* What the supervisor is there for. */
    pid_t hung = fork();
    if (hung == 0)
        for (;;)
            pause();
    DONE(hung);
    DONE(kill(hung, SIGKILL));
    DONE(waitpid(hung, &status, 0));
    if (!WIFSIGNALED(status))
        SAY("a child that hung was not killed: %#x", (unsigned)status);
}

static void the_supervisor_gives_its_children_what_they_need(void **state)
{
    struct role_case s = *(struct role_case *)*state;
    char dir[32];

    make_private(dir);
    s.role = ROLE_SUPERVISOR;
    s.private_dir = dir;
    make_map();
    for (s.level = PRIVILEGE_STRICT; s.level < PRIVILEGE_OFF; s.level++)
        role_check_users(s, look_at_children);
    end_map();
    remove_private(dir);
}

static void look_at_reading_without_force(const struct role_case *s, char *say, size_t size)
{
    struct iovec mine = {s->page, 8}, theirs = {s->page, 8};

    if (process_vm_readv(s->other, &mine, 1, &theirs, 1, 0) >= 0)
        SAY("the supervisor itself read foreign memory");
}

/* The calls are its children's, the capabilities are not in force. */
static void the_supervisor_itself_cannot_read_others(void **state)
{
    struct role_case s = *(struct role_case *)*state;

    if (!role_is_root()) {
        print_message("skipped: processes of another user take root\n");
        return;
    }
    s.role = ROLE_SUPERVISOR;
    s.level = PRIVILEGE_STRICT;
    for (s.user = UNIT_USER; s.user < USERS; s.user++)
        role_check(&s, look_at_reading_without_force);
}

static void look_at_a_saved_tree(const struct role_case *s, char *say, size_t size)
{
    const struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_IN_ROOT};

    if (s->role == ROLE_FRONT || s->role == ROLE_COUNTER)
        REFUSED(syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how)));
    else
        DONE(syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how)));
}

static void a_saved_tree_can_be_read(void **state)
{
    const struct privilege_places places = {.saved_tree = true};
    struct role_case s = *(struct role_case *)*state;

    s.places = &places;
    s.level = PRIVILEGE_STRICT;
    for (s.role = 0; s.role < PRIVILEGE_ROLES; s.role++)
        role_check_users(s, look_at_a_saved_tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_collector_reads_processes_of_others),
        cmocka_unit_test(the_scanner_reads_memory_of_others),
        cmocka_unit_test(the_counter_reads_and_cleans_its_maps),
        cmocka_unit_test(maps_of_others_are_left_alone),
        cmocka_unit_test(the_supervisor_gives_its_children_what_they_need),
        cmocka_unit_test(the_supervisor_itself_cannot_read_others),
        cmocka_unit_test(a_saved_tree_can_be_read),
    };
    return cmocka_run_group_tests(tests, role_with_other, role_without_other);
}
