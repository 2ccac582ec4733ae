/* Glue between Perl and include/mesos_perl.h: Perl values to C values, a call, and the result back. It has no state and no rules of Mesos. */

#define PERL_NO_GET_CONTEXT
#include "EXTERN.h"
#include "perl.h"
#include "XSUB.h"

#include "handles.h"
#include "message.h"
#include "dispatch.h"
#include "mesos_perl.h"

/* In every XSUB with arguments beside its object: looking at one may run Perl code that frees the others, the object among them. Perl's
 * stack does not count them. So no argument is converted in a signature. */
#define HOLD_ARGUMENTS mesos_hold_arguments(aTHX_ ax, items)

MODULE = Mesos    PACKAGE = Mesos

PROTOTYPES: DISABLE

BOOT:
    mesos_boot_messages(aTHX);
    mesos_message_define_constants(aTHX);

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
  PREINIT:
    const MesosChannel *channel;
    uint64_t taken;
  CODE:
    channel = mesos_handle_anywhere(aTHX_ self, &mesos_channel_type);
    RETVAL = mesos_channel_size(channel);
    /* Who asks again and again until something is there reads what has come. Not within a signal handler that interrupts us. */
    if (!RETVAL && !mesos_is_inside() && mesos_channel_waiting(channel, &taken))
        RETVAL = mesos_channel_size(channel);
  OUTPUT:
    RETVAL

void
_xs_advise(SV *self, SV *text)
  CODE:
    HOLD_ARGUMENTS;
    mesos_handle(aTHX_ self, &mesos_channel_type);
    {
        const MesosBytes advice = mesos_bytes(aTHX_ text);
        mesos_check(aTHX_ mesos_channel_advise(mesos_handle(aTHX_ self, &mesos_channel_type), advice));
    }

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
    MesosEvent *event;
    MesosChannel *channel;
    SV *owner;
    I32 i;
    size_t j;
  CODE:
    HOLD_ARGUMENTS;
    mesos_handle(aTHX_ self, &mesos_channel_type);
    mesos_check(aTHX_ mesos_event_new(mesos_bytes(aTHX_ name), &event));
    owner = mesos_new_object(aTHX_ "Mesos::Channel::Event", &mesos_event_type, event);
    for (i = 2; i + 1 < items; i += 2) {
        const bool is_list = SvROK(ST(i + 1)) && SvTYPE(SvRV(ST(i + 1))) == SVt_PVAV;
        const MesosBytes type = mesos_bytes(aTHX_ ST(i));
        MesosBytes item = { NULL, 0 };
        MesosBytesList list = { NULL, 0 };
        if (is_list)
            list = mesos_bytes_list(aTHX_ ST(i + 1));
        else
            item = mesos_bytes(aTHX_ ST(i + 1));
        mesos_check(aTHX_ mesos_event_push(event, type, is_list, item));
        for (j = 0; j < list.len; j++)
            mesos_check(aTHX_ mesos_event_push_item(event, list.items[j]));
    }
    /* Before the event is taken from its owner: what has run may have closed the channel. */
    channel = (MesosChannel *)mesos_handle(aTHX_ self, &mesos_channel_type);
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

# What Mesos would pass over in JSON that is to be a message of a class: JSON as well.
SV *
_json_surplus(SV *class_name, SV *json)
  PREINIT:
    MesosBytes class_bytes, json_bytes, result;
  CODE:
    HOLD_ARGUMENTS;
    class_bytes = mesos_bytes(aTHX_ class_name);
    json_bytes = mesos_bytes(aTHX_ json);
    mesos_check(aTHX_ mesos_json_surplus(class_bytes, json_bytes, &result));
    RETVAL = newSVpvn((const char *)result.data, result.len);
  OUTPUT:
    RETVAL

MODULE = Mesos    PACKAGE = Mesos::Resources

# An action on lists of resources, each an encoded Mesos::Request.
SV *
_reckon(SV *action, SV *left, SV *right)
  PREINIT:
    MesosBytes action_bytes, left_bytes, right_bytes, result;
  CODE:
    HOLD_ARGUMENTS;
    action_bytes = mesos_bytes(aTHX_ action);
    left_bytes = mesos_bytes(aTHX_ left);
    right_bytes = mesos_bytes(aTHX_ right);
    mesos_check(aTHX_ mesos_resources_reckon(action_bytes, left_bytes, right_bytes, &result));
    RETVAL = newSVpvn((const char *)result.data, result.len);
  OUTPUT:
    RETVAL

