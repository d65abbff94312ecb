/* SPDX-License-Identifier: MIT */
/* What the files of the configuration share. */
#ifndef KVMLENS_UI_STATE_CONFIG_INTERNAL_H
#define KVMLENS_UI_STATE_CONFIG_INTERNAL_H

#include <stdio.h>

#include "ui/state/config.h"

#define CONFIG_COLUMN_FIX "the manual lists them under COLUMNS"

struct config_parser {
    struct config *config;
    const char *at; /* rest of the text */
    int line;       /* that was read last: inih does not tell its handler */
    bool is_pair;   /* it must be name = value, for it is nothing else; and has not been seen yet */
    char section[64]; /* that unknown lines were kept under last */
};

/* config_parser_problem - "WHAT 'TEXT': FIX" of this line; @text NULL: "WHAT: FIX". */
void config_parser_problem(struct config_parser *parser, const char *what, const char *text,
                           const char *fix);

/* config_parser_keep - a pair that is not understood, to be written again. */
void config_parser_keep(struct config_parser *parser, const char *section, const char *name,
                        const char *value);

/* config_columns_pair - a line of [columns] or of a set. False: the section is no such one. */
bool config_columns_pair(struct config_parser *parser, const char *section, const char *name,
                         const char *value);

/* config_columns_check - all lines were read: what cannot be shown is left out. */
void config_columns_check(struct config_parser *parser);

/* config_columns_write - all of these sections. */
void config_columns_write(FILE *out, const struct config *config);

#endif
