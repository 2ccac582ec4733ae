#ifndef MESOS_PERL_H
#define MESOS_PERL_H

/* Made by cbindgen from src/ffi; do not edit. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 Mesos::FrameworkInfo
 */
#define MESOS_CLASS_FRAMEWORK_INFO 15

/*
 Mesos::Credential
 */
#define MESOS_CLASS_CREDENTIAL 111

/*
 Mesos::OfferID
 */
#define MESOS_CLASS_OFFER_ID 1

/*
 Mesos::SlaveID
 */
#define MESOS_CLASS_SLAVE_ID 2

/*
 Mesos::TaskID
 */
#define MESOS_CLASS_TASK_ID 3

/*
 Mesos::ExecutorID
 */
#define MESOS_CLASS_EXECUTOR_ID 4

/*
 Mesos::Request
 */
#define MESOS_CLASS_REQUEST 78

/*
 Mesos::TaskInfo
 */
#define MESOS_CLASS_TASK_INFO 92

/*
 Mesos::Filters
 */
#define MESOS_CLASS_FILTERS 106

/*
 Mesos::KillPolicy
 */
#define MESOS_CLASS_KILL_POLICY 25

/*
 Mesos::TaskStatus
 */
#define MESOS_CLASS_TASK_STATUS 105

/*
 Mesos::Offer::Operation
 */
#define MESOS_CLASS_OFFER_OPERATION 80

/*
 Mesos::OperationStatus
 */
#define MESOS_CLASS_OPERATION_STATUS 100

/*
 Mesos::Scheduler::Call::ReconcileOperations::Operation
 */
#define MESOS_CLASS_SCHEDULER_CALL_RECONCILE_OPERATIONS_OPERATION 226

/*
 An option of `mesos_decoder_options`: a field that the class does not have is an error (`MESOS_DECODE`).
 */
#define MESOS_DECODE_REJECT_UNKNOWN 1

/*
 An option of `mesos_decoder_options`: values of enums are `MesosTokenEnum`.
 */
#define MESOS_DECODE_ENUM_NAMES 2

/*
 An option of `mesos_decoder_options`: map fields are `MesosTokenMap`.
 */
#define MESOS_DECODE_MAPS 8

/*
 For C: what a driver's status may be.
 */
#define MESOS_STATUS_NOT_STARTED 1

#define MESOS_STATUS_RUNNING 2

#define MESOS_STATUS_ABORTED 3

#define MESOS_STATUS_STOPPED 4

/*
 How deep messages may be nested, the outermost included. Mesos' own recursive message, ContainerID, needs a handful.
 */
#define MESOS_MAX_DEPTH 100

/*
 How many tokens a tape of Perl values may have: a walk over values without end stops here, and not when memory is full.
 */
#define MESOS_MAX_TOKENS 4194304

/*
 How many bytes the strings of such a tape may have together.
 */
#define MESOS_MAX_STRINGS 536870912

/*
 How many keys a tied hash may have: its keys are collected before the first of them becomes a token.
 */
#define MESOS_MAX_KEYS 1048576

/*
 How many encodings may be within one another, by values that encode others when they are looked at.
 */
#define MESOS_MAX_NESTED 100

/*
 The `label` of a field: descriptor.proto's numbers, which Perl's introspection shows.
 */
#define MESOS_LABEL_OPTIONAL 1

#define MESOS_LABEL_REQUIRED 2

#define MESOS_LABEL_REPEATED 3

/*
 The `kind` of a field: descriptor.proto's numbers of types, which Perl's introspection shows. Groups (10) do not occur.
 */
#define MESOS_KIND_DOUBLE 1

#define MESOS_KIND_FLOAT 2

#define MESOS_KIND_INT64 3

#define MESOS_KIND_UINT64 4

#define MESOS_KIND_INT32 5

#define MESOS_KIND_FIXED64 6

#define MESOS_KIND_FIXED32 7

#define MESOS_KIND_BOOL 8

#define MESOS_KIND_STRING 9

#define MESOS_KIND_MESSAGE 11

#define MESOS_KIND_BYTES 12

#define MESOS_KIND_UINT32 13

#define MESOS_KIND_ENUM 14

#define MESOS_KIND_SFIXED32 15

#define MESOS_KIND_SFIXED64 16

#define MESOS_KIND_SINT32 17

#define MESOS_KIND_SINT64 18

/*
 The `field` of the outermost message.
 */
#define MESOS_NO_FIELD 4294967295

/*
 The type of an event's argument.
 */
enum MesosArgKind
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
  /*
   Plain bytes.
   */
  MESOS_ARG_STRING = 0,
  /*
   A Mesos message: `class_id` says which.
   */
  MESOS_ARG_MESSAGE = 1,
  /*
   An object of another Perl class: `type_name` is that class.
   */
  MESOS_ARG_FOREIGN = 2,
};
#ifndef __cplusplus
typedef int32_t MesosArgKind;
#endif // __cplusplus