MODULE = Mesos    PACKAGE = Mesos::SchedulerDriver

# _xs_init($channel, \%options): the names below
void
_xs_init(SV *self, SV *channel, SV *given_options)
  PREINIT:
    MesosSchedulerDriver *driver;
    MesosSchedulerOptions given;
    HV *options;
  CODE:
    HOLD_ARGUMENTS;
    if (!SvROK(given_options) || SvTYPE(SvRV(given_options)) != SVt_PVHV)
        mesos_message_croak(aTHX_ sv_2mortal(newSVpvs("expected a hash reference")));
    options = (HV *)mesos_hold(aTHX_ SvRV(given_options));
    given.driver = mesos_bytes(aTHX_ mesos_option(aTHX_ options, "driver"));
    given.master = mesos_bytes(aTHX_ mesos_option(aTHX_ options, "master"));
    given.framework = mesos_encode(aTHX_ self, MESOS_CLASS_FRAMEWORK_INFO, mesos_option(aTHX_ options, "framework"));
    given.credential = mesos_encode(aTHX_ self, MESOS_CLASS_CREDENTIAL, mesos_option(aTHX_ options, "credential"));
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
    RETVAL = status == MESOS_STATUS_RUNNING;
  OUTPUT:
    RETVAL

int
_xs_start(SV *self)
  CODE:
    mesos_check(aTHX_ mesos_scheduler_driver_start(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type), &RETVAL));
  OUTPUT:
    RETVAL

int
_xs_stop(SV *self, SV *failover)
  PREINIT:
    bool given;
  CODE:
    HOLD_ARGUMENTS;
    given = cBOOL(SvTRUE(failover));
    mesos_check(aTHX_ mesos_scheduler_driver_stop(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type), given, &RETVAL));
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
  PREINIT:
    MesosBytesList requests_bytes;
  CODE:
    HOLD_ARGUMENTS;
    requests_bytes = mesos_encode_list(aTHX_ self, MESOS_CLASS_REQUEST, requests);
    mesos_check(aTHX_ mesos_scheduler_driver_request_resources(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        requests_bytes, &RETVAL));
    mesos_told_status(aTHX_ self, RETVAL);
  OUTPUT:
    RETVAL

int
_xs_launch_tasks(SV *self, SV *offer_ids, SV *tasks, SV *filters)
  PREINIT:
    MesosBytesList offer_ids_bytes, tasks_bytes;
    MesosBytes filters_bytes;
  CODE:
    HOLD_ARGUMENTS;
    offer_ids_bytes = mesos_encode_list(aTHX_ self, MESOS_CLASS_OFFER_ID, offer_ids);
    tasks_bytes = mesos_encode_list(aTHX_ self, MESOS_CLASS_TASK_INFO, tasks);
    filters_bytes = mesos_encode(aTHX_ self, MESOS_CLASS_FILTERS, filters);
    mesos_check(aTHX_ mesos_scheduler_driver_launch_tasks(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        offer_ids_bytes, tasks_bytes, filters_bytes, &RETVAL));
    mesos_told_status(aTHX_ self, RETVAL);
  OUTPUT:
    RETVAL

int
_xs_accept_offers(SV *self, SV *offer_ids, SV *operations, SV *filters)
  PREINIT:
    MesosBytesList offer_ids_bytes, operations_bytes;
    MesosBytes filters_bytes;
  CODE:
    HOLD_ARGUMENTS;
    offer_ids_bytes = mesos_encode_list(aTHX_ self, MESOS_CLASS_OFFER_ID, offer_ids);
    operations_bytes = mesos_encode_list(aTHX_ self, MESOS_CLASS_OFFER_OPERATION, operations);
    filters_bytes = mesos_encode(aTHX_ self, MESOS_CLASS_FILTERS, filters);
    mesos_check(aTHX_ mesos_scheduler_driver_accept_offers(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        offer_ids_bytes, operations_bytes, filters_bytes, &RETVAL));
    mesos_told_status(aTHX_ self, RETVAL);
  OUTPUT:
    RETVAL

