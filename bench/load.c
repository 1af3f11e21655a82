// Load for measurements: one thread, many connections to 127.0.0.1, exact counts.
//
//   load requests --port PORT --path PATH --body FILE --connections N --seconds S [--warm-up S]
//        each connection sends its next request when it has the answer
//   load streams  --port PORT --path PATH --body FILE --connections N --events N [--spread MS]
//        each connection reads one stream and checks that no event is missing; the
//        starts are spread evenly over MS
//   load idle     --port PORT --path PATH --body FILE --connections N
//        each connection gets one answer and is then held until standard input ends
//
// Prints one line of JSON, times in microseconds:
//   answered, failed     requests; `answered` counts the warm-up too, as CPU time does
//   rate                 answers a second after the warm-up
//   events, broken       events received; streams with an event missing, twice or late
//   latency              from sending a request to the end of its answer
//   first                from sending a request to its first event
//   delay                from the writing of an event in upstream.c to its arrival here
#define _GNU_SOURCE
#include "message.h"

#include <fcntl.h>
#include <signal.h>

enum { EVENTS_AT_ONCE = 512, READ_SIZE = 262144, PATIENCE = 120 };  // seconds without any byte

enum mode { REQUESTS, STREAMS, IDLE };

struct connection {
    int fd;
    bool busy, waits_to_write, saw_done;
    struct message answer;
    size_t sent;
    int64_t starts_at, sent_at;
    int events;            // of this stream so far
    bool in_order;
    struct buffer unread;  // the beginning of an event
};

struct samples {
    int64_t *values;
    size_t length, capacity;
};

static int poller, port, connections, expected_events, finished;
static enum mode mode;
static struct buffer request;
static int64_t measure_from, stop_at;
static struct samples latency, first, delay;
static struct { uint64_t answered, measured, failed, events, broken; } count;

static void sample(struct samples *s, int64_t ns) {
    if (s->length == s->capacity) {
        s->capacity = s->capacity ? s->capacity * 2 : 65536;
        s->values = or_die(realloc(s->values, s->capacity * sizeof *s->values));
    }
    s->values[s->length++] = ns;
}

static int by_size(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double quantile(const struct samples *s, double q) {
    return s->values[(size_t)((s->length - 1) * q)] / 1000.0;
}

static void print_samples(const char *name, struct samples *s) {
    if (!s->length) {
        printf(", \"%s\": null", name);
        return;
    }
    qsort(s->values, s->length, sizeof *s->values, by_size);
    printf(", \"%s\": {\"n\": %zu, \"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"max\": %.1f}", name, s->length,
           quantile(s, 0.5), quantile(s, 0.9), quantile(s, 0.99), quantile(s, 1));
}

static void watch(struct connection *c, bool waits_to_write) {
    if (c->waits_to_write == waits_to_write)
        return;
    c->waits_to_write = waits_to_write;
    struct epoll_event e = {.events = EPOLLIN | (waits_to_write ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
}

static void dial(struct connection *c) {
    struct sockaddr_in address = loopback(port);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address))
        die("cannot connect");
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    send_at_once(c->fd);
    c->waits_to_write = false;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e);
}

static void redial(struct connection *c) {
    close(c->fd);
    dial(c);
}

static void send_request(struct connection *c) {
    while (c->sent < request.length) {
        ssize_t n = write(c->fd, request.data + c->sent, request.length - c->sent);
        if (n < 0) {  // full, or broken: then reading tells
            watch(c, errno == EAGAIN);
            return;
        }
        c->sent += n;
    }
    watch(c, false);
}

static void start(struct connection *c) {
    restart(&c->answer);
    c->busy = c->in_order = true;
    c->saw_done = false;
    c->sent = c->events = c->unread.length = 0;
    c->sent_at = now();
    send_request(c);
}

// An answer is complete (or failed): count it and go on as the mode says.
static void complete(struct connection *c, bool whole) {
    int64_t t = now();
    bool good = whole && status_of(&c->answer) == 200;
    c->busy = false;
    count.answered += good;
    count.failed += !good;
    if (good && c->sent_at >= measure_from) {
        sample(&latency, t - c->sent_at);
        count.measured++;
    }
    if (mode == STREAMS && good && (!c->in_order || !c->saw_done || c->events != expected_events))
        count.broken++;
    if (!whole || c->answer.closes)
        redial(c);
    if (mode == REQUESTS && t < stop_at)
        start(c);
    else
        finished++;
}

static int64_t number_after(const char *text, size_t length, const char *name) {
    const char *found = memmem(text, length, name, strlen(name));
    return found ? atoll(found + strlen(name)) : -1;
}

static void event_arrived(struct connection *c, const char *event, size_t length) {
    int64_t t = now(), sequence = number_after(event, length, "\"seq\":");
    if (length >= 12 && !memcmp(event, "data: [DONE]", 12))
        c->saw_done = true;
    if (sequence < 0)
        return;
    if (sequence != c->events)
        c->in_order = false;
    if (!c->events++)
        sample(&first, t - c->sent_at);
    count.events++;
    sample(&delay, t - number_after(event, length, "\"at\":"));
}

