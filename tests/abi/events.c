/* Events go round: through the queue byte for byte, and the descriptor is readable exactly while there are any. */

#include "abi.h"

#include <fcntl.h>

static const char binary[] = "a\0b\xff";

static void
round_trip(MesosChannel *channel)
{
    MesosEvent *event = event_named("test command");
    MesosBytes data = {(const uint8_t *)binary, 4}, none = {NULL, 0};
    MesosArg arg;

    OK(mesos_event_push(event, bytes("String"), false, data));
    OK(mesos_event_push(event, bytes("Mesos::TaskID"), false, bytes("\n\001t")));
    OK(mesos_event_push(event, bytes("My::Class"), true, none));
    OK(mesos_event_push_item(event, bytes("one")));
    OK(mesos_event_push_item(event, none));
    OK(mesos_event_push(event, bytes("String"), true, none));
    OK(mesos_channel_send(channel, event));
    CHECK(mesos_channel_size(channel) == 1);

    OK(mesos_channel_take(channel, &event));
    CHECK(event && equal(mesos_event_name(event), "test command", 12));
    CHECK(mesos_event_driver(event) == 0 && mesos_event_arg_count(event) == 4);
    CHECK(!mesos_event_ends_driver(event));
    OK(mesos_event_acknowledge(event)); /* nobody waits for it */

    OK(mesos_event_arg(event, 0, &arg));
    CHECK(arg.kind == MESOS_ARG_STRING && !arg.is_list && arg.count == 1);
    CHECK(equal(mesos_event_item(event, 0, 0), binary, 4));
    OK(mesos_event_arg(event, 1, &arg));
    CHECK(arg.kind == MESOS_ARG_MESSAGE);
    CHECK(equal(mesos_schema()->classes[arg.class_id].perl, "Mesos::TaskID", 13));
    OK(mesos_event_arg(event, 2, &arg));
    CHECK(arg.kind == MESOS_ARG_FOREIGN && arg.is_list && arg.count == 2 && equal(arg.type_name, "My::Class", 9));
    CHECK(equal(mesos_event_item(event, 2, 0), "one", 3) && equal(mesos_event_item(event, 2, 1), "", 0));
    CHECK(mesos_event_item(event, 2, 2).len == 0 && mesos_event_item(event, 9, 0).len == 0);
    OK(mesos_event_arg(event, 3, &arg));
    CHECK(arg.is_list && arg.count == 0);
    mesos_event_free(event);

    OK(mesos_channel_take(channel, &event));
    CHECK(!event);
}

/* Mesos 1.07.1 lost the wake-ups beyond the 65,536 bytes of a pipe. */
static void
level(MesosChannel *channel)
{
    MesosDispatcher *dispatcher = NULL;
    MesosEvent *event = NULL;
    uint64_t taken = 0;
    int fd, i;

    OK(mesos_dispatcher_new_pipe(channel, &dispatcher));
    fd = mesos_dispatcher_fd(dispatcher);
    CHECK(fd > 2 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) && (fcntl(fd, F_GETFL) & O_NONBLOCK));
    CHECK(!readable(fd, 0));
    OK(mesos_dispatcher_notify(dispatcher));
    CHECK(!readable(fd, 0));
    for (i = 0; i < 70000; i++)
        OK(mesos_channel_send(channel, event_named("e")));
    CHECK(mesos_channel_size(channel) == 70000);
    for (i = 0; i < 70000; i++) {
        CHECK(readable(fd, 0));
        OK(mesos_channel_take(channel, &event));
        mesos_event_free(event);
    }
    CHECK(!readable(fd, 0));
    CHECK(!mesos_channel_waiting(channel, &taken));
    OK(mesos_channel_send(channel, event_named("e")));
    CHECK(mesos_channel_waiting(channel, &taken) && taken == 70001);
    OK(mesos_channel_take(channel, &event));
    mesos_event_free(event);
    mesos_dispatcher_free(dispatcher);
    CHECK(fcntl(fd, F_GETFD) == -1); /* closed with its dispatcher */
}

static void *
sender(void *channel)
{
    int i;
    for (i = 0; i < 5000; i++)
        OK(mesos_channel_send(channel, event_named("from a thread")));
    return NULL;
}

static void
threads(MesosChannel *channel)
{
    pthread_t thread[3];
    MesosDispatcher *dispatcher = NULL;
    MesosEvent *event = NULL;
    int i, received = 0;

    OK(mesos_dispatcher_new_pipe(channel, &dispatcher));
    for (i = 0; i < 3; i++)
        CHECK(!pthread_create(&thread[i], NULL, sender, channel));
    while (received < 15000) {
        CHECK(readable(mesos_dispatcher_fd(dispatcher), 60000));
        OK(mesos_channel_take(channel, &event));
        received += event != NULL;
        mesos_event_free(event);
    }
    for (i = 0; i < 3; i++)
        CHECK(!pthread_join(thread[i], NULL));
    CHECK(!readable(mesos_dispatcher_fd(dispatcher), 0));
    mesos_dispatcher_free(dispatcher);
}

static void
count(void *argument, int value)
{
    CHECK(value == 1);
    ++*(int *)argument;
}

static void
interrupt(MesosChannel *channel)
{
    MesosDispatcher *dispatcher = NULL;
    MesosEvent *event = NULL;
    int calls = 0;

    OK(mesos_channel_send(channel, event_named("early")));
    OK(mesos_dispatcher_new_interrupt(channel, count, &calls, &dispatcher));
    CHECK(calls == 1); /* what was queued before wakes it too */
    CHECK(mesos_dispatcher_fd(dispatcher) == -1);
    OK(mesos_channel_send(channel, event_named("e")));
    OK(mesos_dispatcher_notify(dispatcher));
    CHECK(calls == 3);
    mesos_dispatcher_free(dispatcher);
    OK(mesos_channel_send(channel, event_named("late")));
    CHECK(calls == 3);
    for (; calls; calls--) {
        OK(mesos_channel_take(channel, &event));
        mesos_event_free(event);
    }
}

int
main(void)
{
    MesosChannel *channel = NULL;
    OK(mesos_channel_new(&channel));
    round_trip(channel);
    level(channel);
    threads(channel);
    interrupt(channel);
    CHECK(mesos_channel_size(channel) == 0);
    mesos_channel_free(channel);
    return 0;
}
