/* Send and receive messages for many clients in one thread, and count them.
 *
 * compiled.py loads this as a library and passes sockets that have joined already. talkers.py does the same in
 * Python; a test compares their counts. The measured server should be slower than the load, and compared with
 * Python, not every server is.
 *
 * A sending client keeps `window` messages unconfirmed: it fills the window at the start and after each
 * confirmation. Lines are recognized by their start and not parsed.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 1 << 18,    /* bytes received from a socket at once */
       LONGEST = 1 << 14,  /* bytes of a line; longer ones do not occur */
       OUT = 1 << 16,      /* bytes sent at once */
       EVENTS = 1024,
       SLOTS = 1000000,    /* of 10 microseconds each, of the time until confirmation */
       CID = 36 };

enum dialect { CHAT, IRC };

/* The fields of a client that compiled.py shares. */
struct client {
    int32_t file;
    int32_t window;           /* maximum of unconfirmed messages; 0: only receives */
    const char *before;       /* a message is this, a cid (in our own dialect), */
    const char *after;        /* and this */
    int64_t sent, confirmed, received;
};

/* The other fields of a client. */
struct state {
    double *sent_at;          /* when each unconfirmed message was sent: message n at n % window */
    char *rest;               /* the start of an incomplete line */
    size_t rest_size;
    size_t before_size, after_size;
};

