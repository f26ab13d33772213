#include "harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/mem.h"

#define CONTROL_FD     10
#define WAIT_SECONDS   90 /* a worker that is silent for so long hangs */
#define RESERVED_BELOW 20

static int memory_file(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void exec_worker(const struct harness_options *options, int control, int output, int errors)
{
	char library_path[4200] = "LD_LIBRARY_PATH=";
	/* Handlers of the sanitizer's own would hide those under test. */
	char checked[] = "ASAN_OPTIONS=handle_segv=1:allow_user_segv_handler=1:handle_abort=0";
	char with_leaks[] =
	    "ASAN_OPTIONS=handle_segv=1:allow_user_segv_handler=1:handle_abort=0:detect_leaks=0";
	char *env[] = {options->with_leaks ? with_leaks : checked, library_path, NULL};
	char *argv[] = {(char[]){"venus-worker"}, NULL};
	struct rlimit limit;

	if (options->library_path)
		(void)snprintf(
		    library_path, sizeof library_path, "LD_LIBRARY_PATH=%s", options->library_path);
	else
		env[1] = NULL;
	if (options->descriptors) {
		limit.rlim_cur = limit.rlim_max = options->descriptors;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	(void)dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
	if (dup2(output, STDOUT_FILENO) < 0 || dup2(errors, STDERR_FILENO) < 0 ||
	    dup2(control, CONTROL_FD) < 0)
		_exit(126);
	for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
		if (fd != CONTROL_FD)
			(void)close(fd);
	(void)execve(VENUS_BINARY_DIR "/bin/venus-worker", argv, env);
	_exit(127);
}

static int above_reserved(int fd)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, RESERVED_BELOW);

	assert_true(moved >= 0);
	(void)close(fd);
	return moved;
}

struct harness *harness_open(const struct harness_options *options)
{
	static const struct harness_options plain = {0};
	struct timeval patience = {.tv_sec = WAIT_SECONDS};
	struct harness *harness = mem_alloc(sizeof *harness);
	int pair[2];

	if (!options)
		options = &plain;
	(void)snprintf(harness->folder, sizeof harness->folder, "/tmp/venus-runtime-test.XXXXXX");
	assert_non_null(mkdtemp(harness->folder));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	if (options->without_control) {
		(void)close(pair[1]);
		pair[1] = open("/dev/null", O_RDWR | O_CLOEXEC);
	}
	assert_int_equal(
	    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
	harness->control_fd = above_reserved(pair[0]);
	pair[1] = above_reserved(pair[1]);
	harness->stdout_fd = above_reserved(memory_file("stdout"));
	harness->stderr_fd = above_reserved(memory_file("stderr"));
	harness->pid = fork();
	assert_true(harness->pid >= 0);
	if (harness->pid == 0)
		exec_worker(options, pair[1], harness->stdout_fd, harness->stderr_fd);
	(void)close(pair[1]);
	if (!options->without_control) {
		const Venus__Worker__FromWorker *hello = harness_receive(harness);

		assert_non_null(hello);
		assert_int_equal(hello->kind_case, VENUS__WORKER__FROM_WORKER__KIND_HELLO);
		assert_int_equal(hello->hello->protocol, 1);
		assert_int_equal(hello->hello->pid, harness->pid);
		assert_true(hello->hello->memfd);
	}
	return harness;
}

static void forget_answer(struct harness *harness)
{
	if (harness->answer)
		venus__worker__from_worker__free_unpacked(harness->answer, NULL);
	harness->answer = NULL;
	frame_close_fds(&harness->frame);
}

void harness_output(struct harness *harness, int fd, struct buf *buf)
{
	char bytes[4096];
	ssize_t got;
	off_t at = 0;

	(void)harness;
	while ((got = pread(fd, bytes, sizeof bytes, at)) > 0) {
		buf_add(buf, bytes, (size_t)got);
		at += got;
	}
}

int harness_wait(struct harness *harness, struct buf *errors)
{
	int status = 0;

	if (harness->pid) {
		(void)shutdown(harness->control_fd, SHUT_RDWR);
		assert_int_equal(waitpid(harness->pid, &status, 0), harness->pid);
		harness->pid = 0;
	}
	if (errors)
		harness_output(harness, harness->stderr_fd, errors);
	return status;
}

void harness_close(struct harness *harness)
{
	AUTO_BUF struct buf errors = BUF_INIT;
	struct err err;
	int status = harness_wait(harness, &errors);

	if (status != 0)
		print_message("venus-worker ended with status %#x: %s\n", status,
		    errors.data ? errors.data : "");
	forget_answer(harness);
	(void)close(harness->control_fd);
	(void)close(harness->stdout_fd);
	(void)close(harness->stderr_fd);
	assert_int_equal(file_remove_tree(harness->folder, &err), 0);
	free(harness);
	assert_int_equal(status, 0);
}

void harness_send(
    struct harness *harness, Venus__Worker__ToWorker *request, const int *fds, size_t fd_count)
{
	AUTO_BUF struct buf packed = BUF_INIT;
	size_t length;
	struct err err;

