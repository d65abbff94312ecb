// SPDX-License-Identifier: MIT
#include "ui/report/wrap.h"

#include <string.h>

#include "core/base/text.h"

static size_t without_blanks(const char *text)
{
    size_t len = strlen(text);

    while (len > 0 && text[len - 1] == ' ')
        len--;
    return len;
}

void wrap_part(struct wrap *w, const char *between, const char *part)
{
    const char *before = w->words++ > 0 ? between : "";
    const size_t width = text_width(before) + text_width(part);
    const size_t end = without_blanks(between); /* a comma that may have to end this line */

    if (w->at + width + end > WRAP_COLUMNS && w->at > w->indent) {
        fprintf(w->out, "%.*s\n%*s%s", (int)without_blanks(before), before, (int)w->indent, "",
                part);
        w->at = w->indent + text_width(part);
        return;
    }
    fprintf(w->out, "%s%s", before, part);
    w->at += width;
}

void wrap_words(struct wrap *w, const char *text)
{
    char word[256];

    while (*(text += strspn(text, " ")) != '\0') {
        size_t len = strcspn(text, " ");
        size_t kept = len < sizeof(word) ? len : sizeof(word) - 1;
        memcpy(word, text, kept);
        word[kept] = '\0';
        wrap_part(w, " ", word);
        text += len;
    }
}
