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

#include "core/forecast/forecast_words.h"
#include "core/model/reading.h"
#include "core/scan/scan_dirty.h"
#include "ui/app/exit_status.h"
#include "ui/app/options.h"
#include "ui/grid/keys.h"
#include "ui/report/report.h"
#include "ui/state/columns.h"

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

static void no_line_is_longer_than_80_bytes(void **state)
{
    int number = 1;

    for (const char *line = *state, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        if (end - line > 80)
            fail_msg("%s:%d: longer than 80 bytes: %.*s", PAGE, number, (int)(end - line), line);
        number++;
    }
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

/* --- parts of the page that are made from tables --- */

/* @text as words of mdoc: nothing in it may be taken for a macro, a request or punctuation. */
static void put_words(FILE *out, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        bool alone = (p == text || p[-1] == ' ') && (p[1] == '\0' || p[1] == ' ');
        if (*p == '\\')
            fputs("\\e", out);
        else if (alone && !isalnum((unsigned char)*p))
            fprintf(out, "\\&%c", *p);
        else
            fputc(*p, out);
    }
}

static void put_key_names(FILE *out, const struct key_binding *binding)
{
    for (size_t k = 0; k < KEYS_PER_BINDING && binding->keys[k] != 0; k++) {
        char name[KEY_NAME_MAX];
        fprintf(out, "%sCm ", k > 0 ? " , " : "");
        put_words(out, keys_name(binding->keys[k], name));
    }
    fputc('\n', out);
}

/* Keys of several screens stand under the first group of which all screens have them. */
static const struct {
    uint32_t flags; /* of the screens in it */
    const char *title;
} key_groups[] = {
    {0, "all screens"},
    {SCREEN_LIVE, "all screens with numbers"},
    {SCREEN_TAB, "all tabs of a VM"},
};
#define KEY_GROUPS (sizeof(key_groups) / sizeof(key_groups[0]))

static uint32_t screens_of_group(size_t group)
{
    uint32_t screens = 0;

    for (enum ui_screen screen = 0; screen < SCREEN_COUNT; screen++)
        if (screen_list_has(screen, key_groups[group].flags))
            screens |= SCREEN_BIT(screen);
    return screens;
}

/* The screens of @binding that no group before @group has named. */
static uint32_t screens_left(const struct key_binding *binding, size_t group)
{
    uint32_t left = binding->screens;

    for (size_t g = 0; g < group; g++)
        if ((left & screens_of_group(g)) == screens_of_group(g))
            left &= ~screens_of_group(g);
    return left;
}

static void put_group(FILE *out, const char *title, uint32_t screens, size_t group)
{
    bool any = false;

    for (size_t i = 0; i < key_count; i++) {
        const struct key_binding *b = &key_table[i];
        if ((screens_left(b, group) & screens) != screens)
            continue;
        if (!any)
            fprintf(out, ".Ss Keys: %s\n.Bl -tag -width Ds\n", title);
        any = true;
        fputs(".It ", out);
        put_key_names(out, b);
        fprintf(out, "%c%s.\n", toupper((unsigned char)b->help[0]), b->help + 1);
    }
    if (any)
        fputs(".El\n", out);
}

static void put_keys(FILE *out)
{
    for (size_t g = 0; g < KEY_GROUPS; g++)
        put_group(out, key_groups[g].title, screens_of_group(g), g);
    for (enum ui_screen screen = 0; screen < SCREEN_COUNT; screen++)
        put_group(out, screen_list[screen].title, SCREEN_BIT(screen), KEY_GROUPS);
}

/* Text lines of a page are short. */
static void put_folded(FILE *out, const char *text)
{
    while (strlen(text) > 78) {
        size_t len = 78;
        while (len > 0 && text[len] != ' ')
            len--;
        assert_true(len > 0);
        fprintf(out, "%.*s\n", (int)len, text);
        text += len + 1;
    }
    fprintf(out, "%s\n", text);
}

static void put_columns(FILE *out)
{
    fputs(".Bl -tag -width PF_FIX/sXX\n", out);
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        const struct column *c = &column_table[i];
        bool unit = strcmp(c->unit, "-") != 0;
        char text[300];
        snprintf(text, sizeof(text), "%s%s%s.", c->origin, unit ? "; " : "", unit ? c->unit : "");
        fprintf(out, ".It %s\n", c->title);
        put_folded(out, text);
    }
    fputs(".El\n", out);
}

/* Each sentence begins a line. */
static void put_sentences(FILE *out, const char *text)
{
    char sentence[300];

    for (const char *end; (end = strstr(text, ". ")) != NULL; text = end + 2) {
        snprintf(sentence, sizeof(sentence), "%.*s", (int)(end + 1 - text), text);
        put_folded(out, sentence);
    }
    put_folded(out, text);
}

