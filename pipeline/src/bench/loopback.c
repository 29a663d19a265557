/* The least that a sum of gradients over two processes can take: each sends half of its bytes to the other, twice, over a
   TCP socket of the loopback, and adds nothing. Prints the median of the microseconds of such a swap.

   cc -O2 loopback.c && ./a.out BYTES SWAPS */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double micros(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return 1e6 * now.tv_sec + 1e-3 * now.tv_nsec;
}

static void fail(const char* what) {
  perror(what);
  exit(1);
}

/* Sends and receives as many bytes, whatever is possible first. */
static void exchange(int peer, const char* own, char* theirs, size_t bytes) {
  size_t sent = 0, received = 0;
  while (sent < bytes || received < bytes) {
    const ssize_t out = sent < bytes ? send(peer, own + sent, bytes - sent, MSG_DONTWAIT) : 0;
    const ssize_t in = received < bytes ? recv(peer, theirs + received, bytes - received, MSG_DONTWAIT) : 0;
    if (out > 0) sent += (size_t)out;
    if (in > 0) received += (size_t)in;
    if (out <= 0 && in <= 0) {
      struct pollfd wait = {peer, (short)((sent < bytes ? POLLOUT : 0) | (received < bytes ? POLLIN : 0)), 0};
      if (poll(&wait, 1, 60000) <= 0) fail("poll");
    }
  }
}

static int ascending(const void* a, const void* b) {
  const double difference = *(const double*)a - *(const double*)b;
  return (difference > 0) - (difference < 0);
}

/* The median of the second half of the swaps. */
static double swaps(int peer, size_t bytes, int count) {
  const int immediately = 1;
  if (setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &immediately, sizeof immediately)) fail("setsockopt");
  char *own = malloc(bytes / 2), *theirs = malloc(bytes / 2);
  double* times = malloc(2 * (size_t)count * sizeof *times);
  memset(own, 1, bytes / 2);
  memset(theirs, 1, bytes / 2);
  for (int i = 0; i < 2 * count; ++i) {
    const double before = micros();
    exchange(peer, own, theirs, bytes / 2);
    exchange(peer, own, theirs, bytes / 2);
    times[i] = micros() - before;
  }
  qsort(times + count, (size_t)count, sizeof *times, ascending);
  const double median = times[count + count / 2];
  free(own);
  free(theirs);
  free(times);
  return median;
}

int main(int count, char** arguments) {
  if (count != 3) {
    fprintf(stderr, "%s BYTES SWAPS\n", arguments[0]);
    return 2;
  }
  const size_t bytes = strtoul(arguments[1], NULL, 10);
  const int times = atoi(arguments[2]);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  const int server = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(server, (void*)&address, size) || listen(server, 1)) fail("listen");
  getsockname(server, (void*)&address, &size);
  const pid_t child = fork();
  if (child == 0) {
    const int peer = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(peer, (void*)&address, size)) fail("connect");
    swaps(peer, bytes, times);
    return 0;
  }
  printf("%.1f\n", swaps(accept(server, NULL, NULL), bytes, times));
  int status;
  waitpid(child, &status, 0);
  return status != 0;
}
