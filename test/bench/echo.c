/*
 * Owns the smallest MCP server over stdio: it answers initialize, ping, tools/list and two tools, so that a
 * measured bridge never waits for its child.
 *   echo  {"text": "…"}  gives the text back;  {"size": N} gives N letters
 *   burst {"count": N}   sends N progress notifications, then the answer
 * Invariants: one line in, one line out, in order; unknown requests get an empty result; ends at end of input.
 * It trusts its input to be one JSON object per line: it is a measuring device, not an example.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  const char *at;
  size_t length;
} Span;

/* The end of the JSON value that begins at p. */
static const char *skip(const char *p) {
  if (*p == '"') {
    for (p++; *p && *p != '"'; p++)
      if (*p == '\\' && p[1]) p++;
    return *p ? p + 1 : p;
  }
  if (*p == '{' || *p == '[') {
    int depth = 0;
    for (; *p; p++) {
      if (*p == '"') {
        p = skip(p) - 1;
      } else if (*p == '{' || *p == '[') {
        depth++;
      } else if (*p == '}' || *p == ']') {
        if (--depth == 0) return p + 1;
      }
    }
    return p;
  }
  while (*p && !strchr(",]} \t", *p)) p++;
  return p;
}

static const char *blank(const char *p) {
  while (*p == ' ' || *p == '\t') p++;
  return p;
}

/* The raw value of `key` in the object at p; length 0 if there is none. */
static Span member(const char *p, const char *key) {
  Span none = {"", 0};
  size_t length = strlen(key);
  if (*p != '{') return none;
  p = blank(p + 1);
  while (*p == '"') {
    const char *name = p + 1;
    const char *end = skip(p);
    p = blank(end);
    if (*p != ':') return none;
    const char *value = blank(p + 1);
    p = skip(value);
    if ((size_t)(end - 1 - name) == length && memcmp(name, key, length) == 0) {
      Span found = {value, (size_t)(p - value)};
      return found;
    }
    p = blank(p);
    if (*p == ',') p = blank(p + 1);
  }
  return none;
}

static int is(Span span, const char *text) {
  size_t length = strlen(text);
  return span.length == length + 2 && memcmp(span.at + 1, text, length) == 0;
}

static void put(Span span) { fwrite(span.at, 1, span.length, stdout); }

static void call(Span id, Span params) {
  Span arguments = member(params.at, "arguments");
  Span name = member(params.at, "name");
  Span text = member(arguments.at, "text");
  Span size = member(arguments.at, "size");
  if (is(name, "burst")) {
    Span count = member(arguments.at, "count");
    Span token = member(member(params.at, "_meta").at, "progressToken");
    long total = count.length ? atol(count.at) : 0;
    for (long n = 1; n <= total && token.length; n++) {
      fputs("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":", stdout);
      put(token);
      printf(",\"progress\":%ld,\"total\":%ld}}\n", n, total);
    }
  }
  fputs("{\"jsonrpc\":\"2.0\",\"id\":", stdout);
  put(id);
  fputs(",\"result\":{\"content\":[{\"type\":\"text\",\"text\":", stdout);
  if (size.length) {
    static char letters[1 << 16];
    if (!letters[0]) memset(letters, 'x', sizeof letters);
    fputc('"', stdout);
    for (long left = atol(size.at); left > 0;) {
      size_t part = (size_t)left < sizeof letters ? (size_t)left : sizeof letters;
      fwrite(letters, 1, part, stdout);
      left -= (long)part;
    }
    fputc('"', stdout);
  } else if (text.length) {
    put(text);
  } else {
    fputs("\"\"", stdout);
  }
  fputs("}]}}\n", stdout);
}

static void answer(const char *line) {
  Span method = member(line, "method");
  Span id = member(line, "id");
  Span params = member(line, "params");
  if (!method.length || !id.length) return;
  if (is(method, "tools/call")) {
    call(id, params);
    return;
  }
  fputs("{\"jsonrpc\":\"2.0\",\"id\":", stdout);
  put(id);
  if (is(method, "initialize")) {
    Span revision = member(params.at, "protocolVersion");
    fputs(",\"result\":{\"protocolVersion\":", stdout);
    put(revision);
    fputs(",\"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":\"bench-echo\",\"version\":\"1.0.0\"}}}\n", stdout);
  } else if (is(method, "tools/list")) {
    fputs(",\"result\":{\"tools\":[{\"name\":\"echo\",\"inputSchema\":{\"type\":\"object\"}},"
          "{\"name\":\"burst\",\"inputSchema\":{\"type\":\"object\"}}]}}\n",
          stdout);
  } else {
    fputs(",\"result\":{}}\n", stdout);
  }
}

int main(void) {
  char *line = NULL;
  size_t room = 0;
  static char out[1 << 16];
  setvbuf(stdout, out, _IOFBF, sizeof out);
  while (getline(&line, &room, stdin) > 0) {
    answer(line);
    fflush(stdout);
  }
  free(line);
  return 0;
}