/*
 What a function of this ABI returns. A number keeps its meaning for ever.
 */
enum MesosCode
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
  MESOS_OK = 0,
  /*
   A pointer was NULL that must not be.
   */
  MESOS_NULL_POINTER = 1,
  /*
   A bug in this library: a panic was caught.
   */
  MESOS_PANIC = 2,
  /*
   The handle was made before a fork and is used in the child.
   */
  MESOS_FORKED = 3,
  /*
   An argument is wrong; the text names it.
   */
  MESOS_BAD_ARGUMENT = 4,
  /*
   The system refused a descriptor, a thread, a process or a file.
   */
  MESOS_SYSTEM = 5,
  /*
   Bytes are not a valid message of the class.
   */
  MESOS_DECODE = 6,
  /*
   A Perl value cannot be encoded as a message of the class.
   */
  MESOS_ENCODE = 7,
  /*
   Too many calls wait. Nothing was sent, and you may make the same call again later.
   */
  MESOS_FULL = 8,
  /*
   A signal handler called this function in the middle of another call of the same thread. Nothing was done.
   */
  MESOS_INSIDE = 9,
};
#ifndef __cplusplus
typedef int32_t MesosCode;
#endif // __cplusplus

/*
 What a field's default is. The value itself is in the member of the same name.
 */
enum MesosDefaultKind
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
  MESOS_DEFAULT_NONE = 0,
  /*
   Integers, enums, and booleans as 0 or 1.
   */
  MESOS_DEFAULT_INT = 1,
  MESOS_DEFAULT_DOUBLE = 2,
  MESOS_DEFAULT_TEXT = 3,
};
#ifndef __cplusplus
typedef int32_t MesosDefaultKind;
#endif // __cplusplus

/*
 What a [`MesosPerlToken`] is.
 */
enum MesosPerlOp
#ifdef __cplusplus
  : uint32_t
#endif // __cplusplus
 {
  /*
   A message begins. The outermost has its class in `value` and `MESOS_NO_FIELD` in `field`.
   */
  MESOS_PERL_MESSAGE = 1,
  /*
   The items of a repeated field begin.
   */
  MESOS_PERL_LIST = 2,
  /*
   Ends the innermost message or list.
   */
  MESOS_PERL_END = 3,
  /*
   A number that is an integer: `value` is an int64. Also a boolean, 0 or 1.
   */
  MESOS_PERL_INT = 4,
  /*
   A number that is an integer: `value` is an uint64.
   */
  MESOS_PERL_UINT = 5,
  /*
   A number: `value` holds the bits of a double.
   */
  MESOS_PERL_DOUBLE = 6,
  /*
   A string for a numeric field: `length` bytes at offset `value` of the arena.
   */
  MESOS_PERL_TEXT = 7,
  /*
   A string for a field of strings or bytes: `length` bytes at offset `value` of the arena.
   */
  MESOS_PERL_BYTES = 8,
  /*
   A required field is not there.
   */
  MESOS_PERL_MISSING = 9,
  /*
   A value that the field cannot hold. `length` bytes at offset `value` of the arena describe it. The tape ends here.
   */
  MESOS_PERL_WRONG = 10,
  /*
   Messages are nested too deep, or in a circle. The tape ends here.
   */
  MESOS_PERL_TOO_DEEP = 11,
  /*
   The field's declared default. The check makes this token, not C.
   */
  MESOS_PERL_DEFAULT = 12,
  /*
   A key that is no field, in the open message: `length` bytes at offset `value` of the arena. Its `field` is `MESOS_NO_FIELD`.
   The tape ends here.
   */
  MESOS_PERL_UNKNOWN = 13,
  /*
   The entries of a map field begin that was given as a hash: messages, whose first token is their key. Ended as a list is.
   */
  MESOS_PERL_MAP = 14,
  /*
   There is more in the message than a walk takes: `MESOS_MAX_TOKENS`, `MESOS_MAX_STRINGS`. The tape ends here.
   */
  MESOS_PERL_TOO_LARGE = 15,
};
#ifndef __cplusplus
typedef uint32_t MesosPerlOp;
#endif // __cplusplus

/*
 What a [`MesosToken`] of a decoded message is.
 */
enum MesosTokenOp
#ifdef __cplusplus
  : uint16_t
