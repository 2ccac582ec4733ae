/* From the channel to the method of a handler: what every event costs Perl's thread, and so in C. Whatever is rare is a method of
 * Mesos::Role::HasDispatcher. */

#define PERL_NO_GET_CONTEXT
#include "EXTERN.h"
#include "perl.h"
#include "XSUB.h"

#include "handles.h"
#include "message.h"
#include "dispatch.h"

/* What an object, a hash, holds under a key; NULL if nothing. */
static SV *
slot(pTHX_ SV *object, const char *key, I32 length)
{
    SV **value;
    if (!SvROK(object) || SvTYPE(SvRV(object)) != SVt_PVHV)
        mesos_message_croak(aTHX_ sv_2mortal(newSVpvf("expected an object that is a hash, got %" SVf, SVfARG(object))));
    value = hv_fetch((HV *)SvRV(object), key, length, 0);
    return value && SvOK(*value) ? *value : NULL;
}
#define SLOT(object, key) slot(aTHX_ object, key, sizeof(key) - 1)

/* Opens a call with up to three arguments; NULL ends them. */
static void
open_call(pTHX_ SV *first, SV *second, SV *third)
{
    dSP;
    PUSHMARK(SP);
    EXTEND(SP, 3);
    PUSHs(first);
    if (second)
        PUSHs(second);
    if (second && third)
        PUSHs(third);
    PUTBACK;
}

/* Adds an event's arguments to the call that is open, and to `result` unless that is NULL. */
static void
push_arguments(pTHX_ MesosEvent *event, AV *result)
{
    const size_t count = mesos_event_arg_count(event);
    size_t i;
    for (i = 0; i < count; i++) {
        /* Decoding a foreign class runs Perl code, which may move the stack. */
        SV *const arg = mesos_event_arg_sv(aTHX_ event, i);
        dSP;
        XPUSHs(arg);
        PUTBACK;
        if (result)
            av_push(result, SvREFCNT_inc_simple_NN(arg));
    }
}

/* Calls a method with what is pushed; what it returns, mortal. */
static SV *
answer_of(pTHX_ const char *method)
{
    SV *answer;
    call_method(method, G_SCALAR);
    {
        dSP;
        answer = POPs;
        PUTBACK;
    }
    return answer;
}

/* What a method returns, mortal. */
static SV *
ask(pTHX_ SV *object, const char *method, SV *argument)
{
    open_call(aTHX_ object, argument, NULL);
    return answer_of(aTHX_ method);
}

/* Drivers may share a dispatcher: what a driver queued goes to its own handler. NULL if that driver is gone. */
static SV *
driver_of(pTHX_ SV *consumer, SV *dispatcher, const MesosEvent *event)
{
    const UV id = (UV)mesos_event_driver(event);
    SV *drivers;
    HE *found;
    if (!id || id == mesos_driver_id(aTHX_ consumer))
        return consumer;
    drivers = SLOT(dispatcher, "_drivers");
    found = drivers ? hv_fetch_ent((HV *)SvRV(drivers), sv_2mortal(newSVuv(id)), 0, 0) : NULL;
    /* The references there are weak. */
    return found && SvROK(HeVAL(found)) ? sv_2mortal(newRV_inc(SvRV(HeVAL(found)))) : NULL;
}

/* A method, NULL for none. */
static CV *
method_of(pTHX_ HV *stash, const char *name, STRLEN length)
{
    GV *const gv = gv_fetchmeth(stash, name, length, 0);
    return gv && isGV(gv) ? GvCV(gv) : NULL;
}

