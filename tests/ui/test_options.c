// SPDX-License-Identifier: MIT
#include "ui/app/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/source/sampler.h"
#include "ui/report/report.h"

#define ARGS_MAX 24

/* Parses a line split at blanks; the strings live in @buf. */
static int parse(const char *line, char buf[512], struct options *opts, struct error *err)
{
    char *argv[ARGS_MAX + 1] = {NULL}, *save = NULL;
    int argc = 0;

    snprintf(buf, 512, "kvmlens %s", line);
    for (char *word = strtok_r(buf, " ", &save); word != NULL && argc < ARGS_MAX;
         word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    *err = (struct error){0};
    return options_parse(argc, argv, opts, err);
}

static void nothing_given_means_the_monitor_with_defaults(void **state)
{
    char buf[512];
    struct options o;
    struct error err;

    (void)state;
    assert_int_equal(parse("", buf, &o, &err), 0);
    assert_int_equal(o.mode, MODE_MONITOR);
    assert_true(o.delay_s == 1.0);
    assert_int_equal(o.sources, SOURCES_ALL);
    assert_string_equal(o.format, "text");
    assert_null(o.choice.vm);
#if defined(__SANITIZE_ADDRESS__)
    assert_int_equal(o.privileges, PRIVILEGE_OFF); /* its leak checker needs what strict refuses */
#else
    assert_int_equal(o.privileges, PRIVILEGE_STRICT);
#endif
}

static void each_mode_option_chooses_its_mode(void **state)
{
    static const struct {
        const char *line;
        enum options_mode mode;
    } cases[] = {
        {"-1", MODE_ONCE},          {"--once", MODE_ONCE},    {"--batch", MODE_ONCE},
        {"-l", MODE_LOG},           {"--log", MODE_LOG},      {"--list", MODE_LIST},
        {"--doctor", MODE_DOCTOR},  {"-f help", MODE_FIELDS}, {"--fields=help", MODE_FIELDS},
        {"-h", MODE_HELP},          {"--help", MODE_HELP},    {"-V", MODE_VERSION},
        {"--version", MODE_VERSION}, {"-1 -1", MODE_ONCE},    {"-1h", MODE_HELP},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char buf[512];
        struct options o;
        struct error err;
        assert_int_equal(parse(cases[i].line, buf, &o, &err), 0);
        assert_int_equal(o.mode, cases[i].mode);
    }
}

static void a_forecast_is_of_a_vm_or_of_all_with_its_settings(void **state)
{
    char buf[512];
    struct options o;
    struct error err;

    (void)state;
    assert_int_equal(parse("--forecast web", buf, &o, &err), 0);
    assert_int_equal(o.mode, MODE_FORECAST);
    assert_string_equal(o.choice.vm, "web");
    assert_false(o.forecast_all);
    assert_true(o.forecast.bandwidth == 125e6 && o.forecast.downtime_limit_s == 0.3);
    assert_int_equal(parse("--forecast all -p 77 --bandwidth 1250.5 --link 2000 --downtime 50 "
                           "--mode multifd --channels 4 --zero-page-detection legacy "
                           "--auto-converge --duration 0.5 --max-rate 90 --format json",
                           buf, &o, &err),
                     0);
    assert_true(o.forecast_all);
    assert_null(o.choice.vm);
    assert_int_equal(o.choice.pid, 77);
    assert_true(o.forecast.bandwidth == 1250.5e6 && o.forecast.link_bandwidth == 2000e6);
    assert_true(o.forecast.downtime_limit_s == 0.05 && o.forecast.auto_converge);
    assert_int_equal(o.forecast.mode, FORECAST_MULTIFD);
    assert_int_equal(o.forecast.zero_detection, FORECAST_ZERO_LEGACY);
    assert_int_equal(o.forecast.channels, 4);
    assert_true(o.scan.duration_s == 0.5 && o.scan.max_rate_bytes == 90000000);
    assert_int_equal(
        parse("--forecast all --once --format prometheus --bandwidth 9 --max-rate 90 web", buf, &o,
              &err),
        0);
    assert_int_equal(o.mode, MODE_ONCE);
    assert_true(o.forecast_all && o.forecast.bandwidth == 9e6);
    assert_string_equal(o.choice.vm, "web");
    assert_int_equal(parse("-1 --format openmetrics --forecast all", buf, &o, &err), 0);
    assert_false(o.scan.force);
    /* who is refused for NUMA balancing is told of it */
    assert_int_equal(parse("--forecast web --force", buf, &o, &err), 0);
    assert_true(o.scan.force);
    assert_int_equal(parse("--forecast all --mode mapped-ram", buf, &o, &err), 0);
    assert_int_equal(o.forecast.mode, FORECAST_MAPPED_RAM);
}

static void what_is_no_forecast_is_refused_with_a_sentence(void **state)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"--forecast all --bandwidth 0", "0.01 to 1000000"},
        {"--forecast all --bandwidth 1e3", "0.01 to 1000000"},
        {"--forecast all --bandwidth -5", "0.01 to 1000000"},
        {"--forecast all --bandwidth 1.2.3", "0.01 to 1000000"},
        {"--forecast all --bandwidth nan", "0.01 to 1000000"},
        {"--forecast all --link 3 --bandwidth 4", "not less than --bandwidth"},
        {"--forecast all --downtime 0", "1 to 2000000"},
        {"--forecast all --mode postcopy", "precopy, multifd or mapped-ram"},
        {"--forecast all --zero-page-detection off", "default, legacy or none"},
        {"--forecast all --channels 4", "--mode multifd"},
        {"--forecast all --mode multifd --channels 256", "1 to 255"},
        {"--forecast all --duration 0.05", "0.1 to 3600"},
        {"--forecast all --duration 3601", "0.1 to 3600"},
        {"--forecast all --format csv", "text or json"},
        {"--forecast a --scan b", "exclude each other"},
        {"--forecast a b", "one VM too many"},
        {"--forecast a -p 3", "exclude each other"},
        {"--scan a --bandwidth 3", "no meaning with --scan"},
        {"--bandwidth 3", "no meaning with the interactive monitor"},
        {"--forecast a --sample 3", "no meaning with --forecast"},
        {"--forecast a -1 --format prometheus", "--once and --forecast exclude each other"},
        {"--forecast all -1", "prometheus or openmetrics"},
        {"--forecast all -l --format json", "prometheus or openmetrics"},
        {"--forecast all --format prometheus", "adds to --once and --log"},
        {"-1 --bandwidth 3 --format prometheus", "--forecast all"},
        {"-1 --max-rate 3 --format prometheus", "--forecast all"},
        {"--forecast all --list", "exclude each other"},
        {"--forecast all -1 --format prometheus --force", "every five minutes"},
        {"--forecast all -l --format prometheus --output x --force", "--forecast VM --force"},
        {"-1 --format prometheus --force", "no meaning with --once"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char buf[512];
        struct options o;
        struct error err;
        if (parse(cases[i].line, buf, &o, &err) != -EINVAL ||
            strstr(err.msg, cases[i].says) == NULL)
            fail_msg("%s: '%s'", cases[i].line, err.msg);
    }
}