struct load {
    enum dialect dialect;
    int epoll;
    int count;
    struct client *clients;
    struct state *states;
    uint32_t *delays;         /* confirmations by slot */
    uint64_t random;
    char in[LONGEST + CHUNK];
    char out[OUT];
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

/* Sending */

/* SplitMix64 (Steele, Lea, Flood 2014): cids must be unique, not secret. */
static uint64_t draw(struct load *load)
{
    uint64_t z = load->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static char *put_hex(char *at, uint64_t value, int digits)
{
    for (int place = digits - 1; place >= 0; place--)
        *at++ = "0123456789abcdef"[value >> (4 * place) & 0xf];
    return at;
}

/* A UUIDv7 (RFC 9562, section 5.7), as protocol/cids.py makes them. */
static char *put_cid(char *at, struct load *load)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    uint64_t milliseconds = (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
    uint64_t some = draw(load), more = draw(load);
    at = put_hex(at, milliseconds >> 16, 8);
    *at++ = '-';
    at = put_hex(at, milliseconds & 0xffff, 4);
    *at++ = '-';
    at = put_hex(at, 0x7000 | (some & 0xfff), 4);
    *at++ = '-';
    at = put_hex(at, 0x8000 | (some >> 12 & 0x3fff), 4);
    *at++ = '-';
    return put_hex(at, more & 0xffffffffffff, 12);
}

static char *put(char *at, const char *bytes, size_t size)
{
    return (char *)memcpy(at, bytes, size) + size;
}

/* IRC has no confirmations: a PING after each burst contains its length. */
static char *put_ping(char *at, long count)
{
    char digits[20], *digit = digits + sizeof digits;
    do
        *--digit = '0' + count % 10;
    while (count /= 10);
    at = put(at, "PING :", 6);
    at = put(at, digit, digits + sizeof digits - digit);
    return put(at, "\r\n", 2);
}

static bool send_all(int file, const char *bytes, size_t size)
{
    while (size) {
        ssize_t sent = send(file, bytes, size, MSG_NOSIGNAL);
        if (sent < 0)
            return false;
        bytes += sent;
        size -= sent;
    }
    return true;
}

/* Send messages until the window is full. */
static bool say(struct load *load, int number)
{
    struct client *client = &load->clients[number];
    struct state *state = &load->states[number];
    long burst = client->window - (client->sent - client->confirmed);
    char *at = load->out;
    double time = now();
    for (long left = burst; left > 0; left--) {
        if (at + state->before_size + CID + state->after_size > load->out + OUT) {
            if (!send_all(client->file, load->out, at - load->out))
                return false;
            at = load->out;
        }
        at = put(at, client->before, state->before_size);
        if (load->dialect == CHAT)
            at = put_cid(at, load);
        at = put(at, client->after, state->after_size);
        state->sent_at[client->sent++ % client->window] = time;
    }
    if (!send_all(client->file, load->out, at - load->out))
        return false;
    if (load->dialect == CHAT || burst <= 0)
        return true;
    return send_all(client->file, load->out, put_ping(load->out, burst) - load->out);
}

/* Receiving */

static const char SENT[] = "{\"type\":\"sent\"";

static long confirmed_by_chat(const char *line, size_t size)
{
    return size >= sizeof SENT - 1 && memcmp(line, SENT, sizeof SENT - 1) == 0;
}

/* ":server PONG server :16" */
static long confirmed_by_irc(const char *line, size_t size)
{
    const char *word = memchr(line, ' ', size), *end = line + size;
    if (word == NULL || end - word < 6 || memcmp(word, " PONG ", 6) != 0)
        return 0;
    long count = 0, unit = 1;
    if (end[-1] == '\r')
        end--;
    for (; end[-1] >= '0' && end[-1] <= '9'; unit *= 10)
        count += unit * (*--end - '0');
    return count;
}

/* Handle a line, without its end: it confirms messages of this client, or delivers one. */
static void hear(struct load *load, int number, const char *line, size_t size, double time)
{
    struct client *client = &load->clients[number];
    struct state *state = &load->states[number];
    long confirmed = load->dialect == CHAT ? confirmed_by_chat(line, size) : confirmed_by_irc(line, size);
    if (!confirmed)
        client->received++;
    for (; confirmed > 0 && client->confirmed < client->sent; confirmed--) {
        double slot = (time - state->sent_at[client->confirmed++ % client->window]) * 1e5;
        load->delays[slot < SLOTS ? (int)slot : SLOTS - 1]++;
    }
}

/* Receive from a socket; false if the connection has ended. */
static bool receive(struct load *load, int number)
{
    struct state *state = &load->states[number];
    char *start = load->in + LONGEST - state->rest_size, *fresh = load->in + LONGEST;
    memcpy(start, state->rest, state->rest_size);
    ssize_t size = recv(load->clients[number].file, fresh, CHUNK, MSG_DONTWAIT);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR;
    char *end = fresh + size, *newline = fresh;
    double time = now();
    while ((newline = memchr(newline, '\n', end - newline)) != NULL) {
        hear(load, number, start, newline - start, time);
        start = ++newline;
    }
    state->rest_size = end - start;
    if (size == 0 || state->rest_size > LONGEST)
        return false;
    memcpy(state->rest, start, state->rest_size);
    return true;
}

/* Functions for compiled.py */

void load_close(struct load *load)
{
    for (int number = 0; load->states != NULL && number < load->count; number++) {
        free(load->states[number].sent_at);
        free(load->states[number].rest);
    }
    free(load->states);
    if (load->epoll >= 0)
        close(load->epoll);
    free(load);
}

static bool take_on(struct load *load, int number)
{
    struct client *client = &load->clients[number];
    struct state *state = &load->states[number];
    struct epoll_event event = { .events = EPOLLIN, .data.u32 = number };
    state->sent_at = calloc(client->window + 1, sizeof *state->sent_at);
    state->rest = malloc(LONGEST);
    state->before_size = strlen(client->before);
    state->after_size = strlen(client->after);
    return state->sent_at != NULL && state->rest != NULL
        && state->before_size + CID + state->after_size <= OUT
        && epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->file, &event) == 0;
}

/* Add clients that have joined; NULL if the system refuses. */
struct load *load_open(int dialect, struct client *clients, int count, uint32_t *delays)
{
    struct load *load = calloc(1, sizeof *load);
    if (load == NULL)
        return NULL;
    load->dialect = dialect;
    load->clients = clients;
    load->count = count;
    load->delays = delays;
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->states = calloc(count, sizeof *load->states);
    bool fine = load->epoll >= 0 && load->states != NULL
        && getrandom(&load->random, sizeof load->random, 0) == sizeof load->random;
    for (int number = 0; fine && number < count; number++)
        fine = take_on(load, number);
    if (fine)
        return load;
    load_close(load);
    return NULL;
}

/* Receive, and while `talking` send, for this time. Returns -1, or the number of a client whose connection
 * has ended. */
int load_listen(struct load *load, double seconds, bool talking)
{
    struct epoll_event events[EVENTS];
    double until = now() + seconds, left;
    for (int number = 0; talking && number < load->count; number++)
        if (load->clients[number].window && !say(load, number))
            return number;
    while ((left = until - now()) > 0) {
        int ready = epoll_wait(load->epoll, events, EVENTS, (int)(left * 1e3) + 1);
        for (int event = 0; event < ready; event++) {
            int number = events[event].data.u32;
            struct client *client = &load->clients[number];
            int64_t before = client->confirmed;
            if (!receive(load, number))
                return number;
            if (talking && client->confirmed != before && !say(load, number))
                return number;
        }
    }
    return -1;
}
