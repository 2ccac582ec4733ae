/* Opaque handles of include/mesos_perl.h inside Perl objects, and the conversions that every XSUB uses.
 *
 * Perl code can run wherever a Perl value is looked at: overloading, tie and other magic, DESTROY of what is freed, `can` and `decode`
 * of other people's classes, a handler of a signal in any of these. It may free every value that it reaches, also the arguments of
 * the XSUB that runs: perl's stack does not count them. Therefore:
 *
 *   bytes for Rust      mesos_bytes, mesos_encode and the two for lists copy into mortals of their own, which nobody else knows
 *   handles             XSUBs convert all arguments first and ask for the handle last: nothing runs between mesos_handle and the call
 *   arguments           every XSUB that has more than its object holds them all before it looks at one (HOLD_ARGUMENTS)
 *   values looked at    whoever looks at a value that may run Perl code holds it first (mesos_hold): arguments, elements of lists
 *   lists               counted once, held, and each element is fetched anew
 *   an event            belongs to a scope (mesos_scope_event) or to a mortal object; what mesos_event_name, _arg and _item lend lives
 *                       as long as it
 *   results             mortal, or in a container that is
 *   the walk            message_encode.c copies strings at once, and holds the containers that it is in and the value that it asks
 *   the replay          message.c makes an object without running Perl code; its input is only looked at before
 *   classes             message_class.c holds the arguments of an XSUB before it looks at the first
 *   the dispatch        dispatch.c holds driver, handler and method, and its callers' dispatcher
 *   texts of errors     mortal SVs; the exception is the last thing that happens
 *
 * What perl does on its own is safe already: a mortal lives until the XSUB's caller goes on, since every sub that perl calls has
 * a floor of mortals of its own. */

#define PERL_NO_GET_CONTEXT
#include "EXTERN.h"
#include "perl.h"
#include "XSUB.h"

#include "handles.h"
#include "message.h"

static int
free_magic(pTHX_ SV *sv, MAGIC *mg)
{
    mesos_type *type = (mesos_type *)mg->mg_virtual;
    void *handle = mg->mg_ptr;
    PERL_UNUSED_ARG(sv);
    mg->mg_ptr = NULL;
    if (handle)
        type->free(handle);
    return 0;
}

#ifdef USE_ITHREADS
/* A handle belongs to the thread that made it: the copy in a new thread has none. */
static int
dup_magic(pTHX_ MAGIC *mg, CLONE_PARAMS *params)
{
    PERL_UNUSED_CONTEXT;
    PERL_UNUSED_ARG(params);
    mg->mg_ptr = NULL;
    return 0;
}
#define DUP_MAGIC dup_magic
#else
#define DUP_MAGIC NULL
#endif

#define TYPE(variable, name, c_name)               \
    static void free_##variable(void *handle)      \
    {                                              \
        mesos_##variable##_free((c_name *)handle); \
    }                                              \
    mesos_type mesos_##variable##_type = {{NULL, NULL, NULL, NULL, free_magic, NULL, DUP_MAGIC, NULL}, name, free_##variable};

TYPE(channel, "Mesos::Channel", MesosChannel)
TYPE(dispatcher, "Mesos::Dispatcher", MesosDispatcher)
TYPE(event, "Mesos::Channel::Event", MesosEvent)
TYPE(scheduler_driver, "Mesos::SchedulerDriver", MesosSchedulerDriver)
TYPE(executor_driver, "Mesos::ExecutorDriver", MesosExecutorDriver)

void
mesos_check(pTHX_ MesosCode code)
{
    if (code != MESOS_OK)
        mesos_message_croak_last(aTHX_ code);
}

static MAGIC *
find(pTHX_ SV *self, mesos_type *type)
{
    return SvROK(self) ? mg_findext(SvRV(self), PERL_MAGIC_ext, &type->magic) : NULL;
}

void
mesos_attach(pTHX_ SV *self, mesos_type *type, void *handle)
{
    MAGIC *mg;
    if (!SvROK(self)) {
        type->free(handle);
        mesos_message_croak(aTHX_ sv_2mortal(newSVpvf("expected an object of %s", type->name)));
    }
    mesos_detach(aTHX_ self, type);
    mg = find(aTHX_ self, type);
    if (!mg) {
        mg = sv_magicext(SvRV(self), NULL, PERL_MAGIC_ext, &type->magic, NULL, 0);
        mg->mg_flags |= MGf_DUP;
    }
    mg->mg_ptr = (char *)handle;
}

void
mesos_not_inside(pTHX)
{
    if (mesos_is_inside())
        mesos_message_croak(
            aTHX_ sv_2mortal(newSVpvs("called from a signal handler that interrupted another call of this module")));
}

void *
mesos_handle(pTHX_ SV *self, mesos_type *type)
{
    mesos_not_inside(aTHX);
    return mesos_handle_anywhere(aTHX_ self, type);
}