static void values_reach_their_places(void **state)
{
    char buf[512];
    struct options o;
    struct error err;

    (void)state;
    assert_int_equal(parse("-l -s 0.25 -n 7 -z -i -f ^exits$ --format json -p 5164", buf, &o, &err),
                     0);
    assert_true(o.delay_s == 0.25);
    assert_int_equal(o.iterations, 7);
    assert_true(o.skip_zero);
    assert_true(o.include_past);
    assert_string_equal(o.choice.fields, "^exits$");
    assert_string_equal(o.format, "json");
    assert_int_equal(o.choice.pid, 5164);
    assert_int_equal(parse("-1 -g vm16 --sysroot tree", buf, &o, &err), 0);
    assert_string_equal(o.choice.guest, "vm16");
    assert_string_equal(o.sysroot, "tree");
    assert_int_equal(parse("vm16 --no-color --no-unicode --no-mouse --demo", buf, &o, &err), 0);
    assert_string_equal(o.choice.vm, "vm16");
    assert_true(o.no_color && o.no_unicode && o.no_mouse && o.demo);
    assert_int_equal(parse("-lc --wide vm16 -L log", buf, &o, &err), 0);
    assert_true(o.wide && !o.csv_safe && !o.skip_zero);
    assert_string_equal(o.log_file, "log");
    assert_int_equal(parse("-1c --csv-safe", buf, &o, &err), 0);
    assert_true(o.csv_safe && !o.wide);
    assert_string_equal(o.format, "csv");
    assert_int_equal(parse("-1 --format prometheus --per-vcpu -o out", buf, &o, &err), 0);
    assert_true(o.per_vcpu && !o.estimate && !o.exit_histograms);
    assert_string_equal(o.output, "out");
    assert_int_equal(parse("-1 --format openmetrics --estimate", buf, &o, &err), 0);
    assert_true(o.estimate && !o.per_vcpu);
    assert_int_equal(parse("-lt --format openmetrics --exit-histograms -o out", buf, &o, &err), 0);
    assert_true(o.exit_histograms && o.tracepoints && !o.per_vcpu);
    assert_int_equal(parse("-l --privileges=basic", buf, &o, &err), 0);
    assert_int_equal(o.privileges, PRIVILEGE_BASIC);
    assert_int_equal(parse("--privileges off --doctor", buf, &o, &err), 0);
    assert_int_equal(o.privileges, PRIVILEGE_OFF);
    assert_int_equal(parse("--privileges off --privileges strict", buf, &o, &err), 0);
    assert_int_equal(o.privileges, PRIVILEGE_STRICT);
    assert_int_equal(parse("-1 -- -odd-name", buf, &o, &err), 0);
    assert_string_equal(o.choice.vm, "-odd-name");
}

