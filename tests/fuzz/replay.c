/* Replays a corpus through a fuzz target's entry point, for builds without libFuzzer: replay
 * FOLDER-or-FILE... */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
	struct err err;
	AUTO_BUF struct buf buf = BUF_INIT;

	if (file_read(path, (size_t)1 << 30, &buf, &err) < 0) {
		(void)fprintf(stderr, "replay: %s\n", err.message);
		return -1;
	}
	(void)LLVMFuzzerTestOneInput((const uint8_t *)buf.data, buf.length);
	return 1;
}

static int replay(const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort), replayed = 0;

	if (count < 0)
		return replay_file(path);
	for (int i = 0; i < count; i++) {
		AUTO_FREE char *file = file_join(path, entries[i]->d_name);

		if (entries[i]->d_name[0] != '.' && replay_file(file) > 0)
			replayed++;
		free(entries[i]);
	}
	free(entries);
	return replayed;
}

int main(int argc, char **argv)
{
	int replayed = 0;

	for (int i = 1; i < argc; i++) {
		int count = replay(argv[i]);

		if (count < 0)
			return 1;
		replayed += count;
	}
	(void)printf("replayed %d inputs\n", replayed);
	return replayed ? 0 : 1;
}