#endif // __cplusplus
 {
  /*
   A message begins. `value` is its class, and `count` is the number of different fields that follow.
   */
  MESOS_TOKEN_MESSAGE = 1,
  /*
   A repeated field begins. `count` items follow, each with key 0.
   */
  MESOS_TOKEN_LIST = 2,
  /*
   Ends the innermost message or list.
   */
  MESOS_TOKEN_END = 3,
  /*
   `value` is an int64.
   */
  MESOS_TOKEN_INT = 4,
  /*
   `value` is an uint64, greater than any int64.
   */
  MESOS_TOKEN_UINT = 5,
  /*
   `value` holds the bits of a double.
   */
  MESOS_TOKEN_DOUBLE = 6,
  /*
   `count` bytes at offset `value` of the decoded bytes.
   */
  MESOS_TOKEN_BYTES = 7,
  /*
   `value` is an int64: a value of the schema's enum at index `count`, or a number that it does not know. Of known values only
   with `MESOS_DECODE_ENUM_NAMES`.
   */
  MESOS_TOKEN_ENUM = 8,
  /*
   A map field begins: `count` messages of its entries' class follow, each with key 0, and both a key and a value.
   */
  MESOS_TOKEN_MAP = 9,
  /*
   Ends a map; it is the innermost. Its `key` is the map field's once more.
   */
  MESOS_TOKEN_MAP_END = 10,
};
#ifndef __cplusplus
typedef uint16_t MesosTokenOp;
#endif // __cplusplus

/*
 A queue of events, first in, first out. Functions: `mesos_channel_*`.

 Dispatchers and drivers made from it share the queue, and may outlive this handle. Any number of threads may use it.
 */
typedef struct MesosChannel MesosChannel;

/*
 The buffers of one decoder. One thread at a time may use it. After a fork, parent and child may use their copies.
 */
typedef struct MesosDecoder MesosDecoder;

/*
 Wakes Perl while a channel holds events. Functions: `mesos_dispatcher_*`. One thread at a time may use it.
 */
typedef struct MesosDispatcher MesosDispatcher;

/*
 An event: the name of a callback and its arguments. Functions: `mesos_event_*`.

 Made by `mesos_event_new` or `mesos_channel_take`. Give it to `mesos_channel_send` or to `mesos_event_free`. One thread at a time may
 use it.
 */
typedef struct MesosEvent MesosEvent;

/*
 An executor's connection to its agent. Functions: `mesos_executor_driver_*`. Any number of threads may use it.

 Calls never wait for the network. Only `mesos_executor_driver_free` does, for a limited time.
 */
typedef struct MesosExecutorDriver MesosExecutorDriver;

/*
 A framework's connection to Mesos. Functions: `mesos_scheduler_driver_*`. Any number of threads may use it.

 Calls never wait for the network. Only `mesos_scheduler_driver_free` does, for a limited time: do not call it from a thread
 that Mesos' answers need.
 */
typedef struct MesosSchedulerDriver MesosSchedulerDriver;

/*
 What a driver had counted at one moment. Functions: `mesos_stats_*`. One thread at a time may use it.
 */
typedef struct MesosStats MesosStats;

/*
 Bytes with a length. If `len` is 0, `data` is not read and may be NULL.

 An argument is read only during the call. A result is borrowed from the handle that the function's comment names.
 */
typedef struct MesosBytes {
  const uint8_t *data;
  size_t len;
} MesosBytes;

/*
 A backend of the drivers. Its strings stay valid for ever.
 */
typedef struct MesosBackend {
  /*
   `native` or `libmesos`: what a driver's option `driver` takes.
   */
  struct MesosBytes name;
  /*
   Of this library, or of the libmesos whose headers it was built with.
   */
  struct MesosBytes version;
  /*
   Whether it has a scheduler driver, and an executor driver.
   */
  bool scheduler;
  bool executor;
  /*
   Used if nothing else is asked for.
   */
  bool is_default;
} MesosBackend;

/*
 Called with its own `argument` and 1 (the prototype of Async::Interrupt's signal functions).
 */
typedef void (*MesosSignalFunction)(void *argument, int value);

/*
 Describes one argument of an event.
 */
typedef struct MesosArg {
  MesosArgKind kind;
  /*
   A list of `count` items; else one item.
   */
  bool is_list;
  uint32_t class_id;
  size_t count;
  /*
   Borrowed from the event.
   */
  struct MesosBytes type_name;
} MesosArg;

/*
 A message class; its index in the schema is its class id.
 */
typedef struct MesosSchemaClass {
  /*
   `mesos.Offer.Operation`
   */
  struct MesosBytes proto;
  /*
   `Mesos::Offer::Operation`
   */
  struct MesosBytes perl;
  /*
   Index of its first field; its fields stand by ascending number.
   */
  uint32_t first_field;
  uint32_t field_count;
  /*
   One more than the index, of all fields, of its last field that is `needed`; `first_field` if none is.
   */
  uint32_t needed_end;
  const struct MesosBytes *oneofs;
  size_t oneof_count;
  /*
   Whether it is the entry of a map field.
   */
  bool map_entry;
} MesosSchemaClass;

/*
 One field of a message class.
 */
typedef struct MesosSchemaField {
  /*
   Index into the schema's keys: its name.
   */
  uint32_t key;
  uint32_t number;
  /*
   A `MESOS_LABEL_`.
   */
  uint8_t label;
  /*
   A `MESOS_KIND_`.
   */
  uint8_t kind;
  /*
   The class of a message field, or the index of an enum field's enum.
   */
  uint16_t of;
  /*
   0, or 1 + the index into the class's oneofs.
   */
  uint16_t oneof;
  /*
   Whether its message must have it to be encoded: it is required, or the value of a map's entry that cannot be an empty message.
   */
  bool needed;
  MesosDefaultKind default_kind;
  int64_t default_int;
  double default_double;
  struct MesosBytes default_text;
} MesosSchemaField;

