// A model server for measurements: answers at once, with as little work as possible.
//
//   upstream --port PORT [--listen-after MS] [--healthy-after MS] [--announce yes]
//
// Listens on 127.0.0.1. The query string says how a request is answered, since every
// proxy forwards it unchanged:
//   ?size=800                        a chat completion padded to 800 bytes
//   ?delay=500                       the same, half a second later
//   ?events=500&size=200&rate=100    500 server-sent events of 200 bytes, 100 a second, one
//                                    write() each; rate=0: as fast as they can be written
//   ?echo=1                          the head of the request as it arrived
//   /health                          200, or 503 until the server is ready
//   /counters                        requests, answered, aborted, connections, open
// Each event carries `seq` and `at`, and each completion `ready_at`: CLOCK_MONOTONIC in ns of
// the moment it was written, and of the moment from which this server could answer.
//
// `--listen-after` opens the port late, as vLLM does; `--healthy-after` opens it at once and
// answers 503 for a while, as llama.cpp does; `--announce` prints a line when ready.
#define _GNU_SOURCE
#include "message.h"

#include <signal.h>

enum { EVENTS_AT_ONCE = 512, READ_SIZE = 65536, EVENT_LIMIT = 8192, CONNECTION_LIMIT = 65536 };

struct connection {
    int fd;
    bool answering, waits_to_write;
    struct message request;
    struct buffer out;
    size_t sent;
    int size, events, next_event;  // of the answer under way
    int64_t interval;              // between its events, in ns
    int64_t due;                   // when it goes on
    int place;                     // in the queue of what is due, 0 if not there
};

static int poller;
static int64_t ready_at, announce_at;
static struct { uint64_t requests, answered, aborted, connections, open; } counters;

// What is due, earliest first: a binary heap from index 1.
static struct connection *queue[CONNECTION_LIMIT + 1];
static int queued;

static void put(struct connection *c, int place) {
    queue[place] = c;
    c->place = place;
}

static void settle(struct connection *c, int place) {
    for (; place > 1 && queue[place / 2]->due > c->due; place /= 2)
        put(queue[place / 2], place);
    for (int child; (child = place * 2) <= queued; place = child) {
        if (child < queued && queue[child + 1]->due < queue[child]->due)
            child++;
        if (queue[child]->due >= c->due)
            break;
        put(queue[child], place);
    }
    put(c, place);
}

static void schedule(struct connection *c, int64_t due) {
    c->due = due;
    settle(c, c->place ? c->place : ++queued);
}

static void unschedule(struct connection *c) {
    if (!c->place)
        return;
    struct connection *last = queue[queued--];
    if (last != c)
        settle(last, c->place);
    c->place = 0;
}

static void drop(struct connection *c) {
    unschedule(c);
    counters.aborted += c->answering;
    counters.open--;
    close(c->fd);  // which also takes it out of the poller
    free(c->out.data);
    free(c);
}