	request->seq = ++harness->sent;
	request->ack = harness->received;
	length = venus__worker__to_worker__get_packed_size(request);
	buf_reserve(&packed, length);
	(void)venus__worker__to_worker__pack(request, (uint8_t *)packed.data);
	if (frame_send(harness->control_fd, packed.data, length, fds, fd_count, &err) < 0)
		fail_msg("%s", err.message);
}

const Venus__Worker__FromWorker *harness_receive(struct harness *harness)
{
	struct err err;
	int got;

	forget_answer(harness);
	got = frame_receive(harness->control_fd, &harness->frame, &err);
	if (got < 0)
		fail_msg("%s", err.message);
	if (got == 0)
		return NULL;
	harness->answer = venus__worker__from_worker__unpack(
	    NULL, harness->frame.length, (const uint8_t *)harness->frame.bytes);
	assert_non_null(harness->answer);
	assert_int_equal(harness->answer->seq, harness->received + 1);
	assert_int_equal(harness->answer->ack, harness->sent);
	harness->received++;
	return harness->answer;
}

static uint32_t load(struct harness *harness, Venus__Worker__Load *load, int fd)
{
	Venus__Worker__ToWorker request = VENUS__WORKER__TO_WORKER__INIT;
	const Venus__Worker__FromWorker *answer;

	load->object = ++harness->next_object;
	request.kind_case = VENUS__WORKER__TO_WORKER__KIND_LOAD;
	request.load = load;
	harness_send(harness, &request, &fd, fd >= 0);
	answer = harness_receive(harness);
	assert_non_null(answer);
	assert_int_equal(answer->kind_case, VENUS__WORKER__FROM_WORKER__KIND_LOADED);
	assert_int_equal(answer->loaded->object, load->object);
	return answer->loaded->error[0] ? 0 : load->object;
}

uint32_t harness_load(
    struct harness *harness, const void *bytes, size_t length, bool global, bool runtime)
{
	Venus__Worker__Load request = VENUS__WORKER__LOAD__INIT;
	AUTO_CLOSE int fd = -1;
	struct err err;