/*
 One value of an enum.
 */
typedef struct MesosSchemaValue {
  struct MesosBytes name;
  int32_t number;
} MesosSchemaValue;

/*
 An enum, its values in the order of their declaration.
 */
typedef struct MesosSchemaEnum {
  struct MesosBytes proto;
  struct MesosBytes perl;
  const struct MesosSchemaValue *values;
  size_t value_count;
} MesosSchemaEnum;

/*
 The schema of all messages. Everything in it lives as long as the library is loaded.
 */
typedef struct MesosSchema {
  /*
   Names of fields; the one at 0 is empty and no field's.
   */
  const struct MesosBytes *keys;
  size_t key_count;
  const struct MesosSchemaClass *classes;
  size_t class_count;
  const struct MesosSchemaField *fields;
  size_t field_count;
  const struct MesosSchemaEnum *enums;
  size_t enum_count;
} MesosSchema;

/*
 One step of a decoded message.
 */
typedef struct MesosToken {
  /*
   A `MesosTokenOp`.
   */
  uint16_t op;
  /*
   Index into the schema's keys: which field of the open message this is. 0 in a list, and for the outermost message.
   */
  uint16_t key;
  uint32_t count;
  uint64_t value;
} MesosToken;

/*
 One step of a Perl value that is to be encoded.
 */
typedef struct MesosPerlToken {
  /*
   A `MesosPerlOp`.
   */
  uint32_t op;
  /*
   Index into the schema's fields; items of a list have the list's.
   */
  uint32_t field;
  uint64_t value;
  uint64_t length;
} MesosPerlToken;

/*
 An array of byte strings. If `len` is 0, `items` is not read and may be NULL.
 */
typedef struct MesosBytesList {
  const struct MesosBytes *items;
  size_t len;
} MesosBytesList;

/*
 What a scheduler driver is made from. All bytes are read only during the call.
 */
typedef struct MesosSchedulerOptions {
  /*
   `native`, `libmesos`, or empty for the default.
   */
  struct MesosBytes driver;
  /*
   A master string, such as `local`, `host:port` or `zk://host:port/path`.
   */
  struct MesosBytes master;
  /*
   Encoded mesos.FrameworkInfo.
   */
  struct MesosBytes framework;
  /*
   Encoded mesos.Credential; empty for none.
   */
  struct MesosBytes credential;
  /*
   Acknowledge a status update on `mesos_event_acknowledge`; else only on `mesos_scheduler_driver_acknowledge`.
   */
  bool implicit_acknowledgements;
  /*
   The driver fails after this many seconds without a master; 0: never. A negative number is an error.
   */
  double master_timeout;
  /*
   Path of the file that keeps the framework's id between runs; empty for none.
   */
  struct MesosBytes framework_id_file;
  /*
   Ask for the states of all tasks after every subscription.
   */
  bool reconcile_on_registration;
  /*
   How many calls may be unanswered: 1 to 1000.
   */
  int64_t max_unanswered_calls;
  /*
   How many more calls may wait; the next one fails with MESOS_FULL.
   */
  int64_t max_queued_calls;
  /*
   For `local`: path of the helper executable.
   */
  struct MesosBytes helper;
  /*
   For `local`: `NAME=VALUE` strings for the environment of executors.
   */
  struct MesosBytesList executor_environment;
} MesosSchedulerOptions;

/*
 One number. Its bytes stay valid until `mesos_stats_free`.
 */
typedef struct MesosStat {
  /*
   Empty for a number that belongs to no group.
   */
  struct MesosBytes group;
  struct MesosBytes name;
  /*
   A count, or seconds.
   */
  double value;
  /*
   Whether there is a value.
   */
  bool is_known;
} MesosStat;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/*
 Describes backend `index` (from 0). MESOS_BAD_ARGUMENT if there is no such backend.
 */
MesosCode mesos_backend(size_t index, struct MesosBackend *result);

/*
 Makes an empty channel. The caller owns it and frees it with `mesos_channel_free`.
 */
MesosCode mesos_channel_new(struct MesosChannel **result);

/*
 Frees the handle.
 */
void mesos_channel_free(struct MesosChannel *channel);

/*
 Queues an event and wakes the dispatchers of this channel. It consumes the event, even if it fails.
 */
MesosCode mesos_channel_send(const struct MesosChannel *channel, struct MesosEvent *event);

/*
 For the thread that is woken for the channel's events and takes them now: reads what has come for its drivers. Nothing wakes the
 thread for what it does not take, until `mesos_channel_settle`.
 */