static void watch(struct connection *c, bool waits_to_write) {
    if (c->waits_to_write == waits_to_write)
        return;
    c->waits_to_write = waits_to_write;
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | (waits_to_write ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
}

// Writes what is buffered and, at the end of an answer, makes ready for the next request.
// Returns false if the connection is gone.
static bool flush(struct connection *c) {
    while (c->sent < c->out.length) {
        ssize_t n = write(c->fd, c->out.data + c->sent, c->out.length - c->sent);
        if (n < 0 && errno == EAGAIN) {
            watch(c, true);
            return true;
        }
        if (n < 0) {
            drop(c);
            return false;
        }
        c->sent += n;
    }
    c->sent = c->out.length = 0;
    watch(c, false);
    if (!c->answering || c->place)
        return true;
    if (c->events && c->next_event < c->events) {
        schedule(c, c->interval ? c->due + c->interval : now());
        return true;
    }
    c->answering = false;
    counters.answered++;
    if (c->request.closes) {
        drop(c);
        return false;
    }
    restart(&c->request);
    return true;
}

static void append_text(struct connection *c, const char *text) {
    append(&c->out, text, strlen(text));
}

static void append_padding(struct connection *c, int n) {
    static const char padding[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    for (; n > 0; n -= sizeof padding - 1)
        append(&c->out, padding, n < (int)sizeof padding - 1 ? n : (int)sizeof padding - 1);
}

static void append_head(struct connection *c, int status, const char *type, int length) {
    char head[512];
    snprintf(head, sizeof head,
             "HTTP/1.1 %d %s\r\nServer: upstream\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n", status,
             status == 200 ? "OK" : "Service Unavailable", type, length,
             c->request.closes ? "Connection: close\r\n" : "");
    append_text(c, head);
}

static bool answer_text(struct connection *c, int status, const char *text, int length) {
    append_head(c, status, "text/plain", length);
    append(&c->out, text, length);
    return flush(c);
}

#define USAGE \
    "\"usage\":{\"prompt_tokens\":123,\"completion_tokens\":45,\"total_tokens\":168}," \
    "\"timings\":{\"prompt_n\":123,\"prompt_ms\":10.5,\"predicted_n\":45,\"predicted_ms\":100.25," \
    "\"prompt_per_second\":11714.2,\"predicted_per_second\":448.9}"

static bool answer_completion(struct connection *c) {
    char start[512];
    snprintf(start, sizeof start,
             "{\"id\":\"chatcmpl-0\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"bench\","
             "\"ready_at\":%lld,\"choices\":[{\"index\":0,\"finish_reason\":\"stop\","
             "\"message\":{\"role\":\"assistant\",\"content\":\"",
             (long long)ready_at);
    static const char end[] = "\"}}]," USAGE "}";
    int bare = strlen(start) + strlen(end), padding = c->size > bare ? c->size - bare : 0;
    append_head(c, 200, "application/json", bare + padding);
    append_text(c, start);
    append_padding(c, padding);
    append_text(c, end);
    return flush(c);
}

static void append_chunk(struct connection *c, const char *data, int length) {
    char size[16];
    snprintf(size, sizeof size, "%x\r\n", length);
    append_text(c, size);
    append(&c->out, data, length);
    append_text(c, "\r\n");
}

static bool send_event(struct connection *c) {
    static const char last[] =
        "data: {\"id\":\"chatcmpl-0\",\"object\":\"chat.completion.chunk\",\"model\":\"bench\",\"choices\":[]," USAGE
        "}\n\ndata: [DONE]\n\n";
    static char event[EVENT_LIMIT];
    int length = snprintf(event, sizeof event,
                          "data: {\"id\":\"chatcmpl-0\",\"object\":\"chat.completion.chunk\",\"model\":\"bench\","
                          "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"tok\"}}],"
                          "\"seq\":%d,\"at\":%lld,\"pad\":\"",
                          c->next_event, (long long)now());
    while (length < c->size - 4)
        event[length++] = 'x';
    memcpy(event + length, "\"}\n\n", 4);
    append_chunk(c, event, length + 4);
    if (++c->next_event == c->events) {
        append_chunk(c, last, strlen(last));
        append_text(c, "0\r\n\r\n");
    }
    return flush(c);
}

// An integer of the query string.
static int64_t parameter(const char *query, const char *name, int64_t fallback) {
    size_t length = strlen(name);
    for (; query; query = strchr(query, '&')) {
        query++;  // past the `?` or `&`
        if (!strncmp(query, name, length) && query[length] == '=')
            return atoll(query + length + 1);
    }
    return fallback;
}

static bool start_stream(struct connection *c, int64_t rate) {
    c->next_event = 0;
    c->interval = rate ? SECOND / rate : 0;
    append_text(c, "HTTP/1.1 200 OK\r\nServer: upstream\r\nContent-Type: text/event-stream\r\n"
                   "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n");
    c->due = now();
    return flush(c);
}

static bool answer_counters(struct connection *c) {
    char text[256];
    int length = snprintf(text, sizeof text,
                          "{\"requests\":%lu,\"answered\":%lu,\"aborted\":%lu,\"connections\":%lu,\"open\":%lu}",
                          counters.requests, counters.answered, counters.aborted, counters.connections, counters.open);
    return answer_text(c, 200, text, length);
}

static bool answer(struct connection *c) {
    char *target = strchr(c->request.head, ' '), *end = target ? strchr(target + 1, ' ') : NULL;
    if (!end) {
        drop(c);
        return false;
    }
    c->answering = true;
    counters.requests++;
    if (parameter(strchr(target, '?'), "echo", 0))
        return answer_text(c, 200, c->request.head, c->request.head_length);
    *end = 0;
    target++;
    const char *query = strchr(target, '?');
    c->size = parameter(query, "size", 800);
    if (c->size > EVENT_LIMIT - 4 && parameter(query, "events", 0))
        c->size = EVENT_LIMIT - 4;
    c->events = parameter(query, "events", 0);
    int64_t delay = parameter(query, "delay", 0);
    if (now() < ready_at)
        return answer_text(c, 503, "loading", 7);
    if (!strcmp(target, "/health"))
        return answer_text(c, 200, "ok", 2);
    if (!strcmp(target, "/counters"))
        return answer_counters(c);
    if (c->events)
        return start_stream(c, parameter(query, "rate", 0));
    if (!delay)
        return answer_completion(c);
    schedule(c, now() + delay * MILLISECOND);
    return true;
}

static void readable(struct connection *c) {
    static char data[READ_SIZE];
    ssize_t n = read(c->fd, data, sizeof data);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 || c->answering) {  // gone, or pipelining, which no proxy does towards its upstream
        drop(c);
        return;
    }
    size_t used = read_message(&c->request, data, n, false, NULL, NULL);
    if (used < (size_t)n)
        drop(c);
    else if (c->request.part == COMPLETE)
        answer(c);
}

static void connected(int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (counters.open == CONNECTION_LIMIT) {
            close(fd);
            continue;
        }
        send_at_once(fd);
        struct connection *c = or_die(calloc(1, sizeof *c));
        c->fd = fd;
        counters.connections++;
        counters.open++;
        struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = c};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    }
}

