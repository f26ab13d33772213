#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first */
#include <cmocka.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/mem.h"
#include "venusd/build/rust_text.h"
#include "venusd/runtime/rt.h"

/*
 * A notebook with every form of definition is generated, compiled by the compilers that are there,
 * loaded, and run: in a universe and cells, and in plain mode; with the values as they are, and
 * with values that were encoded and decoded. A child process runs it, since loaded Rust code leaks.
 */

#define SAMPLES VENUS_SOURCE_DIR "/tests/unit/build/rust_text"
#define RUNTIME VENUS_SOURCE_DIR "/venusd/runtime/rust/venus/src/lib.rs"

struct expected {
	const char *cell;
	const char *result; /* status, then the text or message */
};

static const struct expected EXPECTED[] = {
    {"number", "1 20.0"},
    {"name_of", "1 forms"},
    {"secret", "1 Secret { inner: 1, tags: [\"a\"], type: 4 }"},
    {"secret_more", "1 25"},
    {"pair", "1 1-p"},
    {"parts", "1 (1, \"p2\", \"<1>\")"},
    {"wrapped", "1 Wrapper<u16, 3>"},
    {"unwrapped", "1 3"},
    {"borrowed", "1 Borrowed"},
    {"length", "1 7"},
    {"kind", "1 Large"},
    {"kinds", "1 [Small, Large]"},
    {"tree", "1 Tree"},
    {"depth", "1 6"},
    {"opaque", "1 Opaque"},
    {"called", "1 2"},
    {"shared", "1 Shared"},
    {"counted", "1 4"},
    {"area", "1 17.0"},
    {"shape", "1 Shape"},
    {"doubled", "1 [2, 3]"},
    {"made", "1 Made { a: 1, b: 2 }"},
    {"made_sum", "1 5"},
    {"counter", "1 6"},
    {"abi", "1 8"},
    {"fallible", "1 [1, 2]"},
    {"of_ok", "1 2"},
    {"of_whole", "1 true"},
    {"of_own", "1 6"},
    {"failing", "2 Failure { code: 4 }"},
    {"silent", "2 Silent"},
    {"panicking", "3 too large: 20 @157:16"},
    {"nothing", "1 ()"},
    {"diverging", "3 never @160:42"},
    {"words", "1 {\"a\": 2, \"b\": 1}"},
    {"größe", "1 2"},
    {"of_file", "1 from a filefrom a file"},
    {"slider", "1 3.5"},
    {"json", "1 {\n  \"a\": 2,\n  \"b\": 1\n}"},
    {"r#match", "1 166"},
    {"local", "1 9"},
    {"picked", "1 2forms"},
    {"sided", "1 4 15"},
};

/* Kept in memory only: one holds a function, one is made by a macro and has no codec. */
static const char *const NOT_ENCODABLE[] = {"opaque", "made"};

struct world {
	char folder[64];
	char *rustc, *libstd;
	struct notebook *notebook;
	struct rust_settings settings;
	bool plain, decoded;
	size_t *cells;
	size_t cell_count;
};

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *format, ...)
{
	AUTO_FREE char *command = NULL;
	va_list arguments;
	va_start(arguments, format);
	assert_true(vasprintf(&command, format, arguments) > 0);
	va_end(arguments);
	int status = system(command);
	if (status != 0)
		print_error("%s\n", command);
	assert_int_equal(status, 0);
}

/* First line of what a command prints; NULL if it fails. Owned by the caller. */
static char *line_of(const char *command)
{
	char line[1024] = "";
	FILE *pipe = popen(command, "r");
	assert_non_null(pipe);
	bool got = fgets(line, sizeof line, pipe) != NULL;
	if (pclose(pipe) != 0 || !got)
		return NULL;
	line[strcspn(line, "\n")] = '\0';
	return mem_strdup(line);
}

static void write_crate(const struct world *world, struct rust_crate *crate)
{
	struct err err;
	for (size_t i = 0; i < crate->file_count; i++) {
		AUTO_FREE char *path = file_join(world->folder, crate->files[i].name);
		assert_int_equal(file_write_atomic(path, crate->files[i].text,
				     crate->files[i].length, 0600, &err),
		    0);
	}
	rust_crate_fini(crate);
}

