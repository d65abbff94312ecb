/* SPDX-License-Identifier: MIT */
/*
 * The list of column sets of the VMs screen: one row for each. The enumeration, the keys, the names
 * in the configuration and the table in ui/state/column_sets.c are all made from it.
 */
#ifndef KVMLENS_UI_GRID_COLUMN_SET_LIST_H
#define KVMLENS_UI_GRID_COLUMN_SET_LIST_H

/*
 * SET(ID, key, name in the configuration, title on the screen, help of the key)
 *
 * ID makes COLUMN_SET_ID. The first is what a person chose freely; it has no columns of its own.
 */
/* clang-format off */
#define COLUMN_SET_LIST(SET)                                                                       \
    SET(OWN, '0', "own", "own", "columns: your own choice")                                        \
    SET(OVERVIEW, '1', "overview", "overview", "columns: overview")                                \
    SET(CPU, '2', "cpu", "CPU time", "columns: CPU, and who waits for one")                        \
    SET(EXITS, '3', "exits", "exits", "columns: exits")                                            \
    SET(MEMORY, '4', "memory", "memory", "columns: memory")                                        \
    SET(IO, '5', "io", "I/O", "columns: I/O")                                                      \
    SET(MIGRATION, '6', "migration", "migration", "columns: what a migration would cost")
/* clang-format on */

#define COLUMN_SET_LIST_ID(id, ...) COLUMN_SET_##id,
enum column_set { COLUMN_SET_LIST(COLUMN_SET_LIST_ID) COLUMN_SET_COUNT };

#endif