static void body_arrived(void *owner, const char *data, size_t n) {
    struct connection *c = owner;
    if (mode != STREAMS)
        return;
    append(&c->unread, data, n);
    char *event = c->unread.data, *end, *limit = event + c->unread.length;
    while ((end = memmem(event, limit - event, "\n\n", 2))) {
        event_arrived(c, event, end - event);
        event = end + 2;
    }
    c->unread.length = limit - event;
    memmove(c->unread.data, event, c->unread.length);
}

static void readable(struct connection *c) {
    static char data[READ_SIZE];
    ssize_t n = read(c->fd, data, sizeof data);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 && !c->busy) {  // an idle connection was closed
        count.failed += mode == IDLE;
        close(c->fd);
    } else if (n <= 0) {
        complete(c, c->answer.part == UNTIL_CLOSE);
    } else if (c->busy) {
        size_t used = read_message(&c->answer, data, n, true, body_arrived, c);
        if (c->answer.part == COMPLETE)
            complete(c, used == (size_t)n);
    } else {
        die("bytes after an answer");
    }
}

static void read_request(const char *path, const char *file) {
    FILE *f = fopen(file, "rb");
    if (!f)
        die(file);
    struct buffer body = {0};
    char piece[65536], head[4096];
    for (size_t n; (n = fread(piece, 1, sizeof piece, f));)
        append(&body, piece, n);
    fclose(f);
    // What the official Python client sends, so that parsing costs what it costs in use.
    int length = snprintf(head, sizeof head,
                          "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: application/json\r\n"
                          "Accept-Encoding: identity\r\nContent-Type: application/json\r\n"
                          "User-Agent: OpenAI/Python 3.54.0\r\nX-Stainless-Lang: python\r\n"
                          "X-Stainless-Package-Version: 3.54.0\r\nX-Stainless-OS: Linux\r\n"
                          "X-Stainless-Runtime: CPython\r\nAuthorization: Bearer none\r\n"
                          "Content-Length: %zu\r\n\r\n",
                          path, port, body.length);
    append(&request, head, length);
    append(&request, body.data, body.length);
    free(body.data);
}

static void run(struct connection *all) {
    struct epoll_event ready[EVENTS_AT_ONCE];
    int started = 0;
    while (finished < connections) {
        int64_t t = now();
        while (started < connections && all[started].starts_at <= t)
            start(&all[started++]);
        int wait = started < connections ? (int)((all[started].starts_at - t) / MILLISECOND) : PATIENCE * 1000;
        int n = epoll_wait(poller, ready, EVENTS_AT_ONCE, wait);
        if (!n && started == connections)
            die("no answer for two minutes");
        for (int i = 0; i < n; i++) {
            struct connection *c = ready[i].data.ptr;
            if (ready[i].events & EPOLLOUT)
                send_request(c);
            if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                readable(c);
        }
    }
}

static void print_result(int64_t began) {
    double measured_for = (now() - (measure_from > began ? measure_from : began)) / (double)SECOND;
    printf("{\"answered\": %lu, \"failed\": %lu, \"rate\": %.1f, \"events\": %lu, \"broken\": %lu", count.answered,
           count.failed, count.measured / measured_for, count.events, count.broken);
    print_samples("latency", &latency);
    print_samples("first", &first);
    print_samples("delay", &delay);
    puts("}");
    fflush(stdout);
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    const char *word = argc > 1 ? argv[1] : "", *body = option(argc, argv, "--body", "");
    port = atoi(option(argc, argv, "--port", "0"));
    connections = atoi(option(argc, argv, "--connections", "1"));
    expected_events = atoi(option(argc, argv, "--events", "0"));
    double seconds = atof(option(argc, argv, "--seconds", "1")), warm_up = atof(option(argc, argv, "--warm-up", "0"));
    int64_t spread = atoll(option(argc, argv, "--spread", "0")) * MILLISECOND;
    if (!strcmp(word, "streams"))
        mode = STREAMS;
    else if (!strcmp(word, "idle"))
        mode = IDLE;
    else if (strcmp(word, "requests"))
        die("usage: load requests|streams|idle --port PORT --path PATH --body FILE ... (see load.c)");
    read_request(option(argc, argv, "--path", "/"), body);
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct connection *all = or_die(calloc(connections, sizeof *all));
    for (int i = 0; i < connections; i++)
        dial(&all[i]);
    int64_t began = now();
    measure_from = began + warm_up * SECOND;
    stop_at = measure_from + seconds * SECOND;
    for (int i = 0; i < connections; i++)
        all[i].starts_at = began + spread * i / connections;
    run(all);
    print_result(began);
    if (mode == IDLE)
        while (getchar() != EOF)
            ;
}
