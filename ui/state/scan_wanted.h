/* SPDX-License-Identifier: MIT */
/* Scan wanted: which VMs somebody wants scanned, and how. Plain data. */
#ifndef KVMLENS_UI_STATE_SCAN_WANTED_H
#define KVMLENS_UI_STATE_SCAN_WANTED_H

enum scan_which {
    SCAN_WHICH_SELECTED,
    SCAN_WHICH_TAGGED,
    SCAN_WHICH_LISTED, /* all rows of the table, in their order; of scans that end, all there are */
};

enum scan_what {
    SCAN_WHAT_EXACT,
    SCAN_WHAT_ESTIMATE,
    SCAN_WHAT_LOOKS, /* at what they write */
    SCAN_WHAT_END,   /* what runs or waits is given up */
};

struct scan_choice {
    enum scan_which which;
    enum scan_what what;
};

#endif
