// SPDX-License-Identifier: MIT
#include "ui/app/export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/base/whole_write.h"
#include "ui/choose/filter.h"
#include "ui/report/report.h"

int export_json(const struct snapshot *s, const char *path, struct error *err)
{
    const struct filter everything = {.vm_fd = -1};
    char clean[160];
    char *record = report_json_record(s, &everything);
    int result = 0;

    text_clean(path, strlen(path), clean, sizeof(clean));
    if (record == NULL)
        return error_set(err, -ENOMEM, "out of memory");
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        result = error_set(err, -errno, "%s was not written: %s", clean, strerror(errno));
        free(record);
        return result;
    }
    result = whole_write(fd, record, strlen(record));
    if (result == 0)
        result = whole_write(fd, "\n", 1);
    if (close(fd) < 0 && result == 0)
        result = -errno;
    if (result < 0) {
        unlink(path);
        error_set(err, result, "%s was not written: %s", clean, strerror(-result));
    }
    free(record);
    return result;
}
