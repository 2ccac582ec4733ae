/* Opaque handles of include/mesos_perl.h inside Perl objects, and the conversions that every XSUB uses. */

#ifndef MESOS_HANDLES_H
#define MESOS_HANDLES_H

#include "mesos_perl.h"

/* A kind of handle: its magic tells it from others, `free` gives it back. `magic` is first: perl hands back its address. */
typedef struct {
    MGVTBL magic;
    const char *name;
    void (*free)(void *);
} mesos_type;

extern mesos_type mesos_channel_type, mesos_dispatcher_type, mesos_event_type;
extern mesos_type mesos_scheduler_driver_type, mesos_executor_driver_type;

/* Throws mesos_error_message() at the user's line if `code` is not MESOS_OK. */
void mesos_check(pTHX_ MesosCode code);

/* Ties a handle to an object, which owns it from now on; also when this throws. An older handle of that type is freed. */
void mesos_attach(pTHX_ SV *self, mesos_type *type, void *handle);
/* The handle of an object; throws if it has none of that type, and in a signal's handler that has interrupted another call. */
void *mesos_handle(pTHX_ SV *self, mesos_type *type);
/* The same for a function that takes no lock: in such a handler, too. */
void *mesos_handle_anywhere(pTHX_ SV *self, mesos_type *type);
/* Throws in a signal's handler that has interrupted another call. */
void mesos_not_inside(pTHX);
/* Whether an object has a handle. */
bool mesos_is_open(pTHX_ SV *self, mesos_type *type);
/* As mesos_handle, and the caller owns the handle. */
void *mesos_take_handle(pTHX_ SV *self, mesos_type *type);
/* Frees the handle of an object; it may have none. */
void mesos_detach(pTHX_ SV *self, mesos_type *type);
/* A new mortal object of `class` that owns a handle. */
SV *mesos_new_object(pTHX_ const char *class, mesos_type *type, void *handle);
/* Frees the event when the scope (ENTER, LEAVE) ends, normally or not. */
void mesos_scope_event(pTHX_ MesosEvent *event);

/* The id of the driver that an object is, 0 if it is none or has no handle. */
uint64_t mesos_driver_id(pTHX_ SV *self);

/* Keeps a value alive until the statement ends; returns it. */
SV *mesos_hold(pTHX_ SV *sv);
/* The same for all arguments of the XSUB that runs. */
void mesos_hold_arguments(pTHX_ I32 ax, I32 items);

/* The bytes of a scalar: UTF-8 if it is flagged so. undef: none. A copy, which lives until the statement ends: so do those below.
 * All of them run Perl code where a value is tied or overloaded. Therefore ask for a handle after them, in a statement of its own:
 * C evaluates the arguments of a call in any order. */
MesosBytes mesos_bytes(pTHX_ SV *sv);
/* A mortal copy. */
SV *mesos_sv(pTHX_ MesosBytes bytes);
/* The bytes of an array's elements. */
MesosBytesList mesos_bytes_list(pTHX_ SV *array);
/* A value, or an array of them, encoded as messages of a class for a driver; undef: no bytes. */
MesosBytes mesos_encode(pTHX_ SV *driver, uint32_t class_id, SV *value);
MesosBytesList mesos_encode_list(pTHX_ SV *driver, uint32_t class_id, SV *array);
/* After a call: warns that it did nothing if the driver was not started. */
void mesos_told_status(pTHX_ SV *driver, int status);
/* An event's argument: a byte string, an object, or an array reference of them. Mortal. */
SV *mesos_event_arg_sv(pTHX_ MesosEvent *event, size_t index);
/* A hash of a driver's statistics, with a hash for each group of them; takes the list. */
SV *mesos_stats_sv(pTHX_ MesosStats *stats);
/* A value of a hash of options, undef if there is none. */
SV *mesos_option(pTHX_ HV *options, const char *name);

#endif