static void options_of_a_scan_are_its_request(void **state)
{
    char buf[512];
    struct options o;
    struct error err;

    (void)state;
    assert_int_equal(parse("--scan vm16", buf, &o, &err), 0);
    assert_int_equal(o.scan.mode, SCAN_EXACT);
    assert_true(o.scan.estimate_first && o.scan.idle_priority && !o.scan.force);
    assert_int_equal(parse("--scan vm16 --sample 100 --threads 2 --max-rate 5 --force "
                           "--ram 1000-3000 --ram 5000-6000 --accel c",
                           buf, &o, &err),
                     0);
    assert_int_equal(o.scan.mode, SCAN_ESTIMATE);
    assert_true(o.scan.force && !o.scan.estimate_first);
    assert_int_equal(o.scan.sample_pages, 100);
    assert_int_equal(o.scan.threads, 2);
    assert_int_equal(o.scan.max_rate_bytes, 5000000);
    assert_int_equal(o.scan.ram_count, 2);
    assert_int_equal(o.scan.ram[1].start, 0x5000);
    assert_non_null(o.scan.accel);
}

static void sources_are_a_list(void **state)
{
    char buf[512];
    struct options o;
    struct error err;

    (void)state;
    assert_int_equal(parse("-1 --source statsfd", buf, &o, &err), 0);
    assert_int_equal(o.sources, SOURCE_BIT(SOURCE_STATSFD));
    assert_int_equal(parse("-1 --source proc,statsfd", buf, &o, &err), 0);
    assert_int_equal(o.sources, SOURCE_BIT(SOURCE_STATSFD) | SOURCE_BIT(SOURCE_PROC));
    assert_int_equal(parse("-1 -d", buf, &o, &err), 0);
    assert_int_equal(o.sources, SOURCE_BIT(SOURCE_DEBUGFS) | SOURCE_BIT(SOURCE_PROC));
}

/* It is loaded where somebody says so, or names the source that reads with it. */
static void bpf_is_asked_for_by_its_name(void **state)
{
    static const char *const modes[] = {
        "", "-1", "-l", "--list", "--doctor", "--scan vm16", "--fields help", "--demo"};
    char buf[512], line[64];
    struct options o;
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        assert_int_equal(parse(modes[i], buf, &o, &err), 0);
        assert_false(o.bpf);
        snprintf(line, sizeof(line), "--bpf %s", modes[i]);
        assert_int_equal(parse(line, buf, &o, &err), 0);
        assert_true(o.bpf);
        assert_int_equal(o.sources, SOURCES_ALL);
    }
    assert_int_equal(parse("-1 --source statsfd,proc", buf, &o, &err), 0);
    assert_false(o.bpf);
    if (source_find("bpf", 3) == SOURCE_NONE) {
        print_message("skipped, --source bpf: there is no such source yet\n");
        return;
    }
    assert_int_equal(parse("-1 --source bpf", buf, &o, &err), 0);
    assert_true(o.bpf);
    assert_int_equal(parse("-1 --source proc,bpf", buf, &o, &err), 0);
    assert_true(o.bpf);
    assert_int_equal(parse("-1 --source bpf --sysroot t", buf, &o, &err), -EINVAL);
}

