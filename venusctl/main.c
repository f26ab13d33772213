#include <fcntl.h>
#include <unistd.h>

#include "venusctl/command.h"

/* A descriptor that is opened later must not take the place of a standard one that the caller
 * closed. */
static int open_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	return fd < 0 ? -1 : close(fd);
}

int main(int argc, char *argv[])
{
	if (open_standard_descriptors() < 0)
		return EXIT_DAEMON;
	return command_main(argc, argv);
}
