// SPDX-License-Identifier: MIT
// The configuration file: what is read, what is told, and where it is not written.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ui/grid/theme.h"
#include "ui/state/config.h"
#include "ui/state/state.h"

static void every_setting_is_read(void **unused)
{
    struct config c;

    (void)unused;
    config_parse("; a comment\n[monitor]\ndelay = 0.5\nsort=exits\ninverted = yes\nvcpus = yes\n"
                 "theme = contrast\nbpf = yes\n[columns]\nname = 24\npid = auto\nexits = 9\n"
                 "[forecast]\nbandwidth = 12.5\ndowntime = 1000\nmode = multifd\n"
                 "auto-converge = yes\n",
                 &c);
    assert_int_equal(c.problems, 0);
    assert_true(c.delay_s == 0.5);
    assert_int_equal(c.sort, COLUMN_EXITS);
    assert_true(c.inverted && c.tree && c.bpf);
    assert_int_equal(c.theme, theme_find("contrast"));
    assert_int_equal(c.columns.count, 3);
    assert_int_equal(c.columns.ids[0], COLUMN_NAME);
    assert_int_equal(c.columns.width[COLUMN_NAME], 24);
    assert_int_equal(c.columns.width[COLUMN_PID], 0);
    assert_true(c.bandwidth == 12.5e6 && c.downtime_limit_s == 1 && c.auto_converge);
    assert_int_equal(c.mode, FORECAST_MULTIFD);
}

static void what_is_wrong_is_told_with_its_line(void **unused)
{
    static const struct {
        const char *text, *told;
    } cases[] = {
        {"[monitor]\n\ndelay = 5000\n", "3: not a delay: '5000': give seconds from 0.1"},
        {"[monitor]\ndelay = nan\n", "2: not a delay: 'nan'"},
        {"[monitor]\ntheme = sepia\n",
         "2: there is no theme 'sepia': give default, monochrome or contrast"},
        {"[monitor]\nsort = \033[31m\n", "2: there is no column '?[31m': the manual lists"},
        {"[monitor]\nbpf = on\n", "2: neither yes nor no: 'on': give one of them"},
        {"[monitor]\nvcpus = maybe\n", "2: neither yes nor no: 'maybe': give one of them"},
        {"[columns]\nname = auto\nname = 3\n", "3: the column is there twice: 'name'"},
        {"[columns]\nname = 1\n", "2: not a width: '1': give auto, or a number from 3 to 64"},
        {"[columns]\nname = wide\n", "2: not a width: 'wide'"},
        {"[columns]\nname = 0\n", "2: not a width: '0'"},
        {"[columns]\nname =\n", "2: not a width: ''"},
        {"[columns]\nname = 12px\n", "2: not a width: '12px'"},
        {"[columns]\npid = auto\n", "2: the name is not among the columns, so all are shown: add"},
        {"[monitor]\nnonsense\n", "2: neither [section] nor name = value"},
        {"[monitor\n", "1: neither [section] nor name = value"},
        {"[monitor]\nnew_thing = 1\n", "2: not known here: 'new_thing'"},
        {"[monitor]\nbandwidth = 125\n", "2: not known here: 'bandwidth'"},
        {"[forecast]\nbandwidth = 0\n", "2: not a bandwidth: '0': give MB/s from 1"},
        {"[forecast]\ndowntime = 1s\n", "2: not a downtime: '1s': give milliseconds from 1"},
        {"[forecast]\nmode = postcopy\n",
         "2: there is no mode 'postcopy': give precopy, multifd or mapped-ram"},
        {"[forecast]\nauto-converge = on\n", "2: neither yes nor no: 'on': give one of them"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config c;
        char told[200];
        config_parse(cases[i].text, &c);
        assert_int_equal(c.problems, 1);
        snprintf(told, sizeof(told), "%d: %s", c.told[0].line, c.told[0].text);
        if (strncmp(told, cases[i].told, strlen(cases[i].told)) != 0)
            fail_msg("'%s' is not '%s'", told, cases[i].told);
    }
}

static void every_wrong_line_is_told_up_to_a_bound(void **unused)
{
    static const int lines[] = {1, 3, 5, 7, 9, 10};
    char text[800], where[80];
    struct config c;

    (void)unused;
    config_parse("nonsense\n[monitor]\ntheme = x\n; a comment\nalso nonsense\ndelay = 1\n"
                 "sort = y\n\n[columns\nname\n", &c);
    assert_int_equal(c.problems, sizeof(lines) / sizeof(lines[0]));
    for (size_t i = 0; i < c.problems; i++)
        assert_int_equal(c.told[i].line, lines[i]);
    config_wrong_lines(&c, where, sizeof(where));
    assert_string_equal(where, "lines 1, 3, 5, 7, 9 and 10");
    text[0] = '\0';
    for (int i = 0; i < 50; i++)
        strcat(text, "nonsense\n");
    config_parse(text, &c);
    assert_int_equal(c.problems, 50);
    config_wrong_lines(&c, where, sizeof(where));
    assert_string_equal(where, "lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and more");
    config_parse("x", &c);
    config_wrong_lines(&c, where, sizeof(where));
    assert_string_equal(where, "line 1");
    config_parse("\xEF\xBB\xBF[monitor]\ndelay = 1\n  \t\n# fine\n", &c);
    config_wrong_lines(&c, where, sizeof(where));
    assert_string_equal(where, "");
    assert_int_equal(c.problems, 0);
}

static void a_wrong_value_leaves_the_default(void **unused)
{
    struct config c;
    struct ui_state state;

    (void)unused;
    config_parse("[monitor]\ndelay = -1\nsort = x\ntheme = y\n", &c);
    ui_state_init(&state, 24, 80, 1.0);
    ui_apply_config(&state, &c);
    assert_true(state.delay_s == 1.0);
    assert_int_equal(state.vms.sort, COLUMN_CPU);
    assert_int_equal(state.theme, THEME_DEFAULT);
    ui_state_done(&state);
}

/* What is not given is as it was: precopy over 1 Gbit/s. */
static void a_forecast_is_for_what_the_file_says(void **unused)
{
    struct config c;
    struct ui_state state;

    (void)unused;
    config_parse("[forecast]\ndowntime = 100\n", &c);
    ui_state_init(&state, 24, 80, 1.0);
    ui_apply_config(&state, &c);
    assert_true(state.migration.bandwidth == forecast_settings_default.bandwidth);
    assert_true(state.migration.downtime_limit_s == 0.1);
    assert_int_equal(state.migration.mode, FORECAST_PRECOPY);
    state.migration.auto_converge = true;
    config_init(&c);
    ui_to_config(&state, &c);
    assert_true(c.bandwidth == 125e6 && c.downtime_limit_s == 0.1 && c.auto_converge);
    assert_int_equal(c.mode, FORECAST_PRECOPY);
    ui_state_done(&state);
}

static void the_place_is_the_xdg_one_and_never_relative(void **unused)
{
    char path[64];

    (void)unused;
    assert_int_equal(config_path("/x", "/home/u", path, sizeof(path)), 0);
    assert_string_equal(path, "/x/kvmlens/config");
    assert_int_equal(config_path("relative", "/home/u", path, sizeof(path)), 0);
    assert_string_equal(path, "/home/u/.config/kvmlens/config");
    assert_int_equal(config_path(NULL, NULL, path, sizeof(path)), -ENOENT);
    assert_int_equal(config_path("", ".", path, sizeof(path)), -ENOENT);
    assert_int_equal(config_path("/x", NULL, path, 10), -ENOENT);
}

/* --- with files
 * ------------------------------------------------------------------------------------ */

struct place {
    char dir[64], path[160];
};

static int make_place(void **state)
{
    struct place *p = calloc(1, sizeof(*p));

    strcpy(p->dir, "/tmp/kvmlens-config-XXXXXX");
    if (!mkdtemp(p->dir))
        return -1;
    snprintf(p->path, sizeof(p->path), "%s/xdg/kvmlens/config", p->dir);
    *state = p;
    return 0;
}

static int remove_place(void **state)
{
    static const char *const names[] = {"xdg/kvmlens/config", "xdg/kvmlens/.config.new",
                                        "xdg/kvmlens/config.old",
                                        "xdg/kvmlens",        "xdg",
                                        "elsewhere",          "target"};
    struct place *p = *state;
    char path[200];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", p->dir, names[i]);
        remove(path);
    }
    int r = rmdir(p->dir); /* anything else in there would be a stray file */
    free(p);
    return r;
}

