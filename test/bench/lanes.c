/*
 * Owns the closed loop of the load: every lane sends its call again as soon as it has the answer, on connections that were
 * opened before and are inherited. Written in C for the same reason as the echo child: what the load takes of the machine
 * it takes from the bridge, and from a fast one more than from a slow one.
 *
 * Read from stdin: "WARM_MS RUN_MS BYTES LANES", then for each lane one of
 *   http N             N doors that take turns; the whole response is the answer
 *   sse FD CODING 1    one door; the answer comes on the stream FD (CODING: chunked or raw), besides the door's own response
 *   child N            the N words of a command, which is started, the two lines of its handshake, and one door
 * where a door is "FD ID TOKEN LENGTH" and so many bytes, in which the nine digits of the id stand at ID and at TOKEN; FD of
 * a child's is not looked at. Written to stdout: "begin" and "end" of the window, then the figures as JSON.
 *
 * Invariants: one call at a time in each lane; every answer has the id of its call, a result, and at least BYTES bytes.
 */
#define _GNU_SOURCE
#include "reader.h"
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

typedef struct {
  int fd;
  char *bytes;
  size_t length, id, token;
} Door;

typedef struct {
  enum { HTTP, SSE, CHILD } kind;
  Door *doors;
  int count, turn;
  Reader response, stream;
  int responded, heard;
  long id;
  double sent;
} Lane;

typedef struct {
  Lane *lane;
  Reader *reader;
  int fd;
} Source;

static int poll_fd;
static size_t least;

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1e3 + at.tv_nsec / 1e6;
}

static void call(Lane *l) {
  Door *door = &l->doors[l->turn++ % l->count];
  char digits[24];
  snprintf(digits, sizeof digits, "%09ld", ++l->id);
  memcpy(door->bytes + door->id, digits, 9);
  memcpy(door->bytes + door->token, digits, 9);
  l->response.phase = l->kind == CHILD ? RAW : HEAD;
  l->response.length = l->stream.length = 0;
  l->responded = l->heard = 0;
  l->sent = now();
  for (size_t sent = 0; sent < door->length;) {
    ssize_t some = write(door->fd, door->bytes + sent, door->length - sent);
    if (some < 0 && errno != EAGAIN) fail("write", NULL, 0);
    if (some > 0) sent += (size_t)some;
  }
}

/* Whether this is the answer to the lane's call; what bears its id and is no result ends the run. */
static int answers(Lane *l, Reader *r) {
  char mark[32];
  int length = snprintf(mark, sizeof mark, "\"id\":%09ld", l->id);
  if (!memmem(r->body, r->length, mark, (size_t)length)) return 0;
  if (!memmem(r->body, r->length, "\"result\"", 8) || r->length < least) fail("no result", r->body, r->length);
  return 1;
}

static int ends(Reader *r, const char *text) {
  size_t length = strlen(text);
  return r->length >= length && memcmp(r->body + r->length - length, text, length) == 0;
}

/* Whether the lane has its answer. */
static int settle(Lane *l) {
  if (l->response.phase == DONE) l->responded = 1;
  if (l->kind == HTTP) {
    if (l->responded && !answers(l, &l->response)) fail("no answer", l->response.body, l->response.length);
    return l->responded;
  }
  Reader *r = l->kind == SSE ? &l->stream : &l->response;
  if (l->kind == CHILD ? ends(r, "\n") : ends(r, "\n\n") || ends(r, "\r\n\r\n")) {
    l->heard |= answers(l, r);
    /* Some bridges tell every client what they tell one. */
    r->length = 0;
  }
  return l->heard && (l->kind == CHILD || l->responded);
}

static void watch(Lane *l, Reader *r, int fd) {
  Source *source = room(sizeof *source);
  *source = (Source){l, r, fd};
  if (!r->raw) r->raw = room(2 * PIECE);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};
  if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll", NULL, 0);
}

static char *line(void) {
  char *text = NULL;
  size_t size = 0;
  ssize_t length = getline(&text, &size, stdin);
  if (length < 1) fail("plan", "it ends too soon", 16);
  text[length - 1] = 0;
  return text;
}

