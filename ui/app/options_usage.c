// SPDX-License-Identifier: MIT
/* --help and --version. */
#include <string.h>

#include "core/bpf/kvm_bpf.h"
#include "ui/app/options.h"
#include "ui/report/wrap.h"

#define USAGE_INDENT 29 /* of what an option does */

static const char *const group_titles[GROUP_COUNT] = {
    [GROUP_MODE] = "Modes (none: interactive monitor)",
    [GROUP_SELECT] = "What to show",
    [GROUP_SAMPLE] = "Sampling",
    [GROUP_SCAN] = "With --scan",
    [GROUP_FORECAST] = "With --forecast",
    [GROUP_OUTPUT] = "Output",
    [GROUP_SYSTEM] = "System",
};

/* "(text, json)": the words that an argument may be. */
static void put_words(const struct option_row *row, struct wrap *wrap)
{
    char word[64];

    for (size_t i = 0; row->words[i] != NULL; i++) {
        snprintf(word, sizeof(word), "%s%s%s", i == 0 ? "(" : "", row->words[i],
                 row->words[i + 1] != NULL ? "," : ")");
        wrap_part(wrap, " ", word);
    }
}

void options_usage(FILE *out)
{
    fputs("Usage: kvmlens [OPTIONS] [VM]\n"
          "Shows what the virtual machines of this KVM host are doing.\n"
          "VM is a process id, pid:fd, or a name.\n",
          out);
    for (int group = 0; group < GROUP_COUNT; group++) {
        fprintf(out, "\n%s:\n", group_titles[group]);
        for (const struct option_row *row = option_table; row->long_name != NULL; row++) {
            char label[64];
            if ((int)row->group != group)
                continue;
            snprintf(label, sizeof(label), "%c%c%c --%s%s%s%s%s", row->short_name ? '-' : ' ',
                     row->short_name ? row->short_name : ' ', row->short_name ? ',' : ' ',
                     row->long_name, row->alias != NULL ? ", --" : "",
                     row->alias != NULL ? row->alias : "", row->arg != NULL ? " " : "",
                     row->arg != NULL ? row->arg : "");
            fprintf(out, "  %-*s ", USAGE_INDENT - 3, label);
            struct wrap wrap = {out, USAGE_INDENT, USAGE_INDENT, 0};
            wrap_words(&wrap, row->help);
            if (row->words != NULL)
                put_words(row, &wrap);
            fputc('\n', out);
        }
    }
    fputs("\nExit status: 0 done, 1 failed, 2 usage, 3 some numbers could not be read.\n"
          "The manual: man kvmlens\n",
          out);
}

void options_version(FILE *out)
{
    fprintf(out, "kvmlens " KVMLENS_VERSION "\nLicence: MIT\nFeatures: %cbpf\n",
            kvm_bpf_is_built() ? '+' : '-');
}
