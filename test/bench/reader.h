/*
 * Owns taking apart what arrives on one connection of the load: HTTP responses with a length or in chunks, a stream that goes
 * on, or bytes as they are. For lanes.c alone.
 *
 * Invariants: nothing is asked twice of a byte that has arrived; whatever is not as expected ends the program with its reason.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum Phase { HEAD, LENGTH, SIZE, CHUNK, CHUNK_END, LAST_END, RAW, DONE };

/* What has arrived and is not taken apart yet, and what it said so far. */
typedef struct {
  enum Phase phase;
  char *raw, *body;
  size_t unread, taken, length, room;
  long left;
} Reader;

static void fail(const char *what, const char *bytes, size_t length) {
  fprintf(stderr, "%s: %.*s\n", what, (int)(length < 300 ? length : 300), bytes ? bytes : strerror(errno));
  exit(1);
}

static void *room(size_t bytes) {
  void *at = calloc(1, bytes);
  if (!at) fail("memory", NULL, 0);
  return at;
}

static void add(Reader *r, size_t bytes) {
  if (r->length + bytes > r->room) {
    r->room = 2 * (r->length + bytes);
    r->body = realloc(r->body, r->room);
    if (!r->body) fail("memory", NULL, 0);
  }
  memcpy(r->body + r->length, r->raw + r->taken, bytes);
  r->length += bytes;
  r->taken += bytes;
}

/* The value of a header in the head that ends at `end`. */
static const char *header(const char *head, const char *end, const char *name) {
  size_t length = strlen(name);
  for (const char *p = head; (p = memchr(p, '\n', end - p)) && ++p + length < end;)
    if (strncasecmp(p, name, length) == 0 && p[length] == ':') return p + length + 1;
  return NULL;
}

/* Takes one more piece apart; 0: more must arrive first. */
static int step(Reader *r) {
  char *at = r->raw + r->taken;
  size_t have = r->unread - r->taken;
  char *end;
  switch (r->phase) {
    case HEAD: {
      if (!(end = memmem(at, have, "\r\n\r\n", 4))) return 0;
      const char *length = header(at, end + 2, "content-length");
      r->left = length ? atol(length) : 0;
      r->phase = header(at, end + 2, "transfer-encoding") ? SIZE : r->left > 0 ? LENGTH : DONE;
      r->taken += end + 4 - at;
      return 1;
    }
    case SIZE:
      if (!(end = memmem(at, have, "\r\n", 2))) return 0;
      r->left = strtol(at, NULL, 16);
      r->phase = r->left > 0 ? CHUNK : LAST_END;
      r->taken += end + 2 - at;
      return 1;
    case LENGTH:
    case CHUNK: {
      if (have == 0) return 0;
      size_t part = have < (size_t)r->left ? have : (size_t)r->left;
      add(r, part);
      r->left -= (long)part;
      if (r->left == 0) r->phase = r->phase == LENGTH ? DONE : CHUNK_END;
      return 1;
    }
    case CHUNK_END:
    case LAST_END:
      if (have < 2) return 0;
      r->taken += 2;
      r->phase = r->phase == CHUNK_END ? SIZE : DONE;
      return 1;
    case RAW:
      if (have > 0) add(r, have);
      return 0;
    case DONE:
      if (have > 0) fail("bytes after the end of a response", at, have);
      return 0;
  }
  return 0;
}

#define PIECE (1 << 18)

static void take(Reader *r, int fd) {
  /* What is left is moved to the front; there is always room for another piece. */
  memmove(r->raw, r->raw + r->taken, r->unread - r->taken);
  r->unread -= r->taken;
  r->taken = 0;
  if (r->unread >= PIECE) fail("a head or a size that does not end", r->raw, r->unread);
  ssize_t got = read(fd, r->raw + r->unread, PIECE);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) fail("the connection was closed in mid-exchange", got ? NULL : "end of input", 12);
  r->unread += (size_t)got;
  while (step(r));
}
