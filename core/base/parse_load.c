// SPDX-License-Identifier: MIT
#include "core/base/parse_load.h"

#include <limits.h>
#include <string.h>

#include "core/base/parse_number.h"

#define STAT_CPU       39
#define STAT_GUEST     43
#define KVM_RUN_NUMBER 0xae80 /* linux/kvm.h: _IO(KVMIO, 0x80) */

/* --- a thread --------------------------------------------------------------------------------- */

bool parse_proc_thread(const char *text, struct proc_thread *ret)
{
    const char *close = strrchr(text, ')');
    uint64_t value, cpu = 0;

    /* The name may hold blanks and parentheses: the last ')' ends it. */
    if (close == NULL || close[1] != ' ' || close[2] == '\0')
        return false;
    const char *at = close + 3;
    for (int field = 4; field <= STAT_GUEST; field++) {
        if (*at != ' ')
            return false;
        at += at[1] == '-' ? 2 : 1;
        at = parse_digits(at, NULL, 10, &value);
        if (at == NULL)
            return false;
        cpu = field == STAT_CPU ? value : cpu;
    }
    if ((*at != ' ' && *at != '\n') || cpu > INT_MAX)
        return false;
    *ret = (struct proc_thread){.state = close[2], .cpu = (int)cpu, .guest_ticks = value};
    return true;
}

/* The line after this one; NULL: there is none. */
static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');

    return end != NULL ? end + 1 : NULL;
}

char parse_proc_state(const char *text)
{
    static const char key[] = "State:\t";

    for (const char *line = text; line != NULL; line = next_line(line))
        if (strncmp(line, key, strlen(key)) == 0)
            return line[strlen(key)];
    return '\0';
}

/* The numbers of ioctl: x86-64, arm64 and most others, arm and i386. */
static bool is_ioctl(uint64_t number)
{
    return number == 16 || number == 29 || number == 54;
}

/* NUMBER ARG ARG ...; -1 where it sleeps outside of any call. */
bool parse_proc_syscall(const char *text, enum proc_syscall *ret)
{
    static const char running[] = "running\n";
    uint64_t number, fd, request;

    if (strncmp(text, running, strlen(running)) == 0) {
        *ret = PROC_SYSCALL_RUNNING;
        return true;
    }
    if (strncmp(text, "-1 ", 3) == 0) {
        *ret = PROC_SYSCALL_OTHER;
        return true;
    }
    const char *at = parse_digits(text, NULL, 10, &number);
    if (at == NULL || strncmp(at, " 0x", 3) != 0)
        return false;
    at = parse_digits(at + 3, NULL, 16, &fd);
    if (at == NULL || strncmp(at, " 0x", 3) != 0 ||
        parse_digits(at + 3, NULL, 16, &request) == NULL)
        return false;
    *ret =
        is_ioctl(number) && request == KVM_RUN_NUMBER ? PROC_SYSCALL_KVM_RUN : PROC_SYSCALL_OTHER;
    return true;
}

/* --- cgroups ---------------------------------------------------------------------------------- */

/* HIERARCHY:CONTROLLERS:PATH, of which only the path may hold a colon. */
static bool parse_cgroup_line(const char *line, const char *end, struct proc_cgroup *ret)
{
    uint64_t hierarchy;
    const char *at = parse_digits(line, end, 10, &hierarchy);

    if (at == NULL || at == end || *at != ':')
        return false;
    at++;
    const char *colon = memchr(at, ':', (size_t)(end - at));
    if (colon == NULL || colon + 1 == end || colon[1] != '/')
        return false;
    *ret = (struct proc_cgroup){at, (size_t)(colon - at), colon + 1, (size_t)(end - colon - 1)};
    return true;
}

bool parse_proc_cgroup(const char **at, struct proc_cgroup *ret)
{
    bool found = false;

    while (!found && **at != '\0') {
        const char *line = *at, *end = line + strcspn(line, "\n");
        *at = *end == '\n' ? end + 1 : end;
        found = parse_cgroup_line(line, end, ret);
    }
    return found;
}

bool parse_list_has(const char *list, size_t length, const char *word)
{
    const char *end = list + length;
    size_t size = strlen(word);

    for (const char *at = list; at <= end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma != NULL ? comma : end;
        if ((size_t)(stop - at) == size && memcmp(at, word, size) == 0)
            return true;
        at = stop + 1;
    }
    return false;
}

