/* Handles given back in odd orders, and used after a fork. argv[1]: the helper executable, for the embedded cluster. */

#include "abi.h"

/* Takes the next event, which must have this name, within a generous time. */
static MesosEvent *
expect(MesosChannel *channel, MesosDispatcher *dispatcher, const char *name)
{
    MesosEvent *event = NULL;
    CHECK(readable(mesos_dispatcher_fd(dispatcher), 60000));
    OK(mesos_channel_take(channel, &event));
    CHECK(event);
    if (!equal(mesos_event_name(event), name, strlen(name))) {
        MesosBytes got = mesos_event_name(event);
        fprintf(stderr, "expected %s, got %.*s\n", name, (int)got.len, (const char *)got.data);
        exit(1);
    }
    return event;
}

static MesosSchedulerDriver *
new_driver(MesosChannel *channel, const char *master, const char *helper)
{
    MesosSchedulerDriver *driver = NULL;
    MesosSchedulerOptions options;
    memset(&options, 0, sizeof options);
    options.master = bytes(master);
    options.framework.data = (const uint8_t *)"\n\000\022\004name"; /* FrameworkInfo: no user, a name */
    options.framework.len = 8;
    options.implicit_acknowledgements = true;
    options.master_timeout = *helper ? 0 : 0.2; /* the embedded cluster is slow under valgrind */
    options.helper = bytes(helper);
    options.max_unanswered_calls = 256;
    options.max_queued_calls = 1000;
    OK(mesos_scheduler_driver_new(channel, &options, &driver));
    return driver;
}

/* The order in which three handles are freed, as digits: 0 channel, 1 dispatcher, 2 driver. */
static void
any_order(const char *order, const char *master, const char *helper)
{
    MesosChannel *channel = NULL;
    MesosDispatcher *dispatcher = NULL;
    MesosSchedulerDriver *driver;
    int status;

    OK(mesos_channel_new(&channel));
    OK(mesos_dispatcher_new_pipe(channel, &dispatcher));
    driver = new_driver(channel, master, helper);
    OK(mesos_scheduler_driver_start(driver, &status));
    CHECK(status == 2);
    OK(mesos_channel_send(channel, event_named("nobody takes this")));
    for (; *order; order++) {
        if (*order == '0')
            mesos_channel_free(channel);
        else if (*order == '1')
            mesos_dispatcher_free(dispatcher);
        else
            mesos_scheduler_driver_free(driver);
    }
}

/* An error from a driver thread; the event lives on after everything that made it. */
static void
unreachable_master(void)
{
    MesosChannel *channel = NULL;
    MesosDispatcher *dispatcher = NULL;
    MesosSchedulerDriver *driver;
    MesosEvent *event;
    MesosBytes text;
    int status;

    OK(mesos_channel_new(&channel));
    OK(mesos_dispatcher_new_pipe(channel, &dispatcher));
    driver = new_driver(channel, "127.0.0.1:1", "");
    OK(mesos_scheduler_driver_status(driver, &status));
    CHECK(status == 1);
    OK(mesos_scheduler_driver_start(driver, &status));
    event = expect(channel, dispatcher, "error");
    CHECK(mesos_event_driver(event) == mesos_scheduler_driver_id(driver));
    OK(mesos_scheduler_driver_status(driver, &status));
    CHECK(status == 3); /* from the moment that the event was taken */
    mesos_scheduler_driver_free(driver);
    mesos_dispatcher_free(dispatcher);
    mesos_channel_free(channel);
    text = mesos_event_item(event, 0, 0);
    CHECK(text.len && memmem(text.data, text.len, "127.0.0.1:1", 11));
    mesos_event_free(event);
}

/* The value of a length-delimited field of an encoded message whose tag is one byte; as it stands, with tag and length. */
static MesosBytes
field(MesosBytes message, uint8_t tag)
{
    size_t at = 0;
    while (at + 1 < message.len) {
        size_t length = message.data[at + 1];
        MesosBytes found = {message.data + at, length + 2};
        CHECK(length < 128 && at + 2 + length <= message.len);
        if (message.data[at] == tag)
            return found;
        at += 2 + length;
    }
    CHECK(!"the field is there");
    return message;
}

static size_t
append(uint8_t *to, size_t at, const void *from, size_t length)
{
    memcpy(to + at, from, length);
    return at + length;
}