/* What $handler->can($name) returns, NULL for none. */
static SV *
callback(pTHX_ SV *handler, MesosBytes name)
{
    SV *code;
    /* Only a driver's own names are certain to be no more than names; can takes packages in them apart. */
    if (SvROK(handler) && SvOBJECT(SvRV(handler)) && !memchr(name.data, ':', name.len) && !memchr(name.data, '\'', name.len)) {
        HV *const stash = SvSTASH(SvRV(handler));
        CV *const can = method_of(aTHX_ stash, "can", 3);
        /* Classes with a `can` of their own have reasons. UNIVERSAL's is the only one in C. */
        if (can && CvISXSUB(can)) {
            CV *const method = method_of(aTHX_ stash, (const char *)name.data, name.len);
            /* Counted: decoding the arguments may run code that defines the method anew. */
            return method ? sv_2mortal(SvREFCNT_inc_simple_NN((SV *)method)) : NULL;
        }
    }
    /* A copy, before its truth is asked: that may run code, too. */
    code = sv_mortalcopy(ask(aTHX_ handler, "can", mesos_sv(aTHX_ name)));
    return SvTRUE(code) ? code : NULL;
}

/* Whether a callback may return a promise, as an async sub does. */
static bool
has_promises(pTHX)
{
    return gv_stashpvs("Future", 0) || gv_stashpvs("Mojo::Promise", 0);
}

/* Calls the method with what is pushed. What it returns if that is an object and the program has promises, mortal, else NULL: in scalar
 * context a method's last value is copied, and it may be long. */
static SV *
call_method_code(pTHX_ SV *method, bool promises)
{
    SV *returned;
    if (!promises) {
        call_sv(method, G_VOID | G_DISCARD | G_EVAL);
        return NULL;
    }
    call_sv(method, G_SCALAR | G_EVAL);
    {
        dSP;
        returned = POPs;
        PUTBACK;
    }
    return SvROK(returned) && SvOBJECT(SvRV(returned)) ? returned : NULL;
}

/* Decodes the arguments, and calls the method with them if there is one. What the method throws, or what the promise that it returns has
 * failed with, mortal; NULL if nothing. */
static SV *
call(pTHX_ MesosEvent *event, SV *method, SV *handler, SV *driver, AV *result, bool promises)
{
    SV *returned;
    open_call(aTHX_ handler, driver, NULL);
    push_arguments(aTHX_ event, result);
    if (!method) {
        PL_stack_sp = PL_stack_base + POPMARK;
        return NULL;
    }
    returned = call_method_code(aTHX_ method, promises);
    /* An object may call itself false. */
    if (SvROK(ERRSV) || SvTRUE(ERRSV))
        return sv_mortalcopy(ERRSV);
    if (!returned)
        return NULL;
    open_call(aTHX_ driver, mesos_sv(aTHX_ mesos_event_name(event)), returned);
    returned = answer_of(aTHX_ "_callback_returned");
    return SvROK(returned) ? sv_mortalcopy(SvRV(returned)) : NULL;
}

/* While an event is handled for which something is owed, calls note what they have used or reported in $driver->{_handled}. */
static void
note_what_is_handled(pTHX_ SV *driver, const MesosEvent *event)
{
    static const char key[] = "_handled";
    HV *const self = SvROK(driver) && SvTYPE(SvRV(driver)) == SVt_PVHV ? (HV *)SvRV(driver) : NULL;
    const bool wanted = mesos_event_is_owed(event);
    /* A callback within a callback shares the notes of the outer one: ids are not used twice. */
    if (!self || !wanted || hv_exists(self, key, sizeof(key) - 1))
        return;
    (void)hv_store(self, key, sizeof(key) - 1, newRV_noinc((SV *)newHV()), 0);
    SAVEDELETE(self, savepvn(key, sizeof(key) - 1), sizeof(key) - 1);
}

/* Asks the driver what is to happen, and throws the exception again if that is its answer. The arguments are decoded anew: the method
 * may have changed its own. */
static void
callback_died(pTHX_ MesosEvent *event, SV *driver, SV *error)
{
    const bool last = mesos_event_ends_driver(event);
    bool goes_on;
    open_call(aTHX_ driver, mesos_sv(aTHX_ mesos_event_name(event)), error);
    push_arguments(aTHX_ event, NULL);
    goes_on = cBOOL(SvTRUE(answer_of(aTHX_ "_callback_died")));
    if (last)
        ask(aTHX_ driver, "_event_was_last", &PL_sv_yes);
    if (!goes_on) {
        sv_setsv(ERRSV, error);
        croak(NULL);
    }
}