bool parse_path_is_plain(const char *path, size_t length)
{
    const char *end = path + length;

    if (length == 0 || *path != '/' || memchr(path, '\0', length) != NULL)
        return false;
    for (const char *at = path; at < end;) {
        const char *part = at + 1;
        const char *slash = memchr(part, '/', (size_t)(end - part));
        at = slash != NULL ? slash : end;
        if (at - part == 2 && part[0] == '.' && part[1] == '.')
            return false;
    }
    return true;
}

bool parse_key_number(const char *text, const char *key, uint64_t *ret)
{
    size_t length = strlen(key);

    for (const char *line = text; line != NULL; line = next_line(line)) {
        uint64_t value;
        if (strncmp(line, key, length) != 0 || line[length] != ' ')
            continue;
        const char *end = parse_digits(line + length + 1, NULL, 10, &value);
        if (end == NULL || *end != '\n')
            return false;
        *ret = value;
        return true;
    }
    return false;
}

bool parse_cpu_max(const char *text)
{
    uint64_t quota;

    return parse_digits(text, NULL, 10, &quota) != NULL;
}

bool parse_cpu_quota(const char *text)
{
    uint64_t quota;

    return parse_digits(text, NULL, 10, &quota) != NULL;
}

/* --- pressure and the host -------------------------------------------------------------------- */

/* some avg10=0.00 avg60=0.00 avg300=0.00 total=0, microseconds */
bool parse_pressure(const char *text, const char *line, uint64_t *ret_ns)
{
    static const char key[] = " total=";
    size_t length = strlen(line);
    uint64_t us;

    for (const char *at = text; at != NULL; at = next_line(at)) {
        if (strncmp(at, line, length) != 0 || at[length] != ' ')
            continue;
        const char *total = strstr(at, key), *end = at + strcspn(at, "\n");
        if (total == NULL || total > end)
            return false;
        const char *behind = parse_digits(total + strlen(key), NULL, 10, &us);
        if (behind == NULL || *behind != '\n' || us > UINT64_MAX / 1000)
            return false;
        *ret_ns = us * 1000;
        return true;
    }
    return false;
}

/* "1.37" as 137: always two digits behind the point. NULL: not in that form. */
static const char *parse_hundredths(const char *text, uint64_t *ret)
{
    uint64_t whole, part;
    const char *point = parse_digits(text, NULL, 10, &whole);

    if (point == NULL || *point != '.' || whole > UINT64_MAX / 100 - 1)
        return NULL;
    const char *end = parse_digits(point + 1, NULL, 10, &part);
    if (end == NULL || end - point != 3)
        return NULL;
    *ret = whole * 100 + part;
    return end;
}

bool parse_loadavg(const char *text, uint64_t ret[3])
{
    uint64_t loads[3];

    for (int i = 0; i < 3; i++) {
        text = parse_hundredths(text, &loads[i]);
        if (text == NULL || *text != ' ')
            return false;
        text++;
    }
    memcpy(ret, loads, sizeof(loads));
    return true;
}

bool parse_uptime(const char *text, uint64_t *ret)
{
    uint64_t value;
    const char *end = parse_hundredths(text, &value);

    if (end == NULL || *end != ' ')
        return false;
    *ret = value;
    return true;
}

/* cpu  user nice system idle iowait irq softirq steal guest guest_nice */
bool parse_proc_cpu(const char *text, struct proc_cpu *ret)
{
    enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, GUEST, GUEST_NICE, COUNT };
    uint64_t numbers[COUNT] = {0}, all = 0;
    const char *at = strncmp(text, "cpu ", 4) == 0 ? text + 4 : NULL;

    for (int i = 0; i < COUNT; i++) {
        at = at != NULL ? parse_digits(at + strspn(at, " "), NULL, 10, &numbers[i]) : NULL;
        if (at == NULL || (*at != ' ' && *at != '\n'))
            return false;
        all += i <= STEAL ? numbers[i] : 0;
    }
    *ret = (struct proc_cpu){.all = all,
                             .idle = numbers[IDLE],
                             .iowait = numbers[IOWAIT],
                             .steal = numbers[STEAL],
                             .guest = numbers[GUEST] + numbers[GUEST_NICE]};
    return true;
}

unsigned parse_cpu_list(const char *list)
{
    uint64_t count = 0, first, last;

    for (;;) {
        const char *end = parse_digits(list, NULL, 10, &first);
        last = first;
        if (end != NULL && *end == '-')
            end = parse_digits(end + 1, NULL, 10, &last);
        if (end == NULL || last < first || last > 1 << 20)
            return 0;
        count += last - first + 1;
        if (*end == '\0' || *end == '\n')
            return count <= 1 << 20 ? (unsigned)count : 0;
        if (*end != ',')
            return 0;
        list = end + 1;
    }
}
