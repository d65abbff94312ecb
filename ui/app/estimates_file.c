// SPDX-License-Identifier: MIT
#include "ui/app/estimates_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/text.h"
#include "ui/app/forecasts_lines.h"
#include "ui/app/output.h"

#define MAGIC "kvmlens-estimates/1 "
#define BOOT_MAX 64
#define LINE_MAX_BYTES 512
#define FILE_MAX_BYTES (16 << 20)

/* The kernel's name for this boot, without its LF; "" = not known. */
static void read_boot(const struct rootfs *root, char boot[BOOT_MAX])
{
    if (rootfs_read(root, "proc/sys/kernel/random/boot_id", boot, BOOT_MAX) < 0)
        boot[0] = '\0';
    boot[strcspn(boot, "\n")] = '\0';
}

static int refuse(struct error *err, const char *path, const char *why)
{
    char shown[160];

    text_clean(path, strlen(path), shown, sizeof(shown));
    return error_set(err, -EEXIST, "estimates are not kept in '%s': %s", shown, why);
}

/* NULL and 0: there is none. */
static int open_ours(const char *path, FILE **ret, struct error *err)
{
    char magic[sizeof(MAGIC)] = "";
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    *ret = NULL;
    if (fd < 0)
        return errno == ENOENT ? 0 : refuse(err, path, strerror(errno));
    const char *why = NULL;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        why = "it is not a regular file";
    else if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        why = "somebody else may write it";
    else if (st.st_size > FILE_MAX_BYTES ||
             pread(fd, magic, strlen(MAGIC), 0) != (ssize_t)strlen(MAGIC) ||
             strcmp(magic, MAGIC) != 0)
        why = "kvmlens did not write it";
    if (why == NULL)
        *ret = fdopen(fd, "r");
    if (*ret == NULL)
        close(fd);
    return why != NULL ? refuse(err, path, why) : 0;
}

/* A ratio of the file; nothing else is shown as one. */
static bool is_ratio(double value)
{
    return value >= 0 && value <= 1;
}

static bool parse_line(const char *line, uint64_t now_ns, struct estimate *ret)
{
    int failed, zero_known, wire_known, end = 0;
    struct estimate e = {.failed = false};

    if (sscanf(line, "%d %" SCNu64 " %d %" SCNu64 " %" SCNu64 " %d %d %lf %lf %lf %d %" SCNu64
                     " %lf%n",
               &e.vm.pid, &e.vm.start_ticks, &e.vm.fd, &e.tried_ns, &e.taken_ns, &failed,
               &zero_known, &e.zero_ratio, &e.zero_low, &e.zero_high, &wire_known, &e.wire_bytes,
               &e.duration_s, &end) != 13 ||
        line[end] != '\n')
        return false;
    e.failed = failed != 0;
    e.zero_known = zero_known != 0;
    e.wire_known = wire_known != 0;
    *ret = e;
    return e.tried_ns <= now_ns && e.taken_ns <= now_ns && is_ratio(e.zero_ratio) &&
           is_ratio(e.zero_low) && is_ratio(e.zero_high) && e.duration_s >= 0;
}

/* The file has them in the order of the VMs, so what comes out of order is no line of ours. */
static bool is_next(const struct estimates *e, const struct vm_id *vm)
{
    const struct vm_id *last = e->count > 0 ? &e->items[e->count - 1].vm : NULL;
    return last == NULL || last->pid < vm->pid || (last->pid == vm->pid && last->fd < vm->fd);
}

static void read_line(struct estimates *e, const char *line, const struct snapshot *s)
{
    struct estimate found;

    if (!parse_line(line, s->mono_ns, &found))
        return;
    const struct snapshot_vm *vm = snapshot_find_kept(s, &found.vm);
    if (vm == NULL || !is_next(e, &vm->id) || e->count == s->vm_count)
        return;
    found.vm = vm->id;
    e->items[e->count++] = found;
}

/* Room for one of each VM. */
static bool make_room(struct estimates *e, struct kept_forecasts *f, const struct snapshot *s)
{
    if (e != NULL)
        e->items = malloc((s->vm_count + 1) * sizeof(*e->items));
    if (f != NULL)
        f->items = malloc((s->vm_count + 1) * sizeof(*f->items));
    return (e == NULL || e->items != NULL) && (f == NULL || f->items != NULL);
}

int estimates_file_load(struct estimates *e, struct kept_forecasts *f, const char *path,
                        const struct rootfs *root, const struct snapshot *s, struct error *err)
{
    char line[LINE_MAX_BYTES], boot[BOOT_MAX];
    struct forecasts_reader forecasts = {.forecasts = f};
    FILE *in;
    int n = open_ours(path, &in, err);

    if (in == NULL)
        return n;
    read_boot(root, boot);
    bool is_of_now = boot[0] != '\0' && fgets(line, sizeof(line), in) != NULL &&
                     strncmp(line + strlen(MAGIC), boot, strlen(boot)) == 0 &&
                     line[strlen(MAGIC) + strlen(boot)] == '\n';
    bool has_room = is_of_now && make_room(e, f, s);
    while (has_room && fgets(line, sizeof(line), in) != NULL) {
        if (e != NULL)
            read_line(e, line, s);
        if (f != NULL)
            forecasts_lines_read(&forecasts, line, s);
    }
    fclose(in);
    return 0;
}

static int print_all(const struct estimates *e, const struct kept_forecasts *f, const char *boot,
                     char **ret, size_t *ret_len)
{
    FILE *mem = open_memstream(ret, ret_len);

    if (mem == NULL)
        return -ENOMEM;
    fprintf(mem, MAGIC "%s\n", boot);
    for (size_t i = 0; e != NULL && i < e->count; i++) {
        const struct estimate *at = &e->items[i];
        fprintf(mem, "%d %" PRIu64 " %d %" PRIu64 " %" PRIu64 " %d %d %.17g %.17g %.17g %d %" PRIu64
                     " %.9g\n",
                at->vm.pid, at->vm.start_ticks, at->vm.fd, at->tried_ns, at->taken_ns, at->failed,
                at->zero_known, at->zero_ratio, at->zero_low, at->zero_high, at->wire_known,
                at->wire_bytes, at->duration_s);
    }
    if (f != NULL)
        forecasts_lines_print(f, mem);
    return fclose(mem) != 0 ? -ENOMEM : 0;
}

int estimates_file_save(const struct estimates *e, const struct kept_forecasts *f, const char *path,
                        const struct rootfs *root, struct error *err)
{
    char boot[BOOT_MAX];
    char *text = NULL;
    size_t len = 0;
    struct output out;

    read_boot(root, boot);
    if (boot[0] == '\0')
        return 0; /* a saved tree: nothing of it was estimated */
    int n = output_replace(&out, path, err);
    if (n < 0)
        return n;
    n = print_all(e, f, boot, &text, &len);
    n = n < 0 ? error_set(err, n, "out of memory") : output_write(&out, text, len, err);
    output_close(&out);
    free(text);
    return n;
}
