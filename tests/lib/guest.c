// SPDX-License-Identifier: MIT
#include "tests/lib/guest.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

bool guest_start(struct guest *guest, guest_fn *fn, const void *arg)
{
    int alive[2], ready[2];
    char byte = 0;

    guest->info = mmap(NULL, sizeof(*guest->info), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (guest->info == MAP_FAILED || pipe(alive) < 0 || pipe(ready) < 0)
        return false;
    *guest->info = (struct guest_info){.memfd = -1};
    guest->pid = fork();
    if (guest->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(alive[1]);
        close(ready[0]);
        fn(guest->info, arg);
        if (write(ready[1], &byte, 1) != 1 || guest->info->error != 0)
            _exit(1);
        while (read(alive[0], &byte, 1) < 0 && errno == EINTR)
            continue;
        _exit(0);
    }
    close(alive[0]);
    close(ready[1]);
    guest->alive = alive[1];
    bool ok = guest->pid > 0 && read(ready[0], &byte, 1) == 1 && guest->info->error == 0;
    close(ready[0]);
    if (!ok && guest->pid > 0)
        guest_stop(guest);
    return ok;
}

void guest_stop(struct guest *guest)
{
    if (guest->pid <= 0)
        return;
    kill(guest->pid, SIGKILL);
    waitpid(guest->pid, NULL, 0);
    close(guest->alive);
    guest->pid = 0;
}

/* Resident KiB of the mapping that starts at @start; -1 = not told. */
static long resident_kib(const void *start)
{
    char line[512], head[32];
    bool here = false;
    long value = -1;
    FILE *in = fopen("/proc/self/smaps", "r");

    snprintf(head, sizeof(head), "%lx-", (unsigned long)(uintptr_t)start);
    while (in != NULL && value < 0 && fgets(line, sizeof(line), in) != NULL) {
        here = here || strncmp(line, head, strlen(head)) == 0;
        if (here && strncmp(line, "Rss:", 4) == 0)
            value = atol(line + 4);
    }
    if (in != NULL)
        fclose(in);
    return value;
}

bool guest_zero_page(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = 18 * page;
    char *map = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *probe = map + page; /* a neighbour on each side keeps it a mapping of its own */
    long kib = -1;

    if (map == MAP_FAILED)
        return false;
    if (mprotect(probe, 16 * page, PROT_READ | PROT_WRITE) == 0 &&
        (madvise(probe, 16 * page, MADV_NOHUGEPAGE) == 0 || errno == EINVAL)) {
        for (size_t i = 0; i < 16; i++)
            (void)((volatile char *)probe)[i * page];
        kib = resident_kib(probe);
    }
    munmap(map, bytes);
    return kib == 0; /* the zero page counts for nobody */
}

void guest_ram(struct guest_info *info, const void *arg)
{
    const struct guest_ram_config *config = arg;
    struct minivm_ram ram;
    int n = minivm_ram_map(config->bytes, config->backing, &ram, NULL);

    if (n == 0)
        n = minivm_ram_fill(&ram, config->ranges, config->range_count, config->seed, NULL);
    info->error = -n;
    if (n < 0)
        return;
    info->ram_start = (uintptr_t)ram.base;
    info->ram_bytes = ram.bytes;
    info->pages = ram.pages;
    if (!guest_zero_page()) {
        info->pages.zero_content += info->pages.zero_mapped;
        info->pages.zero_mapped = 0;
    }
    info->memfd = ram.fd;
}

long guest_status(pid_t pid, const char *key)
{
    char path[64], line[256];
    long value = -1;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *in = fopen(path, "r");
    while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0)
            value = atol(line + strlen(key));
    }
    if (in != NULL)
        fclose(in);
    return value;
}

#define POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/"

static long read_long(const char *path)
{
    long value = -1;
    FILE *in = fopen(path, "r");

    if (in == NULL)
        return -1;
    if (fscanf(in, "%ld", &value) != 1)
        value = -1;
    fclose(in);
    return value;
}

static bool write_long(const char *path, long value)
{
    FILE *out = fopen(path, "w");

    if (out == NULL)
        return false;
    fprintf(out, "%ld\n", value);
    return fclose(out) == 0;
}

bool guest_hugepages(long count)
{
    long before = read_long(POOL "nr_hugepages");

    if (before < 0 || !write_long(POOL "nr_hugepages", before + count))
        return false;
    long added = read_long(POOL "nr_hugepages") - before;
    if (added < count)
        write_long(POOL "nr_hugepages", read_long(POOL "nr_hugepages") - added);
    return added >= count;
}

long guest_hugepages_free(void)
{
    return read_long(POOL "free_hugepages");
}
