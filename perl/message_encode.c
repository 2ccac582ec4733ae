/* The walk over a Perl value that is to be encoded: it writes a tape, which Rust checks and encodes.
 *
 * Values may be tied or overloaded: then Perl code runs in the middle of the walk, which may encode and decode other messages, change
 * or free what we walk over, or die. Therefore strings are copied at once, the open containers are kept alive before any such code
 * runs, and no Rust frame is on the stack. */

#define PERL_NO_GET_CONTEXT
#include "EXTERN.h"
#include "perl.h"
#include "XSUB.h"
#include "handles.h"
#include "message_walk.h"

/* Memory that is kept between encodings: tokens, and bytes of the arena. */
#define KEEP_TOKENS 16384
#define KEEP_ARENA 1048576

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
            return mesos_walk_wrong(aTHX_ walk, index, sv);
        if (walk->messages == MESOS_MAX_DEPTH) {
            PUSH(MESOS_PERL_TOO_DEEP, index, 0, 0);
            return FALSE;
        }
        PUSH(MESOS_PERL_MESSAGE, index, 0, 0);
        return walk_message(aTHX_ walk, field->of, hash);
    }
    case MESOS_KIND_STRING:
    case MESOS_KIND_BYTES:
        return mesos_walk_string(aTHX_ walk, index, sv);
    case MESOS_KIND_BOOL:
        return mesos_walk_truth(aTHX_ walk, index, sv);
    default:
        return mesos_walk_number(aTHX_ walk, index, sv);
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

