/* From the channel to the method of a handler. Implementation: dispatch.c. Include after handles.h. */

#ifndef MESOS_DISPATCH_H
#define MESOS_DISPATCH_H

/* Takes the oldest event for a consumer of Mesos::Role::HasDispatcher and calls its handler's method. False if there was none.
 * `result` (NULL: nobody wants it) gets the event's name and arguments. Exceptions of the method pass through: then the event is
 * freed without an acknowledgement. */
bool mesos_dispatch_event(pTHX_ SV *consumer, AV *result);

/* The same for at most `most` events, until nothing is queued, the dispatcher's consumer is gone or somebody ends the batch. */
void mesos_dispatch_batch(pTHX_ SV *dispatcher, IV most);

/* Mesos::Dispatcher::ready. */
void mesos_dispatch_turn(pTHX_ SV *dispatcher);

#endif