/* Ids with what they mean and what helps; of causes that share an id the first. */
static void put_causes(FILE *out)
{
    fputs(".Bl -tag -width Ds\n", out);
    for (int i = CAUSE_NONE + 1; i < CAUSE_COUNT; i++) {
        enum reading_cause cause = (enum reading_cause)i;
        bool first = true;
        char text[300];
        for (int k = CAUSE_NONE + 1; k < i; k++)
            first &= strcmp(reading_cause_id((enum reading_cause)k), reading_cause_id(cause)) != 0;
        if (!first)
            continue;
        snprintf(text, sizeof(text), "%s.%s%s", reading_cause_text(cause),
                 reading_cause_fix(cause)[0] != '\0' ? " " : "", reading_cause_fix(cause));
        if (!isupper((unsigned char)text[1])) /* vCPU */
            text[0] = (char)toupper((unsigned char)text[0]);
        fprintf(out, ".It Cm %s%s\n", reading_cause_id(cause),
                reading_cause_nature(cause) == CAUSE_IS_PROBLEM ? " Pq problem" : "");
        put_sentences(out, text);
    }
    fputs(".El\n", out);
}

/* Those that spoil a forecast first. */
static void put_voids(FILE *out)
{
    fputs(".Bl -tag -width Ds\n", out);
    for (int i = 0; i < 2 * SCAN_VOID_COUNT; i++) {
        enum scan_void which = (enum scan_void)(i % SCAN_VOID_COUNT);
        char text[300];
        if (scan_void_spoils(which) != (i < SCAN_VOID_COUNT))
            continue;
        snprintf(text, sizeof(text), "%s.", scan_void_text(which));
        text[0] = (char)toupper((unsigned char)text[0]);
        fprintf(out, ".It Cm %s%s\n", scan_void_name(which),
                scan_void_spoils(which) ? " Pq void" : "");
        put_folded(out, text);
    }
    fputs(".El\n", out);
}

static void put_reasons(FILE *out)
{
    fputs(".Bl -tag -width Ds\n", out);
    for (size_t i = 0; i < forecast_reason_count; i++) {
        char text[300];
        snprintf(text, sizeof(text), "%s.", forecast_reason_table[i].text);
        text[0] = (char)toupper((unsigned char)text[0]);
        fprintf(out, ".It Cm %s\n", forecast_reason_table[i].name);
        put_folded(out, text);
    }
    fputs(".El\n", out);
}

static void rewrite_page(const char *before, size_t len, const char *made, const char *after)
{
    FILE *out = fopen(PAGE, "w");

    assert_non_null(out);
    fwrite(before, 1, len, out);
    fputs(made, out);
    fputs(after, out);
    assert_int_equal(fclose(out), 0);
}

/* What stands between the comments "begin NAME" and "end NAME" is what @put writes. */
static void check_made_part(char *page, const char *name, void (*put)(FILE *out))
{
    char begin[40], end[40], *made = NULL;
    size_t len;
    FILE *mem = open_memstream(&made, &len);

    assert_non_null(mem);
    put(mem);
    fclose(mem);
    snprintf(begin, sizeof(begin), "\n.\\\" begin %s\n", name);
    snprintf(end, sizeof(end), ".\\\" end %s\n", name);
    char *from = strstr(page, begin), *to = strstr(page, end);
    assert_true(from != NULL && to != NULL && from < to);
    from += strlen(begin);
    bool same = (size_t)(to - from) == len && memcmp(from, made, len) == 0;
    if (!same && getenv("GOLDEN_UPDATE") != NULL) {
        rewrite_page(page, (size_t)(from - page), made, to);
        same = true;
    }
    if (!same)
        fail_msg("the %s of %s are not those of the program; GOLDEN_UPDATE=1 writes:\n%s", name,
                 PAGE, made);
    free(made);
}

static void keys_are_those_of_the_key_table(void **state)
{
    check_made_part(*state, "keys", put_keys);
}

static void columns_are_those_of_the_column_table(void **state)
{
    check_made_part(*state, "columns", put_columns);
}

static void causes_are_those_of_the_list(void **state)
{
    check_made_part(*state, "causes", put_causes);
}

static void voids_and_reasons_of_forecasts_are_those_of_the_tables(void **state)
{
    check_made_part(*state, "voids", put_voids);
    free_page(state);
    assert_int_equal(read_page(state), 0);
    check_made_part(*state, "reasons", put_reasons);
}

/* Each test reads the page anew: one may just have rewritten it. */
#define PAGE_TEST(f) cmocka_unit_test_setup_teardown(f, read_page, free_page)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAGE_TEST(every_option_has_its_paragraph),
        PAGE_TEST(every_paragraph_of_an_option_is_in_the_table),
        PAGE_TEST(no_line_is_longer_than_80_bytes),
        PAGE_TEST(every_format_is_described),
        PAGE_TEST(every_exit_status_is_described),
        PAGE_TEST(keys_are_those_of_the_key_table),
        PAGE_TEST(columns_are_those_of_the_column_table),
        PAGE_TEST(causes_are_those_of_the_list),
        PAGE_TEST(voids_and_reasons_of_forecasts_are_those_of_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
