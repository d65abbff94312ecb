// SPDX-License-Identifier: MIT
#include "ui/report/csv.h"

#include <string.h>

static void put_quoted(FILE *out, const char *s)
{
    if (s[strcspn(s, ",\"\r\n")] == '\0') {
        fputs(s, out);
        return;
    }
    fputc('"', out);
    for (; *s != '\0'; s++) {
        if (*s == '"')
            fputc('"', out);
        fputc(*s, out);
    }
    fputc('"', out);
}

/* A spreadsheet takes a cell that begins so for a formula. */
void csv_name(const struct report *r, FILE *out, const char *name)
{
    char guarded[VM_NAME_RAW_MAX + 2];

    if (!r->csv_safe || name[0] == '\0' || strchr("=+-@", name[0]) == NULL) {
        put_quoted(out, name);
        return;
    }
    snprintf(guarded, sizeof(guarded), "'%s", name);
    put_quoted(out, guarded);
}

void csv_begin(const struct csv_row *row, const char *field, int bucket, const char *kind,
               const char *unit, int exponent)
{
    FILE *out = row->out;

    if (row->vm != NULL) {
        fprintf(out, "%s,%d,%d,", row->time, (int)row->vm->id.pid, row->vm->id.fd);
        csv_name(row->report, out, row->vm->name);
    } else {
        fprintf(out, "%s,,,", row->time);
    }
    fputc(',', out);
    if (row->vcpu != NULL)
        fprintf(out, "%d", row->vcpu->id);
    fputc(',', out);
    put_quoted(out, field);
    fputc(',', out);
    if (bucket >= 0)
        fprintf(out, "%d", bucket);
    fprintf(out, ",%s,%s,%d,", kind, unit, exponent);
}

void csv_end(const struct csv_row *row, uint8_t state, uint8_t cause)
{
    fprintf(row->out, ",%s,", reading_state_name(state));
    put_quoted(row->out, reading_cause_text(cause));
    if (!row->report->csv_is_0_1)
        fprintf(row->out, ",%s", reading_missing_id(state, cause));
    fputc('\n', row->out);
}

void csv_figure(FILE *out, const struct figure *figure)
{
    if (figure->state == READING_OK)
        fprintf(out, "%.10g", figure->value);
}
