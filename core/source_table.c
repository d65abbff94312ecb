// SPDX-License-Identifier: MIT
#include "core/source.h"

const struct source_ops *const source_table[] = {&source_statsfd, &source_debugfs, &source_proc,
                                                 NULL};
