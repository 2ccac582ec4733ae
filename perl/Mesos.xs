/* Glue between Perl and include/mesos_perl.h: Perl values to C values, a call, and the result back. It has no state and no rules of Mesos. */

#define PERL_NO_GET_CONTEXT
#include "EXTERN.h"
#include "perl.h"
#include "XSUB.h"

#include "handles.h"
#include "message.h"
#include "dispatch.h"
#include "mesos_perl.h"

MODULE = Mesos    PACKAGE = Mesos

PROTOTYPES: DISABLE

BOOT:
    mesos_boot_messages(aTHX);

void
_log_init(SV *program)
  CODE:
    mesos_check(aTHX_ mesos_log_init(mesos_bytes(aTHX_ program)));

# Backend $index as (name, version, scheduler, executor, is_default), or nothing.
void
_backend(UV index)
  PREINIT:
    MesosBackend backend;
  PPCODE:
    if (mesos_backend(index, &backend) != MESOS_OK)
        XSRETURN_EMPTY;
    EXTEND(SP, 5);
    PUSHs(mesos_sv(aTHX_ backend.name));
    PUSHs(mesos_sv(aTHX_ backend.version));
    PUSHs(boolSV(backend.scheduler));
    PUSHs(boolSV(backend.executor));
    PUSHs(boolSV(backend.is_default));

MODULE = Mesos    PACKAGE = Mesos::Channel

void
_xs_init(SV *self)
  PREINIT:
    MesosChannel *channel;
  CODE:
    mesos_check(aTHX_ mesos_channel_new(&channel));
    mesos_attach(aTHX_ self, &mesos_channel_type, channel);

void
_xs_free(SV *self)
  CODE:
    mesos_detach(aTHX_ self, &mesos_channel_type);

UV
size(SV *self)
  CODE:
    RETVAL = mesos_channel_size(mesos_handle(aTHX_ self, &mesos_channel_type));
  OUTPUT:
    RETVAL

# How many events were ever taken, or undef if none is queued.
SV *
_waiting(SV *self)
  PREINIT:
    uint64_t taken;
  CODE:
    RETVAL = mesos_channel_waiting(mesos_handle(aTHX_ self, &mesos_channel_type), &taken) ? newSVuv((UV)taken) : &PL_sv_undef;
  OUTPUT:
    RETVAL

# _xs_send($name, $type, $bytes, $type, \@bytes, ...)
void
_xs_send(SV *self, SV *name, ...)
  PREINIT:
    MesosChannel *channel;
    MesosEvent *event;
    SV *owner;
    I32 i;
    SSize_t j;
  CODE:
    channel = mesos_handle(aTHX_ self, &mesos_channel_type);
    mesos_check(aTHX_ mesos_event_new(mesos_bytes(aTHX_ name), &event));
    owner = mesos_new_object(aTHX_ "Mesos::Channel::Event", &mesos_event_type, event);
    for (i = 2; i + 1 < items; i += 2) {
        AV *list = SvROK(ST(i + 1)) ? (AV *)SvRV(ST(i + 1)) : NULL;
        MesosBytes none = { NULL, 0 };
        mesos_check(aTHX_ mesos_event_push(event, mesos_bytes(aTHX_ ST(i)), list != NULL,
            list ? none : mesos_bytes(aTHX_ ST(i + 1))));
        for (j = 0; list && j <= av_len(list); j++)
            mesos_check(aTHX_ mesos_event_push_item(event, mesos_bytes(aTHX_ *av_fetch(list, j, 1))));
    }
    mesos_check(aTHX_ mesos_channel_send(channel, mesos_take_handle(aTHX_ owner, &mesos_event_type)));

# The oldest event as ($name, @args), or nothing. Whoever takes an event off the queue has it: nobody else could acknowledge it later.
void
_take(SV *self)
  PREINIT:
    MesosEvent *event;
    size_t i, count;
  PPCODE:
    mesos_check(aTHX_ mesos_channel_take(mesos_handle(aTHX_ self, &mesos_channel_type), &event));
    if (!event)
        XSRETURN_EMPTY;
    ENTER;
    mesos_scope_event(aTHX_ event);
    count = mesos_event_arg_count(event);
    EXTEND(SP, (SSize_t)count + 1);
    PUSHs(mesos_sv(aTHX_ mesos_event_name(event)));
    for (i = 0; i < count; i++) {
        SV *arg;
        PUTBACK;
        arg = mesos_event_arg_sv(aTHX_ event, i);
        SPAGAIN;
        PUSHs(arg);
    }
    mesos_check(aTHX_ mesos_event_acknowledge(event));
    LEAVE;

