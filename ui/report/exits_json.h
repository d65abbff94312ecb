/* SPDX-License-Identifier: MIT */
/* Exits in JSON records. What the keys mean is in the manual, EXITS. */
#ifndef KVMLENS_UI_REPORT_EXITS_JSON_H
#define KVMLENS_UI_REPORT_EXITS_JSON_H

#include "core/model/snapshot.h"
#include "ui/report/json.h"

/* exits_json_host - "exits" of @host: what holds for all of them; nothing where nobody asked. */
void exits_json_host(struct json_doc *doc, json_t *host, const struct snapshot *s);

/*
 * exits_json_group - "exits", "exit_keys" and the ratios of a VM or a vCPU into @object; nothing
 * where @group is NULL (report_exits_of_vm).
 */
void exits_json_group(struct json_doc *doc, json_t *object, const struct snapshot *s,
                      const struct exit_group *group);

/* exits_json_seen - "vcpus_seen" of s->vms[@vm], whose ratios are of these; nothing where nothing
 * is known of it. */
void exits_json_seen(struct json_doc *doc, json_t *object, const struct snapshot *s, size_t vm);

#endif
