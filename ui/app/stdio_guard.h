/* SPDX-License-Identifier: MIT */
/*
 * A program started with closed standard descriptors must not get its own files at their numbers.
 */
#ifndef KVMLENS_UI_APP_STDIO_GUARD_H
#define KVMLENS_UI_APP_STDIO_GUARD_H

/*
 * stdio_guard - fill closed descriptors 0, 1 and 2 with /dev/null opened the wrong way round, so
 * that using them fails as it would have, and no file opened later is taken for standard output.
 * First thing in main(). Returns 0 or a negative errno.
 */
int stdio_guard(void);

#endif