int
_xs_decline_offer(SV *self, SV *offer_id, SV *filters)
  PREINIT:
    MesosBytes offer_id_bytes, filters_bytes;
  CODE:
    HOLD_ARGUMENTS;
    offer_id_bytes = mesos_encode(aTHX_ self, MESOS_CLASS_OFFER_ID, offer_id);
    filters_bytes = mesos_encode(aTHX_ self, MESOS_CLASS_FILTERS, filters);
    mesos_check(aTHX_ mesos_scheduler_driver_decline_offer(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        offer_id_bytes, filters_bytes, &RETVAL));
    mesos_told_status(aTHX_ self, RETVAL);
  OUTPUT:
    RETVAL

int
_xs_revive_offers(SV *self, SV *roles)
  PREINIT:
    MesosBytesList roles_bytes = { NULL, 0 };
    bool all;
  CODE:
    HOLD_ARGUMENTS;
    all = !SvOK(roles);
    if (!all)
        roles_bytes = mesos_bytes_list(aTHX_ roles);
    mesos_check(aTHX_ mesos_scheduler_driver_revive_offers(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        roles_bytes, all, &RETVAL));
    mesos_told_status(aTHX_ self, RETVAL);
  OUTPUT:
    RETVAL

int
_xs_suppress_offers(SV *self, SV *roles)
  PREINIT:
    MesosBytesList roles_bytes = { NULL, 0 };
    bool all;
  CODE:
    HOLD_ARGUMENTS;
    all = !SvOK(roles);
    if (!all)
        roles_bytes = mesos_bytes_list(aTHX_ roles);
    mesos_check(aTHX_ mesos_scheduler_driver_suppress_offers(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        roles_bytes, all, &RETVAL));
    mesos_told_status(aTHX_ self, RETVAL);
  OUTPUT:
    RETVAL

int
_xs_update_framework(SV *self, SV *framework, SV *roles)
  PREINIT:
    MesosBytes framework_bytes;
    MesosBytesList roles_bytes = { NULL, 0 };
    bool all;
  CODE:
    HOLD_ARGUMENTS;
    framework_bytes = mesos_encode(aTHX_ self, MESOS_CLASS_FRAMEWORK_INFO, framework);
    all = !SvOK(roles);
    if (!all)
        roles_bytes = mesos_bytes_list(aTHX_ roles);
    mesos_check(aTHX_ mesos_scheduler_driver_update_framework(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        framework_bytes, roles_bytes, all, &RETVAL));
    mesos_told_status(aTHX_ self, RETVAL);
  OUTPUT:
    RETVAL

int
_xs_accept_inverse_offers(SV *self, SV *offer_ids, SV *filters)
  PREINIT:
    MesosBytesList offer_ids_bytes;
    MesosBytes filters_bytes;
  CODE:
    HOLD_ARGUMENTS;
    offer_ids_bytes = mesos_encode_list(aTHX_ self, MESOS_CLASS_OFFER_ID, offer_ids);
    filters_bytes = mesos_encode(aTHX_ self, MESOS_CLASS_FILTERS, filters);
    mesos_check(aTHX_ mesos_scheduler_driver_accept_inverse_offers(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        offer_ids_bytes, filters_bytes, &RETVAL));
    mesos_told_status(aTHX_ self, RETVAL);
  OUTPUT:
    RETVAL

int
_xs_decline_inverse_offers(SV *self, SV *offer_ids, SV *filters)
  PREINIT:
    MesosBytesList offer_ids_bytes;
    MesosBytes filters_bytes;
  CODE:
    HOLD_ARGUMENTS;
    offer_ids_bytes = mesos_encode_list(aTHX_ self, MESOS_CLASS_OFFER_ID, offer_ids);
    filters_bytes = mesos_encode(aTHX_ self, MESOS_CLASS_FILTERS, filters);
    mesos_check(aTHX_ mesos_scheduler_driver_decline_inverse_offers(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        offer_ids_bytes, filters_bytes, &RETVAL));
    mesos_told_status(aTHX_ self, RETVAL);
  OUTPUT:
    RETVAL

int
_xs_acknowledge_operation(SV *self, SV *update)
  PREINIT:
    MesosBytes update_bytes;
  CODE:
    HOLD_ARGUMENTS;
    update_bytes = mesos_encode(aTHX_ self, MESOS_CLASS_OPERATION_STATUS, update);
    mesos_check(aTHX_ mesos_scheduler_driver_acknowledge_operation(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        update_bytes, &RETVAL));
    mesos_told_status(aTHX_ self, RETVAL);
  OUTPUT:
    RETVAL

