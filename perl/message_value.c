/* The ends of the walk over a Perl value that is to be encoded: strings, numbers and truths, and what is none of these. */

#define PERL_NO_GET_CONTEXT
#include "EXTERN.h"
#include "perl.h"
#include "XSUB.h"
#include "message_walk.h"

#ifndef SvTRUE_nomg
#define SvTRUE_nomg(sv) SvTRUE(sv)
#endif

/* One token is always in reserve, for the end of a tape that is too long. */
void
mesos_walk_grow(pTHX_ Walk *walk)
{
    MessageState *const state = walk->state;
    IV size = state->tape_size ? state->tape_size * 2 : 256;
    if (state->tape_top >= MESOS_MAX_TOKENS)
        mesos_walk_too_large(aTHX_ walk);
    if (size > MESOS_MAX_TOKENS)
        size = MESOS_MAX_TOKENS;
    Renew(state->tape, size + 1, MesosPerlToken);
    state->tape_size = size;
}

void
mesos_walk_too_large(pTHX_ Walk *walk)
{
    MessageState *const state = walk->state;
    MesosPerlToken *token;
    MesosBytes arena;
    size_t size;
    if (!state->tape)
        mesos_walk_grow(aTHX_ walk);
    token = state->tape + state->tape_top;
    Zero(token, 1, MesosPerlToken);
    token->op = MESOS_PERL_TOO_LARGE;
    token->field = MESOS_NO_FIELD;
    arena.data = (const uint8_t *)state->arena;
    arena.len = (size_t)state->arena_top;
    /* Rust knows the path, and the text. */
    (void)mesos_tape_check(walk->class_id, state->tape + walk->first, (size_t)(state->tape_top + 1 - walk->first), arena, &size);
    mesos_message_croak_last(aTHX_ MESOS_ENCODE);
}

void
mesos_walk_bytes(pTHX_ Walk *walk, uint32_t op, uint32_t field, const char *bytes, STRLEN length)
{
    MessageState *const state = walk->state;
    const UV start = (UV)state->arena_top;
    if ((UV)length > (UV)state->arena_size - start) {
        UV size = (UV)state->arena_size * 2;
        if ((UV)length > MESOS_MAX_STRINGS - start)
            mesos_walk_too_large(aTHX_ walk);
        if (size < start + length)
            size = start + length + 4096;
        if (size > MESOS_MAX_STRINGS)
            size = MESOS_MAX_STRINGS;
        Renew(state->arena, size, char);
        state->arena_size = (IV)size;
    }
    /* Before the first byte there is no arena, and C forbids to copy nothing to nowhere. */
    if (length)
        Copy(bytes, state->arena + start, length, char);
    state->arena_top += (IV)length;
    PUSH(op, field, (uint64_t)start, length);
}

static SV *
overloaded(pTHX_ Walk *walk, SV *sv, int method)
{
    SV *result;
    keep_open(aTHX_ walk);
    sv_2mortal(SvREFCNT_inc_simple_NN(sv));
    result = amagic_call(sv, &PL_sv_undef, method, AMGf_noright | AMGf_unary);
    return result && !SvROK(result) ? result : NULL;
}

bool
mesos_walk_wrong(pTHX_ Walk *walk, uint32_t field, SV *sv)
{
    if (!SvOK(sv)) {
        mesos_walk_bytes(aTHX_ walk, MESOS_PERL_WRONG, field, STR_WITH_LEN("undef"));
    } else if (!SvROK(sv)) {
        STRLEN length;
        const char *text = SvPV_nomg(sv, length);
        /* Bytes in the place of a message: Rust quotes them. */
        mesos_walk_bytes(aTHX_ walk, MESOS_PERL_BYTES, field, text, length);
    } else {
        /* Not sv_isobject, which would fetch a tied value again. */
        SV *description = SvOBJECT(SvRV(sv)) ? newSVpvf("an object of class %s", sv_reftype(SvRV(sv), TRUE))
                                             : newSVpvf("a reference to %s", sv_reftype(SvRV(sv), FALSE));
        sv_2mortal(description);
        mesos_walk_bytes(aTHX_ walk, MESOS_PERL_WRONG, field, SvPVX(description), SvCUR(description));
    }
    return FALSE;
}

/* --- values -------------------------------------------------------------------------------------------------------------------- */

bool
mesos_walk_string(pTHX_ Walk *walk, uint32_t field, SV *sv)
{
    STRLEN length;
    const char *text;
    if (SvROK(sv)) {
        SV *string = SvAMAGIC(sv) ? overloaded(aTHX_ walk, sv, string_amg) : NULL;
        if (!string)
            return mesos_walk_wrong(aTHX_ walk, field, sv);
        sv = string;
    }
    /* The internal bytes: UTF-8 where Perl has characters, else the bytes as they are. */
    text = SvPV_nomg(sv, length);
    mesos_walk_bytes(aTHX_ walk, MESOS_PERL_BYTES, field, text, length);
    return TRUE;
}