static void go_on(struct connection *c, uint32_t events) {
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR) && c->answering)
        drop(c);
    else if (events & EPOLLOUT)
        flush(c);
    else
        readable(c);
}

static void run_due(int64_t t) {
    while (queued && queue[1]->due <= t) {
        struct connection *c = queue[1];
        unschedule(c);
        if (c->events)
            send_event(c);
        else
            answer_completion(c);
    }
    if (announce_at && announce_at <= t) {
        announce_at = 0;
        puts("ready to answer");
        fflush(stdout);
    }
}

static int open_port(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = loopback(port);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 4096))
        die("cannot listen");
    return fd;
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    int64_t started = now();
    int port = atoi(option(argc, argv, "--port", "0"));
    int64_t listen_after = atoll(option(argc, argv, "--listen-after", "0")) * MILLISECOND;
    int64_t healthy_after = atoll(option(argc, argv, "--healthy-after", "0")) * MILLISECOND;
    if (!port)
        die("usage: upstream --port PORT [--listen-after MS] [--healthy-after MS] [--announce yes]");
    struct timespec pause = {listen_after / SECOND, listen_after % SECOND};
    nanosleep(&pause, NULL);
    int listener = open_port(port);
    ready_at = now();
    if (healthy_after)
        ready_at = started + healthy_after;
    if (*option(argc, argv, "--announce", ""))
        announce_at = ready_at;
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ready[EVENTS_AT_ONCE], accepts = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &accepts);
    for (;;) {
        int64_t due = queued ? queue[1]->due : INT64_MAX;
        if (announce_at && announce_at < due)
            due = announce_at;
        int64_t wait = due - now();
        struct timespec timeout = {wait > 0 ? wait / SECOND : 0, wait > 0 ? wait % SECOND : 0};
        int n = epoll_pwait2(poller, ready, EVENTS_AT_ONCE, due == INT64_MAX ? NULL : &timeout, NULL);
        for (int i = 0; i < n; i++) {
            if (ready[i].data.ptr)
                go_on(ready[i].data.ptr, ready[i].events);
            else
                connected(listener);
        }
        run_due(now());
    }
}
