/* The walk over a Perl value that is to be encoded: it writes a tape, which Rust checks and encodes.
 *
 * Values may be tied or overloaded: then Perl code runs in the middle of the walk, which may encode and decode other messages, change
 * or free what we walk over, or die. Therefore strings are copied at once, the open containers are kept alive before any such code
 * runs, and no Rust frame is on the stack. */

#define PERL_NO_GET_CONTEXT
#include "EXTERN.h"
#include "perl.h"
#include "XSUB.h"
#include "message.h"

/* Memory that is kept between encodings: tokens, and bytes of the arena. */
#define KEEP_TOKENS 16384
#define KEEP_ARENA 1048576

#ifndef SvTRUE_nomg
#define SvTRUE_nomg(sv) SvTRUE(sv)
#endif

typedef struct {
    MessageState *state;
    /* The hashes and arrays that we are in; those below `kept` hold a reference of ours. */
    SV *open[2 * MESOS_MAX_DEPTH + 2];
    int depth, kept;
    int messages;
    uint32_t options;
} Walk;

/* --- tokens -------------------------------------------------------------------------------------------------------------------- */

static void
grow_tape(pTHX_ MessageState *state)
{
    IV size = state->tape_size ? state->tape_size * 2 : 256;
    Renew(state->tape, size, MesosPerlToken);
    state->tape_size = size;
}

PERL_STATIC_INLINE void
push_token(pTHX_ Walk *walk, uint32_t op, uint32_t field, uint64_t value, uint64_t length)
{
    MessageState *const state = walk->state;
    MesosPerlToken *token;
    if (state->tape_top == state->tape_size)
        grow_tape(aTHX_ state);
    token = state->tape + state->tape_top++;
    token->op = op;
    token->field = field;
    token->value = value;
    token->length = length;
}

#define PUSH(op, field, value, length) push_token(aTHX_ walk, (op), (field), (value), (length))

/* A token with a copy of the bytes. */
static void
push_bytes(pTHX_ Walk *walk, uint32_t op, uint32_t field, const char *bytes, STRLEN length)
{
    MessageState *state = walk->state;
    IV start = state->arena_top;
    if ((UV)length > (UV)(state->arena_size - start)) {
        UV size = (UV)state->arena_size * 2;
        if (size < (UV)start + length)
            size = (UV)start + length + 4096;
        Renew(state->arena, size, char);
        state->arena_size = (IV)size;
    }
    Copy(bytes, state->arena + start, length, char);
    state->arena_top += (IV)length;
    PUSH(op, field, (uint64_t)start, length);
}

/* --- what a value is ----------------------------------------------------------------------------------------------------------- */

/* Before Perl code runs: it must not free what we are in. */
static void
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

static SV *
overloaded(pTHX_ Walk *walk, SV *sv, int method)
{
    SV *result;
    keep_open(aTHX_ walk);
    sv_2mortal(SvREFCNT_inc_simple_NN(sv));
    result = amagic_call(sv, &PL_sv_undef, method, AMGf_noright | AMGf_unary);
    return result && !SvROK(result) ? result : NULL;
}

/* Ends the tape with what `sv` is, in words. Always false. */
static bool
push_wrong(pTHX_ Walk *walk, uint32_t field, SV *sv)
{
    if (!SvOK(sv)) {
        push_bytes(aTHX_ walk, MESOS_PERL_WRONG, field, STR_WITH_LEN("undef"));
    } else if (!SvROK(sv)) {
        STRLEN length;
        const char *text = SvPV_nomg(sv, length);
        /* Bytes in the place of a message: Rust quotes them. */
        push_bytes(aTHX_ walk, MESOS_PERL_BYTES, field, text, length);
    } else {
        /* Not sv_isobject, which would fetch a tied value again. */
        SV *description = SvOBJECT(SvRV(sv)) ? newSVpvf("an object of class %s", sv_reftype(SvRV(sv), TRUE))
                                          : newSVpvf("a reference to %s", sv_reftype(SvRV(sv), FALSE));
        sv_2mortal(description);
        push_bytes(aTHX_ walk, MESOS_PERL_WRONG, field, SvPVX(description), SvCUR(description));
    }
    return FALSE;
}