static void generate(const struct world *world)
{
	struct rust_crate crate = {0};
	struct err err;
	if (world->plain) {
		assert_int_equal(rust_plain_generate(world->notebook, &world->settings,
				     world->cells, world->cell_count, &crate, &err),
		    0);
		write_crate(world, &crate);
		return;
	}
	AUTO_FREE const char **types = mem_realloc_array(NULL, world->cell_count, sizeof *types);
	for (size_t i = 0; i < world->cell_count; i++)
		types[i] = world->notebook->cells[world->cells[i]].return_type;
	assert_int_equal(
	    rust_universe_generate(world->notebook, &world->settings, NULL, 0, &crate, &err), 0);
	write_crate(world, &crate);
	assert_int_equal(rust_batch_generate(world->notebook, &world->settings, world->cells,
			     world->cell_count, &crate, &err),
	    0);
	write_crate(world, &crate);
	assert_int_equal(rust_glue_generate(world->notebook, &world->settings, types,
			     world->cell_count, &crate, &err),
	    0);
	write_crate(world, &crate);
}

/* As the comment in rust_text.h has it. */
static void compile(const struct world *world)
{
	const char *d = world->folder, *rustc = world->rustc;
	bool metadata = strcmp(rustc, "/usr/bin/rustc") != 0;
	run("%s --edition 2021 --crate-name venus --crate-type dylib -C prefer-dynamic -C "
	    "opt-level=1 -C metadata=1 "
	    "-C link-arg=-Wl,-soname,libvenus-1.so -D warnings --out-dir %s " RUNTIME,
	    rustc, d);
	AUTO_FREE char *common =
	    mem_printf("%s --edition %u --crate-name nb -C prefer-dynamic --cap-lints allow "
		       "--extern venus=%s/libvenus.so -L %s --out-dir %s",
		rustc, world->settings.edition, d, d, d);
	if (world->plain) {
		run("%s --crate-type dylib --emit=link -C metadata=p -C extra-filename=-p "
		    "%s/plain.rs",
		    common, d);
		return;
	}
	if (metadata) {
		run("%s --crate-type dylib --emit=obj,metadata -C opt-level=1 -C metadata=u -C "
		    "extra-filename=-u %s/universe.rs",
		    common, d);
		run("ld.bfd -shared --eh-frame-hdr -soname libnb-u.so -o %s/libnb-u.so %s/nb-u.o",
		    d, d);
	} else {
		run("%s --crate-type dylib --emit=link -C opt-level=1 -C metadata=u -C "
		    "extra-filename=-u %s/universe.rs",
		    common, d);
	}
	static const char *const NAMES[] = {"batch", "glue"};
	for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
		run("%s --crate-type cdylib --emit=obj -C metadata=%s -C extra-filename=-%s "
		    "--extern __u=%s/libnb-u.%s %s/%s.rs",
		    common, NAMES[i], NAMES[i], d, metadata ? "rmeta" : "so", d, NAMES[i]);
		run("ld.bfd -shared --eh-frame-hdr -o %s/%s.so %s/nb-%s.o", d, NAMES[i], d,
		    NAMES[i]);
	}
}

static void *load(const char *folder, const char *name, int how)
{
	AUTO_FREE char *path = file_join(folder, name);
	void *object = dlopen(path, RTLD_NOW | how);
	if (!object) {
		fprintf(stderr, "%s\n", dlerror());
		_exit(2);
	}
	return object;
}

static void *find(void *object, char *name)
{
	void *symbol = dlsym(object, name);
	if (!symbol) {
		fprintf(stderr, "%s\n", dlerror());
		_exit(2);
	}
	free(name);
	return symbol;
}

struct loaded {
	void *runtime, *cells, *glue;
	void (*call)(const struct venus_rt_call *, struct venus_rt_outcome *);
	void *(*decode)(const void *, const uint8_t *, size_t);
	bool (*drop)(const void *, void *);
};

/* ISO C has no conversion from what dlsym gives to a function. */
static void find_function(void *object, const char *name, void *ret_function)
{
	void *symbol = find(object, mem_strdup(name));
	memcpy(ret_function, &symbol, sizeof symbol);
}

static void load_all(const struct world *world, struct loaded *loaded)
{
	(void)load("", world->libstd, RTLD_GLOBAL);
	loaded->runtime = load(world->folder, "libvenus.so", RTLD_GLOBAL);
	if (world->plain) {
		loaded->cells = loaded->glue = load(world->folder, "libnb-p.so", RTLD_LOCAL);
	} else {
		(void)load(world->folder, "libnb-u.so", RTLD_GLOBAL);
		loaded->cells = load(world->folder, "batch.so", RTLD_LOCAL);
		loaded->glue = load(world->folder, "glue.so", RTLD_LOCAL);
	}
	void (*init)(void);
	uint32_t (*abi)(void);
	find_function(loaded->runtime, "venus_rt_init", &init);
	find_function(loaded->runtime, "venus_rt_abi", &abi);
	find_function(loaded->runtime, "venus_rt_call", &loaded->call);
	find_function(loaded->runtime, "venus_rt_decode", &loaded->decode);
	find_function(loaded->runtime, "venus_rt_drop", &loaded->drop);
	if (abi() != VENUS_RT_ABI)
		_exit(3);
	init();
}