static void
handle_event(pTHX_ MesosEvent *event, SV *driver, AV *result, bool promises)
{
    const MesosBytes name = mesos_event_name(event);
    /* A copy: what accessors return may be the driver's own, and go with it. */
    SV *const handler = sv_mortalcopy(ask(aTHX_ driver, "event_handler", NULL));
    SV *const method = callback(aTHX_ handler, name);
    SV *error;
    if (result)
        av_push(result, newSVpvn((const char *)name.data, name.len));
    note_what_is_handled(aTHX_ driver, event);
    if (mesos_event_ends_driver(event)) {
        open_call(aTHX_ driver, NULL, NULL);
        push_arguments(aTHX_ event, NULL);
        answer_of(aTHX_ "_event_is_last");
    }
    error = call(aTHX_ event, method, handler, driver, result, promises);
    if (error) {
        /* Without an acknowledgement: Mesos sends the update again. */
        callback_died(aTHX_ event, driver, error);
        return;
    }
    if (method || SvTRUE(ask(aTHX_ driver, "_event_unhandled", mesos_sv(aTHX_ name))))
        mesos_check(aTHX_ mesos_event_acknowledge(event));
    if (mesos_event_ends_driver(event))
        ask(aTHX_ driver, "_event_was_last", NULL);
}

static bool
dispatch_event(pTHX_ SV *consumer, AV *result, bool promises)
{
    MesosEvent *event;
    SV *dispatcher, *channel;
    dSP;
    ENTER;
    SAVETMPS;
    /* A `last` or `goto` of the handler must not leave by the frames below, over the C frames in between: it dies, as in a sort. */
    PUSHSTACKi(PERLSI_UNKNOWN);
    /* The handler may drop its driver, and the driver its dispatcher. */
    consumer = sv_2mortal(newRV_inc(SvROK(consumer) ? SvRV(consumer) : consumer));
    dispatcher = SLOT(consumer, "dispatcher");
    channel = dispatcher ? SLOT(dispatcher, "channel") : NULL;
    mesos_check(aTHX_ mesos_channel_take(mesos_handle(aTHX_ channel ? channel : &PL_sv_undef, &mesos_channel_type), &event));
    if (event) {
        SV *driver;
        mesos_scope_event(aTHX_ event);
        driver = driver_of(aTHX_ consumer, dispatcher, event);
        /* A driver takes its events with it when it goes; here it went since. */
        if (driver)
            handle_event(aTHX_ event, driver, result, promises);
    }
    POPSTACK;
    FREETMPS;
    LEAVE;
    return event != NULL;
}

bool
mesos_dispatch_event(pTHX_ SV *consumer, AV *result)
{
    return dispatch_event(aTHX_ consumer, result, has_promises(aTHX));
}

/* Changes when the running batches are to end: this one, and those whose handler runs it. */
static IV
ended(pTHX_ SV *dispatcher)
{
    SV *const times = SLOT(dispatcher, "_ended");
    return times ? SvIV(times) : 0;
}

void
mesos_dispatch_batch(pTHX_ SV *dispatcher, IV most)
{
    const bool promises = has_promises(aTHX);
    IV before;
    ENTER;
    SAVETMPS;
    /* The caller's may be the last reference, or a weak one, and a handler may drop what it refers to. */
    dispatcher = sv_2mortal(newRV_inc(SvROK(dispatcher) ? SvRV(dispatcher) : dispatcher));
    before = ended(aTHX_ dispatcher);
    while (most-- > 0) {
        SV *const consumer = SLOT(dispatcher, "_consumer");
        if (!consumer || !SvROK(consumer) || ended(aTHX_ dispatcher) != before || !dispatch_event(aTHX_ consumer, NULL, promises))
            break;
    }
    FREETMPS;
    LEAVE;
}

