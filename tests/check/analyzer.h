#ifndef TESTS_CHECK_ANALYZER_H
#define TESTS_CHECK_ANALYZER_H

/*
 * What clang-analyzer cannot see, since it looks at one file at a time: that these always return
 * -1. tidy.py puts this header in front of each file (but the one that defines them).
 */
#include "common/err.h"

#define err_set(...)	   (err_set(__VA_ARGS__), -1)
#define err_set_errno(...) (err_set_errno(__VA_ARGS__), -1)
#define err_prefix(...)	   (err_prefix(__VA_ARGS__), -1)

#endif
