/* What the C programs of this folder share. Each is a test of include/mesos_perl.h from C's side; tests/abi.rs compiles and runs them. */

#ifndef MESOS_TEST_ABI_H
#define MESOS_TEST_ABI_H

#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mesos_perl.h"

/* Ends the program with the place and the library's last error unless `condition` holds. */
#define CHECK(condition)                                                                                    \
    do {                                                                                                    \
        if (!(condition)) {                                                                                 \
            MesosBytes why_ = mesos_error_message();                                                        \
            fprintf(stderr, "%s:%d: %s; last error: %.*s\n", __FILE__, __LINE__, #condition, (int)why_.len, \
                    why_.len ? (const char *)why_.data : "");                                               \
            exit(1);                                                                                        \
        }                                                                                                   \
    } while (0)

#define OK(call) CHECK((call) == MESOS_OK)
/* The call must fail with this code, and the text must say this. */
#define FAILS(call, code, text)  \
    do {                         \
        CHECK((call) == (code)); \
        CHECK(says(text));       \
    } while (0)

__attribute__((unused)) static int
says(const char *text)
{
    MesosBytes message = mesos_error_message();
    return message.len && memmem(message.data, message.len, text, strlen(text)) != NULL;
}

__attribute__((unused)) static MesosBytes
bytes(const char *text)
{
    MesosBytes made = {(const uint8_t *)text, strlen(text)};
    return made;
}

__attribute__((unused)) static int
equal(MesosBytes got, const char *expected, size_t length)
{
    return got.len == length && (!length || !memcmp(got.data, expected, length));
}

/* Whether the descriptor becomes readable within so many milliseconds. */
__attribute__((unused)) static int
readable(int fd, int milliseconds)
{
    struct pollfd watched = {fd, POLLIN, 0};
    return poll(&watched, 1, milliseconds) == 1 && (watched.revents & POLLIN);
}

__attribute__((unused)) static MesosEvent *
event_named(const char *name)
{
    MesosEvent *event = NULL;
    OK(mesos_event_new(bytes(name), &event));
    CHECK(event);
    return event;
}

#endif
