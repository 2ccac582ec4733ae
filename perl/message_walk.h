/* Between the files of the walk over a Perl value that is to be encoded: message_encode.c walks, message_value.c writes what stands at
 * the ends. */

#ifndef MESOS_MESSAGE_WALK_H
#define MESOS_MESSAGE_WALK_H

#include "message.h"

typedef struct {
    MessageState *state;
    /* The hashes and arrays that we are in; those below `kept` hold a reference of ours. */
    SV *open[2 * MESOS_MAX_DEPTH + 2];
    int depth, kept;
    int messages;
    uint32_t options;
    uint32_t class_id;
    IV first; /* where its tape begins */
    /* Perl code is to look again: at keys that are no fields, a list for one value, a word for a boolean, or no value of an enum. */
    bool strange;
} Walk;

/* Makes room for more tokens, or dies if there are too many. */
void mesos_walk_grow(pTHX_ Walk *walk);

/* Dies: the message is too large. With the path of what came last. */
void mesos_walk_too_large(pTHX_ Walk *walk);

PERL_STATIC_INLINE void
push_token(pTHX_ Walk *walk, uint32_t op, uint32_t field, uint64_t value, uint64_t length)
{
    MessageState *const state = walk->state;
    MesosPerlToken *token;
    if (state->tape_top == state->tape_size)
        mesos_walk_grow(aTHX_ walk);
    token = state->tape + state->tape_top++;
    token->op = op;
    token->field = field;
    token->value = value;
    token->length = length;
}

#define PUSH(op, field, value, length) push_token(aTHX_ walk, (op), (field), (value), (length))

/* A token with a copy of the bytes. */
void mesos_walk_bytes(pTHX_ Walk *walk, uint32_t op, uint32_t field, const char *bytes, STRLEN length);

/* Before Perl code runs: it must not free what we are in. */
PERL_STATIC_INLINE void
keep_open(pTHX_ Walk *walk)
{
    for (; walk->kept < walk->depth; walk->kept++)
        sv_2mortal(SvREFCNT_inc_simple_NN(walk->open[walk->kept]));
}

/* The value behind get magic. */
#define RESOLVE(sv)                                 \
    STMT_START                                      \
    {                                               \
        if (SvGMAGICAL(sv)) {                       \
            keep_open(aTHX_ walk);                  \
            sv_2mortal(SvREFCNT_inc_simple_NN(sv)); \
            mg_get(sv);                             \
        }                                           \
    }                                               \
    STMT_END

/* Ends the tape with what `sv` is, in words. Always false. */
bool mesos_walk_wrong(pTHX_ Walk *walk, uint32_t field, SV *sv);

/* The token of a value that is defined, for a field of strings or bytes, of booleans, of numbers or enums. */
bool mesos_walk_string(pTHX_ Walk *walk, uint32_t field, SV *sv);
bool mesos_walk_truth(pTHX_ Walk *walk, uint32_t field, SV *sv);
bool mesos_walk_number(pTHX_ Walk *walk, uint32_t field, SV *sv);

#endif