/* Whether this is the name of a value of the enum field; then also its number. */
static bool
enum_number(const MesosSchema *schema, uint32_t field, const char *name, STRLEN length, int32_t *number)
{
    const MesosSchemaEnum *of;
    size_t i;
    if (schema->fields[field].kind != MESOS_KIND_ENUM)
        return FALSE;
    of = schema->enums + schema->fields[field].of;
    for (i = 0; i < of->value_count; i++) {
        if (of->values[i].name.len == length && memEQ(of->values[i].name.data, name, length)) {
            *number = of->values[i].number;
            return TRUE;
        }
    }
    return FALSE;
}

/* Whether the enum has a value with this number. In most, the first is 1. */
static bool
is_of_enum(const MesosSchemaEnum *of, IV number)
{
    size_t i;
    if (number > 0 && (UV)number <= of->value_count && of->values[number - 1].number == number)
        return TRUE;
    for (i = 0; i < of->value_count; i++) {
        if (of->values[i].number == number)
            return TRUE;
    }
    return FALSE;
}

/* Whether a string is an integer in decimal, with space around it. */
static bool
has_digits_only(pTHX_ SV *sv)
{
    STRLEN length;
    const char *text = SvPV_nomg(sv, length);
    const char *end = text + length;
    while (text < end && isSPACE(*text))
        text++;
    while (text < end && isSPACE(end[-1]))
        end--;
    if (text < end && (*text == '-' || *text == '+'))
        text++;
    if (text == end)
        return FALSE;
    while (text < end && isDIGIT(*text))
        text++;
    return text == end;
}

/* Whether a string that was used as a number says more than the double that it was taken for: digits that no 64 bits hold, or a
 * number that no double holds. What is infinite by its own word has no digits in it. */
static bool
is_exacter_as_text(pTHX_ SV *sv)
{
    if (!SvPOK(sv))
        return FALSE;
    if (has_digits_only(aTHX_ sv))
        return TRUE;
    if (Perl_isinf(SvNVX(sv))) {
        STRLEN length;
        const char *const text = SvPV_nomg(sv, length);
        STRLEN i;
        for (i = 0; i < length; i++) {
            if (isDIGIT(text[i]))
                return TRUE;
        }
    }
    return FALSE;
}

bool
mesos_walk_number(pTHX_ Walk *walk, uint32_t field, SV *sv)
{
    const MesosSchemaField *const of = walk->state->schema->fields + field;
    /* Perl code looks later at what may be no value of its enum. */
    if (of->kind == MESOS_KIND_ENUM && !(SvIOK(sv) && !SvIsUV(sv) && is_of_enum(walk->state->schema->enums + of->of, SvIVX(sv))))
        walk->strange = TRUE;
    if (SvROK(sv)) {
        SV *number = SvAMAGIC(sv) ? overloaded(aTHX_ walk, sv, numer_amg) : NULL;
        SV *text = NULL;
        if (!number)
            return mesos_walk_wrong(aTHX_ walk, field, sv);
        /* An integer that no double holds, as one of Math::BigInt's: its text has all digits. */
        if (SvNOK(number) && !SvIOK(number) && fabs((double)SvNVX(number)) >= 9007199254740992.0)
            text = overloaded(aTHX_ walk, sv, string_amg);
        sv = text && has_digits_only(aTHX_ text) ? text : number;
    }
    if (SvIOK(sv) || (!SvPOKp(sv) && !SvNOKp(sv) && SvIOKp(sv))) {
        if (SvIsUV(sv))
            PUSH(MESOS_PERL_UINT, field, (uint64_t)SvUVX(sv), 0);
        else
            PUSH(MESOS_PERL_INT, field, (uint64_t)SvIVX(sv), 0);
    } else if ((SvNOK(sv) && !is_exacter_as_text(aTHX_ sv)) || (!SvPOKp(sv) && SvNOKp(sv))) {
        double value = (double)SvNVX(sv);
        uint64_t bits;
        Copy(&value, &bits, 1, double);
        PUSH(MESOS_PERL_DOUBLE, field, bits, 0);
    } else {
        STRLEN length;
        const char *text = SvPV_nomg(sv, length);
        int32_t number;
        if (walk->options & MESSAGE_ENUM_NAMES && enum_number(walk->state->schema, field, text, length, &number))
            PUSH(MESOS_PERL_INT, field, (uint64_t)(int64_t)number, 0);
        else
            mesos_walk_bytes(aTHX_ walk, MESOS_PERL_TEXT, field, text, length);
    }
    return TRUE;
}

bool
mesos_walk_truth(pTHX_ Walk *walk, uint32_t field, SV *sv)
{
    bool truth;
    /* A word may mean no, and be true. Perl code looks at it later; what begins with a digit is no word. */
    if (SvPOK(sv) && !SvROK(sv) && !SvIOK(sv) && SvCUR(sv) && !isDIGIT(*SvPVX(sv)))
        walk->strange = TRUE;
    if (SvROK(sv) && SvAMAGIC(sv)) {
        keep_open(aTHX_ walk);
        sv_2mortal(SvREFCNT_inc_simple_NN(sv));
    }
    /* As Perl's own conditions see it, also where overloading returns an object. */
    truth = SvTRUE_nomg(sv);
    PUSH(MESOS_PERL_INT, field, truth, 0);
    return TRUE;
}