static void exits_are_asked_for_where_they_are_shown(void **state)
{
    static const char *const lines[] = {
        "-t",        "--tracepoints vm16", "-1t", "-lt -n 3 -p 5", "-1 -t --bpf",
        "-t --demo", "-1t --sysroot t"};
    char buf[512];
    struct options o;
    struct error err;

    (void)state;
    assert_int_equal(parse("-1", buf, &o, &err), 0);
    assert_false(o.tracepoints);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(parse(lines[i], buf, &o, &err), 0);
        assert_true(o.tracepoints);
    }
    assert_false(o.bpf);
}

static void bad_lines_are_refused_with_a_sentence_that_names_the_cause(void **state)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"--nonsense", "--nonsense"},
        {"-Q", "-Q"},
        {"-1Q", "-Q"},
        {"-s", "needs an argument: SECONDS"},
        {"--set-delay", "needs an argument: SECONDS"},
        {"--once=yes", "takes no argument"},
        {"--no", "ambiguous"},
        {"-1 -l", "--once and --log exclude each other"},
        {"--list --doctor", "exclude each other"},
        {"-l -f help", "exclude each other"},
        {"-s 0", "0.1 to 3600"},
        {"-s 0.09", "0.1 to 3600"},
        {"-s 3601", "0.1 to 3600"},
        {"-s 1e2", "0.1 to 3600"},
        {"-s 0x1", "0.1 to 3600"},
        {"-s 1,5", "0.1 to 3600"},
        {"-s nan", "0.1 to 3600"},
        {"-s inf", "0.1 to 3600"},
        {"-s -1", "0.1 to 3600"},
        {"-s .", "0.1 to 3600"},
        {"-s 1.2.3", "0.1 to 3600"},
        {"-s 1000000000000000000000", "0.1 to 3600"},
        {"-l -n 0", "whole number"},
        {"-l -n -3", "whole number"},
        {"-l -n 99999999999999999999", "whole number"},
        {"-l -n 1.5", "whole number"},
        {"-p 0", "whole number"},
        {"-p 2147483648", "whole number"},
        {"-p vm16", "whole number"},
        {"-1 --format xml", "one of text"},
        {"-1 --source fd", "statsfd, debugfs, proc"},
        {"-1 --source statsfd,", "statsfd, debugfs, proc"},
        {"-1 --source statsfd,,proc", "statsfd, debugfs, proc"},
        {"-n 3", "--iterations goes with --log: give -l or -L FILE, too"},
        {"-1 -n 3", "goes with: --log"},
        {"-z", "--skip-zero-records goes with --once, --log: give -1, -l or -L FILE, too"},
        {"-1z --format prometheus", "goes with --format text, csv or json"},
        {"-lz -o x --format openmetrics", "goes with --format text, csv or json"},
        {"-1z --format json", "with --once goes with --format text"},
        {"-1zc", "with --once goes with --format text"},
        {"--format json", "goes with: --once"},
        {"-l --no-color", "the interactive monitor"},
        {"-dtcz", "-c, --csv goes with --once, --log: give -1, -l or -L FILE, too"},
        {"-dtcz -n", "'-n' needs an argument: N"},
        {"-v", "--verbose goes with --once: give -1, too"},
        {"--doctor -p 5", "has no meaning with --doctor"},
        {"--doctor vm16", "takes no VM"},
        {"--list -t", "-t, --tracepoints has no meaning with --list"},
        {"--doctor --tracepoints", "has no meaning with --doctor"},
        {"-1tc --wide vm16", "--wide has no columns for --tracepoints"},
        {"-t --scan vm16", "has no meaning with --scan"},
        {"-t -f help", "goes with: the interactive monitor, --once, --log"},
        {"-1vc vm16", "--verbose goes with --format text"},
        {"-lv", "-v, --verbose has no meaning with --log; it goes with: --once"},
        {"a b", "one VM too many"},
        {"-p 5 -g x", "exclude each other"},
        {"-p 5 x", "exclude each other"},
        {"-l --format prometheus -o f --exit-histograms", "goes with --tracepoints"},
        {"-lt --exit-histograms", "goes with --tracepoints and --format prometheus"},
        {"-lt --format json --exit-histograms", "json has all histograms"},
        {"-1t --format prometheus --exit-histograms", "--exit-histograms has no meaning with"},
        {"--demo --sysroot t", "exclude each other"},
        {"--bpf --sysroot t", "no kernel that could run BPF programs"},
        {"--privileges none", "--privileges 'none': give strict, basic or off"},
        {"--privileges stric", "give strict, basic or off"},
        {"--privileges", "needs an argument: LEVEL"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char buf[512];
        struct options o;
        struct error err;
        int r = parse(cases[i].line, buf, &o, &err);
        if (r != -EINVAL || strstr(err.msg, cases[i].says) == NULL)
            fail_msg("'%s': %d '%s', expected '%s'", cases[i].line, r, err.msg, cases[i].says);
    }
}

