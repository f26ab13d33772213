#ifndef VENUS_CTL_STATUS_H
#define VENUS_CTL_STATUS_H

#include <jansson.h>
#include <stdbool.h>

#include "venusctl/client.h"

/* The daemon's own state, as `status` and `daemon status` show it. */
json_t *status_json_daemon(const Venus__V1__StatusResult *status);
void status_text_daemon(struct buf *buf, const Venus__V1__StatusResult *status, bool verbose);
/* Asks for the state of one notebook, or of all with NULL. */
int status_ask(struct client *client, char *path, Venus__V1__Reply **ret_reply, struct err *err);

#endif