void *
mesos_handle_anywhere(pTHX_ SV *self, mesos_type *type)
{
    MAGIC *mg = find(aTHX_ self, type);
    /* Its text may be one that it makes, and frees it by that. */
    if (!mg)
        mesos_hold(aTHX_ self);
    if (!mg)
        mesos_message_croak(aTHX_ sv_2mortal(SvOK(self)
                                                 ? newSVpvf("expected an object of %s, got %" SVf, type->name, SVfARG(self))
                                                 : newSVpvf("expected an object of %s, got undef", type->name)));
    if (!mg->mg_ptr)
        mesos_message_croak(aTHX_ sv_2mortal(newSVpvf("this %s is closed, or belongs to another thread", type->name)));
    return mg->mg_ptr;
}

bool
mesos_is_open(pTHX_ SV *self, mesos_type *type)
{
    MAGIC *mg = find(aTHX_ self, type);
    return mg && mg->mg_ptr;
}

void *
mesos_take_handle(pTHX_ SV *self, mesos_type *type)
{
    void *handle = mesos_handle(aTHX_ self, type);
    find(aTHX_ self, type)->mg_ptr = NULL;
    return handle;
}

void
mesos_detach(pTHX_ SV *self, mesos_type *type)
{
    MAGIC *mg = find(aTHX_ self, type);
    if (mg)
        free_magic(aTHX_ SvRV(self), mg);
}

SV *
mesos_new_object(pTHX_ const char *class, mesos_type *type, void *handle)
{
    SV *body = newSV_type(SVt_PVMG);
    SV *object = sv_2mortal(newRV_noinc(body));
    MAGIC *mg = sv_magicext(body, NULL, PERL_MAGIC_ext, &type->magic, NULL, 0);
    mg->mg_flags |= MGf_DUP;
    mg->mg_ptr = (char *)handle;
    return sv_bless(object, gv_stashpv(class, GV_ADD));
}

static void
free_scoped_event(pTHX_ void *event)
{
    PERL_UNUSED_CONTEXT;
    mesos_event_free((MesosEvent *)event);
}

void
mesos_scope_event(pTHX_ MesosEvent *event)
{
    SAVEDESTRUCTOR_X(free_scoped_event, event);
}

uint64_t
mesos_driver_id(pTHX_ SV *self)
{
    MAGIC *mg = find(aTHX_ self, &mesos_scheduler_driver_type);
    if (mg && mg->mg_ptr)
        return mesos_scheduler_driver_id((MesosSchedulerDriver *)mg->mg_ptr);
    mg = find(aTHX_ self, &mesos_executor_driver_type);
    return mg && mg->mg_ptr ? mesos_executor_driver_id((MesosExecutorDriver *)mg->mg_ptr) : 0;
}

SV *
mesos_hold(pTHX_ SV *sv)
{
    return sv_2mortal(SvREFCNT_inc_simple_NN(sv));
}

void
mesos_hold_arguments(pTHX_ I32 ax, I32 items)
{
    I32 i;
    for (i = 0; i < items; i++)
        mesos_hold(aTHX_ PL_stack_base[ax + i]);
}

MesosBytes
mesos_bytes(pTHX_ SV *sv)
{
    MesosBytes bytes = {NULL, 0};
    /* Its FETCH or its overloading may free it. */
    if (SvGMAGICAL(sv) || SvROK(sv))
        mesos_hold(aTHX_ sv);
    SvGETMAGIC(sv);
    if (SvOK(sv)) {
        STRLEN len;
        const char *const text = SvPV_nomg_const(sv, len);
        bytes.data = (const uint8_t *)SvPVX(newSVpvn_flags(text, len, SVs_TEMP));
        bytes.len = len;
    }
    return bytes;
}

SV *
mesos_sv(pTHX_ MesosBytes bytes)
{
    return newSVpvn_flags((const char *)bytes.data, bytes.len, SVs_TEMP);
}

/* Room for the bytes of an array's elements until the statement ends. The array is held as long. */
static MesosBytes *
room(pTHX_ SV *array, AV **elements, MesosBytesList *list)
{
    MesosBytes *items;
    mesos_hold(aTHX_ array);
    SvGETMAGIC(array);
    if (!SvROK(array) || SvTYPE(SvRV(array)) != SVt_PVAV)
        mesos_message_croak(aTHX_ sv_2mortal(newSVpvf("expected an array reference, got %" SVf, SVfARG(array))));
    *elements = (AV *)mesos_hold(aTHX_ SvRV(array));
    list->len = av_len(*elements) + 1;
    /* A tied one may claim to have any number. */
    if (list->len > MESOS_MAX_TOKENS)
        mesos_message_croak(
            aTHX_ sv_2mortal(newSVpvf("expected at most %d elements, got %" UVuf, MESOS_MAX_TOKENS, (UV)list->len)));
    items = (MesosBytes *)SvPVX(sv_2mortal(newSV(list->len * sizeof(MesosBytes) + 1)));
    list->items = items;
    return items;
}

/* Fetched when it is its turn: the conversion of those before it may have changed the array. */
static SV *
element(pTHX_ AV *elements, size_t index)
{
    SV **const sv = av_fetch(elements, (SSize_t)index, 0);
    return sv ? *sv : &PL_sv_undef;
}

