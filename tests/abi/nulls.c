/* NULL for every pointer: an error code and a text, or nothing done; never a crash. */

#include "abi.h"

static const MesosBytes none = {NULL, 0};
static const MesosBytesList no_list = {NULL, 0};

static void
frees(void)
{
    mesos_channel_free(NULL);
    mesos_dispatcher_free(NULL);
    mesos_event_free(NULL);
    mesos_scheduler_driver_free(NULL);
    mesos_executor_driver_free(NULL);
    mesos_decoder_free(NULL);
}

static void
handles(void)
{
    MesosChannel *channel = NULL;
    MesosDispatcher *dispatcher = NULL;
    MesosEvent *event = NULL;
    MesosArg arg;

    FAILS(mesos_channel_new(NULL), MESOS_NULL_POINTER, "no place for the result");
    OK(mesos_channel_new(&channel));
    FAILS(mesos_channel_take(NULL, &event), MESOS_NULL_POINTER, "the channel is not initialised");
    FAILS(mesos_channel_take(channel, NULL), MESOS_NULL_POINTER, "no place for the result");
    CHECK(mesos_channel_size(NULL) == 0 && !mesos_channel_waiting(NULL, NULL));
    FAILS(mesos_channel_send(channel, NULL), MESOS_NULL_POINTER, "");
    /* The event is consumed, also by a call that fails: a leak checker would see it. */
    FAILS(mesos_channel_send(NULL, event_named("lost")), MESOS_NULL_POINTER, "the channel is not initialised");

    FAILS(mesos_dispatcher_new_pipe(NULL, &dispatcher), MESOS_NULL_POINTER, "channel");
    FAILS(mesos_dispatcher_new_pipe(channel, NULL), MESOS_NULL_POINTER, "no place");
    FAILS(mesos_dispatcher_new_interrupt(channel, NULL, NULL, &dispatcher), MESOS_NULL_POINTER, "no signal function");
    CHECK(!dispatcher);
    CHECK(mesos_dispatcher_fd(NULL) == -1);
    FAILS(mesos_dispatcher_notify(NULL), MESOS_NULL_POINTER, "the dispatcher is not initialised");

    FAILS(mesos_event_new(none, NULL), MESOS_NULL_POINTER, "no place");
    FAILS(mesos_event_push(NULL, bytes("String"), false, none), MESOS_NULL_POINTER, "");
    FAILS(mesos_event_push_item(NULL, none), MESOS_NULL_POINTER, "");
    CHECK(mesos_event_name(NULL).len == 0 && mesos_event_driver(NULL) == 0 && mesos_event_arg_count(NULL) == 0);
    CHECK(mesos_event_item(NULL, 0, 0).len == 0);
    event = event_named("e");
    FAILS(mesos_event_arg(NULL, 0, &arg), MESOS_NULL_POINTER, "event");
    FAILS(mesos_event_arg(event, 0, &arg), MESOS_BAD_ARGUMENT, "argument 0 of 0");
    OK(mesos_event_push(event, bytes("String"), false, none));
    FAILS(mesos_event_arg(event, 0, NULL), MESOS_NULL_POINTER, "no place");
    FAILS(mesos_event_push_item(event, none), MESOS_BAD_ARGUMENT, "not a list");
    FAILS(mesos_event_acknowledge(NULL), MESOS_NULL_POINTER, "event");
    CHECK(!mesos_event_ends_driver(NULL));
    mesos_event_free(event);
    mesos_channel_free(channel);
}