MesosCode mesos_channel_gather(const struct MesosChannel *channel);

/*
 After `mesos_channel_gather`: wakes for what was not taken.
 */
MesosCode mesos_channel_settle(const struct MesosChannel *channel);

/*
 Takes the oldest event; NULL if there is none. The caller owns it and frees it with `mesos_event_free`.

 If the event ends its driver, the driver's status is DRIVER_ABORTED from now on.
 */
MesosCode mesos_channel_take(const struct MesosChannel *channel,
                             struct MesosEvent **result);

/*
 Sets what the user reads on standard error, once, if events wait here while the program runs a loop that does not ask for them.
 */
MesosCode mesos_channel_advise(const struct MesosChannel *channel,
                               struct MesosBytes text);

/*
 How many events are queued. Takes no lock, and works wherever it is called.
 */
size_t mesos_channel_size(const struct MesosChannel *channel);

/*
 Whether events are queued. If so, `taken` gets the number of events that were ever taken.
 */
bool mesos_channel_waiting(const struct MesosChannel *channel, uint64_t *taken);

/*
 Makes a dispatcher with a descriptor that is readable exactly while the channel holds events. The caller owns it.
 */
MesosCode mesos_dispatcher_new_pipe(const struct MesosChannel *channel,
                                    struct MesosDispatcher **result);

/*
 A dispatcher that calls `function(argument, 1)` for every event that is queued, from whatever thread queues it. Owned by
 the caller, who keeps `argument` valid until `mesos_dispatcher_free` has returned: it is not called afterwards.

 The function must be safe to call from any thread, quick, and must not call this library.
 */
MesosCode mesos_dispatcher_new_interrupt(const struct MesosChannel *channel,
                                         MesosSignalFunction function,
                                         void *argument,
                                         struct MesosDispatcher **result);

/*
 Frees the handle: detaches the dispatcher from the channel, and closes the descriptor.
 */
void mesos_dispatcher_free(struct MesosDispatcher *dispatcher);

/*
 The descriptor to watch for reading; -1 if there is none. It belongs to the dispatcher: watch a duplicate.
 */
int mesos_dispatcher_fd(const struct MesosDispatcher *dispatcher);

/*
 The same for who also reads what has come for the channel's drivers, when it is woken: with `mesos_channel_take`, `_waiting` or
 `_gather`. It is readable also while something has come; perhaps it is no whole event. From then on drivers rely on it.

 It is an epoll descriptor: watch it with select, epoll, or poll for POLLIN. -1 if there is none.
 */
int mesos_dispatcher_stream_fd(const struct MesosDispatcher *dispatcher);

/*
 Wakes Perl again if the channel holds events. Otherwise it does nothing.
 */
MesosCode mesos_dispatcher_notify(const struct MesosDispatcher *dispatcher);

/*
 The text (UTF-8) of the last failure in this thread, empty if there was none.

 Borrowed: valid until the next call of any function of this library in this thread.
 */
struct MesosBytes mesos_error_message(void);

/*
 Makes an event called `name`, without arguments. The caller owns it.
 */
MesosCode mesos_event_new(struct MesosBytes name, struct MesosEvent **result);

/*
 Appends an argument: an empty list if `is_list`, else `data`. `type_name` is "String" or a Perl class.
 */
MesosCode mesos_event_push(struct MesosEvent *event,
                           struct MesosBytes type_name,
                           bool is_list,
                           struct MesosBytes data);

/*
 Appends an item to the last list that was pushed.
 */
MesosCode mesos_event_push_item(struct MesosEvent *event, struct MesosBytes data);

/*
 Frees an event. If you have not called `mesos_event_acknowledge`, its update is not acknowledged, and Mesos sends it again.
 */
void mesos_event_free(struct MesosEvent *event);

/*
 The name of the callback, borrowed from the event.
 */
struct MesosBytes mesos_event_name(const struct MesosEvent *event);

/*
 The id of the driver that queued the event; 0 for an event that the program sent itself.
 */
uint64_t mesos_event_driver(const struct MesosEvent *event);

/*
 How many arguments the event has.
 */
size_t mesos_event_arg_count(const struct MesosEvent *event);

/*
 Describes argument `index` (from 0).
 */
MesosCode mesos_event_arg(const struct MesosEvent *event, size_t index, struct MesosArg *result);

/*
 Item `item` of argument `index`: the argument's own bytes if it is not a list. Borrowed from the event.
 */
struct MesosBytes mesos_event_item(const struct MesosEvent *event,
                                   size_t index,
                                   size_t item);

/*
 Whether this event ends its driver. If so, the driver's status is DRIVER_ABORTED since the event was taken.
 */
bool mesos_event_ends_driver(const struct MesosEvent *event);

/*
 Whether something is owed for the event, offers or a task: what calls do about it while it is handled must be noted, for the
 callback may die before all is done.
 */
bool mesos_event_is_owed(const struct MesosEvent *event);