MesosBytesList
mesos_bytes_list(pTHX_ SV *array)
{
    MesosBytesList list;
    AV *elements;
    MesosBytes *items = room(aTHX_ array, &elements, &list);
    size_t i;
    for (i = 0; i < list.len; i++)
        items[i] = mesos_bytes(aTHX_ element(aTHX_ elements, i));
    return list;
}

/* The encoding is a mortal that nobody else knows: its bytes need no copy. */
static MesosBytes
encoded(pTHX_ SV *driver, uint32_t class_id, SV *value)
{
    SV *const encoding = mesos_message_encode_sv(aTHX_ class_id, mesos_hold(aTHX_ value), driver);
    MesosBytes bytes;
    bytes.data = (const uint8_t *)SvPVX(encoding);
    bytes.len = SvCUR(encoding);
    return bytes;
}

MesosBytes
mesos_encode(pTHX_ SV *driver, uint32_t class_id, SV *value)
{
    MesosBytes none = {NULL, 0};
    mesos_hold(aTHX_ value);
    SvGETMAGIC(value);
    return SvOK(value) ? encoded(aTHX_ driver, class_id, value) : none;
}

MesosBytesList
mesos_encode_list(pTHX_ SV *driver, uint32_t class_id, SV *array)
{
    MesosBytesList list;
    AV *elements;
    MesosBytes *items = room(aTHX_ array, &elements, &list);
    size_t i;
    for (i = 0; i < list.len; i++)
        items[i] = encoded(aTHX_ driver, class_id, element(aTHX_ elements, i));
    return list;
}

void
mesos_told_status(pTHX_ SV *driver, int status)
{
    dSP;
    if (status != MESOS_STATUS_NOT_STARTED)
        return;
    ENTER;
    SAVETMPS;
    PUSHMARK(SP);
    XPUSHs(driver);
    PUTBACK;
    call_pv("Mesos::Warnings::_not_started", G_VOID | G_DISCARD);
    FREETMPS;
    LEAVE;
}

/* One item, by the kind that its argument has. */
static SV *
item_sv(pTHX_ const MesosArg *arg, MesosBytes bytes)
{
    if (arg->kind == MESOS_ARG_MESSAGE)
        return sv_2mortal(mesos_message_decode_sv(aTHX_ arg->class_id, (const char *)bytes.data, bytes.len));
    if (arg->kind == MESOS_ARG_FOREIGN) {
        SV *object;
        dSP;
        /* A stack of its own, that `last` in Perl code does not leave this C frame behind. */
        PUSHSTACKi(PERLSI_UNKNOWN);
        PUSHMARK(SP);
        EXTEND(SP, 2);
        PUSHs(mesos_sv(aTHX_ arg->type_name));
        PUSHs(mesos_sv(aTHX_ bytes));
        PUTBACK;
        call_method("decode", G_SCALAR);
        SPAGAIN;
        /* A `decode` in C may return a value of its own, which the next one frees. */
        object = mesos_hold(aTHX_ POPs);
        PUTBACK;
        POPSTACK;
        return object;
    }
    return mesos_sv(aTHX_ bytes);
}

SV *
mesos_event_arg_sv(pTHX_ MesosEvent *event, size_t index)
{
    MesosArg arg;
    AV *list;
    SV *reference;
    size_t i;
    mesos_check(aTHX_ mesos_event_arg(event, index, &arg));
    if (!arg.is_list)
        return item_sv(aTHX_ & arg, mesos_event_item(event, index, 0));
    list = newAV();
    reference = sv_2mortal(newRV_noinc((SV *)list));
    if (arg.count)
        av_extend(list, arg.count - 1);
    for (i = 0; i < arg.count; i++)
        av_push(list, SvREFCNT_inc(item_sv(aTHX_ & arg, mesos_event_item(event, index, i))));
    return reference;
}

SV *
mesos_option(pTHX_ HV *options, const char *name)
{
    SV **value = hv_fetch(options, name, strlen(name), 0);
    /* What it is asked for next, its truth or number, may run Perl code. */
    return value ? mesos_hold(aTHX_ *value) : &PL_sv_undef;
}

SV *
mesos_stats_sv(pTHX_ MesosStats *stats)
{
    static const char *const groups[] = {"events", "calls", "answers"};
    HV *all = newHV();
    size_t i, count = mesos_stats_count(stats);
    for (i = 0; i < sizeof groups / sizeof *groups; i++)
        (void)hv_store(all, groups[i], strlen(groups[i]), newRV_noinc((SV *)newHV()), 0);
    for (i = 0; i < count; i++) {
        MesosStat stat;
        HV *group = all;
        SV *value;
        if (mesos_stats_get(stats, i, &stat) != MESOS_OK)
            continue;
        if (stat.group.len) {
            SV **found = hv_fetch(all, (const char *)stat.group.data, stat.group.len, 0);
            if (!found)
                continue;
            group = (HV *)SvRV(*found);
        }
        value = !stat.is_known ? newSV(0) : stat.value == (NV)(UV)stat.value ? newSVuv((UV)stat.value) : newSVnv(stat.value);
        (void)hv_store(group, (const char *)stat.name.data, stat.name.len, value, 0);
    }
    mesos_stats_free(stats);
    return newRV_noinc((SV *)all);
}
