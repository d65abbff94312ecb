// SPDX-License-Identifier: MIT
/* --help and --version. */
#include <string.h>

#include "core/bpf/kvm_bpf.h"
#include "ui/app/options.h"

#define USAGE_WIDTH  100 /* columns */
#define USAGE_INDENT 33  /* of what an option does */

static const char *const group_titles[GROUP_COUNT] = {
    [GROUP_MODE] = "Modes (none: interactive monitor)",
    [GROUP_SELECT] = "What to show",
    [GROUP_SAMPLE] = "Sampling",
    [GROUP_SCAN] = "With --scan",
    [GROUP_FORECAST] = "With --forecast",
    [GROUP_OUTPUT] = "Output",
    [GROUP_SYSTEM] = "System",
};

/* " (text, json)", the words that an argument may be: in the next line where there is no room. */
static void put_words(const struct option_row *row, FILE *out)
{
    char words[USAGE_WIDTH] = "";
    size_t len = 0;

    for (size_t i = 0; row->words[i] != NULL && len < sizeof(words); i++)
        len += (size_t)snprintf(words + len, sizeof(words) - len, "%s%s", i > 0 ? ", " : "",
                                row->words[i]);
    bool fits = USAGE_INDENT + strlen(row->help) + strlen(words) + 3 <= USAGE_WIDTH;
    fprintf(out, "%s%*s(%s)", fits ? "" : "\n", fits ? 1 : USAGE_INDENT, "", words);
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
            fprintf(out, "  %-*s %s", USAGE_INDENT - 3, label, row->help);
            if (row->words != NULL)
                put_words(row, out);
            fputc('\n', out);
        }
    }
    fputs("\nExit status: 0 done, 1 failed, 2 usage, 3 done but some numbers could not be read.\n"
          "The manual: man kvmlens\n",
          out);
}

void options_version(FILE *out)
{
    fprintf(out, "kvmlens " KVMLENS_VERSION "\nLicence: MIT\nFeatures: %cbpf\n",
            kvm_bpf_is_built() ? '+' : '-');
}
