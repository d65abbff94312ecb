// SPDX-License-Identifier: MIT
#include "ui/report/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text_file.h"
#include "ui/report/report_exits.h"

/* clang-format off */
#define FORMAT(format) &report_##format,
const struct report_format *const report_formats[] = {REPORT_FORMATS(FORMAT) NULL};
#undef FORMAT

#define WORD(format) #format,
const char *const report_format_words[] = {REPORT_FORMATS(WORD) NULL};
#undef WORD
/* clang-format on */

const struct report_format *report_format_find(const char *name)
{
    for (size_t i = 0; report_formats[i] != NULL; i++)
        if (strcmp(report_formats[i]->name, name) == 0)
            return report_formats[i];
    return NULL;
}

void report_format_names(char *buf, size_t size)
{
    size_t len = 0;

    buf[0] = '\0';
    for (size_t i = 0; report_formats[i] != NULL && len < size; i++)
        len += (size_t)snprintf(buf + len, size - len, "%s%s", i > 0 ? ", " : "",
                                report_formats[i]->name);
}

void report_fresh(struct report *r)
{
    r->fresh = true;
    r->rows = 0;
}

int report_record(struct report *r, const struct snapshot *base, const struct snapshot *s,
                  FILE *out)
{
    int result = r->format->record(r, base, s, out);

    r->records++;
    r->fresh = false;
    r->joins = false;
    return result < 0 ? result : ferror(out) ? -EIO : 0;
}

int report_make(struct report *r, const struct snapshot *base, const struct snapshot *s, char **ret,
                size_t *ret_len)
{
    struct text_file file;
    int result = text_file_open(&file);

    if (result < 0)
        return result;
    result = report_record(r, base, s, file.out);
    int closed = text_file_close(&file, ret, ret_len);
    if (result == 0 || closed < 0)
        return closed;
    free(*ret);
    *ret = NULL;
    return result;
}

const struct snapshot_value *report_host_values(const struct filter *filter,
                                                const struct snapshot *s)
{
    return filter_all_vms(filter) ? s->host_values : NULL;
}

bool report_idle(const struct filter *filter, const struct snapshot *s,
                 const struct snapshot_value *values)
{
    for (size_t i = 0; i < s->field_count; i++) {
        const struct field *field = &s->fields->fields[i];
        const struct figure *rate = &values[i].rate;
        if (field->kind != FIELD_CUMULATIVE || !filter_field(filter, field))
            continue;
        if (values[i].reading.state == READING_ABSENT)
            continue;
        if (rate->state != READING_OK || rate->value != 0)
            return false;
    }
    return true;
}

bool report_idle_vm(const struct filter *filter, const struct snapshot *s, size_t vm)
{
    return report_idle(filter, s, s->vms[vm].values) &&
           !report_exits_moved(report_exits_of_vm(s, vm));
}
