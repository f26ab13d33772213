/*
 * Round trips of one connected nng client, in microseconds: roundtrip URL REQUEST-FILE N
 *
 * Two arms, in turns: venusd at URL answering the request in the file, and a bare nng REP that
 * echoes it. Prints a line for each arm: the times of its rounds, separated by blanks.
 */

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static nng_socket echo;

static void *serve(void *payload)
{
	nng_msg *message;

	(void)payload;
	while (nng_recvmsg(echo, &message, 0) == 0)
		if (nng_sendmsg(echo, message, 0) != 0)
			nng_msg_free(message);
	return NULL;
}

static double round_trip(nng_socket socket, const void *bytes, size_t length)
{
	struct timespec start, end;
	void *reply;
	size_t size;

	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	if (nng_send(socket, (void *)bytes, length, 0) != 0 ||
	    nng_recv(socket, &reply, &size, NNG_FLAG_ALLOC) != 0)
		exit(1);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	nng_free(reply, size);
	return (double)(end.tv_sec - start.tv_sec) * 1e6 +
	       (double)(end.tv_nsec - start.tv_nsec) / 1e3;
}

int main(int argc, char **argv)
{
	char request[65536], url[64];
	nng_socket sockets[2];
	pthread_t thread;
	double *times;
	FILE *file;
	size_t length;
	int count;

	if (argc != 4 || !(file = fopen(argv[2], "rb")))
		return 2;
	length = fread(request, 1, sizeof request, file);
	(void)fclose(file);
	count = atoi(argv[3]);
	times = calloc(2 * (size_t)count, sizeof *times);
	(void)snprintf(url, sizeof url, "ipc:///tmp/venus-echo-%d", (int)getpid());
	if (!times || nng_rep0_open(&echo) != 0 || nng_listen(echo, url, NULL, 0) != 0 ||
	    pthread_create(&thread, NULL, serve, NULL) != 0)
		return 1;
	for (int arm = 0; arm < 2; arm++)
		if (nng_req0_open(&sockets[arm]) != 0 ||
		    nng_dial(sockets[arm], arm ? url : argv[1], NULL, 0) != 0)
			return 1;
	for (int i = -50; i < count; i++)
		for (int arm = 0; arm < 2; arm++) {
			double time = round_trip(sockets[arm], request, length);

			if (i >= 0)
				times[arm * count + i] = time;
		}
	for (int arm = 0; arm < 2; arm++) {
		for (int i = 0; i < count; i++)
			(void)printf("%.1f ", times[arm * count + i]);
		(void)printf("\n");
	}
	return 0;
}
