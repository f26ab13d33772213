#ifndef VENUSD_RUNTIME_REQUESTS_H
#define VENUSD_RUNTIME_REQUESTS_H

#include "common/err.h"

struct requests;

struct requests *requests_new(void);
void requests_free(struct requests *requests);
/* Answers requests until venusd closes the control socket (0), or something is wrong that only a
 * bug, or a cell that closed the control descriptor, can be the reason for (-1). */
int requests_serve(struct requests *requests, struct err *err);

#endif
