// What both programs of the benchmark need: a clock, a growing buffer, and an
// incremental reader of HTTP/1.1 messages (RFC 9112: length, chunked, until close).
#ifndef HOTBAY_BENCH_MESSAGE_H
#define HOTBAY_BENCH_MESSAGE_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define MILLISECOND 1000000LL

// CLOCK_MONOTONIC in nanoseconds: the same clock in every process of the machine.
static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

__attribute__((noreturn)) static void die(const char *what) {
    if (errno)
        perror(what);
    else
        fprintf(stderr, "%s\n", what);
    exit(1);
}

static void *or_die(void *memory) {
    if (!memory)
        die("out of memory");
    return memory;
}

struct buffer {
    char *data;
    size_t length, capacity;
};

static void append(struct buffer *b, const char *data, size_t n) {
    if (b->length + n > b->capacity) {
        b->capacity = (b->length + n) * 2;
        b->data = or_die(realloc(b->data, b->capacity));
    }
    memcpy(b->data + b->length, data, n);
    b->length += n;
}

static struct sockaddr_in loopback(int port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

static void send_at_once(int fd) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

// The value of `--name`, or `fallback`.
static const char *option(int argc, char **argv, const char *name, const char *fallback) {
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name))
            return argv[i + 1];
    return fallback;
}

enum part { HEAD, BY_LENGTH, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER, UNTIL_CLOSE, COMPLETE };

enum { HEAD_LIMIT = 16384 };

struct message {
    enum part part;
    bool closes;        // the sender closes the connection after this message
    int64_t remaining;  // bytes of the body or of the chunk
    int line;           // length of the trailer line so far
    int head_length;
    char head[HEAD_LIMIT + 1];
};

typedef void body_sink(void *owner, const char *data, size_t n);

static const char *header(const char *head, const char *name, int *length) {
    size_t name_length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line && line[2] != '\r'; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, name_length) || line[name_length] != ':')
            continue;
        const char *value = line + name_length + 1;
        value += strspn(value, " \t");
        *length = (int)strcspn(value, "\r");
        return value;
    }
    return NULL;
}

static bool header_is(const char *head, const char *name, const char *expected) {
    int length;
    const char *value = header(head, name, &length);
    return value && length == (int)strlen(expected) && !strncasecmp(value, expected, length);
}

static void restart(struct message *m) {
    m->part = HEAD;
    m->head_length = 0;
}

static int status_of(const struct message *m) {
    return atoi(m->head + strlen("HTTP/1.1 "));
}

// Decides from a complete head how the body is framed.
static void head_complete(struct message *m, bool response) {
    int length;
    const char *value;
    m->line = 0;
    m->remaining = 0;
    m->closes = header_is(m->head, "connection", "close") || !strncmp(m->head, "HTTP/1.0", 8);
    if (response && status_of(m) < 200) {  // an interim answer: the real one follows
        restart(m);
    } else if (header_is(m->head, "transfer-encoding", "chunked")) {
        m->part = CHUNK_SIZE;
    } else if ((value = header(m->head, "content-length", &length))) {
        m->remaining = atoll(value);
        m->part = m->remaining ? BY_LENGTH : COMPLETE;
    } else if (response && status_of(m) != 204 && status_of(m) != 304) {
        m->closes = true;
        m->part = UNTIL_CLOSE;
    } else {
        m->part = COMPLETE;
    }
}

static size_t read_head(struct message *m, const char *data, size_t n, bool response) {
    size_t room = HEAD_LIMIT - m->head_length, take = n < room ? n : room;
    if (!take)
        die("a message head is longer than this program expects");
    int from = m->head_length > 3 ? m->head_length - 3 : 0;
    memcpy(m->head + m->head_length, data, take);
    char *end = memmem(m->head + from, m->head_length + take - from, "\r\n\r\n", 4);
    if (!end) {
        m->head_length += take;
        return take;
    }
    size_t used = end + 4 - m->head - m->head_length;
    m->head_length += used;
    m->head[m->head_length] = 0;
    head_complete(m, response);
    return used;
}

static size_t read_body(struct message *m, const char *data, size_t n, body_sink *sink, void *owner) {
    size_t take = n;
    if (m->part != UNTIL_CLOSE && (int64_t)take > m->remaining)
        take = m->remaining;
    if (sink)
        sink(owner, data, take);
    if (m->part == UNTIL_CLOSE)
        return take;
    m->remaining -= take;
    if (!m->remaining)
        m->part = m->part == CHUNK ? CHUNK_END : COMPLETE;
    return take;
}

static int hex(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// One byte between the chunks: their sizes, their ends and the trailer.
static void read_framing(struct message *m, char c) {
    if (m->part == CHUNK_SIZE && c == '\n') {
        m->part = m->remaining ? CHUNK : TRAILER;
    } else if (m->part == CHUNK_SIZE && hex(c) >= 0) {
        m->remaining = m->remaining * 16 + hex(c);
    } else if (m->part == CHUNK_END && c == '\n') {
        m->part = CHUNK_SIZE;
    } else if (m->part == TRAILER && c == '\n') {
        if (!m->line)
            m->part = COMPLETE;
        m->line = 0;
    } else if (m->part == TRAILER && c != '\r') {
        m->line++;
    }
}

// Reads up to the end of one message and returns how many bytes that took; `part` is
// COMPLETE then. Body bytes go to `sink`, without the framing.
static size_t read_message(struct message *m, const char *data, size_t n, bool response, body_sink *sink,
                           void *owner) {
    size_t used = 0;
    while (used < n && m->part != COMPLETE) {
        if (m->part == HEAD)
            used += read_head(m, data + used, n - used, response);
        else if (m->part == BY_LENGTH || m->part == CHUNK || m->part == UNTIL_CLOSE)
            used += read_body(m, data + used, n - used, sink, owner);
        else
            read_framing(m, data[used++]);
    }
    return used;
}

#endif
