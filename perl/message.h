/* Mesos messages for XS code: blessed hashes from bytes, and bytes from hashes. Implementation: message.c, message_encode.c,
 * message_value.c, message_class.c. Include after perl.h.
 *
 * Errors are Perl exceptions, "... at FILE line N." of the code that called into our packages. They are thrown from C, after Rust
 * has returned: a caller must not hold anything that an exception would leak. */

#ifndef MESOS_MESSAGE_H
#define MESOS_MESSAGE_H

#include "mesos_perl.h"

#if IVSIZE < 8
#error "messages have 64-bit integers: this Perl's are smaller"
#endif

/* Perl before 5.14. */
#ifndef PERL_STATIC_INLINE
#define PERL_STATIC_INLINE static
#endif
#ifndef GvCV_set
#define GvCV_set(gv, cv) (GvCV(gv) = (cv))
#endif

/* A new object of the class (reference count 1) from its encoding. `bytes` is only looked at during the call. */
SV *mesos_message_decode_sv(pTHX_ uint32_t class_id, const char *bytes, STRLEN length);

/* The encoding of a hash or object as a message of the class, as a mortal byte string. undef is a message without fields. Keys that
 * are no fields are told to the user, as `driver` (NULL: there is none) wants it.
 * Runs Perl code where the value holds tied or overloaded things. */
SV *mesos_message_encode_sv(pTHX_ uint32_t class_id, SV *value, SV *driver);

/* What an encoding or decoding does besides. All but the last are Rust's own numbers. */
#define MESSAGE_REJECT_UNKNOWN MESOS_DECODE_REJECT_UNKNOWN /* keys or fields that the class does not have are errors */
#define MESSAGE_ENUM_NAMES MESOS_DECODE_ENUM_NAMES         /* enums by name: decoded so, and understood when encoded */
#define MESSAGE_MAPS MESOS_DECODE_MAPS                     /* decode: map fields as hashes, not as lists of entries */
#define MESSAGE_UNBLESSED 4                                /* decode: plain hashes, no objects */

/* mesos_message_encode_sv with options. */
SV *mesos_message_encode_with(pTHX_ uint32_t class_id, SV *value, uint32_t options, SV *driver);

/* The same by the class's Perl name, "Mesos::TaskInfo". Dies if there is no such class. */
SV *mesos_message_decode_named(pTHX_ const char *class_name, const char *bytes, STRLEN length);
SV *mesos_message_encode_named(pTHX_ const char *class_name, SV *value, SV *driver);

/* Dies with this text (a mortal, or an SV that somebody owns) and the user's file and line. Does not return. */
void mesos_message_croak(pTHX_ SV *text);
/* The same of an error that has a code of its own. */
void mesos_message_croak_with(pTHX_ SV *text, MesosCode code);

/* Dies with the text of the Rust call that just failed with this code. Does not return. */
void mesos_message_croak_last(pTHX_ MesosCode code);

/* Whether decoding puts entries into hashes directly, or by Perl's own functions. */
bool mesos_message_is_direct(void);

/* For each interpreter, once: at boot, and from CLONE in a new thread. */
void mesos_boot_messages(pTHX);
void mesos_message_clone(pTHX);

/* Makes the constants of Mesos::Message::Constants. */
void mesos_message_define_constants(pTHX);

/* Makes the Perl classes of all messages and enums, except those that exist already. */
void mesos_message_define_classes(pTHX);

/* --- between the files of the codec ------------------------------------------------------------------------------------------ */

/* The name of a field, as a shared string, and its hash. */
typedef struct {
    SV *name;
    U32 hash;
} MessageKey;

/* A string that was decoded lately, by a mark of its bytes; when it came a second time, its key in the interpreter's table of shared
 * strings. Not an SV: a program that counts its SVs must not find one of ours among those that a decoding left. */
typedef struct {
    U32 mark;
    HEK *shared;
} MessageString;

#define MESSAGE_STRINGS 512 /* a power of 2 */

/* One interpreter's part of the codec. */
typedef struct {
    const MesosSchema *schema;
    MessageKey *keys;   /* field names, one for each key of the schema */
    HV **stashes;       /* of the message classes; NULL until first used */
    AV **introspection; /* of the message classes: what _pb_fields_list and its like return; NULL until first used */
    MesosDecoder *decoder;
    MessageString *strings; /* MESSAGE_STRINGS of them */
    /* What is being encoded. Encodings inside one another, by tied or overloaded values, stand one behind the other; the tops are
     * restored by Perl's savestack, also when an exception ends them. */
    MesosPerlToken *tape;
    IV tape_top, tape_size;
    char *arena;
    IV arena_top, arena_size;
    /* Where on the C stack a replay is under way, whose tape a handler of a signal must not overwrite; NULL if none is. */
    const char *replaying;
    IV nested; /* how many encodings are within one another */
} MessageState;

MessageState *mesos_message_state(pTHX);

/* The stash of a class. */
HV *mesos_message_stash(pTHX_ MessageState *state, uint32_t class_id);

/* As mesos_message_decode_sv, for an object of another class (a subclass) unless `stash` is NULL, and with options. */
SV *mesos_message_decode_into(pTHX_ uint32_t class_id, HV *stash, const char *bytes, STRLEN length, uint32_t options);

/* A mortal with the bytes. */
SV *mesos_message_text(pTHX_ MesosBytes bytes);

#endif