/*
 Acknowledges the update that the event carries to Mesos, if its driver still lives and runs: to be called when the callback has
 returned normally, or the program has taken the event. Does nothing a second time, and for events that nobody waits for.
 */
MesosCode mesos_event_acknowledge(struct MesosEvent *event);

/*
 A driver whose events are queued in `channel`. Owned by the caller. `driver`: `native`, `libmesos`, or empty for the default.
 */
MesosCode mesos_executor_driver_new(const struct MesosChannel *channel,
                                    struct MesosBytes driver,
                                    struct MesosExecutorDriver **result);

/*
 What the driver runs on, `native` or `libmesos`. The bytes stay valid for ever.
 */
struct MesosBytes mesos_executor_driver_backend(const struct MesosExecutorDriver *driver);

/*
 Ends the driver: sends what is queued and waits, for a few seconds at most, until the agent has recorded the updates.
 */
void mesos_executor_driver_free(struct MesosExecutorDriver *driver);

/*
 The id that `mesos_event_driver` returns for this driver's events.
 */
uint64_t mesos_executor_driver_id(const struct MesosExecutorDriver *driver);

/*
 Writes the status (a number of mesos.Status), as do all functions below.
 */
MesosCode mesos_executor_driver_status(const struct MesosExecutorDriver *driver, int *status);

/*
 Connects to the agent that the environment names. If a variable is missing, MESOS_BAD_ARGUMENT names it.
 */
MesosCode mesos_executor_driver_start(const struct MesosExecutorDriver *driver,
                                      int *status);

/*
 Ends the driver after it has sent what is queued. The agent notices only the end of the process.
 */
MesosCode mesos_executor_driver_stop(const struct MesosExecutorDriver *driver, int *status);

/*
 Ends the driver's callbacks.
 */
MesosCode mesos_executor_driver_abort(const struct MesosExecutorDriver *driver, int *status);

/*
 `update`: an encoded mesos.TaskStatus.
 */
MesosCode mesos_executor_driver_send_status_update(const struct MesosExecutorDriver *driver,
                                                   struct MesosBytes update,
                                                   int *status);

/*
 `data`: any bytes for the scheduler.
 */
MesosCode mesos_executor_driver_send_framework_message(const struct MesosExecutorDriver *driver,
                                                       struct MesosBytes data,
                                                       int *status);

/*
 What the driver has counted. The caller frees it with `mesos_stats_free`.
 */
MesosCode mesos_executor_driver_stats(const struct MesosExecutorDriver *driver,
                                      struct MesosStats **result);

/*
 Whether a signal's handler runs in the middle of a call of this thread: all that needs a handle but `mesos_channel_size` would be
 `MESOS_INSIDE`, and functions that return no code would return nothing.
 */
bool mesos_is_inside(void);

/*
 What Mesos would pass over in `json`, which is to be a message of the class that `class_name` says, as `Mesos::Master::Call`: a JSON
 array with an object for each, of `path`, `name`, `of` (the message or enum that does not know the name), `known` (what it knows)
 and `is_value` (whether the name is a value of an enum, and no field). `MESOS_BAD_ARGUMENT` if it is no JSON, or no such class.

 The result is borrowed: valid until the next call in this thread of a function that lends such a result.
 */
MesosCode mesos_json_surplus(struct MesosBytes class_name,
                             struct MesosBytes json,
                             struct MesosBytes *result);

/*
 Sets logging up as the environment says (MESOS_quiet, MESOS_logging_level, MESOS_log_dir; spelled in any case). The first
 call in a process decides; later ones do nothing. `program` becomes part of the names of log files.
 */
MesosCode mesos_log_init(struct MesosBytes program);

/*
 The schema. Never freed; the same pointer for every caller. NULL only after an internal error.
 */
const struct MesosSchema *mesos_schema(void);

/*
 The class that Perl calls `name`, as `Mesos::TaskInfo`; `MESOS_BAD_ARGUMENT` if there is none.

 # Safety
 `name` is readable; `out_class` points to a writable integer.
 */
MesosCode mesos_class_by_perl_name(struct MesosBytes name, uint32_t *out_class);

/*
 A new decoder, to be given back to `mesos_decoder_free`. NULL only after an internal error.
 */
struct MesosDecoder *mesos_decoder_new(void);

/*
 Frees a decoder and its tape. Does nothing for NULL.

 # Safety
 `decoder` is NULL or came from `mesos_decoder_new`, and is not used after this.
 */
void mesos_decoder_free(struct MesosDecoder *decoder);

/*
 Sets the options of all later decodings: a sum of `MESOS_DECODE_*`. A new decoder has none (0).

 # Safety
 `decoder` came from `mesos_decoder_new`.
 */
MesosCode mesos_decoder_options(struct MesosDecoder *decoder, uint32_t options);

