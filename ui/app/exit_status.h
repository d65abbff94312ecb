/* SPDX-License-Identifier: MIT */
/*
 * Exit statuses of the program; the man page has the same list.
 */
#ifndef KVMLENS_UI_APP_EXIT_STATUS_H
#define KVMLENS_UI_APP_EXIT_STATUS_H

enum exit_status {
    STATUS_DONE = 0,
    STATUS_FAILED = 1,
    STATUS_USAGE = 2,
    STATUS_PARTIAL = 3, /* done, but some VMs or counters could not be read */
};

#endif
