#ifndef TESTS_WORKER_FAKE_H
#define TESTS_WORKER_FAKE_H

/* A worker that does what it is told by the variable FAKE: answers well, or does one thing that no
 * worker may do. */

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "common/file.h"
#include "common/frame.h"
#include "tests/unit/worker/fixture.h"
#include "venusd/worker/worker_internal.h"

#define MANY_WORDS 90	  /* after which that mode exits: more than are read in one turn */
#define FAKE_BYTES 100000 /* of the value of a good Done */

struct fake {
	const char *mode;
	uint64_t sent, received;
	Venus__Worker__ToWorker *request;
};

static inline void fake_send_bytes(
    const void *bytes, size_t length, const int *fds, size_t fd_count)
{
	struct err err;

	if (frame_send(CHILD_CONTROL_FD, bytes, length, fds, fd_count, &err) < 0)
		_exit(77);
}

static inline void fake_send(
    struct fake *fake, Venus__Worker__FromWorker *message, const int *fds, size_t fd_count)
{
	uint8_t bytes[FRAME_MAX];

	message->seq = ++fake->sent;
	message->ack = fake->received;
	fake_send_bytes(bytes, venus__worker__from_worker__pack(message, bytes), fds, fd_count);
}

static inline void fake_hello(struct fake *fake, uint32_t protocol)
{
	Venus__Worker__FromWorker message = VENUS__WORKER__FROM_WORKER__INIT;
	Venus__Worker__Hello hello = VENUS__WORKER__HELLO__INIT;

	hello.protocol = protocol;
	hello.memfd = true;
	message.kind_case = VENUS__WORKER__FROM_WORKER__KIND_HELLO;
	message.hello = &hello;
	fake_send(fake, &message, NULL, 0);
}

static inline void fake_crash(struct fake *fake, uint32_t signal, bool stack_overflow)
{
	Venus__Worker__FromWorker message = VENUS__WORKER__FROM_WORKER__INIT;
	Venus__Worker__Crash crash = VENUS__WORKER__CRASH__INIT;

	crash.signal = signal;
	crash.stack_overflow = stack_overflow;
	message.kind_case = VENUS__WORKER__FROM_WORKER__KIND_CRASH;
	message.crash = &crash;
	fake_send(fake, &message, NULL, 0);
}

/* Waits for the next request; the end of the socket is the worker's end. */
static inline void fake_receive(struct fake *fake)
{
	static struct frame frame;
	struct err err;

	if (fake->request)
		venus__worker__to_worker__free_unpacked(fake->request, NULL);
	if (frame_receive(CHILD_CONTROL_FD, &frame, &err) != 1)
		_exit(0);
	frame_close_fds(&frame);
	fake->request =
	    venus__worker__to_worker__unpack(NULL, frame.length, (const uint8_t *)frame.bytes);
	if (!fake->request || fake->request->seq != fake->received + 1)
		_exit(78);
	fake->received = fake->request->seq;
}

static inline int fake_memfd(const char *mode)
{
	unsigned flags =
	    strcmp(mode, "unsealable") == 0 ? MFD_CLOEXEC : MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("fake", flags), fds[2];
	size_t size = strcmp(mode, "short") == 0 ? FAKE_BYTES - 1 : FAKE_BYTES;
	char *bytes = mem_alloc(size);
	struct err err;

	if (strcmp(mode, "pipe") == 0)
		return pipe(fds) == 0 ? fds[0] : -1;
	if (strcmp(mode, "file") == 0)
		return open("/etc/passwd", O_RDONLY);
	memset(bytes, 'v', size);
	if (file_write_all(fd, bytes, size, &err) < 0)
		_exit(79);
	if (strcmp(mode, "mapped") == 0)
		(void)mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	free(bytes);
	return fd;
}