	request.global = global;
	request.runtime = runtime;
	assert_int_equal(file_sealed_memfd("object", bytes, length, &fd, &err), 0);
	return load(harness, &request, fd);
}

uint32_t harness_load_file(struct harness *harness, const char *path, bool global, bool runtime)
{
	AUTO_BUF struct buf bytes = BUF_INIT;
	struct err err;

	if (file_read(path, 64u << 20, &bytes, &err) < 0)
		fail_msg("%s", err.message);
	return harness_load(harness, bytes.data, bytes.length, global, runtime);
}

uint32_t harness_load_name(struct harness *harness, const char *name)
{
	Venus__Worker__Load request = VENUS__WORKER__LOAD__INIT;
	AUTO_FREE char *copy = mem_strdup(name);

	request.name = copy;
	request.global = true;
	return load(harness, &request, -1);
}

uint32_t harness_load_plain(struct harness *harness)
{
	uint32_t object;

	assert_int_not_equal(
	    harness_load_file(harness, HARNESS_OBJECTS "libplain.so", true, true), 0);
	object = harness_load_file(harness, HARNESS_OBJECTS "libcells.so", false, false);
	assert_int_not_equal(object, 0);
	return object;
}

void harness_run_send(struct harness *harness, const struct harness_run *run)
{
	Venus__Worker__ToWorker request = VENUS__WORKER__TO_WORKER__INIT;
	Venus__Worker__Run message = VENUS__WORKER__RUN__INIT;
	Venus__Worker__WidgetValue settings[8], *pointers[8];
	uint64_t args[4];

	message.run = ++harness->next_run;
	message.value = ++harness->next_value;
	message.object = run->object;
	message.symbol = (char *)(uintptr_t)run->symbol;
	message.glue_object = run->glue_object ? run->glue_object : run->object;
	message.glue_symbol = (char *)(uintptr_t)(run->glue ? run->glue : "text_glue");
	message.folder = (char *)(uintptr_t)(run->folder ? run->folder : harness->folder);
	for (message.n_args = 0; message.n_args < 4 && run->args[message.n_args]; message.n_args++)
		args[message.n_args] = run->args[message.n_args];
	message.args = args;
	for (size_t i = 0; i < 8 && run->settings[i][0]; i++) {
		venus__worker__widget_value__init(&settings[i]);
		settings[i].id = (char *)(uintptr_t)run->settings[i][0];
		settings[i].value = (char *)(uintptr_t)run->settings[i][1];
		pointers[message.n_widgets++] = &settings[i];
	}
	message.widgets = pointers;
	request.kind_case = VENUS__WORKER__TO_WORKER__KIND_RUN;
	request.run = &message;
	harness_send(harness, &request, NULL, 0);
}

const Venus__Worker__Done *harness_run(struct harness *harness, const struct harness_run *run)
{
	const Venus__Worker__FromWorker *answer;

	harness_run_send(harness, run);
	answer = harness_receive(harness);
	if (!answer) {
		AUTO_BUF struct buf errors = BUF_INIT;

		harness_output(harness, harness->stderr_fd, &errors);
		fail_msg("venus-worker ended: %s", errors.data ? errors.data : "");
		return NULL;
	}
	assert_int_equal(answer->kind_case, VENUS__WORKER__FROM_WORKER__KIND_DONE);
	assert_int_equal(answer->done->run, harness->next_run);
	return answer->done;
}

const Venus__Worker__Done *harness_run_text(
    struct harness *harness, const struct harness_run *run, struct buf *text)
{
	const Venus__Worker__Done *done = harness_run(harness, run);

	if (done->status != VENUS__WORKER__DONE__STATUS__OK)
		fail_msg("%s: status %d: %s", run->symbol, (int)done->status, done->message);
	assert_true(done->encodable);
	harness_blob(harness, done->value, text);
	buf_reserve(text, 0);
	text->data[text->length] = 0;
	return done;
}

void harness_blob(struct harness *harness, const Venus__Worker__Blob *blob, struct buf *buf)
{
	static const int wanted = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	struct stat status;
	int fd;

	assert_non_null(blob);
	if (blob->place_case == VENUS__WORKER__BLOB__PLACE_INLINE_BYTES) {
		assert_int_equal(blob->size, blob->inline_bytes.len);
		buf_add(buf, blob->inline_bytes.data, blob->inline_bytes.len);
		return;
	}
	assert_int_equal(blob->place_case, VENUS__WORKER__BLOB__PLACE_FD_INDEX);
	assert_true(blob->fd_index < harness->frame.fd_count);
	fd = harness->frame.fds[blob->fd_index];
	assert_int_equal(fcntl(fd, F_GET_SEALS) & wanted, wanted);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_size, blob->size);
	buf_reserve(buf, blob->size);
	assert_int_equal(pread(fd, buf->data + buf->length, blob->size, 0), blob->size);
	buf->length += blob->size;
}

static const char *const kind_names[] = {"?", "read", "stat", "list", "write", "remove", "link"};

void harness_trace(struct harness *harness, struct buf *text)
{
	AUTO_BUF struct buf packed = BUF_INIT;
	size_t prefix = strlen(harness->folder);
	Venus__Worker__Trace *trace;

	harness_blob(harness, harness->answer->done->trace, &packed);
	trace = venus__worker__trace__unpack(NULL, packed.length, (const uint8_t *)packed.data);
	assert_non_null(trace);
	for (size_t i = 0; i < trace->n_accesses; i++) {
		const Venus__Worker__Access *access = trace->accesses[i];

		if (strncmp(access->path, harness->folder, prefix) != 0)
			continue;
		assert_in_range(access->kind, 1, ARRAY_LENGTH(kind_names) - 1);
		buf_printf(text, "%s %s", kind_names[access->kind],
		    access->path[prefix] == '/' ? access->path + prefix + 1 : ".");
		if (access->error)
			buf_printf(text, " %s", strerrorname_np((int)access->error));
		buf_add_text(text, "\n");
	}
	if (trace->incomplete)
		buf_add_text(text, "incomplete\n");
	buf_reserve(text, 0);
	text->data[text->length] = 0;
	venus__worker__trace__free_unpacked(trace, NULL);
}