/* --- values -------------------------------------------------------------------------------------------------------------------- */

static bool
push_string(pTHX_ Walk *walk, uint32_t field, SV *sv)
{
    STRLEN length;
    const char *text;
    if (SvROK(sv)) {
        SV *string = SvAMAGIC(sv) ? overloaded(aTHX_ walk, sv, string_amg) : NULL;
        if (!string)
            return push_wrong(aTHX_ walk, field, sv);
        sv = string;
    }
    /* The internal bytes: UTF-8 where Perl has characters, else the bytes as they are. */
    text = SvPV_nomg(sv, length);
    push_bytes(aTHX_ walk, MESOS_PERL_BYTES, field, text, length);
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

static bool
push_number(pTHX_ Walk *walk, uint32_t field, SV *sv)
{
    if (SvROK(sv)) {
        SV *number = SvAMAGIC(sv) ? overloaded(aTHX_ walk, sv, numer_amg) : NULL;
        if (!number)
            return push_wrong(aTHX_ walk, field, sv);
        sv = number;
    }
    if (SvIOK(sv) || (!SvPOKp(sv) && !SvNOKp(sv) && SvIOKp(sv))) {
        if (SvIsUV(sv))
            PUSH(MESOS_PERL_UINT, field, (uint64_t)SvUVX(sv), 0);
        else
            PUSH(MESOS_PERL_INT, field, (uint64_t)SvIVX(sv), 0);
    } else if (SvNOK(sv) || (!SvPOKp(sv) && SvNOKp(sv))) {
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
            push_bytes(aTHX_ walk, MESOS_PERL_TEXT, field, text, length);
    }
    return TRUE;
}

static bool
push_truth(pTHX_ Walk *walk, uint32_t field, SV *sv)
{
    bool truth;
    if (SvROK(sv) && SvAMAGIC(sv)) {
        keep_open(aTHX_ walk);
        sv_2mortal(SvREFCNT_inc_simple_NN(sv));
    }
    /* As Perl's own conditions see it, also where overloading returns an object. */
    truth = SvTRUE_nomg(sv);
    PUSH(MESOS_PERL_INT, field, truth, 0);
    return TRUE;
}

/* The hash that `sv` refers to, or claims to by overloading; NULL if there is none. */
static HV *
hash_of(pTHX_ Walk *walk, SV *sv)
{
    if (!SvROK(sv))
        return NULL;
#ifdef amagic_deref_call
    if (SvAMAGIC(sv)) {
        keep_open(aTHX_ walk);
        sv_2mortal(SvREFCNT_inc_simple_NN(sv));
        sv = amagic_deref_call(sv, to_hv_amg);
    }
#endif
    return SvROK(sv) && SvTYPE(SvRV(sv)) == SVt_PVHV ? (HV *)SvRV(sv) : NULL;
}

static AV *
array_of(pTHX_ const MesosSchemaField *field, SV *sv)
{
    if (!SvROK(sv) || SvTYPE(SvRV(sv)) != SVt_PVAV)
        return NULL;
    /* An array that is overloaded to be a string or number is one. */
    return SvAMAGIC(sv) && field->kind != MESOS_KIND_MESSAGE ? NULL : (AV *)SvRV(sv);
}

static bool walk_message(pTHX_ Walk *walk, uint32_t class_id, HV *hash);

static bool
walk_value(pTHX_ Walk *walk, uint32_t index, SV *sv)
{
    const MesosSchemaField *const field = walk->state->schema->fields + index;
    switch (field->kind) {
    case MESOS_KIND_MESSAGE: {
        HV *hash = hash_of(aTHX_ walk, sv);
        if (!hash)
            return push_wrong(aTHX_ walk, index, sv);
        if (walk->messages == MESOS_MAX_DEPTH) {
            PUSH(MESOS_PERL_TOO_DEEP, index, 0, 0);
            return FALSE;
        }
        PUSH(MESOS_PERL_MESSAGE, index, 0, 0);
        return walk_message(aTHX_ walk, field->of, hash);
    }
    case MESOS_KIND_STRING:
    case MESOS_KIND_BYTES:
        return push_string(aTHX_ walk, index, sv);
    case MESOS_KIND_BOOL:
        return push_truth(aTHX_ walk, index, sv);
    default:
        return push_number(aTHX_ walk, index, sv);
    }
}

/* --- containers ---------------------------------------------------------------------------------------------------------------- */

static void
enter(Walk *walk, SV *container)
{
    walk->open[walk->depth++] = container;
}

static void
leave(Walk *walk)
{
    if (walk->kept == walk->depth)
        walk->kept--;
    walk->depth--;
}

/* undef among the items of a repeated field: the empty value, with a warning. */
static void
push_undefined(pTHX_ Walk *walk, uint32_t index)
{
    const MessageState *const state = walk->state;
    const MesosSchemaField *const field = state->schema->fields + index;
    const char *const name = SvPVX(state->keys[field->key].name);
    dSP;
    keep_open(aTHX_ walk);
    ENTER;
    SAVETMPS;
    PUSHMARK(SP);
    mXPUSHs(newSVpvf("undefined element of the repeated field '%s' is encoded as the empty value", name));
    PUTBACK;
    call_pv("Mesos::Message::_carp", G_VOID | G_DISCARD);
    FREETMPS;
    LEAVE;
    if (field->kind == MESOS_KIND_STRING || field->kind == MESOS_KIND_BYTES)
        push_bytes(aTHX_ walk, MESOS_PERL_BYTES, index, "", 0);
    else
        PUSH(MESOS_PERL_INT, index, 0, 0);
}

/* The item of an array, or NULL. Looked up anew each time: Perl code may have changed the array. */
static SV *
item_of(pTHX_ Walk *walk, AV *array, SSize_t at)
{
    SV **item;
    if (SvRMAGICAL((SV *)array)) {
        keep_open(aTHX_ walk);
        sv_2mortal(SvREFCNT_inc_simple_NN((SV *)array));
        item = av_fetch(array, at, 0);
        return item ? *item : NULL;
    }
    return at <= AvFILLp(array) ? AvARRAY(array)[at] : NULL;
}

static SSize_t
last_of(pTHX_ Walk *walk, AV *array)
{
    if (SvRMAGICAL((SV *)array)) {
        keep_open(aTHX_ walk);
        sv_2mortal(SvREFCNT_inc_simple_NN((SV *)array));
    }
    return av_len(array);
}

static bool
walk_list(pTHX_ Walk *walk, uint32_t index, AV *array)
{
    SSize_t at;
    enter(walk, (SV *)array);
    PUSH(MESOS_PERL_LIST, index, 0, 0);
    for (at = 0; at <= last_of(aTHX_ walk, array); at++) {
        SV *item = item_of(aTHX_ walk, array, at);
        if (item)
            RESOLVE(item);
        if (item && SvOK(item)) {
            if (!walk_value(aTHX_ walk, index, item))
                return FALSE;
        } else if (walk->state->schema->fields[index].kind == MESOS_KIND_MESSAGE) {
            return push_wrong(aTHX_ walk, index, &PL_sv_undef);
        } else {
            push_undefined(aTHX_ walk, index);
        }
    }
    PUSH(MESOS_PERL_END, index, 0, 0);
    leave(walk);
    return TRUE;
}

/* The value of a key, or NULL. Without magic the bucket is looked at directly: most fields of a message are not set, and a miss is
 * then one load. */
static SV *
value_of(pTHX_ Walk *walk, HV *hash, const MessageKey *of)
{
    SV *const key = of->name;
    const U32 wanted = of->hash;
    HE *entry;
    if (SvMAGICAL((SV *)hash)) {
        keep_open(aTHX_ walk);
        entry = hv_fetch_ent(hash, key, 0, wanted);
        return entry ? HeVAL(entry) : NULL;
    }
    if (!HvARRAY(hash))
        return NULL;
    for (entry = HvARRAY(hash)[wanted & (U32)HvMAX(hash)]; entry; entry = HeNEXT(entry)) {
        if (HeHASH(entry) != wanted || HeKLEN(entry) != (I32)SvCUR(key))
            continue;
        if (HeKEY(entry) == SvPVX(key) || memEQ(HeKEY(entry), SvPVX(key), SvCUR(key)))
            return HeVAL(entry) == &PL_sv_placeholder ? NULL : HeVAL(entry);
    }
    return NULL;
}

static bool
is_field(const MessageState *state, const MesosSchemaClass *of, const char *name, STRLEN length)
{
    uint32_t i;
    for (i = of->first_field; i < of->first_field + of->field_count; i++) {
        SV *const key = state->keys[state->schema->fields[i].key].name;
        if (SvCUR(key) == length && memEQ(SvPVX(key), name, length))
            return TRUE;
    }
    return FALSE;
}

/* For the option: whether all keys are fields. If not, ends the tape with the first one, by the alphabet, that is none. */
static bool
push_unknown(pTHX_ Walk *walk, const MesosSchemaClass *of, HV *hash)
{
    HV *keys = hash;
    SV *first = NULL;
    STRLEN length;
    const char *name;
    I32 bucket;
    HE *entry;
    if (SvMAGICAL((SV *)hash)) {
        /* A tied hash tells its keys by running Perl code. */
        keep_open(aTHX_ walk);
        keys = (HV *)sv_2mortal((SV *)newHV());
        hv_iterinit(hash);
        while ((entry = hv_iternext(hash)))
            (void)hv_store_ent(keys, hv_iterkeysv(entry), newSV(0), 0);
    }
    /* Not by hv_iternext: the user may be in the middle of an each. */
    for (bucket = 0; HvARRAY(keys) && bucket <= (I32)HvMAX(keys); bucket++) {
        for (entry = HvARRAY(keys)[bucket]; entry; entry = HeNEXT(entry)) {
            SV *key;
            if (HeVAL(entry) == &PL_sv_placeholder || is_field(walk->state, of, HeKEY(entry), (STRLEN)HeKLEN(entry)))
                continue;
            key = newSVpvn_flags(HeKEY(entry), HeKLEN(entry), SVs_TEMP | (HeKUTF8(entry) ? SVf_UTF8 : 0));
            if (!first || sv_cmp(key, first) < 0)
                first = key;
        }
    }
    if (!first)
        return TRUE;
    name = SvPV(first, length);
    push_bytes(aTHX_ walk, MESOS_PERL_UNKNOWN, MESOS_NO_FIELD, name, length);
    return FALSE;
}

static bool
walk_message(pTHX_ Walk *walk, uint32_t class_id, HV *hash)
{
    const MesosSchema *const schema = walk->state->schema;
    const MesosSchemaClass *const of = schema->classes + class_id;
    uint32_t index = of->first_field;
    const uint32_t end = index + of->field_count;
    enter(walk, (SV *)hash);
    walk->messages++;
    for (; index < end; index++) {
        const MesosSchemaField *const field = schema->fields + index;
        SV *value = value_of(aTHX_ walk, hash, walk->state->keys + field->key);
        AV *array;
        if (value)
            RESOLVE(value);
        array = value ? array_of(aTHX_ field, value) : NULL;
        if (array && field->label == MESOS_LABEL_REPEATED) {
            if (!walk_list(aTHX_ walk, index, array))
                return FALSE;
            continue;
        }
        if (array) {
            /* Several values for one: the last counts, as on the wire. */
            SSize_t last = last_of(aTHX_ walk, array);
            value = last < 0 ? NULL : item_of(aTHX_ walk, array, last);
            if (value)
                RESOLVE(value);
        }
        if (value && SvOK(value)) {
            if (!walk_value(aTHX_ walk, index, value))
                return FALSE;
        } else if (field->label == MESOS_LABEL_REQUIRED) {
            PUSH(MESOS_PERL_MISSING, index, 0, 0);
        }
    }
    if (walk->options & MESSAGE_REJECT_UNKNOWN && !push_unknown(aTHX_ walk, of, hash))
        return FALSE;
    PUSH(MESOS_PERL_END, class_id, 0, 0);
    walk->messages--;
    leave(walk);
    return TRUE;
}

/* --- the whole ----------------------------------------------------------------------------------------------------------------- */

static void
walk_root(pTHX_ Walk *walk, uint32_t class_id, SV *value)
{
    HV *hash;
    SvGETMAGIC(value);
    if (!SvOK(value)) {
        hash = (HV *)sv_2mortal((SV *)newHV());
    } else if (!(hash = hash_of(aTHX_ walk, value))) {
        if (!SvROK(value)) {
            SV *quoted = newSVpvf("\"%" SVf "\"", SVfARG(value));
            sv_2mortal(quoted);
            push_bytes(aTHX_ walk, MESOS_PERL_WRONG, MESOS_NO_FIELD, SvPVX(quoted), SvCUR(quoted));
        } else {
            push_wrong(aTHX_ walk, MESOS_NO_FIELD, value);
        }
        return;
    }
    PUSH(MESOS_PERL_MESSAGE, MESOS_NO_FIELD, class_id, 0);
    walk_message(aTHX_ walk, class_id, hash);
}

SV *
mesos_message_encode_sv(pTHX_ uint32_t class_id, SV *value)
{
    return mesos_message_encode_with(aTHX_ class_id, value, 0);
}

SV *
mesos_message_encode_with(pTHX_ uint32_t class_id, SV *value, uint32_t options)
{
    MessageState *state = mesos_message_state(aTHX);
    Walk walk;
    IV first;
    MesosBytes arena;
    size_t size = 0;
    SV *result = NULL;
    MesosCode code;

    if (class_id >= state->schema->class_count)
        Perl_croak(aTHX_ "there is no message class %lu", (unsigned long)class_id);
    walk.state = state;
    walk.options = options;
    walk.depth = walk.kept = walk.messages = 0;
    ENTER;
    SAVEIV(state->tape_top);
    SAVEIV(state->arena_top);
    first = state->tape_top;
    walk_root(aTHX_ & walk, class_id, value);
    arena.data = (const uint8_t *)state->arena;
    arena.len = (size_t)state->arena_top;
    code = mesos_tape_check(class_id, state->tape + first, (size_t)(state->tape_top - first), arena, &size);
    if (code == MESOS_OK) {
        result = newSV(size + 1);
        SvPOK_only(result);
        /* Rust must not be lent memory that was never written. */
        Zero(SvPVX(result), size + 1, char);
        code = mesos_tape_write(state->tape + first, (size_t)(state->tape_top - first), arena, (uint8_t *)SvPVX(result), size);
        SvCUR_set(result, size);
    }
    LEAVE;
    if (!state->tape_top && (state->tape_size > KEEP_TOKENS || state->arena_size > KEEP_ARENA)) {
        Safefree(state->tape);
        Safefree(state->arena);
        state->tape = NULL;
        state->arena = NULL;
        state->tape_size = state->arena_size = 0;
    }
    if (result)
        sv_2mortal(result);
    if (code != MESOS_OK)
        mesos_message_croak_last(aTHX);
    return result;
}