/* Done for the Run in hand, with the one fault of the mode. */
static inline void fake_done(struct fake *fake)
{
	Venus__Worker__FromWorker message = VENUS__WORKER__FROM_WORKER__INIT;
	Venus__Worker__Done done = VENUS__WORKER__DONE__INIT;
	Venus__Worker__Blob value = VENUS__WORKER__BLOB__INIT, text = VENUS__WORKER__BLOB__INIT;
	Venus__Worker__Display display = VENUS__WORKER__DISPLAY__INIT, *displays[] = {&display};
	char bad_text[] = {(char)0xc3, (char)0x28, 0}, mime[] = "text/plain";
	int fds[FRAME_FDS], fd_count = strcmp(fake->mode, "surplus") == 0 ? FRAME_FDS : 1;

	fds[0] = fake_memfd(fake->mode);
	for (int i = 1; i < fd_count; i++)
		fds[i] = dup(fds[0]);
	value.place_case = VENUS__WORKER__BLOB__PLACE_FD_INDEX;
	value.fd_index = strcmp(fake->mode, "index") == 0;
	value.size = FAKE_BYTES;
	text.place_case = VENUS__WORKER__BLOB__PLACE_INLINE_BYTES;
	text.inline_bytes = (ProtobufCBinaryData){.data = (uint8_t *)mime, .len = 4};
	text.size = strcmp(fake->mode, "inline-size") == 0 ? 5 : 4;
	display.mime = mime;
	display.data = &text;
	done.run = fake->request->run->run + (strcmp(fake->mode, "forged") == 0);
	done.status = strcmp(fake->mode, "status") == 0 ? 99 : VENUS__WORKER__DONE__STATUS__OK;
	if (strcmp(fake->mode, "utf8") == 0)
		done.message = bad_text;
	done.encodable = true;
	done.value = &value;
	done.displays = displays;
	done.n_displays = 1;
	message.kind_case = VENUS__WORKER__FROM_WORKER__KIND_DONE;
	message.done = &done;
	if (strncmp(fake->mode, "noack", 5) == 0)
		fake->received = 0;
	fake_send(fake, &message, fds, (size_t)fd_count);
	if (strcmp(fake->mode, "twice") == 0)
		fake_send(fake, &message, fds, (size_t)fd_count);
	for (int i = 0; i < fd_count; i++)
		(void)close(fds[i]);
}

static inline void fake_loaded(struct fake *fake, uint32_t object)
{
	Venus__Worker__FromWorker message = VENUS__WORKER__FROM_WORKER__INIT;
	Venus__Worker__Loaded loaded = VENUS__WORKER__LOADED__INIT;

	loaded.object = object;
	message.kind_case = VENUS__WORKER__FROM_WORKER__KIND_LOADED;
	message.loaded = &loaded;
	fake_send(fake, &message, NULL, 0);
}

static inline void fake_answer(struct fake *fake)
{
	Venus__Worker__FromWorker message = VENUS__WORKER__FROM_WORKER__INIT;
	Venus__Worker__Decoded decoded = VENUS__WORKER__DECODED__INIT;
	Venus__Worker__Dropped dropped = VENUS__WORKER__DROPPED__INIT;

	switch (fake->request->kind_case) {
	case VENUS__WORKER__TO_WORKER__KIND_LOAD:
		fake_loaded(fake, fake->request->load->object);
		break;
	case VENUS__WORKER__TO_WORKER__KIND_RUN:
		(void)dprintf(1, "run %ju\n", (uintmax_t)fake->request->run->run);
		if (strcmp(fake->mode, "kind") == 0)
			fake_loaded(fake, 1);
		else
			fake_done(fake);
		break;
	case VENUS__WORKER__TO_WORKER__KIND_DECODE:
		decoded.value = fake->request->decode->value;
		message.kind_case = VENUS__WORKER__FROM_WORKER__KIND_DECODED;
		message.decoded = &decoded;
		fake_send(fake, &message, NULL, 0);
		break;
	default:
		message.kind_case = VENUS__WORKER__FROM_WORKER__KIND_DROPPED;
		message.dropped = &dropped;
		fake_send(fake, &message, NULL, 0);
	}
}

static inline void fake_die(int number)
{
	(void)signal(number, SIG_DFL);
	(void)kill(getpid(), number);
	(void)pause();
}

