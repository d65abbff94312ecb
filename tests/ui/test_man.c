// SPDX-License-Identifier: MIT
/*
 * The man page against the tables of the program. Reads man/kvmlens.1 from the project root.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ui/exit_status.h"
#include "ui/options.h"
#include "ui/report.h"

#define PAGE "man/kvmlens.1"

static int read_page(void **state)
{
    FILE *in = fopen(PAGE, "r");
    char *text = calloc(1, 1 << 18);

    if (in == NULL || text == NULL)
        return -1;
    size_t n = fread(text, 1, (1 << 18) - 1, in);
    fclose(in);
    *state = text;
    return n > 0 ? 0 : -1;
}

static int free_page(void **state)
{
    free(*state);
    return 0;
}

/* The line that should head the paragraph of an option. */
static void heading(const struct option_row *row, char *buf, size_t size)
{
    size_t len = (size_t)snprintf(buf, size, "\n.It");

    if (row->short_name != 0)
        len += (size_t)snprintf(buf + len, size - len, " Fl %c ,", row->short_name);
    len += (size_t)snprintf(buf + len, size - len, " Fl -%s", row->long_name);
    if (row->alias != NULL)
        len += (size_t)snprintf(buf + len, size - len, " , Fl -%s", row->alias);
    if (row->arg != NULL)
        len += (size_t)snprintf(buf + len, size - len, " Ar %s", row->arg);
    snprintf(buf + len, size - len, "\n");
}

static void every_option_has_its_paragraph(void **state)
{
    for (const struct option_row *row = option_table; row->long_name != NULL; row++) {
        char line[200];
        heading(row, line, sizeof(line));
        if (strstr(*state, line) == NULL)
            fail_msg("%s lacks the line: %s", PAGE, line + 1);
    }
}

static void every_paragraph_of_an_option_is_in_the_table(void **state)
{
    const char *end = strstr(*state, "\n.Sh FORMATS");
    size_t found = 0;

    assert_non_null(end);
    for (const char *p = *state; (p = strstr(p, "\n.It Fl")) != NULL && p < end; p++) {
        bool known = false;
        for (const struct option_row *row = option_table; row->long_name != NULL && !known; row++) {
            char line[200];
            heading(row, line, sizeof(line));
            known = strncmp(p, line, strlen(line)) == 0;
        }
        if (!known)
            fail_msg("%s describes what is no option: %.60s", PAGE, p + 1);
        found++;
    }
    assert_true(found > 0);
}

static void every_format_is_described(void **state)
{
    for (size_t i = 0; report_formats[i] != NULL; i++) {
        char line[100];
        snprintf(line, sizeof(line), "\n.It Cm %s\n", report_formats[i]->name);
        if (strstr(*state, line) == NULL)
            fail_msg("%s lacks the line: %s", PAGE, line + 1);
    }
}

static void every_exit_status_is_described(void **state)
{
    const char *section = strstr(*state, "\n.Sh EXIT STATUS\n");

    assert_non_null(section);
    for (int status = STATUS_DONE; status <= STATUS_PARTIAL; status++) {
        char line[20];
        snprintf(line, sizeof(line), "\n.It %d\n", status);
        assert_non_null(strstr(section, line));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_has_its_paragraph),
        cmocka_unit_test(every_paragraph_of_an_option_is_in_the_table),
        cmocka_unit_test(every_format_is_described),
        cmocka_unit_test(every_exit_status_is_described),
    };
    return cmocka_run_group_tests(tests, read_page, free_page);
}