/* A task on the embedded cluster; its first update is kept beyond the driver's end, and acknowledged then or not. */
static void
late_acknowledgement(const char *helper, int acknowledge_late)
{
    static const char name[] = "\n\001t\022\003\n\001i", command[] = ":\007\032\005false",
                      cpus[] = "\"\023\n\004cpus\020\000\032\011\011\232\231\231\231\231\231\271?"; /* a scalar, 0.1 */
    MesosChannel *channel = NULL;
    MesosDispatcher *dispatcher = NULL;
    MesosSchedulerDriver *driver;
    MesosEvent *event;
    MesosBytes offer, offer_id, none = {NULL, 0}, task;
    MesosBytesList offers, tasks;
    uint8_t encoded[256];
    size_t at = 0;
    int status;

    OK(mesos_channel_new(&channel));
    OK(mesos_dispatcher_new_pipe(channel, &dispatcher));
    driver = new_driver(channel, "local", helper);
    OK(mesos_scheduler_driver_start(driver, &status));
    mesos_event_free(expect(channel, dispatcher, "registered"));
    event = expect(channel, dispatcher, "resourceOffers");
    offer = mesos_event_item(event, 0, 0);
    /* Offer: id 1, framework_id 2, slave_id 3; TaskInfo: name 1, task_id 2, slave_id 3, resources 4, command 7. */
    offer_id = field(offer, 0x0a);
    offer_id.data += 2;
    offer_id.len -= 2;
    at = append(encoded, 0, name, sizeof name - 1);
    at = append(encoded, at, field(offer, 0x1a).data, field(offer, 0x1a).len);
    at = append(encoded, at, cpus, sizeof cpus - 1);
    at = append(encoded, at, command, sizeof command - 1);
    task.data = encoded;
    task.len = at;
    offers.items = &offer_id;
    tasks.items = &task;
    offers.len = tasks.len = 1;
    OK(mesos_scheduler_driver_launch_tasks(driver, offers, tasks, none, &status));
    mesos_event_free(event);

    event = expect(channel, dispatcher, "statusUpdate");
    CHECK(mesos_event_driver(event) == mesos_scheduler_driver_id(driver));
    CHECK(!mesos_event_ends_driver(event));
    OK(mesos_scheduler_driver_stop(driver, false, &status));
    CHECK(status == 4);
    mesos_scheduler_driver_free(driver);
    if (acknowledge_late)
        OK(mesos_event_acknowledge(event)); /* nobody is left to hear it */
    mesos_event_free(event);
    mesos_channel_free(channel);
    mesos_dispatcher_free(dispatcher);
}

/* Runs in the child of a fork: 'y' if every call on the parent's handles was refused. */
static char
in_child(MesosChannel *channel, MesosDispatcher *dispatcher, MesosSchedulerDriver *driver, MesosEvent *event)
{
    MesosEvent *taken = NULL;
    MesosChannel *own = NULL;
    int status, refused;

    refused = mesos_channel_take(channel, &taken) == MESOS_FORKED && says("before the fork") &&
              mesos_channel_size(channel) == 0 && mesos_dispatcher_notify(dispatcher) == MESOS_FORKED &&
              mesos_scheduler_driver_start(driver, &status) == MESOS_FORKED && mesos_event_acknowledge(event) == MESOS_FORKED &&
              mesos_channel_send(channel, event) == MESOS_FORKED && mesos_event_name(NULL).len == 0;
    mesos_scheduler_driver_free(driver);
    mesos_dispatcher_free(dispatcher);
    mesos_channel_free(channel);
    /* What the child makes itself works. */
    refused = refused && mesos_channel_new(&own) == MESOS_OK && mesos_channel_send(own, event_named("e")) == MESOS_OK &&
              mesos_channel_size(own) == 1;
    mesos_channel_free(own);
    return refused ? 'y' : 'n';
}

static void
forked(const char *helper)
{
    MesosChannel *channel = NULL;
    MesosDispatcher *dispatcher = NULL;
    MesosSchedulerDriver *driver;
    MesosEvent *event;
    int status, answer[2];
    char said = 0;
    pid_t child;

    OK(mesos_channel_new(&channel));
    OK(mesos_dispatcher_new_pipe(channel, &dispatcher));
    driver = new_driver(channel, "local", helper);
    OK(mesos_scheduler_driver_start(driver, &status));
    mesos_event_free(expect(channel, dispatcher, "registered"));
    event = event_named("of the parent");
    CHECK(!pipe(answer));
    child = fork();
    CHECK(child >= 0);
    if (!child) {
        said = in_child(channel, dispatcher, driver, event);
        _exit(write(answer[1], &said, 1) == 1 ? 0 : 1);
    }
    close(answer[1]);
    CHECK(read(answer[0], &said, 1) == 1 && said == 'y');
    CHECK(waitpid(child, &status, 0) == child);
    close(answer[0]);
    /* The parent's are as they were. */
    mesos_event_free(event);
    mesos_event_free(expect(channel, dispatcher, "resourceOffers"));
    OK(mesos_scheduler_driver_stop(driver, false, &status));
    mesos_scheduler_driver_free(driver);
    mesos_dispatcher_free(dispatcher);
    mesos_channel_free(channel);
}

int
main(int argc, char **argv)
{
    static const char *const orders[] = {"012", "021", "102", "120", "201", "210"};
    size_t i;
    CHECK(argc == 2);
    for (i = 0; i < sizeof orders / sizeof *orders; i++) {
        any_order(orders[i], "127.0.0.1:1", "");
        any_order(orders[i], "local", argv[1]);
    }
    unreachable_master();
    late_acknowledgement(argv[1], 0);
    late_acknowledgement(argv[1], 1);
    forked(argv[1]);
    return 0;
}
