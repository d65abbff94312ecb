// SPDX-License-Identifier: MIT
// Any configuration file: parsed without a fault, and what comes out is fit to be used.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ui/grid/theme.h"
#include "ui/state/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *config = malloc(sizeof(*config));
    char *text = malloc(size + 1);

    if (!config || !text)
        abort();
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    config_parse(text, config);
    if (config->sort >= COLUMN_COUNT || config->theme >= (int)theme_count ||
        config->columns.count > COLUMN_COUNT || config->delay_s < 0 || config->delay_s > 3600)
        abort();
    if (strlen(config->unknown) >= CONFIG_UNKNOWN_MAX ||
        (config->problems > 0) != (config->told[0].text[0] != 0))
        abort();
    for (size_t i = 1; i < config->problems && i < CONFIG_TOLD_MAX; i++)
        if (config->told[i].text[0] == 0 || config->told[i].line < config->told[i - 1].line)
            abort();
    for (size_t i = 0; i < config->columns.count; i++)
        if (config->columns.ids[i] >= COLUMN_COUNT ||
            config->columns.width[config->columns.ids[i]] > COLUMN_WIDTH_MAX)
            abort();
    free(text);
    free(config);
    return 0;
}