static void what_is_written_is_read_again_and_unknown_lines_stay(void **state)
{
    struct place *p = *state;
    struct config *c = malloc(sizeof(*c)), *again = malloc(sizeof(*again));
    struct error err = {0};
    struct stat st;

    config_parse("[monitor]\ndelay = 2.5\nsort = io\ninverted = yes\ntheme = monochrome\nbpf = "
                 "yes\nset = cpu\npane = no\nlater = 7\n[columns io]\nname = auto\nvhost = "
                 "9\n[forecast]\nbandwidth = 12.5\nmode = mapped-ram\n"
                 "[future]\na = b\n[columns]\nname = 30\nzero = auto\n",
                 c);
    assert_int_equal(c->problems, 2);
    assert_int_equal(config_write(p->path, c, &err), 0);
    assert_int_equal(stat(p->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    for (int i = 0; i < 2; i++) { /* over an old one too */
        assert_int_equal(config_read(p->path, again, &err), 0);
        assert_true(again->delay_s == 2.5 && again->inverted && again->bpf);
        assert_int_equal(again->sort, COLUMN_IO);
        assert_true(again->bandwidth == 12.5e6 && !again->auto_converge);
        assert_int_equal(again->mode, FORECAST_MAPPED_RAM);
        assert_int_equal(again->columns.count, 2);
        assert_int_equal(again->columns.width[COLUMN_NAME], 30);
        assert_int_equal(again->set, COLUMN_SET_CPU);
        assert_false(again->pane);
        assert_int_equal(again->sets[COLUMN_SET_IO].count, 2);
        assert_int_equal(again->sets[COLUMN_SET_IO].width[COLUMN_VHOST], 9);
        assert_int_equal(again->sets[COLUMN_SET_CPU].count, 0);
        assert_non_null(strstr(again->unknown, "later = 7"));
        assert_non_null(strstr(again->unknown, "[future]\na = b"));
        assert_int_equal(config_write(p->path, again, &err), 0);
    }
    free(c);
    free(again);
}

static void what_was_there_before_stays_beside_the_new_file(void **state)
{
    static const char broken[] = "[monitor]\ndelay = soon\nthis is no line at all\n";
    struct place *p = *state;
    struct config c;
    struct error err = {0};
    char old[200], text[200] = "";

    config_init(&c);
    assert_int_equal(config_write(p->path, &c, &err), 0);
    FILE *f = fopen(p->path, "w");
    assert_non_null(f);
    fputs(broken, f);
    fclose(f);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(config_write(p->path, &c, &err), 0);
        if (i == 0) {
            snprintf(old, sizeof(old), "%s.old", p->path);
            f = fopen(old, "r");
            assert_non_null(f);
            assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
            fclose(f);
            assert_string_equal(text, broken);
        }
    }
}

static void a_file_that_is_not_there_is_no_error(void **state)
{
    struct place *p = *state;
    struct config c;
    struct error err = {0};

    assert_int_equal(config_read(p->path, &c, &err), 0);
    assert_int_equal(c.sort, -1);
}

static void nothing_is_written_through_a_link(void **state)
{
    struct place *p = *state;
    struct config c;
    struct error err = {0};
    char target[100], xdg[100], dir[100];

    config_init(&c);
    snprintf(target, sizeof(target), "%s/target", p->dir);
    snprintf(xdg, sizeof(xdg), "%s/xdg", p->dir);
    snprintf(dir, sizeof(dir), "%s/xdg/kvmlens", p->dir);
    assert_int_equal(mkdir(xdg, 0700), 0);
    assert_int_equal(symlink(p->dir, dir), 0); /* the directory is a link */
    assert_true(config_write(p->path, &c, &err) < 0);
    assert_int_equal(unlink(dir), 0);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(symlink(target, p->path), 0); /* the file is a link */
    assert_int_equal(config_write(p->path, &c, &err), -EPERM);
    assert_int_equal(access(target, F_OK), -1);
}

static void another_users_files_are_neither_read_nor_written(void **state)
{
    struct place *p = *state;
    struct config c;
    struct error err = {0};
    char xdg[100];

    if (geteuid() != 0) {
        print_message("skipped: needs root to make another user's files\n");
        skip();
    }
    config_init(&c);
    assert_int_equal(config_write(p->path, &c, &err), 0);
    assert_int_equal(chown(p->path, 12345, 12345), 0);
    assert_int_equal(config_read(p->path, &c, &err), -EPERM);
    assert_int_equal(config_write(p->path, &c, &err), -EPERM);
    assert_int_equal(chown(p->path, 0, 0), 0);
    snprintf(xdg, sizeof(xdg), "%s/xdg", p->dir);
    assert_int_equal(chown(xdg, 12345, 12345), 0); /* HOME of somebody else, as sudo leaves it */
    assert_int_equal(config_write(p->path, &c, &err), -EPERM);
    assert_int_equal(chown(xdg, 0, 0), 0);
}

static void a_pipe_a_directory_or_a_huge_file_does_no_harm(void **state)
{
    struct place *p = *state;
    struct config c;
    struct error err = {0};
    char dir[100];

    config_init(&c);
    assert_int_equal(config_write(p->path, &c, &err), 0);
    assert_int_equal(truncate(p->path, CONFIG_FILE_MAX + 1), 0);
    assert_int_equal(config_read(p->path, &c, &err), -EFBIG);
    assert_int_equal(unlink(p->path), 0);
    assert_int_equal(mkfifo(p->path, 0600), 0);
    assert_int_equal(config_read(p->path, &c, &err), -EPERM);
    snprintf(dir, sizeof(dir), "%s/xdg", p->dir);
    assert_int_equal(config_read(dir, &c, &err), -EPERM);
}

int main(void)
{
#define WITH_FILES(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_is_read),
        cmocka_unit_test(what_is_wrong_is_told_with_its_line),
        cmocka_unit_test(every_wrong_line_is_told_up_to_a_bound),
        cmocka_unit_test(a_wrong_value_leaves_the_default),
        cmocka_unit_test(a_forecast_is_for_what_the_file_says),
        cmocka_unit_test(the_place_is_the_xdg_one_and_never_relative),
        WITH_FILES(what_is_written_is_read_again_and_unknown_lines_stay),
        WITH_FILES(what_was_there_before_stays_beside_the_new_file),
        WITH_FILES(a_file_that_is_not_there_is_no_error),
        WITH_FILES(nothing_is_written_through_a_link),
        WITH_FILES(another_users_files_are_neither_read_nor_written),
        WITH_FILES(a_pipe_a_directory_or_a_huge_file_does_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