/*
 Decodes `bytes` as a message of class `class_id`: the tape is at `out_tape`, of `out_length` tokens, well-formed, and of fields
 that its classes have. `MESOS_DECODE` if the bytes are not a message, `MESOS_BAD_ARGUMENT` if the class does not exist.

 The tape is borrowed from the decoder, until its next call. Offsets in it are offsets in `bytes`.

 # Safety
 `decoder` came from `mesos_decoder_new`; `bytes` is readable; the out pointers are writable.
 */
MesosCode mesos_decoder_decode(struct MesosDecoder *decoder,
                               uint32_t class_id,
                               struct MesosBytes bytes,
                               const struct MesosToken **out_tape,
                               size_t *out_length);

/*
 Checks a tape of Perl values, which starts with a message of class `class_id`, and makes it ready for `mesos_tape_write`.
 `out_size` gets the size of the encoded message. `MESOS_ENCODE` if a value is not what its field holds: the text starts with the
 path of the value. The tape is of no use then.

 # Safety
 `tape` points to `length` tokens that may be written, `arena` is readable, `out_size` writable.
 */
MesosCode mesos_tape_check(uint32_t class_id,
                           struct MesosPerlToken *tape,
                           size_t length,
                           struct MesosBytes arena,
                           size_t *out_size);

/*
 Writes a tape that `mesos_tape_check` accepted, and that nobody changed since, into `buffer`, which has exactly the size that it
 returned.

 # Safety
 `tape` points to `length` tokens, `arena` is readable, `buffer` has `size` bytes that may be written.
 */
MesosCode mesos_tape_write(const struct MesosPerlToken *tape,
                           size_t length,
                           struct MesosBytes arena,
                           uint8_t *buffer,
                           size_t size);

/*
 Is `mesos-local`, or the helper of a cluster if the first argument says so. For a `main` that has
 opened the first three descriptors, ignores SIGPIPE, and gives back what this returns. The arguments are those of `main`.
 */
int mesos_program_main(int argc,
                       const char *const *argv);

/*
 Carries `action` (`add`, `contains`, ...) out on one or two lists of resources, which are encoded mesos.Request messages; some
 actions take a text instead. Writes such a list, a text, or `1` and nothing for true and false.

 The result is borrowed: valid until the next call in this thread of a function that lends such a result.
 */
MesosCode mesos_resources_reckon(struct MesosBytes action,
                                 struct MesosBytes left,
                                 struct MesosBytes right,
                                 struct MesosBytes *result);

/*
 A driver whose events are queued in `channel`. Owned by the caller. For `local` the cluster starts here.
 */
MesosCode mesos_scheduler_driver_new(const struct MesosChannel *channel,
                                     const struct MesosSchedulerOptions *options,
                                     struct MesosSchedulerDriver **result);

/*
 What the driver runs on, `native` or `libmesos`. The bytes stay valid for ever.
 */
struct MesosBytes mesos_scheduler_driver_backend(const struct MesosSchedulerDriver *driver);

/*
 Ends the driver: sends what is queued and closes its connections, within a few seconds; a `local` cluster ends with it.
 Without an earlier stop the framework stays registered for its failover_timeout.
 */
void mesos_scheduler_driver_free(struct MesosSchedulerDriver *driver);

/*
 The id that `mesos_event_driver` returns for this driver's events.
 */
uint64_t mesos_scheduler_driver_id(const struct MesosSchedulerDriver *driver);

/*
 Writes the status (a number of mesos.Status), as do all functions below.
 */
MesosCode mesos_scheduler_driver_status(const struct MesosSchedulerDriver *driver, int *status);

/*
 Connects to the master.
 */
MesosCode mesos_scheduler_driver_start(const struct MesosSchedulerDriver *driver, int *status);

/*
 Ends the framework (TEARDOWN), or with `failover` only this driver's connection.
 */
MesosCode mesos_scheduler_driver_stop(const struct MesosSchedulerDriver *driver,
                                      bool failover,
                                      int *status);

/*
 Ends the driver's callbacks and takes no more offers. The framework and its tasks stay.
 */
MesosCode mesos_scheduler_driver_abort(const struct MesosSchedulerDriver *driver, int *status);

/*
 `requests`: encoded mesos.Request messages.
 */
MesosCode mesos_scheduler_driver_request_resources(const struct MesosSchedulerDriver *driver,
                                                   struct MesosBytesList requests,
                                                   int *status);

/*
 `offer_ids`, `tasks`, `filters`: encoded mesos.OfferID, mesos.TaskInfo, mesos.Filters.
 */
MesosCode mesos_scheduler_driver_launch_tasks(const struct MesosSchedulerDriver *driver,
                                              struct MesosBytesList offer_ids,
                                              struct MesosBytesList tasks,
                                              struct MesosBytes filters,
                                              int *status);

/*
 `offer_ids`, `operations`, `filters`: encoded mesos.OfferID, mesos.Offer.Operation, mesos.Filters.
 */
MesosCode mesos_scheduler_driver_accept_offers(const struct MesosSchedulerDriver *driver,
                                               struct MesosBytesList offer_ids,
                                               struct MesosBytesList operations,
                                               struct MesosBytes filters,
                                               int *status);