static void print_bytes(FILE *to, struct venus_rt_bytes bytes)
{
	(void)fwrite(bytes.data, 1, bytes.length, to);
}

static void print_outcome(
    const struct world *world, size_t cell, const struct venus_rt_outcome *outcome, FILE *to)
{
	fprintf(to, "%s %u ", world->notebook->cells[cell].name, outcome->status);
	if (outcome->status == VENUS_RT_OK)
		print_bytes(to, outcome->displays[0].data);
	else
		print_bytes(to, outcome->message);
	if (outcome->status == VENUS_RT_PANIC) {
		AUTO_FREE char *file =
		    mem_strndup((const char *)outcome->file.data, outcome->file.length);
		struct rust_origin origin = {0};
		bool found = rust_file_place(world->notebook, &world->settings, cell, file,
		    outcome->line, outcome->column, &origin);
		fprintf(
		    to, " @%u:%u", found ? origin.place.line : 0, found ? origin.place.column : 0);
	}
	fprintf(to, "%c", '\0');
}

static void check_encodable(
    const struct world *world, size_t cell, const struct venus_rt_outcome *outcome)
{
	bool expected = outcome->status == VENUS_RT_OK;
	for (size_t i = 0; i < ARRAY_LENGTH(NOT_ENCODABLE); i++)
		expected &= strcmp(world->notebook->cells[cell].name, NOT_ENCODABLE[i]) != 0;
	if (outcome->encodable != expected) {
		fprintf(stderr, "%s: encodable is %d\n", world->notebook->cells[cell].name,
		    outcome->encodable);
		_exit(4);
	}
	bool interior = strcmp(world->notebook->cells[cell].name, "shared") == 0 ||
			strcmp(world->notebook->cells[cell].name, "tree") == 0;
	if (expected && outcome->interior != interior) {
		fprintf(stderr, "%s: interior is %d\n", world->notebook->cells[cell].name,
		    outcome->interior);
		_exit(4);
	}
}

/* In the child: every cell in order, what came of it into `to`. */
static void run_cells(const struct world *world, FILE *to)
{
	struct loaded loaded;
	load_all(world, &loaded);
	const struct notebook *notebook = world->notebook;
	struct venus_rt_arg *values = mem_alloc(notebook->cell_count * sizeof *values);
	for (size_t i = 0; i < notebook->order_count; i++) {
		const struct notebook_cell *cell = &notebook->cells[notebook->order[i]];
		struct venus_rt_arg args[8];
		for (size_t k = 0; k < cell->param_count; k++)
			args[k] = values[cell->params[k].producer];
		void *glue = find(loaded.glue, rust_glue_symbol(cell->return_type));
		struct venus_rt_call call = {.glue = glue,
		    .args = args,
		    .arg_count = cell->param_count,
		    .cell_name = cell->name};
		call.cell = find(
		    loaded.cells, rust_cell_symbol(notebook, &world->settings, notebook->order[i]));
		struct venus_rt_outcome outcome;
		loaded.call(&call, &outcome);
		print_outcome(world, notebook->order[i], &outcome, to);
		check_encodable(world, notebook->order[i], &outcome);
		values[notebook->order[i]] = (struct venus_rt_arg){outcome.value, glue};
		if (!world->decoded || !outcome.encodable)
			continue;
		values[notebook->order[i]].value =
		    loaded.decode(glue, outcome.encoded.data, outcome.encoded.length);
		if (!values[notebook->order[i]].value || !loaded.drop(glue, outcome.value))
			_exit(5);
	}
}

static void run_in_child(const struct world *world, struct buf *output)
{
	AUTO_FREE char *path = file_join(world->folder, "output");
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		FILE *to = fopen(path, "w");
		run_cells(world, to);
		fclose(to);
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	struct err err;
	assert_int_equal(file_read(path, 1 << 20, output, &err), 0);
}