static void empty_arguments_are_refused(void **state)
{
    static const char *const cases[][5] = {
        {"kvmlens", "-1", "-g", ""}, {"kvmlens", "-1", ""},           {"kvmlens", "-s", ""},
        {"kvmlens", "-1", "--source", ""}, {"kvmlens", "-1", "--sysroot", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char words[5][20], *argv[6] = {NULL};
        int argc = 0;
        struct options o;
        for (; cases[i][argc] != NULL; argc++) {
            snprintf(words[argc], sizeof(words[argc]), "%s", cases[i][argc]);
            argv[argc] = words[argc];
        }
        assert_int_equal(options_parse(argc, argv, &o, NULL), -EINVAL);
    }
}

static void hostile_arguments_are_cleaned_in_the_message(void **state)
{
    char name[] = "kvmlens", option[] = "--format", bad[] = "\x1b[31m\x9b!\xe2\x80\xae";
    char *argv[] = {name, option, bad, NULL};
    struct options o;
    struct error err;

    (void)state;
    assert_int_equal(options_parse(3, argv, &o, &err), -EINVAL);
    for (const char *p = err.msg; *p != '\0'; p++)
        assert_in_range((unsigned char)*p, 0x20, 0x7E);
}

static char *usage_text(void)
{
    char *text = NULL;
    size_t len;
    FILE *mem = open_memstream(&text, &len);

    assert_non_null(mem);
    options_usage(mem);
    fclose(mem);
    return text;
}

/* As @text, with one blank where that has several, or an end of line. */
static char *one_line(const char *text)
{
    char *out = strdup(text), *to = out;

    assert_non_null(out);
    for (const char *p = text; *p != '\0'; p++) {
        bool is_blank = *p == ' ' || *p == '\n';
        if (!is_blank || to == out || to[-1] != ' ')
            *to++ = is_blank ? ' ' : *p;
    }
    *to = '\0';
    return out;
}

static void help_lists_every_row_within_80_columns(void **state)
{
    char *text = usage_text(), *line_of_text = one_line(text);
    (void)state;
    for (const struct option_row *row = option_table; row->long_name != NULL; row++) {
        char label[64];
        snprintf(label, sizeof(label), "--%s", row->long_name);
        assert_non_null(strstr(text, label));
        assert_non_null(strstr(line_of_text, row->help));
    }
    free(line_of_text);
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
        if (strcspn(line, "\n") > 80)
            fail_msg("too wide: %.*s", (int)strcspn(line, "\n"), line);
    free(text);
}

static void no_two_rows_share_a_name(void **state)
{
    (void)state;
    for (const struct option_row *a = option_table; a->long_name != NULL; a++)
        for (const struct option_row *b = a + 1; b->long_name != NULL; b++) {
            assert_string_not_equal(a->long_name, b->long_name);
            assert_false(a->short_name != 0 && a->short_name == b->short_name);
        }
    assert_true(option_table[0].long_name != NULL);
}

static void format_words_are_the_formats(void **state)
{
    size_t i = 0;
    (void)state;
    for (; report_formats[i] != NULL; i++)
        assert_string_equal(report_formats[i]->name, report_format_words[i]);
    assert_null(report_format_words[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_given_means_the_monitor_with_defaults),
        cmocka_unit_test(each_mode_option_chooses_its_mode),
        cmocka_unit_test(a_forecast_is_of_a_vm_or_of_all_with_its_settings),
        cmocka_unit_test(what_is_no_forecast_is_refused_with_a_sentence),
        cmocka_unit_test(values_reach_their_places),
        cmocka_unit_test(options_of_a_scan_are_its_request),
        cmocka_unit_test(sources_are_a_list),
        cmocka_unit_test(bpf_is_asked_for_by_its_name),
        cmocka_unit_test(exits_are_asked_for_where_they_are_shown),
        cmocka_unit_test(bad_lines_are_refused_with_a_sentence_that_names_the_cause),
        cmocka_unit_test(empty_arguments_are_refused),
        cmocka_unit_test(hostile_arguments_are_cleaned_in_the_message),
        cmocka_unit_test(help_lists_every_row_within_80_columns),
        cmocka_unit_test(no_two_rows_share_a_name),
        cmocka_unit_test(format_words_are_the_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