static void
scheduler_driver(void)
{
    MesosChannel *channel = NULL;
    MesosSchedulerDriver *driver = NULL;
    MesosSchedulerOptions options;
    MesosStats *stats = NULL;
    int status = -1;

    memset(&options, 0, sizeof options);
    OK(mesos_channel_new(&channel));
    FAILS(mesos_scheduler_driver_new(channel, NULL, &driver), MESOS_NULL_POINTER, "");
    FAILS(mesos_scheduler_driver_new(NULL, &options, &driver), MESOS_NULL_POINTER, "channel");
    FAILS(mesos_scheduler_driver_new(channel, &options, NULL), MESOS_NULL_POINTER, "");
    FAILS(mesos_scheduler_driver_new(channel, &options, &driver), MESOS_BAD_ARGUMENT, "master");
    options.master = bytes("127.0.0.1:1");
    options.framework = bytes("\xff not a message");
    FAILS(mesos_scheduler_driver_new(channel, &options, &driver), MESOS_BAD_ARGUMENT, "framework");
    CHECK(!driver);

    CHECK(mesos_scheduler_driver_id(NULL) == 0);
#define NOT_INITIALISED(call) FAILS(call, MESOS_NULL_POINTER, "driver is not initialised")
    NOT_INITIALISED(mesos_scheduler_driver_status(NULL, &status));
    NOT_INITIALISED(mesos_scheduler_driver_start(NULL, &status));
    NOT_INITIALISED(mesos_scheduler_driver_stop(NULL, false, &status));
    NOT_INITIALISED(mesos_scheduler_driver_abort(NULL, &status));
    NOT_INITIALISED(mesos_scheduler_driver_request_resources(NULL, no_list, &status));
    NOT_INITIALISED(mesos_scheduler_driver_launch_tasks(NULL, no_list, no_list, none, &status));
    NOT_INITIALISED(mesos_scheduler_driver_accept_offers(NULL, no_list, no_list, none, &status));
    NOT_INITIALISED(mesos_scheduler_driver_decline_offer(NULL, none, none, &status));
    NOT_INITIALISED(mesos_scheduler_driver_revive_offers(NULL, no_list, true, &status));
    NOT_INITIALISED(mesos_scheduler_driver_suppress_offers(NULL, no_list, true, &status));
    NOT_INITIALISED(mesos_scheduler_driver_kill_task(NULL, none, none, &status));
    NOT_INITIALISED(mesos_scheduler_driver_acknowledge(NULL, none, &status));
    NOT_INITIALISED(mesos_scheduler_driver_send_framework_message(NULL, none, none, none, &status));
    NOT_INITIALISED(mesos_scheduler_driver_reconcile_tasks(NULL, no_list, &status));
    NOT_INITIALISED(mesos_scheduler_driver_update_framework(NULL, none, no_list, true, &status));
    NOT_INITIALISED(mesos_scheduler_driver_accept_inverse_offers(NULL, no_list, none, &status));
    NOT_INITIALISED(mesos_scheduler_driver_decline_inverse_offers(NULL, no_list, none, &status));
    NOT_INITIALISED(mesos_scheduler_driver_acknowledge_operation(NULL, none, &status));
    NOT_INITIALISED(mesos_scheduler_driver_reconcile_operations(NULL, no_list, &status));
    NOT_INITIALISED(mesos_scheduler_driver_shutdown_executor(NULL, none, none, &status));
    NOT_INITIALISED(mesos_scheduler_driver_stats(NULL, &stats));
    NOT_INITIALISED(mesos_executor_driver_stats(NULL, &stats));
    CHECK(mesos_stats_count(NULL) == 0);
    FAILS(mesos_stats_get(NULL, 0, NULL), MESOS_NULL_POINTER, "");
    mesos_stats_free(NULL);
    CHECK(status == -1); /* nothing was written */
    mesos_channel_free(channel);
}

static void
executor_driver(void)
{
    MesosChannel *channel = NULL;
    MesosExecutorDriver *driver = NULL;
    int status = -1;

    OK(mesos_channel_new(&channel));
    FAILS(mesos_executor_driver_new(NULL, none, &driver), MESOS_NULL_POINTER, "channel");
    FAILS(mesos_executor_driver_new(channel, none, NULL), MESOS_NULL_POINTER, "");
    CHECK(mesos_executor_driver_id(NULL) == 0);
    NOT_INITIALISED(mesos_executor_driver_status(NULL, &status));
    NOT_INITIALISED(mesos_executor_driver_start(NULL, &status));
    NOT_INITIALISED(mesos_executor_driver_stop(NULL, &status));
    NOT_INITIALISED(mesos_executor_driver_abort(NULL, &status));
    NOT_INITIALISED(mesos_executor_driver_send_status_update(NULL, none, &status));
    NOT_INITIALISED(mesos_executor_driver_send_framework_message(NULL, none, &status));
    CHECK(status == -1);

    OK(mesos_executor_driver_new(channel, none, &driver));
    FAILS(mesos_executor_driver_status(driver, NULL), MESOS_NULL_POINTER, "no place");
    FAILS(mesos_executor_driver_start(driver, &status), MESOS_BAD_ARGUMENT, "MESOS_");
    mesos_executor_driver_free(driver);
    mesos_channel_free(channel);
}

static void
messages(void)
{
    const MesosToken *tape;
    size_t length;
    uint32_t class_id;
    uint8_t buffer[1];

    CHECK(mesos_schema() != NULL);
    FAILS(mesos_class_by_perl_name(none, &class_id), MESOS_BAD_ARGUMENT, "not a class");
    FAILS(mesos_class_by_perl_name(bytes("Mesos::TaskID"), NULL), MESOS_NULL_POINTER, "no place");
    FAILS(mesos_decoder_options(NULL, 0), MESOS_NULL_POINTER, "");
    FAILS(mesos_decoder_decode(NULL, 0, none, &tape, &length), MESOS_NULL_POINTER, "");
    FAILS(mesos_tape_check(0, NULL, 0, none, &length), MESOS_NULL_POINTER, "no tape");
    FAILS(mesos_tape_write(NULL, 0, none, buffer, 1), MESOS_NULL_POINTER, "no tape");
}

/* Runs where nothing has failed yet: the text is per thread. */
static void *
other_thread(void *unused)
{
    CHECK(mesos_error_message().len == 0);
    return unused;
}

int
main(void)
{
    pthread_t thread;
    CHECK(mesos_error_message().len == 0);
    frees();
    handles();
    scheduler_driver();
    executor_driver();
    messages();
    CHECK(mesos_error_message().len > 0);
    CHECK(!pthread_create(&thread, NULL, other_thread, NULL) && !pthread_join(thread, NULL));
    return 0;
}