static void check_output(const struct buf *output)
{
	size_t seen = 0;
	for (const char *line = output->data; line < output->data + output->length;
	     line += strlen(line) + 1) {
		size_t name = strcspn(line, " ");
		size_t i = 0;
		while (
		    i < ARRAY_LENGTH(EXPECTED) && (strlen(EXPECTED[i].cell) != name ||
						      strncmp(EXPECTED[i].cell, line, name) != 0))
			i++;
		if (i == ARRAY_LENGTH(EXPECTED))
			fail_msg("nothing is expected of %s", line);
		assert_string_equal(line + name + 1, EXPECTED[i].result);
		seen++;
	}
	assert_int_equal(seen, ARRAY_LENGTH(EXPECTED));
}

static void world_fini(struct world *world)
{
	struct err err;
	(void)file_remove_tree(world->folder, &err); /* it lies in /tmp */
	notebook_free(world->notebook);
	free(world->cells);
	free(world->libstd);
}

static void world_init(struct world *world, const char *text, size_t length)
{
	struct err err;
	strcpy(world->folder, "/tmp/venus-rust-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	world->settings.folder = SAMPLES;
	assert_int_equal(notebook_parse(text, length, &world->notebook, &err), 0);
	for (size_t i = 0; i < world->notebook->problem_count; i++)
		print_error("%u: %s\n", world->notebook->problems[i].start.line,
		    world->notebook->problems[i].message);
	assert_int_equal(world->notebook->problem_count, 0);
	for (size_t i = 0; i < world->notebook->cell_count; i++)
		*MEM_PUSH(world->cells, world->cell_count) = i;
	AUTO_FREE char *command = mem_printf(
	    "ls $(%s --print sysroot)/lib/rustlib/*-linux-*/lib/libstd-*.so", world->rustc);
	world->libstd = line_of(command);
	assert_non_null(world->libstd);
}

static void run_forms(char *rustc, unsigned edition, bool plain)
{
	struct err err;
	AUTO_BUF struct buf text = BUF_INIT, output = BUF_INIT;
	assert_int_equal(file_read(SAMPLES "/forms.rs", 1 << 20, &text, &err), 0);
	char *block = strstr(text.data, "extern \"C\" {"); /* from 2024 on such a block says unsafe,
							      which older compilers do not know */
	assert_non_null(block);
	AUTO_FREE char *newer =
	    mem_printf("%.*sunsafe %s", (int)(block - text.data), text.data, block);
	const char *source = edition >= 2024 ? newer : text.data;
	AUTO(world_fini)
	struct world world = {.rustc = rustc, .settings.edition = edition, .plain = plain};
	world_init(&world, source, strlen(source));
	generate(&world);
	compile(&world);
	run_in_child(&world, &output);
	check_output(&output);
	buf_clear(&output);
	world.decoded = true;
	run_in_child(&world, &output);
	check_output(&output);
}

static char *rustc_on_path(void)
{
	char *rustc = line_of("rustc --print sysroot 2>/dev/null");
	if (!rustc) {
		print_message("no rustc on PATH: skipped\n");
		skip();
	}
	char *real = mem_printf("%s/bin/rustc", rustc);
	free(rustc);
	return real;
}

static void test_split(void **state)
{
	(void)state;
	AUTO_FREE char *rustc = rustc_on_path();
	run_forms(rustc, 2021, false);
}

static void test_plain(void **state)
{
	(void)state;
	AUTO_FREE char *rustc = rustc_on_path();
	run_forms(rustc, 2021, true);
}

static void test_editions(void **state)
{
	(void)state;
	AUTO_FREE char *rustc = rustc_on_path();
	/* No output file: for root, rustc would put one in the place of /dev/null. */
	AUTO_FREE char *command = mem_printf("%s --edition 2024 --print sysroot", rustc);
	AUTO_FREE char *answer = line_of(command);
	if (answer)
		run_forms(rustc, 2024, false);
	else
		print_message("%s knows no edition 2024: skipped\n", rustc);
}

static void test_old_compiler(void **state)
{
	(void)state;
	AUTO_FREE char *version = line_of("/usr/bin/rustc -V 2>/dev/null");
	if (!version || strncmp(version, "rustc 1.63.", 11) != 0) {
		print_message("/usr/bin/rustc is not 1.63: skipped\n");
		skip();
	}
	char rustc[] = "/usr/bin/rustc";
	run_forms(rustc, 2021, false);
	run_forms(rustc, 2021, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_split),
	    cmocka_unit_test(test_plain),
	    cmocka_unit_test(test_editions),
	    cmocka_unit_test(test_old_compiler),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
