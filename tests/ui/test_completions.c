// SPDX-License-Identifier: MIT
/*
 * The completions against the option table. Reads contrib/completions from the project root.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ui/app/options.h"
#include "ui/report/report.h"

#define TEXT_MAX (1 << 16)

static const struct shell {
    const char *path;
    const char *long_prefix; /* what stands before a long option */
    bool shorts;             /* also lists short ones */
    const char *asks;        /* what stands before an option whose words --help is asked for */
} shells[] = {
    {"contrib/completions/kvmlens.bash", "--", false,
     "$(_kvmlens_words \"${COMP_WORDS[0]}\" "},
    {"contrib/completions/_kvmlens", "--", true, "$(_kvmlens_words "},
    {"contrib/completions/kvmlens.fish", "-l ", true, "(__kvmlens_words "},
};

static char *read_all(const char *path)
{
    FILE *in = fopen(path, "r");
    char *text = calloc(1, TEXT_MAX);

    assert_true(in != NULL && text != NULL);
    size_t n = fread(text, 1, TEXT_MAX - 1, in);
    fclose(in);
    assert_in_range(n, 100, TEXT_MAX - 2);
    return text;
}

static size_t name_length(const char *s)
{
    size_t n = 0;
    while (isalnum((unsigned char)s[n]) || s[n] == '-')
        n++;
    return n;
}

static bool in_table(const char *name, size_t len)
{
    for (const struct option_row *row = option_table; row->long_name != NULL; row++) {
        const char *names[] = {row->long_name, row->alias};
        for (size_t i = 0; i < 2; i++)
            if (names[i] != NULL && strlen(names[i]) == len && strncmp(names[i], name, len) == 0)
                return true;
    }
    return false;
}

static bool offers(const char *text, const char *prefix, const char *name)
{
    char wanted[80];
    size_t len = strlen(name);

    snprintf(wanted, sizeof(wanted), "%s%s", prefix, name);
    for (const char *p = text; (p = strstr(p, wanted)) != NULL; p++)
        if (name_length(p + strlen(prefix)) == len)
            return true;
    return false;
}

static void every_option_is_offered_by_every_shell(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
        char *text = read_all(shells[i].path);
        for (const struct option_row *row = option_table; row->long_name != NULL; row++) {
            if (!offers(text, shells[i].long_prefix, row->long_name))
                fail_msg("%s lacks --%s", shells[i].path, row->long_name);
            if (row->alias != NULL && !offers(text, shells[i].long_prefix, row->alias))
                fail_msg("%s lacks --%s", shells[i].path, row->alias);
            char fish[8], zsh[8];
            snprintf(fish, sizeof(fish), "-s %c ", row->short_name);
            snprintf(zsh, sizeof(zsh), "{-%c,", row->short_name);
            if (shells[i].shorts && row->short_name != 0 && strstr(text, fish) == NULL &&
                strstr(text, zsh) == NULL)
                fail_msg("%s lacks -%c", shells[i].path, row->short_name);
            /* Words that --help lists are taken from there. */
            char asks[60];
            snprintf(asks, sizeof(asks), "%s--%s)", shells[i].asks, row->long_name);
            if (row->words != NULL && strstr(text, asks) == NULL)
                fail_msg("%s does not ask --help for the words of --%s", shells[i].path,
                         row->long_name);
        }
        free(text);
    }
}

static void no_shell_offers_what_is_no_option(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
        char *text = read_all(shells[i].path);
        const char *prefix = shells[i].long_prefix;
        size_t found = 0;
        for (const char *p = text; (p = strstr(p, prefix)) != NULL; p++) {
            const char *name = p + strlen(prefix);
            size_t len = name_length(name);
            /* Only where a word begins; a bare "--" ends the options of a command of the script. */
            if (len == 0 || strchr(" \n('{,", p[-1]) == NULL)
                continue;
            if (!in_table(name, len))
                fail_msg("%s offers --%.*s, which is no option", shells[i].path, (int)len, name);
            found++;
        }
        assert_true(found > 20);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_is_offered_by_every_shell),
        cmocka_unit_test(no_shell_offers_what_is_no_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
