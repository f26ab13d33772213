#include "venusd/worker/spawn/orphans.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "common/cleanup.h"

size_t orphans_kill(bool (*is_known)(pid_t pid, void *payload), void *payload)
{
	AUTO_CLOSE int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	char bytes[4096];
	ssize_t got;
	pid_t pid = 0;
	size_t killed = 0;

	if (fd < 0)
		return 0;
	/* "12 345 ", and a number may go on in the next read. The list only grows while it is read:
	 * nobody but this thread reaps. */
	while ((got = read(fd, bytes, sizeof bytes)) > 0) {
		for (ssize_t i = 0; i < got; i++) {
			if (bytes[i] >= '0' && bytes[i] <= '9') {
				pid = pid * 10 + (bytes[i] - '0');
				continue;
			}
			if (pid > 0 && !is_known(pid, payload)) {
				(void)kill(pid, SIGKILL); /* it may be ending already */
				killed++;
			}
			pid = 0;
		}
	}
	return killed;
}