/* undef among the items of a repeated field, or as the value of a map's `key`: the empty value, with a warning. */
static void
warn_undefined(pTHX_ Walk *walk, uint32_t index, SV *key)
{
    const MessageState *const state = walk->state;
    const MesosSchemaField *const field = state->schema->fields + index;
    SV *warning;
    dSP;
    keep_open(aTHX_ walk);
    if (key)
        warning = newSVpvf("undefined value of the key \"%" SVf "\" of a map is encoded as the empty value", SVfARG(key));
    else
        warning = newSVpvf("undefined element of the repeated field '%" SVf "' is encoded as the empty value",
                           SVfARG(state->keys[field->key].name));
    ENTER;
    SAVETMPS;
    PUSHMARK(SP);
    mXPUSHs(warning);
    PUTBACK;
    call_pv("Mesos::Message::_carp", G_VOID | G_DISCARD);
    FREETMPS;
    LEAVE;
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

/* A scope for mortals. What we are in is held outside of it. */
#define OPEN_SCOPE             \
    STMT_START                 \
    {                          \
        keep_open(aTHX_ walk); \
        ENTER;                 \
        SAVETMPS;              \
    }                          \
    STMT_END

/* An item of a repeated field, or the value of a map's `key`. Warns once of undefined ones. */
static bool
walk_item(pTHX_ Walk *walk, uint32_t index, SV *item, SV *key, bool *warned)
{
    const MesosSchemaField *const field = walk->state->schema->fields + index;
    if (item && SvOK(item))
        return walk_value(aTHX_ walk, index, item);
    if (field->kind == MESOS_KIND_MESSAGE)
        return mesos_walk_wrong(aTHX_ walk, index, &PL_sv_undef);
    if (!*warned)
        warn_undefined(aTHX_ walk, index, key);
    *warned = TRUE;
    if (field->kind == MESOS_KIND_STRING || field->kind == MESOS_KIND_BYTES)
        mesos_walk_bytes(aTHX_ walk, MESOS_PERL_BYTES, index, "", 0);
    else
        PUSH(MESOS_PERL_INT, index, 0, 0);
    return TRUE;
}

static SV *
last_item(pTHX_ Walk *walk, AV *array)
{
    const SSize_t last = last_of(aTHX_ walk, array);
    SV *const item = last < 0 ? NULL : item_of(aTHX_ walk, array, last);
    if (item)
        RESOLVE(item);
    return item;
}

static bool
walk_list(pTHX_ Walk *walk, uint32_t index, AV *array)
{
    const bool magical = cBOOL(SvRMAGICAL((SV *)array));
    bool warned = FALSE;
    SSize_t at;
    enter(walk, (SV *)array);
    PUSH(MESOS_PERL_LIST, index, 0, 0);
    for (at = 0;; at++) {
        bool scoped = magical, more, goes_on = TRUE;
        SV *item = NULL;
        /* What is tied or overloaded leaves mortals behind, and there may be no end of it. */
        if (scoped)
            OPEN_SCOPE;
        more = at <= last_of(aTHX_ walk, array);
        if (more) {
            item = item_of(aTHX_ walk, array, at);
            if (!scoped && item && (SvGMAGICAL(item) || SvAMAGIC(item))) {
                OPEN_SCOPE;
                scoped = TRUE;
            }
            if (item)
                RESOLVE(item);
            goes_on = walk_item(aTHX_ walk, index, item, NULL, &warned);
        }
        if (scoped) {
            FREETMPS;
            LEAVE;
        }
        if (!goes_on)
            return FALSE;
        if (!more)
            break;
    }
    PUSH(MESOS_PERL_END, index, 0, 0);
    leave(walk);
    return TRUE;
}

/* The keys of a hash in a new mortal array, whose elements are counted. */
static AV *
keys_of(pTHX_ Walk *walk, HV *hash)
{
    AV *const keys = (AV *)sv_2mortal((SV *)newAV());
    HE *entry;
    if (SvMAGICAL((SV *)hash)) {
        /* A tied hash tells its keys by running Perl code. */
        keep_open(aTHX_ walk);
        mesos_hold(aTHX_(SV *) hash);
        hv_iterinit(hash);
        while ((entry = hv_iternext(hash))) {
            if (av_len(keys) == MESOS_MAX_KEYS)
                mesos_walk_too_large(aTHX_ walk);
            /* What each key's magic leaves behind goes at once: there may be no end of keys. */
            ENTER;
            SAVETMPS;
            av_push(keys, newSVsv(hv_iterkeysv(entry)));
            FREETMPS;
            LEAVE;
        }
    } else {
        /* Not by hv_iternext: the user may be in the middle of an each. */
        I32 bucket;
        for (bucket = 0; HvARRAY(hash) && bucket <= (I32)HvMAX(hash); bucket++) {
            for (entry = HvARRAY(hash)[bucket]; entry; entry = HeNEXT(entry)) {
                if (HeVAL(entry) != &PL_sv_placeholder)
                    av_push(keys, newSVhek(HeKEY_hek(entry)));
            }
        }
    }
    return keys;
}

/* The hash that a map field was given as; NULL if it is an entry, or none at all. */
static HV *
map_of(pTHX_ Walk *walk, const MesosSchemaField *field, SV *value)
{
    const MesosSchemaClass *of;
    if (field->kind != MESOS_KIND_MESSAGE || !SvROK(value))
        return NULL;
    of = walk->state->schema->classes + field->of;
    if (!of->map_entry)
        return NULL;
    if (SvOBJECT(SvRV(value)) && sv_derived_from(value, HvNAME(mesos_message_stash(aTHX_ walk->state, field->of))))
        return NULL;
    return hash_of(aTHX_ walk, value);
}

/* The entries of a map, by the alphabet of their keys: as the list of entries that the hash stands for. */
static bool
walk_map(pTHX_ Walk *walk, uint32_t index, HV *hash)
{
    const MesosSchemaField *const field = walk->state->schema->fields + index;
    /* An entry's fields are its key and its value. */
    const uint32_t key_field = walk->state->schema->classes[field->of].first_field;
    const uint32_t value_field = key_field + 1;
    bool warned = FALSE;
    AV *keys;
    SSize_t at;
    enter(walk, (SV *)hash);
    keys = keys_of(aTHX_ walk, hash);
    sortsv(AvARRAY(keys), (size_t)(av_len(keys) + 1), Perl_sv_cmp);
    PUSH(MESOS_PERL_MAP, index, 0, 0);
    if (walk->messages++ == MESOS_MAX_DEPTH) {
        PUSH(MESOS_PERL_TOO_DEEP, index, 0, 0);
        return FALSE;
    }
    for (at = 0; at <= av_len(keys); at++) {
        SV *const key = AvARRAY(keys)[at];
        HE *entry;
        SV *value;
        AV *array;
        PUSH(MESOS_PERL_MESSAGE, index, 0, 0);
        if (!walk_value(aTHX_ walk, key_field, key))
            return FALSE;
        if (SvMAGICAL((SV *)hash))
            keep_open(aTHX_ walk);
        entry = hv_fetch_ent(hash, key, 0, 0);
        value = entry ? HeVAL(entry) : NULL;
        if (value)
            RESOLVE(value);
        array = value ? array_of(aTHX_ walk->state->schema->fields + value_field, value) : NULL;
        if (array) {
            walk->strange = TRUE;
            value = last_item(aTHX_ walk, array);
        }
        if (!walk_item(aTHX_ walk, value_field, value, key, &warned))
            return FALSE;
        PUSH(MESOS_PERL_END, index, 0, 0);
    }
    walk->messages--;
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
    AV *const keys = keys_of(aTHX_ walk, hash);
    SV *first = NULL;
    STRLEN length;
    const char *name;
    SSize_t at;
    for (at = 0; at <= av_len(keys); at++) {
        SV *const key = AvARRAY(keys)[at];
        name = SvPV(key, length);
        if (!is_field(walk->state, of, name, length) && (!first || sv_cmp(key, first) < 0))
            first = key;
    }
    if (!first)
        return TRUE;
    name = SvPV(first, length);
    mesos_walk_bytes(aTHX_ walk, MESOS_PERL_UNKNOWN, MESOS_NO_FIELD, name, length);
    return FALSE;
}

static bool
walk_message(pTHX_ Walk *walk, uint32_t class_id, HV *hash)
{
    const MesosSchema *const schema = walk->state->schema;
    const MesosSchemaClass *const of = schema->classes + class_id;
    uint32_t index = of->first_field;
    const uint32_t end = index + of->field_count;
    STRLEN taken = 0;
    bool took = TRUE;
    enter(walk, (SV *)hash);
    walk->messages++;
    for (; index < end; index++) {
        const MesosSchemaField *const field = schema->fields + index;
        SV *value;
        AV *array;
        /* All keys of the hash were there, and nothing is missing that must be: the other fields are not looked for. */
        if (took && index >= of->needed_end && !SvMAGICAL((SV *)hash) && taken == (STRLEN)HvUSEDKEYS(hash))
            break;
        value = value_of(aTHX_ walk, hash, walk->state->keys + field->key);
        took = value != NULL;
        if (value) {
            taken++;
            RESOLVE(value);
        }
        array = value ? array_of(aTHX_ field, value) : NULL;
        if (array && field->label == MESOS_LABEL_REPEATED) {
            if (!walk_list(aTHX_ walk, index, array))
                return FALSE;
            continue;
        }
        /* Several values for one: the last counts, as on the wire. */
        if (array) {
            walk->strange = TRUE;
            value = last_item(aTHX_ walk, array);
        }
        if (value && SvOK(value)) {
            HV *const map = field->label == MESOS_LABEL_REPEATED ? map_of(aTHX_ walk, field, value) : NULL;
            if (map) {
                if (!walk_map(aTHX_ walk, index, map))
                    return FALSE;
                continue;
            }
            if (!walk_value(aTHX_ walk, index, value))
                return FALSE;
        } else if (field->needed) {
            PUSH(MESOS_PERL_MISSING, index, 0, 0);
        }
    }
    if (walk->options & MESSAGE_REJECT_UNKNOWN) {
        if (!push_unknown(aTHX_ walk, of, hash))
            return FALSE;
    } else if (!SvMAGICAL((SV *)hash) && taken != (STRLEN)HvUSEDKEYS(hash)) {
        /* Counted, so that it costs nothing where all is well. Tied hashes may not be able to tell their keys. */
        walk->strange = TRUE;
    }
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
            mesos_walk_bytes(aTHX_ walk, MESOS_PERL_WRONG, MESOS_NO_FIELD, SvPVX(quoted), SvCUR(quoted));
        } else {
            mesos_walk_wrong(aTHX_ walk, MESOS_NO_FIELD, value);
        }
        return;
    }
    PUSH(MESOS_PERL_MESSAGE, MESOS_NO_FIELD, class_id, 0);
    walk_message(aTHX_ walk, class_id, hash);
}