MODULE = Mesos    PACKAGE = Mesos::XS

void
_forget_strings()
  CODE:
    mesos_message_forget_strings(aTHX);

# For Mesos::Role::HasDispatcher: one event of a consumer; in list context ($name, @args).
void
_dispatch_event(SV *consumer)
  PREINIT:
    AV *result = NULL;
    SSize_t i, count;
  PPCODE:
    if (GIMME_V == G_ARRAY)
        result = (AV *)sv_2mortal((SV *)newAV());
    PUTBACK;
    mesos_dispatch_event(aTHX_ consumer, result);
    SPAGAIN;
    count = result ? av_len(result) + 1 : 0;
    EXTEND(SP, count);
    for (i = 0; i < count; i++)
        PUSHs(*av_fetch(result, i, 0));

MODULE = Mesos    PACKAGE = Mesos::Dispatcher

void
_xs_init_pipe(SV *self, SV *channel)
  PREINIT:
    MesosDispatcher *dispatcher;
  CODE:
    mesos_check(aTHX_ mesos_dispatcher_new_pipe(mesos_handle(aTHX_ channel, &mesos_channel_type), &dispatcher));
    mesos_attach(aTHX_ self, &mesos_dispatcher_type, dispatcher);

# $function and $argument as Async::Interrupt's signal_func gives them: addresses
void
_xs_init_interrupt(SV *self, SV *channel, IV function, IV argument)
  PREINIT:
    MesosDispatcher *dispatcher;
  CODE:
    mesos_check(aTHX_ mesos_dispatcher_new_interrupt(mesos_handle(aTHX_ channel, &mesos_channel_type),
        INT2PTR(MesosSignalFunction, function), INT2PTR(void *, argument), &dispatcher));
    mesos_attach(aTHX_ self, &mesos_dispatcher_type, dispatcher);

void
_xs_free(SV *self)
  CODE:
    mesos_detach(aTHX_ self, &mesos_dispatcher_type);

# Dispatches at most that many events to the dispatcher's consumer.
void
_dispatch_batch(SV *self, IV most)
  PPCODE:
    PUTBACK;
    mesos_dispatch_batch(aTHX_ self, most);
    SPAGAIN;

bool
_xs_is_open(SV *self)
  CODE:
    RETVAL = mesos_is_open(aTHX_ self, &mesos_dispatcher_type);
  OUTPUT:
    RETVAL

int
_xs_fd(SV *self)
  CODE:
    RETVAL = mesos_dispatcher_fd(mesos_handle(aTHX_ self, &mesos_dispatcher_type));
  OUTPUT:
    RETVAL

void
notify(SV *self)
  CODE:
    mesos_check(aTHX_ mesos_dispatcher_notify(mesos_handle(aTHX_ self, &mesos_dispatcher_type)));

MODULE = Mesos    PACKAGE = Mesos::SchedulerDriver

# _xs_init($channel, \%options): the names below
void
_xs_init(SV *self, SV *channel, HV *options)
  PREINIT:
    MesosSchedulerDriver *driver;
    MesosSchedulerOptions given;
    SV *credential;
  CODE:
    credential = mesos_option(aTHX_ options, "credential");
    given.driver = mesos_bytes(aTHX_ mesos_option(aTHX_ options, "driver"));
    given.master = mesos_bytes(aTHX_ mesos_option(aTHX_ options, "master"));
    given.framework = mesos_encode(aTHX_ "Mesos::FrameworkInfo", mesos_option(aTHX_ options, "framework"));
    given.credential = mesos_encode(aTHX_ "Mesos::Credential", credential);
    given.implicit_acknowledgements = SvTRUE(mesos_option(aTHX_ options, "implicit_acknowledgements"));
    given.master_timeout = SvNV(mesos_option(aTHX_ options, "master_timeout"));
    given.framework_id_file = mesos_bytes(aTHX_ mesos_option(aTHX_ options, "framework_id_file"));
    given.reconcile_on_registration = SvTRUE(mesos_option(aTHX_ options, "reconcile_on_registration"));
    given.max_unanswered_calls = SvIV(mesos_option(aTHX_ options, "max_unanswered_calls"));
    given.max_queued_calls = SvIV(mesos_option(aTHX_ options, "max_queued_calls"));
    given.helper = mesos_bytes(aTHX_ mesos_option(aTHX_ options, "helper"));
    given.executor_environment = mesos_bytes_list(aTHX_ mesos_option(aTHX_ options, "executor_environment"));
    mesos_check(aTHX_ mesos_scheduler_driver_new(mesos_handle(aTHX_ channel, &mesos_channel_type), &given, &driver));
    mesos_attach(aTHX_ self, &mesos_scheduler_driver_type, driver);