/*
 `offer_id`, `filters`: encoded mesos.OfferID, mesos.Filters.
 */
MesosCode mesos_scheduler_driver_decline_offer(const struct MesosSchedulerDriver *driver,
                                               struct MesosBytes offer_id,
                                               struct MesosBytes filters,
                                               int *status);

/*
 Removes filters and ends suppression, for these roles or, with `all`, for all roles. Without both it does nothing.
 */
MesosCode mesos_scheduler_driver_revive_offers(const struct MesosSchedulerDriver *driver,
                                               struct MesosBytesList roles,
                                               bool all,
                                               int *status);

/*
 Asks for no more offers until they are revived, for these roles or, with `all`, for all roles. Without both it does nothing.
 */
MesosCode mesos_scheduler_driver_suppress_offers(const struct MesosSchedulerDriver *driver,
                                                 struct MesosBytesList roles,
                                                 bool all,
                                                 int *status);

/*
 `framework`: encoded mesos.FrameworkInfo with the framework's id. With `keep_suppressed`, suppressed roles stay suppressed.
 */
MesosCode mesos_scheduler_driver_update_framework(const struct MesosSchedulerDriver *driver,
                                                  struct MesosBytes framework,
                                                  struct MesosBytesList suppressed_roles,
                                                  bool keep_suppressed,
                                                  int *status);

/*
 `offer_ids`: encoded mesos.OfferID messages of inverse offers. `filters`: encoded mesos.Filters.
 */
MesosCode mesos_scheduler_driver_accept_inverse_offers(const struct MesosSchedulerDriver *driver,
                                                       struct MesosBytesList offer_ids,
                                                       struct MesosBytes filters,
                                                       int *status);

/*
 As `mesos_scheduler_driver_accept_inverse_offers`.
 */
MesosCode mesos_scheduler_driver_decline_inverse_offers(const struct MesosSchedulerDriver *driver,
                                                        struct MesosBytesList offer_ids,
                                                        struct MesosBytes filters,
                                                        int *status);

/*
 Acknowledges an update explicitly. `update`: encoded mesos.OperationStatus.
 */
MesosCode mesos_scheduler_driver_acknowledge_operation(const struct MesosSchedulerDriver *driver,
                                                       struct MesosBytes update,
                                                       int *status);

/*
 `operations`: encoded mesos.scheduler.Call.ReconcileOperations.Operation messages; none for all operations.
 */
MesosCode mesos_scheduler_driver_reconcile_operations(const struct MesosSchedulerDriver *driver,
                                                      struct MesosBytesList operations,
                                                      int *status);

/*
 `executor_id`, `slave_id`: encoded mesos.ExecutorID, mesos.SlaveID.
 */
MesosCode mesos_scheduler_driver_shutdown_executor(const struct MesosSchedulerDriver *driver,
                                                   struct MesosBytes executor_id,
                                                   struct MesosBytes slave_id,
                                                   int *status);

/*
 What the driver has counted. The caller frees it with `mesos_stats_free`.
 */
MesosCode mesos_scheduler_driver_stats(const struct MesosSchedulerDriver *driver,
                                       struct MesosStats **result);

/*
 `task_id`, `kill_policy`: encoded mesos.TaskID, mesos.KillPolicy. Without a policy, that of the task applies.
 */
MesosCode mesos_scheduler_driver_kill_task(const struct MesosSchedulerDriver *driver,
                                           struct MesosBytes task_id,
                                           struct MesosBytes kill_policy,
                                           int *status);

/*
 Acknowledges an update explicitly. `update`: encoded mesos.TaskStatus.
 */
MesosCode mesos_scheduler_driver_acknowledge(const struct MesosSchedulerDriver *driver,
                                             struct MesosBytes update,
                                             int *status);

/*
 `executor_id`, `slave_id`: encoded mesos.ExecutorID, mesos.SlaveID. `data`: any bytes.
 */
MesosCode mesos_scheduler_driver_send_framework_message(const struct MesosSchedulerDriver *driver,
                                                        struct MesosBytes executor_id,
                                                        struct MesosBytes slave_id,
                                                        struct MesosBytes data,
                                                        int *status);

/*
 `statuses`: encoded mesos.TaskStatus messages; none for implicit reconciliation.
 */
MesosCode mesos_scheduler_driver_reconcile_tasks(const struct MesosSchedulerDriver *driver,
                                                 struct MesosBytesList statuses,
                                                 int *status);

/*
 How many numbers there are.
 */
size_t mesos_stats_count(const struct MesosStats *stats);

/*
 Writes the number at `index`, counted from 0.
 */
MesosCode mesos_stats_get(const struct MesosStats *stats, size_t index, struct MesosStat *result);

/*
 Frees the numbers.
 */
void mesos_stats_free(struct MesosStats *stats);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MESOS_PERL_H */
