// SPDX-License-Identifier: MIT
// The sections of columns: [columns] is the own choice, [columns cpu] what a set has in the place
// of ours.
#include <string.h>

#include "core/base/parse_number.h"
#include "ui/state/config_internal.h"

#define SECTION "columns"

/* The columns that a section is of; NULL: it is no section of columns. */
static struct column_choice *choice_of(struct config *config, const char *section)
{
    const size_t len = strlen(SECTION);

    if (strncmp(section, SECTION, len) != 0)
        return NULL;
    if (section[len] == '\0')
        return &config->columns;
    if (section[len] != ' ')
        return NULL;
    int set = column_set_find(section + len + 1);
    return set > COLUMN_SET_OWN ? &config->sets[set] : NULL;
}

static void add_column(struct config_parser *p, struct column_choice *c, const char *section,
                       const char *name, const char *value)
{
    int id = column_find(name);
    uint64_t width = 0;
    bool is_auto = strcmp(value, "auto") == 0;
    const char *end = is_auto ? NULL : parse_digits(value, NULL, 10, &width);

    if (id < 0) {
        config_parser_problem(p, "there is no column", name, CONFIG_COLUMN_FIX);
        config_parser_keep(p, section, name, value);
        return;
    }
    for (size_t i = 0; i < c->count; i++)
        if (c->ids[i] == (enum column_id)id) {
            config_parser_problem(p, "the column is there twice:", name, "leave one out");
            return;
        }
    /* The column itself is wanted, whatever its width. */
    if (!is_auto && (end == NULL || *end != '\0' || width < 3 || width > COLUMN_WIDTH_MAX)) {
        config_parser_problem(p, "not a width:", value, "give auto, or a number from 3 to 64");
        width = 0;
    }
    c->ids[c->count++] = (enum column_id)id;
    c->width[id] = (unsigned char)width;
}

bool config_columns_pair(struct config_parser *p, const char *section, const char *name,
                         const char *value)
{
    struct column_choice *c = choice_of(p->config, section);

    if (c == NULL)
        return false;
    add_column(p, c, section, name, value);
    return true;
}

static bool has_name(const struct column_choice *c)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->ids[i] == COLUMN_NAME)
            return true;
    return false;
}

void config_columns_check(struct config_parser *p)
{
    for (int set = COLUMN_SET_OWN; set < COLUMN_SET_COUNT; set++) {
        struct column_choice *c =
            set == COLUMN_SET_OWN ? &p->config->columns : &p->config->sets[set];
        if (c->count == 0 || has_name(c))
            continue;
        config_parser_problem(p,
                              set == COLUMN_SET_OWN
                                  ? "the name is not among the columns, so all are shown"
                                  : "the name is not among the columns of",
                              set == COLUMN_SET_OWN ? NULL : column_set_name((enum column_set)set),
                              "add name = auto");
        *c = (struct column_choice){.count = 0};
    }
}

static void write_choice(FILE *out, const struct column_choice *c)
{
    for (size_t i = 0; i < c->count; i++) {
        enum column_id id = c->ids[i];
        if (c->width[id])
            fprintf(out, "%s = %d\n", column_table[id].name, c->width[id]);
        else
            fprintf(out, "%s = auto\n", column_table[id].name);
    }
}

void config_columns_write(FILE *out, const struct config *c)
{
    fputs("\n[" SECTION "]\n; in this order; a width, or auto\n", out);
    write_choice(out, &c->columns);
    for (int set = COLUMN_SET_OWN + 1; set < COLUMN_SET_COUNT; set++) {
        if (c->sets[set].count == 0)
            continue;
        fprintf(out, "\n[" SECTION " %s]\n", column_set_name((enum column_set)set));
        write_choice(out, &c->sets[set]);
    }
}