void
_xs_free(SV *self)
  CODE:
    mesos_detach(aTHX_ self, &mesos_scheduler_driver_type);

SV *
backend(SV *self)
  CODE:
    RETVAL = SvREFCNT_inc(mesos_sv(aTHX_ mesos_scheduler_driver_backend(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type))));
  OUTPUT:
    RETVAL

UV
_driver_id(SV *self)
  CODE:
    RETVAL = (UV)mesos_scheduler_driver_id(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type));
  OUTPUT:
    RETVAL

int
status(SV *self)
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_status(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type), &RETVAL));
  OUTPUT:
    RETVAL

bool
_xs_is_running(SV *self)
  PREINIT:
    int status;
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_status(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type), &status));
    RETVAL = status == 2 /* DRIVER_RUNNING */;
  OUTPUT:
    RETVAL

int
_xs_start(SV *self)
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_start(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_stop(SV *self, bool failover)
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_stop(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type), failover, &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_abort(SV *self)
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_abort(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_request_resources(SV *self, SV *requests)
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_request_resources(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        mesos_encode_list(aTHX_ "Mesos::Request", requests), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_launch_tasks(SV *self, SV *offer_ids, SV *tasks, SV *filters)
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_launch_tasks(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        mesos_encode_list(aTHX_ "Mesos::OfferID", offer_ids), mesos_encode_list(aTHX_ "Mesos::TaskInfo", tasks),
        mesos_encode(aTHX_ "Mesos::Filters", filters), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_accept_offers(SV *self, SV *offer_ids, SV *operations, SV *filters)
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_accept_offers(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        mesos_encode_list(aTHX_ "Mesos::OfferID", offer_ids), mesos_encode_list(aTHX_ "Mesos::Offer::Operation", operations),
        mesos_encode(aTHX_ "Mesos::Filters", filters), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_decline_offer(SV *self, SV *offer_id, SV *filters)
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_decline_offer(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        mesos_encode(aTHX_ "Mesos::OfferID", offer_id), mesos_encode(aTHX_ "Mesos::Filters", filters), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_revive_offers(SV *self, SV *roles)
  PREINIT:
    MesosBytesList none = { NULL, 0 };
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_revive_offers(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        SvOK(roles) ? mesos_bytes_list(aTHX_ roles) : none, !SvOK(roles), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_suppress_offers(SV *self, SV *roles)
  PREINIT:
    MesosBytesList none = { NULL, 0 };
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_suppress_offers(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        SvOK(roles) ? mesos_bytes_list(aTHX_ roles) : none, !SvOK(roles), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_update_framework(SV *self, SV *framework, SV *roles)
  PREINIT:
    MesosBytesList none = { NULL, 0 };
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_update_framework(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        mesos_encode(aTHX_ "Mesos::FrameworkInfo", framework),
        SvOK(roles) ? mesos_bytes_list(aTHX_ roles) : none, !SvOK(roles), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_accept_inverse_offers(SV *self, SV *offer_ids, SV *filters)
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_accept_inverse_offers(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        mesos_encode_list(aTHX_ "Mesos::OfferID", offer_ids), mesos_encode(aTHX_ "Mesos::Filters", filters), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_decline_inverse_offers(SV *self, SV *offer_ids, SV *filters)
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_decline_inverse_offers(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        mesos_encode_list(aTHX_ "Mesos::OfferID", offer_ids), mesos_encode(aTHX_ "Mesos::Filters", filters), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_acknowledge_operation(SV *self, SV *update)
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_acknowledge_operation(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        mesos_encode(aTHX_ "Mesos::OperationStatus", update), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_reconcile_operations(SV *self, SV *operations)
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_reconcile_operations(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        mesos_encode_list(aTHX_ "Mesos::Scheduler::Call::ReconcileOperations::Operation", operations), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_shutdown_executor(SV *self, SV *executor_id, SV *slave_id)
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_shutdown_executor(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        mesos_encode(aTHX_ "Mesos::ExecutorID", executor_id), mesos_encode(aTHX_ "Mesos::SlaveID", slave_id), &RETVAL));
  OUTPUT:
    RETVAL

SV *
stats(SV *self)
  PREINIT:
    MesosStats *stats;
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_stats(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type), &stats));
    RETVAL = mesos_stats_sv(aTHX_ stats);
  OUTPUT:
    RETVAL

int
_xs_kill_task(SV *self, SV *task_id)
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_kill_task(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        mesos_encode(aTHX_ "Mesos::TaskID", task_id), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_acknowledge(SV *self, SV *update)
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_acknowledge(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        mesos_encode(aTHX_ "Mesos::TaskStatus", update), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_send_framework_message(SV *self, SV *executor_id, SV *slave_id, SV *data)
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_send_framework_message(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        mesos_encode(aTHX_ "Mesos::ExecutorID", executor_id), mesos_encode(aTHX_ "Mesos::SlaveID", slave_id),
        mesos_bytes(aTHX_ data), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_reconcile_tasks(SV *self, SV *statuses)
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_reconcile_tasks(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        mesos_encode_list(aTHX_ "Mesos::TaskStatus", statuses), &RETVAL));
  OUTPUT:
    RETVAL

MODULE = Mesos    PACKAGE = Mesos::ExecutorDriver

void
_xs_init(SV *self, SV *channel, SV *backend)
  PREINIT:
    MesosExecutorDriver *driver;
  CODE:
    mesos_check(aTHX_ mesos_executor_driver_new(mesos_handle(aTHX_ channel, &mesos_channel_type), mesos_bytes(aTHX_ backend),
        &driver));
    mesos_attach(aTHX_ self, &mesos_executor_driver_type, driver);

void
_xs_free(SV *self)
  CODE:
    mesos_detach(aTHX_ self, &mesos_executor_driver_type);

SV *
backend(SV *self)
  CODE:
    RETVAL = SvREFCNT_inc(mesos_sv(aTHX_ mesos_executor_driver_backend(mesos_handle(aTHX_ self, &mesos_executor_driver_type))));
  OUTPUT:
    RETVAL

UV
_driver_id(SV *self)
  CODE:
    RETVAL = (UV)mesos_executor_driver_id(mesos_handle(aTHX_ self, &mesos_executor_driver_type));
  OUTPUT:
    RETVAL

int
status(SV *self)
  CODE:
    mesos_check(aTHX_ mesos_executor_driver_status(mesos_handle(aTHX_ self, &mesos_executor_driver_type), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_start(SV *self)
  CODE:
    mesos_check(aTHX_ mesos_executor_driver_start(mesos_handle(aTHX_ self, &mesos_executor_driver_type), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_stop(SV *self)
  CODE:
    mesos_check(aTHX_ mesos_executor_driver_stop(mesos_handle(aTHX_ self, &mesos_executor_driver_type), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_abort(SV *self)
  CODE:
    mesos_check(aTHX_ mesos_executor_driver_abort(mesos_handle(aTHX_ self, &mesos_executor_driver_type), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_send_status_update(SV *self, SV *update)
  CODE:
    mesos_check(aTHX_ mesos_executor_driver_send_status_update(mesos_handle(aTHX_ self, &mesos_executor_driver_type),
        mesos_encode(aTHX_ "Mesos::TaskStatus", update), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_send_framework_message(SV *self, SV *data)
  CODE:
    mesos_check(aTHX_ mesos_executor_driver_send_framework_message(mesos_handle(aTHX_ self, &mesos_executor_driver_type),
        mesos_bytes(aTHX_ data), &RETVAL));
  OUTPUT:
    RETVAL

SV *
stats(SV *self)
  PREINIT:
    MesosStats *stats;
  CODE:
    mesos_check(aTHX_ mesos_executor_driver_stats(mesos_handle(aTHX_ self, &mesos_executor_driver_type), &stats));
    RETVAL = mesos_stats_sv(aTHX_ stats);
  OUTPUT:
    RETVAL

INCLUDE: Message.xsi