int
_xs_reconcile_operations(SV *self, SV *operations)
  PREINIT:
    MesosBytesList operations_bytes;
  CODE:
    HOLD_ARGUMENTS;
    operations_bytes = mesos_encode_list(aTHX_ self, MESOS_CLASS_SCHEDULER_CALL_RECONCILE_OPERATIONS_OPERATION, operations);
    mesos_check(aTHX_ mesos_scheduler_driver_reconcile_operations(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        operations_bytes, &RETVAL));
    mesos_told_status(aTHX_ self, RETVAL);
  OUTPUT:
    RETVAL

int
_xs_shutdown_executor(SV *self, SV *executor_id, SV *slave_id)
  PREINIT:
    MesosBytes executor_id_bytes, slave_id_bytes;
  CODE:
    HOLD_ARGUMENTS;
    executor_id_bytes = mesos_encode(aTHX_ self, MESOS_CLASS_EXECUTOR_ID, executor_id);
    slave_id_bytes = mesos_encode(aTHX_ self, MESOS_CLASS_SLAVE_ID, slave_id);
    mesos_check(aTHX_ mesos_scheduler_driver_shutdown_executor(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        executor_id_bytes, slave_id_bytes, &RETVAL));
    mesos_told_status(aTHX_ self, RETVAL);
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
_xs_kill_task(SV *self, SV *task_id, SV *kill_policy)
  PREINIT:
    MesosBytes task_id_bytes, kill_policy_bytes;
  CODE:
    HOLD_ARGUMENTS;
    task_id_bytes = mesos_encode(aTHX_ self, MESOS_CLASS_TASK_ID, task_id);
    kill_policy_bytes = mesos_encode(aTHX_ self, MESOS_CLASS_KILL_POLICY, kill_policy);
    mesos_check(aTHX_ mesos_scheduler_driver_kill_task(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        task_id_bytes, kill_policy_bytes, &RETVAL));
    mesos_told_status(aTHX_ self, RETVAL);
  OUTPUT:
    RETVAL

int
_xs_acknowledge(SV *self, SV *update)
  PREINIT:
    MesosBytes update_bytes;
  CODE:
    HOLD_ARGUMENTS;
    update_bytes = mesos_encode(aTHX_ self, MESOS_CLASS_TASK_STATUS, update);
    mesos_check(aTHX_ mesos_scheduler_driver_acknowledge(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        update_bytes, &RETVAL));
    mesos_told_status(aTHX_ self, RETVAL);
  OUTPUT:
    RETVAL

int
_xs_send_framework_message(SV *self, SV *executor_id, SV *slave_id, SV *data)
  PREINIT:
    MesosBytes executor_id_bytes, slave_id_bytes, data_bytes;
  CODE:
    HOLD_ARGUMENTS;
    executor_id_bytes = mesos_encode(aTHX_ self, MESOS_CLASS_EXECUTOR_ID, executor_id);
    slave_id_bytes = mesos_encode(aTHX_ self, MESOS_CLASS_SLAVE_ID, slave_id);
    data_bytes = mesos_bytes(aTHX_ data);
    mesos_check(aTHX_ mesos_scheduler_driver_send_framework_message(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        executor_id_bytes, slave_id_bytes, data_bytes, &RETVAL));
    mesos_told_status(aTHX_ self, RETVAL);
  OUTPUT:
    RETVAL

int
_xs_reconcile_tasks(SV *self, SV *statuses)
  PREINIT:
    MesosBytesList statuses_bytes;
  CODE:
    HOLD_ARGUMENTS;
    statuses_bytes = mesos_encode_list(aTHX_ self, MESOS_CLASS_TASK_STATUS, statuses);
    mesos_check(aTHX_ mesos_scheduler_driver_reconcile_tasks(mesos_handle(aTHX_ self, &mesos_scheduler_driver_type),
        statuses_bytes, &RETVAL));
    mesos_told_status(aTHX_ self, RETVAL);
  OUTPUT:
    RETVAL

INCLUDE: Dispatcher.xsi

INCLUDE: Executor.xsi

INCLUDE: Message.xsi