/* After the outermost encoding: large buffers are not kept. */
static void
trim(pTHX_ void *pointer)
{
    MessageState *const state = (MessageState *)pointer;
    PERL_UNUSED_CONTEXT;
    if (!state->tape_top && (state->tape_size > KEEP_TOKENS || state->arena_size > KEEP_ARENA)) {
        Safefree(state->tape);
        Safefree(state->arena);
        state->tape = NULL;
        state->arena = NULL;
        state->tape_size = state->arena_size = 0;
    }
}

/* Tells the user of keys that are no fields, or dies if `driver` wants that. Runs Perl code. */
static void
tell_strange(pTHX_ uint32_t class_id, SV *value, SV *driver)
{
    MessageState *const state = mesos_message_state(aTHX);
    dSP;
    ENTER;
    SAVETMPS;
    PUSHMARK(SP);
    EXTEND(SP, 3);
    PUSHs(sv_2mortal(newSVpv(HvNAME(mesos_message_stash(aTHX_ state, class_id)), 0)));
    PUSHs(value);
    PUSHs(driver ? driver : &PL_sv_undef);
    PUTBACK;
    call_pv("Mesos::Warnings::warn_unknown_fields", G_VOID | G_DISCARD);
    FREETMPS;
    LEAVE;
}

/* Dies of what is wrong with a message that has keys which are no fields: one of them may be what is missing. Runs Perl code. */
static void
croak_of_strange(pTHX_ uint32_t class_id, SV *value, MesosCode code)
{
    MessageState *const state = mesos_message_state(aTHX);
    SV *text = mesos_message_text(aTHX_ mesos_error_message());
    dSP;
    ENTER;
    PUSHMARK(SP);
    EXTEND(SP, 3);
    PUSHs(sv_2mortal(newSVpv(HvNAME(mesos_message_stash(aTHX_ state, class_id)), 0)));
    PUSHs(value);
    PUSHs(text);
    PUTBACK;
    if (call_pv("Mesos::Warnings::with_hint", G_SCALAR) == 1) {
        SPAGAIN;
        text = POPs;
        PUTBACK;
    }
    LEAVE;
    mesos_message_croak_with(aTHX_ text, code);
}

