#include "venusctl/command.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "venusctl/client.h"
#include "venusctl/format.h"

#define RUN_BYTES 16

/* A run's id, 32 hexadecimal digits. */
static bool parse_run(const char *text, uint8_t ret_id[RUN_BYTES])
{
	if (strlen(text) != 2 * RUN_BYTES ||
	    strspn(text, "0123456789abcdefABCDEF") != 2 * RUN_BYTES)
		return false;
	for (size_t i = 0; i < RUN_BYTES; i++) {
		char digits[3] = {text[2 * i], text[2 * i + 1], 0};

		ret_id[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return true;
}

static int print(const struct options *options, uint32_t count, struct err *err)
{
	AUTO_BUF struct buf out = BUF_INIT;

	if (options->json)
		format_json_line(&out,
		    json_pack("{s:s,s:I}", "event", "cancel", "cancelled", (json_int_t)count));
	else if (!options->quiet)
		buf_printf(&out, count ? "told %u run%s to stop\n" : "no run is going\n",
		    (unsigned)count, count == 1 ? "" : "s");
	return format_flush(&out, STDOUT_FILENO, err);
}

int command_cancel(const struct options *options, const struct home *home, struct err *err)
{
	const char *argument = options->arguments.items[0];
	Venus__V1__Request request = VENUS__V1__REQUEST__INIT;
	Venus__V1__CancelCall call = VENUS__V1__CANCEL_CALL__INIT;
	AUTO_REPLY Venus__V1__Reply *reply = NULL;
	AUTO_CLIENT struct client *client = NULL;
	AUTO_FREE char *path = NULL;
	uint8_t id[RUN_BYTES];

	request.call_case = VENUS__V1__REQUEST__CALL_CANCEL;
	request.cancel = &call;
	if (parse_run(argument, id) && !file_exists(argument)) {
		call.run = (ProtobufCBinaryData){sizeof id, id};
	} else {
		if (command_resolve_notebook(argument, &path, err) < 0)
			return -1;
		call.path = path;
	}
	if (client_open(home, false, &client, err) < 0 ||
	    client_call(client, &request, CLIENT_DEADLINE_MS, &reply, err) < 0 ||
	    print(options, reply->cancel->cancelled, err) < 0)
		return -1;
	return EXIT_DONE;
}