static inline void fake_many_fds(void)
{
	/* More than a frame may bring, which common/frame.h does not send. */
	enum { COUNT = 250 };
	char control[CMSG_SPACE(COUNT * sizeof(int))] = {0};
	struct iovec vector = {.iov_base = control, .iov_len = 1};
	struct msghdr message = {.msg_iov = &vector,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof control};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(COUNT * sizeof(int));
	for (size_t i = 0; i < COUNT; i++)
		memcpy(CMSG_DATA(header) + i * sizeof(int), &(int){1}, sizeof(int));
	for (int i = 0; i < 4; i++)
		(void)sendmsg(CHILD_CONTROL_FD, &message, MSG_NOSIGNAL);
}

/* What is wrong already instead of a hello, or with it. */
static inline void fake_bad_start(struct fake *fake)
{
	static char bytes[70000];

	if (strcmp(fake->mode, "garbage") == 0) {
		memset(bytes, 0xff, 100);
		fake_send_bytes(bytes, 100, NULL, 0);
	} else if (strcmp(fake->mode, "oversize") == 0) {
		(void)send(CHILD_CONTROL_FD, bytes, sizeof bytes, 0);
	} else if (strcmp(fake->mode, "nokind") == 0) {
		fake_send_bytes("\x08\x01", 2, NULL, 0);
	} else if (strcmp(fake->mode, "fields") == 0) {
		for (size_t i = 0; i < 10000; i += 2)
			memcpy(bytes + i, "\xa0\x06", 2);
		memset(bytes + 10000, 1, 1);
		for (size_t i = 0; i < 12288; i += 3)
			memcpy(bytes + i, "\xa0\x06\x01", 3); /* field 100, 4096 times */
		memcpy(bytes + 12288, "\x08\x01", 2);
		fake_send_bytes(bytes, 12290, NULL, 0);
	} else if (strcmp(fake->mode, "protocol") == 0) {
		fake_hello(fake, 2);
	} else if (strcmp(fake->mode, "sequence") == 0) {
		fake->sent = 1;
		fake_hello(fake, 1);
	} else if (strcmp(fake->mode, "ack") == 0) {
		fake->received = 1;
		fake_hello(fake, 1);
	} else if (strcmp(fake->mode, "early") == 0) {
		fake_loaded(fake, 1);
	} else if (strcmp(fake->mode, "fds") == 0) {
		fake_many_fds();
	} else if (strcmp(fake->mode, "silent") != 0) {
		return;
	}
	for (;;)
		(void)pause();
}

/* What is wrong after a good hello. */
static inline void fake_bad_middle(struct fake *fake)
{
	if (strcmp(fake->mode, "unasked") == 0)
		fake_loaded(fake, 1);
	else if (strcmp(fake->mode, "hello-again") == 0)
		fake_hello(fake, 1);
	else if (strcmp(fake->mode, "exit") == 0)
		_exit(3);
	else if (strcmp(fake->mode, "hang-up") == 0)
		(void)close(CHILD_CONTROL_FD);
	else if (strcmp(fake->mode, "segv") == 0)
		fake_die(SIGSEGV);
	else if (strncmp(fake->mode, "overflow", 8) == 0)
		fake_crash(fake, SIGSEGV, true);
	else if (strcmp(fake->mode, "crash") == 0)
		fake_crash(fake, SIGABRT, false);
	else
		return;
	if (strcmp(fake->mode, "overflow") == 0)
		fake_die(SIGSEGV);
	if (strcmp(fake->mode, "crash") == 0)
		fake_die(SIGABRT);
	if (strcmp(fake->mode, "overflow-lie") == 0)
		_exit(3);
	if (strcmp(fake->mode, "overflow-talk") == 0)
		fake_loaded(fake, 1);
	for (;;)
		(void)pause();
}

static inline int fake_main(const char *mode)
{
	struct fake fake = {.mode = mode};

	fake_bad_start(&fake);
	fake_hello(&fake, 1);
	fake_bad_middle(&fake);
	for (;;) {
		fake_receive(&fake);
		fake_answer(&fake);
		if (strcmp(mode, "last-words") == 0)
			_exit(9);
		if (strcmp(mode, "many-words") == 0 && fake.received == 1 + MANY_WORDS)
			_exit(9);
	}
}

#endif