/* Starts a child as a bridge would, and shakes hands with it. */
static int start(int words) {
  char **command = room(sizeof *command * (size_t)(words + 1));
  for (int n = 0; n < words; n++) command[n] = line();
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) fail("socketpair", NULL, 0);
  if (fork() == 0) {
    dup2(pair[1], 0);
    dup2(pair[1], 1);
    execvp(command[0], command);
    fail(command[0], NULL, 0);
  }
  close(pair[1]);
  for (int n = 0; n < 2; n++) dprintf(pair[0], "%s\n", line());
  for (char c = 0; c != '\n';)
    if (read(pair[0], &c, 1) != 1) fail("the child ended", NULL, 0);
  return pair[0];
}

static void enter(Lane *l, long nth) {
  char kind[8], coding[8];
  int stream = -1, child = -1;
  if (scanf("%7s", kind) != 1) fail("plan", "a kind is missing", 17);
  l->kind = kind[0] == 'h' ? HTTP : kind[0] == 's' ? SSE : CHILD;
  if (l->kind == SSE && scanf("%d %7s", &stream, coding) != 2) fail("plan", kind, 8);
  if (scanf("%d ", &l->count) != 1) fail("plan", kind, 8);
  if (l->kind == CHILD) {
    child = start(l->count);
    l->count = 1;
  }
  l->id = 100000000 + 1000000 * nth;
  l->doors = room(sizeof *l->doors * (size_t)l->count);
  for (int n = 0; n < l->count; n++) {
    Door *d = &l->doors[n];
    if (scanf("%d %zu %zu %zu", &d->fd, &d->id, &d->token, &d->length) != 4) fail("plan", kind, 8);
    d->bytes = room(d->length);
    getchar();
    if (fread(d->bytes, 1, d->length, stdin) != d->length) fail("plan", kind, 8);
    if (child >= 0) d->fd = child;
    watch(l, &l->response, d->fd);
  }
  if (l->kind != SSE) return;
  l->stream.phase = coding[0] == 'c' ? SIZE : RAW;
  watch(l, &l->stream, stream);
}

static int order(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double spent(void) {
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  return (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e3 + (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e3;
}

static void say(const char *word) {
  if (write(1, word, strlen(word)) < 0) exit(1);
}

int main(void) {
  double warm, run;
  long lanes;
  if (scanf("%lf %lf %zu %ld", &warm, &run, &least, &lanes) != 4) fail("plan", "no head", 7);
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  Lane *all = room(sizeof *all * (size_t)lanes);
  for (long n = 0; n < lanes; n++) enter(&all[n], n);
  size_t most = 1 << 16, count = 0;
  double *took = room(sizeof *took * most);
  double start = now() + warm, end = start + run, cpu = 0;
  int begun = 0;
  for (long n = 0; n < lanes; n++) call(&all[n]);
  for (struct epoll_event events[256];;) {
    int some = epoll_wait(poll_fd, events, 256, -1);
    double at = now();
    if (!begun && at >= start) {
      begun = 1;
      cpu = spent();
      say("begin\n");
    }
    if (at > end) break;
    for (int n = 0; n < some; n++) {
      Source *source = events[n].data.ptr;
      Lane *lane = source->lane;
      take(source->reader, source->fd);
      if (!settle(lane)) continue;
      if (count == most && !(took = realloc(took, sizeof *took * (most *= 2)))) fail("memory", NULL, 0);
      if (lane->sent >= start) took[count++] = now() - lane->sent;
      call(lane);
    }
  }
  say("end\n");
  cpu = spent() - cpu;
  qsort(took, count, sizeof *took, order);
  double p50 = count ? took[count / 2] : 0, p99 = count ? took[count * 99 / 100] : 0;
  printf("{\"count\":%zu,\"ms\":%g,\"p50\":%g,\"p99\":%g,\"clientCpu\":%g}\n", count, run, p50, p99, cpu);
  return 0;
}
