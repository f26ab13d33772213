#include "toolchain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/mem.h"

/* What a command prints, or NULL if it failed to print or to work. */
static char *answer_of(const char *command)
{
	AUTO_BUF struct buf text = BUF_INIT;
	FILE *stream = popen(command, "r");
	char bytes[4096];
	size_t got;

	assert_non_null(stream);
	while ((got = fread(bytes, 1, sizeof bytes, stream)) > 0)
		buf_add(&text, bytes, got);
	if (pclose(stream) != 0 || text.length == 0)
		return NULL;
	if (text.data[text.length - 1] == '\n')
		text.data[text.length - 1] = 0;
	return buf_take(&text);
}

static bool find_std(struct toolchain *toolchain, const char *sysroot)
{
	AUTO_FREE char *pattern = mem_printf("%s/lib/rustlib/*/lib/libstd-*.so", sysroot);
	glob_t found;
	bool is_there = glob(pattern, 0, NULL, &found) == 0;

	if (is_there) {
		toolchain->library = mem_strdup(strrchr(found.gl_pathv[0], '/') + 1);
		toolchain->library_path = file_folder(found.gl_pathv[0]);
		globfree(&found);
	}
	return is_there;
}

bool toolchain_open(struct toolchain *toolchain, const char *rustc, const char *purpose)
{
	AUTO_FREE char *ask = mem_printf("%s --print sysroot 2>/dev/null", rustc);
	AUTO_FREE char *sysroot = answer_of(ask);
	struct err err;

	*toolchain = (struct toolchain){.rustc = rustc};
	if (!sysroot || !find_std(toolchain, sysroot)) {
		print_message("%s is not there, or has no libstd: it is not tested\n", rustc);
		return false;
	}
	toolchain->folder = mem_printf(HARNESS_OBJECTS "%s", purpose);
	if (file_remove_tree(toolchain->folder, &err) < 0 ||
	    file_make_folders(toolchain->folder, 0755, &err) < 0)
		fail_msg("%s", err.message);
	return true;
}

void toolchain_fini(struct toolchain *toolchain)
{
	struct err err;

	if (toolchain->folder && file_remove_tree(toolchain->folder, &err) < 0)
		print_message("%s\n", err.message);
	free(toolchain->library_path);
	free(toolchain->library);
	free(toolchain->folder);
}

void toolchain_compile(const struct toolchain *toolchain, const char *options, const char *source)
{
	AUTO_FREE char *command =
	    mem_printf("cd '%s' && %s --edition 2021 -C prefer-dynamic %s " VENUS_SOURCE_DIR
		       "/%s 2>&1 || echo failed",
		toolchain->folder, toolchain->rustc, options, source);
	AUTO_FREE char *answer = answer_of(command);

	if (answer && strstr(answer, "failed"))
		fail_msg("%s: %s", toolchain->rustc, answer);
}

struct harness *toolchain_start(const struct toolchain *toolchain, bool with_leaks)
{
	struct harness *harness = harness_open(&(struct harness_options){
	    .library_path = toolchain->library_path, .with_leaks = with_leaks});

	if (harness_load_name(harness, toolchain->library) == 0)
		fail_msg("%s", harness->answer->loaded->error);
	return harness;
}

uint32_t toolchain_load(const struct toolchain *toolchain, struct harness *harness,
    const char *name, bool global, bool runtime)
{
	AUTO_FREE char *path = file_join(toolchain->folder, name);
	uint32_t object = harness_load_file(harness, path, global, runtime);

	if (!object)
		fail_msg("%s", harness->answer->loaded->error);
	return object;
}