SV *
mesos_message_encode_sv(pTHX_ uint32_t class_id, SV *value, SV *driver)
{
    return mesos_message_encode_with(aTHX_ class_id, value, 0, driver);
}

SV *
mesos_message_encode_with(pTHX_ uint32_t class_id, SV *value, uint32_t options, SV *driver)
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
    if (state->nested >= MESOS_MAX_NESTED)
        mesos_message_croak(
            aTHX_ sv_2mortal(newSVpvf("%d encodings are within one another: a value encodes itself", MESOS_MAX_NESTED)));
    walk.state = state;
    walk.options = options;
    walk.class_id = class_id;
    walk.strange = FALSE;
    walk.depth = walk.kept = walk.messages = 0;
    ENTER;
    /* Below the tops on the savestack: these are restored first, also when the walk dies. */
    SAVEDESTRUCTOR_X(trim, state);
    SAVEIV(state->tape_top);
    SAVEIV(state->arena_top);
    SAVEIV(state->nested);
    state->nested++;
    first = walk.first = state->tape_top;
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
    if (result)
        sv_2mortal(result);
    if (code != MESOS_OK && walk.strange)
        croak_of_strange(aTHX_ class_id, value, code);
    if (code != MESOS_OK)
        mesos_message_croak_last(aTHX_ code);
    if (walk.strange)
        tell_strange(aTHX_ class_id, value, driver);
    return result;
}
