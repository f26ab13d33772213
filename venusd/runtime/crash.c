/*
 * The handler runs on a stack of its own, may interrupt anything and calls async-signal-safe
 * functions only. The frame is packed beforehand up to the numbers: two copies, of which the
 * handler reads the one that `current` names, since another thread may crash while the main thread
 * writes the next. The crash message itself, of at most six bytes, is put behind.
 *
 * An overflow is told from a wild pointer by where the fault lies. Code that probes its stack
 * faults close to its stack pointer, and memory close to the stack pointer is always accessible but
 * at the stack's end. A main thread whose stack pointer has left the stack overflowed too.
 */
#include "venusd/runtime/crash.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <ucontext.h>
#include <unistd.h>

#include "common/mem.h"
#include "worker.pb-c.h"

#define SIGNAL_STACK_BYTES 65536
#define NEAR_STACK_BYTES   65536
#define NUMBERS_BYTES_MAX  24		  /* two tags, two varints of at most ten bytes */
#define CRASH_TAG	   ((8 << 3) | 2) /* FromWorker.crash, length-delimited */
#define SIGNAL_TAG	   (1 << 3)	  /* Crash.signal, varint */
#define OVERFLOW_TAG	   (2 << 3)	  /* Crash.stack_overflow, varint */

static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

/* A handler has no argument to carry a state. */
static struct {
	int control_fd;
	pid_t pid;
	uintptr_t stack_low; /* of the main thread, 0 if not known */
	atomic_flag told;
	atomic_int current;
	struct {
		size_t length;
		uint8_t bytes[NUMBERS_BYTES_MAX];
	} numbers[2];
} crash = {.control_fd = -1, .told = ATOMIC_FLAG_INIT};

static uintptr_t stack_pointer(const ucontext_t *context)
{
#if defined(__x86_64__)
	return (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
	return (uintptr_t)context->uc_mcontext.sp;
#else
#error "the stack pointer's place in a signal context is not known for this processor"
#endif
}

static bool is_overflow(int number, const siginfo_t *info, const ucontext_t *context)
{
	uintptr_t pointer = stack_pointer(context), address = (uintptr_t)info->si_addr;

	if ((number != SIGSEGV && number != SIGBUS) || info->si_code <= 0)
		return false;
	if (address + NEAR_STACK_BYTES >= pointer && address < pointer + NEAR_STACK_BYTES)
		return true;
	return gettid() == crash.pid && crash.stack_low && pointer < crash.stack_low;
}

static void tell(int number, bool overflow)
{
	int current = atomic_load(&crash.current);
	uint8_t frame[NUMBERS_BYTES_MAX + 6];
	size_t length = crash.numbers[current].length;

	memcpy(frame, crash.numbers[current].bytes, length);
	frame[length++] = CRASH_TAG;
	frame[length++] = overflow ? 4 : 2;
	frame[length++] = SIGNAL_TAG;
	frame[length++] = (uint8_t)number; /* below 128: a varint of one byte */
	if (overflow) {
		frame[length++] = OVERFLOW_TAG;
		frame[length++] = 1;
	}
	/* If the socket is full or gone the exit status still tells of the signal. */
	(void)send(crash.control_fd, frame, length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void on_crash(int number, siginfo_t *info, void *context)
{
	struct sigaction plain = {.sa_handler = SIG_DFL};

	/* Not in a child that a cell forked: the socket is not its own. */
	if (getpid() == crash.pid && !atomic_flag_test_and_set(&crash.told))
		tell(number, is_overflow(number, info, context));
	(void)sigaction(number, &plain, NULL);
	(void)raise(number);
}

void crash_set_numbers(uint64_t seq, uint64_t ack)
{
	Venus__Worker__FromWorker message = VENUS__WORKER__FROM_WORKER__INIT;
	int next = !atomic_load(&crash.current);

	message.seq = seq;
	message.ack = ack;
	assert(venus__worker__from_worker__get_packed_size(&message) <= NUMBERS_BYTES_MAX);
	crash.numbers[next].length =
	    venus__worker__from_worker__pack(&message, crash.numbers[next].bytes);
	atomic_store(&crash.current, next);
}

void *crash_stack_open(void)
{
	stack_t stack, present;
	void *memory;

	/* A sanitizer gives its threads one, and takes back what it finds. */
	if (sigaltstack(NULL, &present) < 0 || !(present.ss_flags & SS_DISABLE))
		return NULL;
	memory = mmap(NULL, SIGNAL_STACK_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (memory == MAP_FAILED)
		return NULL;
	stack = (stack_t){.ss_sp = memory, .ss_size = SIGNAL_STACK_BYTES};
	if (sigaltstack(&stack, NULL) < 0) {
		(void)munmap(memory, SIGNAL_STACK_BYTES);
		return NULL;
	}
	return memory;
}

void crash_stack_close(void *stack)
{
	stack_t none = {.ss_flags = SS_DISABLE}, present;

	if (!stack)
		return;
	if (sigaltstack(NULL, &present) == 0 && present.ss_sp == stack)
		(void)sigaltstack(
		    &none, NULL); /* fails only on the very stack, which is not where threads end */
	(void)munmap(stack, SIGNAL_STACK_BYTES);
}

static uintptr_t main_stack_low(void)
{
	pthread_attr_t attributes;
	void *low = NULL;
	size_t size = 0;

	if (pthread_getattr_np(pthread_self(), &attributes) != 0)
		return 0;
	if (pthread_attr_getstack(&attributes, &low, &size) != 0)
		low = NULL;
	(void)pthread_attr_destroy(&attributes);
	return (uintptr_t)low;
}

int crash_init(int control_fd, struct err *err)
{
	struct sigaction action = {
	    .sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

	crash.control_fd = control_fd;
	crash.pid = getpid();
	crash.stack_low = main_stack_low();
	(void)crash_stack_open(); /* lives as long as the thread does */
	for (size_t i = 0; i < ARRAY_LENGTH(signals); i++)
		if (sigaction(signals[i], &action, NULL) < 0)
			return err_set_errno(err, errno, "cannot handle signal %d", signals[i]);
	return 0;
}