/* As BATCH in Mesos::Dispatcher. */
#define BATCH 64

/* A number of the dispatcher's. */
static void
store(pTHX_ SV *dispatcher, const char *key, I32 length, IV number)
{
    SV **const value = hv_fetch((HV *)SvRV(dispatcher), key, length, 1);
    if (value)
        sv_setiv(*value, number);
}
#define STORE(dispatcher, key, number) store(aTHX_ dispatcher, key, sizeof(key) - 1, number)

static IV
number_in(pTHX_ SV *dispatcher, const char *key, I32 length)
{
    SV *const value = slot(aTHX_ dispatcher, key, length);
    return value ? SvIV(value) : 0;
}
#define NUMBER(dispatcher, key) number_in(aTHX_ dispatcher, key, sizeof(key) - 1)

/* Whatever happens in a turn: its end. The reference was the turn's own. */
static void
end_turn(pTHX_ void *of)
{
    SV *const dispatcher = (SV *)of;
    SV *const channel = SLOT(dispatcher, "channel");
    STORE(dispatcher, "_turns", NUMBER(dispatcher, "_turns") - 1);
    if (channel && mesos_is_open(aTHX_ channel, &mesos_channel_type))
        mesos_channel_settle(mesos_handle_anywhere(aTHX_ channel, &mesos_channel_type));
    /* A callback has forked: in the child, the loop around is not to go on. */
    if (NUMBER(dispatcher, "_pid") != (IV)getpid())
        SvREFCNT_dec(sv_bless(newRV_noinc(newRV_inc(SvRV(dispatcher))), gv_stashpvs("Mesos::Dispatcher::_Turn", GV_ADD)));
    SvREFCNT_dec(dispatcher);
}

/* Whether what is queued is only dispatched to a consumer. Else Perl code looks at it: a wait ends, or a subclass has a `call` of its own. */
static bool
only_dispatches(pTHX_ SV *dispatcher)
{
    SV *const wait = SLOT(dispatcher, "_wait");
    CV *call;
    if (wait && !NUMBER(wait, "busy") && !NUMBER(wait, "serve"))
        return FALSE;
    call = method_of(aTHX_ SvSTASH(SvRV(dispatcher)), "call", 4);
    return SLOT(dispatcher, "_consumer") && call && call == get_cvs("Mesos::Dispatcher::call", 0);
}

void
mesos_dispatch_turn(pTHX_ SV *dispatcher)
{
    if (NUMBER(dispatcher, "_pid") != (IV)getpid()) {
        ask(aTHX_ dispatcher, "_is_in_child", NULL);
        return;
    }
    ENTER;
    SAVETMPS;
    dispatcher = newRV_inc(SvRV(dispatcher));
    STORE(dispatcher, "_turns", NUMBER(dispatcher, "_turns") + 1);
    SAVEDESTRUCTOR_X(end_turn, dispatcher);
    STORE(dispatcher, "_ran", 1);
    /* Still true afterwards if a callback has left the turn by an exception or by exit. */
    STORE(dispatcher, "_in_turn", 1);
    if (only_dispatches(aTHX_ dispatcher)) {
        SV *const channel = SLOT(dispatcher, "channel");
        mesos_check(aTHX_ mesos_channel_gather(mesos_handle(aTHX_ channel ? channel : &PL_sv_undef, &mesos_channel_type)));
        mesos_dispatch_batch(aTHX_ dispatcher, BATCH);
    }
    else {
        open_call(aTHX_ dispatcher, NULL, NULL);
        call_method("_turn", G_VOID | G_DISCARD);
    }
    /* Not if a callback of another turn has begun this one. */
    STORE(dispatcher, "_in_turn", NUMBER(dispatcher, "_turns") > 1);
    FREETMPS;
    LEAVE;
}
