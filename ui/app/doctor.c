// SPDX-License-Identifier: MIT
#include "ui/app/doctor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/find/host_check.h"
#include "ui/app/bpf_try.h"
#include "ui/app/confine.h"
#include "ui/app/exit_status.h"
#include "ui/report/json.h"
#include "ui/report/wrap.h"

#define INDENT 24 /* of what is found */

/* @word: what it is, or NULL. The lines that follow stand below the first of the sentence. */
static void put_sentence(const char *front, const char *text, const char *word, FILE *out)
{
    struct wrap wrap = {out, INDENT, INDENT, 0};

    fprintf(out, "%-*s", INDENT, front);
    if (word != NULL) {
        wrap_part(&wrap, "", word);
        wrap.indent += strlen(word) + 1;
    }
    wrap_words(&wrap, text);
    fputc('\n', out);
}

static void print_text(const struct host_check *check, const struct check_result *r, FILE *out)
{
    char front[64];

    snprintf(front, sizeof(front), "%-8s %-14s", host_check_level_name(r->level), check->name);
    put_sentence(front, r->finding, NULL, out);
    if (r->effect[0] != '\0')
        put_sentence("", r->effect, "so:", out);
    if (r->fix[0] != '\0')
        put_sentence("", r->fix, "fix:", out);
}

static json_t *make_json(struct json_doc *doc, const struct host_check *check,
                         const struct check_result *r)
{
    json_t *object = json_object();

    json_put(doc, object, "name", json_string(check->name));
    json_put(doc, object, "level", json_string(host_check_level_name(r->level)));
    json_put(doc, object, "finding", json_put_text(r->finding));
    if (r->effect[0] != '\0')
        json_put(doc, object, "effect", json_put_text(r->effect));
    if (r->fix[0] != '\0')
        json_put(doc, object, "fix", json_put_text(r->fix));
    return object;
}

static int print_json(struct json_doc *doc, json_t *checks, FILE *out)
{
    json_t *record = json_object();

    json_put(doc, record, "schema", json_string("kvmlens-doctor/1"));
    json_put(doc, record, "checks", checks);
    char *text = json_put_end(doc, record);
    if (text == NULL)
        return -ENOMEM;
    fprintf(out, "%s\n", text);
    free(text);
    return 0;
}

/* What is about this program rather than about the host. */
static const struct host_check own_checks[] = {{"confinement", confine_check}, {NULL, NULL}};
/* What is asked for. */
static const struct host_check bpf_checks[] = {
    {"bpf-load", bpf_try}, {"exits-load", bpf_try_exits}, {NULL, NULL}};

int doctor_run(const struct rootfs *root, const struct host *host, bool json, bool bpf, FILE *out)
{
    struct json_doc doc = {.failed = false};
    json_t *checks = json ? json_array() : NULL;
    const struct host_check *const tables[] = {host_checks, own_checks, bpf_checks};
    const size_t count = sizeof(tables) / sizeof(tables[0]) - (bpf ? 0 : 1);
    size_t problems = 0;
    int result = 0;

    for (size_t t = 0; t < count; t++) {
        for (const struct host_check *check = tables[t]; check->name != NULL; check++) {
            struct check_result found;
            host_check_run(check, root, host, &found);
            problems += found.level == CHECK_PROBLEM;
            if (json)
                json_put_item(&doc, checks, make_json(&doc, check, &found));
            else
                print_text(check, &found, out);
        }
    }
    if (json)
        result = print_json(&doc, checks, out);
    else if (problems == 0)
        fputs("nothing stands between kvmlens and the numbers of this host\n", out);
    else
        fprintf(out, "%zu problem%s\n", problems, problems == 1 ? "" : "s");
    if (result < 0 || ferror(out))
        return result < 0 ? result : -EIO;
    return problems > 0 ? STATUS_PARTIAL : STATUS_DONE;
}
