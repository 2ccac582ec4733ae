/* The codec's state in each interpreter, and the replay of a decoded message's tape. */

#define PERL_NO_GET_CONTEXT
#include "EXTERN.h"
#include "perl.h"
#include "XSUB.h"
#include "message.h"

#define MY_CXT_KEY "Mesos::Message::_state" XS_VERSION
typedef MessageState my_cxt_t;
START_MY_CXT

/* --- the state ----------------------------------------------------------------------------------------------------------------- */

MessageState *
mesos_message_state(pTHX)
{
    dMY_CXT;
    return &MY_CXT;
}

/* Lets go of a string that was remembered. */
PERL_STATIC_INLINE void
forget(pTHX_ MessageString *known)
{
    if (known->shared)
        unsharepvn(HEK_KEY(known->shared), HEK_LEN(known->shared), HEK_HASH(known->shared));
    known->shared = NULL;
}

/* Ends the state of an interpreter: late, when its objects have had their DESTROY. */
static int
release(pTHX_ SV *owner, MAGIC *magic)
{
    MessageState *state = mesos_message_state(aTHX);
    size_t i;
    PERL_UNUSED_ARG(owner);
    PERL_UNUSED_ARG(magic);
    for (i = 0; i < state->schema->key_count; i++)
        SvREFCNT_dec(state->keys[i].name);
    for (i = 0; i < state->schema->class_count; i++) {
        SvREFCNT_dec((SV *)state->stashes[i]);
        SvREFCNT_dec((SV *)state->introspection[i]);
    }
    for (i = 0; i < MESSAGE_STRINGS; i++)
        forget(aTHX_ state->strings + i);
    Safefree(state->strings);
    Safefree(state->keys);
    Safefree(state->stashes);
    Safefree(state->introspection);
    Safefree(state->tape);
    Safefree(state->arena);
    mesos_decoder_free(state->decoder);
    return 0;
}

static const MGVTBL released = {NULL, NULL, NULL, NULL, release, NULL, NULL, NULL};

/* Makes the state of this interpreter, whatever was in it before: nothing, or a bitwise copy of the parent thread's, whose things
 * are the parent's. */
static void
prepare(pTHX)
{
    MessageState *state = mesos_message_state(aTHX);
    const MesosSchema *schema = mesos_schema();
    MesosDecoder *decoder = mesos_decoder_new();
    size_t i;
    if (!schema || !decoder)
        Perl_croak(aTHX_ "Mesos: the message codec does not start");
    Zero(state, 1, MessageState);
    state->schema = schema;
    state->decoder = decoder;
    Newxz(state->keys, schema->key_count, MessageKey);
    Newxz(state->stashes, schema->class_count, HV *);
    Newxz(state->introspection, schema->class_count, AV *);
    Newxz(state->strings, MESSAGE_STRINGS, MessageString);
    for (i = 0; i < schema->key_count; i++) {
        state->keys[i].name = newSVpvn_share((const char *)schema->keys[i].data, (I32)schema->keys[i].len, 0);
        state->keys[i].hash = SvSHARED_HASH(state->keys[i].name);
    }
}

void
mesos_boot_messages(pTHX)
{
    SV *owner;
    MY_CXT_INIT;
    PERL_UNUSED_VAR(MY_CXT);
    prepare(aTHX);
    /* Perl frees this among the last, in every thread its own copy. */
    owner = newSV(0);
    sv_magicext(owner, NULL, PERL_MAGIC_ext, (MGVTBL *)&released, NULL, 0);
    (void)hv_stores(PL_modglobal, MY_CXT_KEY, owner);
}

void
mesos_message_clone(pTHX)
{
#ifdef USE_ITHREADS
    MY_CXT_CLONE;
    PERL_UNUSED_VAR(MY_CXT);
    prepare(aTHX);
#endif
}

HV *
mesos_message_stash(pTHX_ MessageState *state, uint32_t class_id)
{
    HV *stash = state->stashes[class_id];
    if (!stash) {
        MesosBytes name = state->schema->classes[class_id].perl;
        stash = gv_stashpvn((const char *)name.data, (U32)name.len, GV_ADD);
        state->stashes[class_id] = (HV *)SvREFCNT_inc_simple_NN((SV *)stash);
    }
    return stash;
}

/* --- errors -------------------------------------------------------------------------------------------------------------------- */

SV *
mesos_message_text(pTHX_ MesosBytes bytes)
{
    SV *text = newSVpvn_flags((const char *)bytes.data, bytes.len, SVs_TEMP);
    sv_utf8_decode(text);
    return text;
}

void
mesos_message_croak_with(pTHX_ SV *text, MesosCode code)
{
    dSP;
    PUSHMARK(SP);
    XPUSHs(text);
    XPUSHs(sv_2mortal(newSViv(code)));
    PUTBACK;
    /* A Perl sub of our own below Carp's croak: Carp looks for the caller of the package that called it. */
    call_pv("Mesos::XS::_croak", G_VOID | G_DISCARD);
    Perl_croak(aTHX_ "%" SVf, SVfARG(text));
}

void
mesos_message_croak(pTHX_ SV *text)
{
    mesos_message_croak_with(aTHX_ text, MESOS_BAD_ARGUMENT);
}

void
mesos_message_croak_last(pTHX_ MesosCode code)
{
    mesos_message_croak_with(aTHX_ mesos_message_text(aTHX_ mesos_error_message()), code);
}

/* --- decoding ------------------------------------------------------------------------------------------------------------------ */

#if PERL_VERSION >= 18 && PERL_VERSION <= 40 && !defined(PURIFY) && !defined(MESOS_PLAIN_HASHES)
#define DIRECT_HASHES 1
#else
#define DIRECT_HASHES 0
#endif

bool
mesos_message_is_direct(void)
{
    return DIRECT_HASHES;
}

/* Adds a key that the hash, one of sized_hash, does not have.
 *
 * hv_store_ent would look for the key in the hash, and for its shared string in the interpreter's table of all of them: together
 * more than half of the time of a decoding. Here both are known. This is what hv.c does otherwise, in the Perls whose hash entries
 * are known to be such; in all others, or when Perl has no free entry at hand, hv_store_ent it is.
 *
 * t/message*.t passed with it on Perl 5.32 (Debian 11), 5.36 (Debian 12) and 5.40 (Debian 13), see xt/perls.bash.
 * script/test builds the other way, with -DMESOS_PLAIN_HASHES, and tests it too. */
PERL_STATIC_INLINE void
add(pTHX_ HV *hash, const MessageKey *key, SV *value)
{
#if DIRECT_HASHES
    void **const entries = &PL_body_roots[SVt_NULL];
    HE *const entry = (HE *)*entries;
    if (entry) {
        HE **const bucket = HvARRAY(hash) + (key->hash & (U32)HvMAX(hash));
        *entries = HeNEXT(entry);
        HeKEY_hek(entry) = share_hek_hek(SvSHARED_HEK_FROM_PV(SvPVX_const(key->name)));
        HeVAL(entry) = value;
        HeNEXT(entry) = *bucket;
        *bucket = entry;
        HvTOTALKEYS(hash)++;
        return;
    }
#endif
    (void)hv_store_ent(hash, key->name, value, key->hash);
}

/* Puts a new value into the open message under the token's key, or at the end of the open list, which has room for it. */
#define PLACE(value)                                                 \
    STMT_START                                                       \
    {                                                                \
        SV *const value_ = (value);                                  \
        if (token->key) {                                            \
            add(aTHX_(HV *) open, state->keys + token->key, value_); \
        } else {                                                     \
            AvARRAY((AV *)open)[++AvFILLp((AV *)open)] = value_;     \
        }                                                            \
    }                                                                \
    STMT_END

/* An empty hash with the smallest table that holds `count` keys: most messages have one to three fields, and Perl's own first table
 * has eight buckets. As hv.c does for itself in newHVhv, but without calloc, which passes by malloc's cache. */
PERL_STATIC_INLINE HV *
sized_hash(pTHX_ uint32_t count)
{
    HV *const hash = newHV();
    U32 buckets = 1;
    char *table;
    if (!count)
        return hash;
    while (buckets < count)
        buckets *= 2;
    Newx(table, PERL_HV_ARRAY_ALLOC_BYTES(buckets), char);
    Zero(table, PERL_HV_ARRAY_ALLOC_BYTES(buckets), char);
    HvARRAY(hash) = (HE **)table;
    HvMAX(hash) = buckets - 1;
    return hash;
}

/* newSVpvn without its detours. Room for the NUL, and for the count of a copy-on-write buffer. */
PERL_STATIC_INLINE SV *
string(pTHX_ const char *bytes, STRLEN length)
{
    SV *const value = newSV_type(SVt_PV);
    const STRLEN size = length < 14 ? 16 : length + 2;
    char *buffer;
    Newx(buffer, size, char);
    Copy(bytes, buffer, length, char);
    buffer[length] = '\0';
    SvPV_set(value, buffer);
    SvCUR_set(value, length);
    SvLEN_set(value, size);
    SvPOK_on(value);
    return value;
}

/* Longer strings are hardly ever repeated, and comparing them costs. */
#define LONGEST_SHARED 64

/* A number that differs for most different strings: of their lengths, first and last bytes. Never 0. */
PERL_STATIC_INLINE U32
mark_of(const char *bytes, STRLEN length)
{
    U64 first = 0, last = 0, mark;
    if (length >= 8) {
        Copy(bytes, &first, 8, char);
        Copy(bytes + length - 8, &last, 8, char);
    } else {
        STRLEN i;
        for (i = 0; i < length; i++)
            first = first << 8 | (unsigned char)bytes[i];
    }
    mark = (first ^ (last << 23 | last >> 41)) * UINT64_C(0x9e3779b97f4a7c15) + length;
    return (U32)(mark >> 32) | 1;
}

/* A string value. In offers and updates most are the same again and again: names of resources and roles, ids of agents. What has
 * come twice is from then on one of Perl's shared strings, as the keys of hashes are: a count instead of an allocation each time.
 * To Perl code it looks as any other, and is copied when it is changed. */
PERL_STATIC_INLINE SV *
shared_string(pTHX_ MessageState *state, const char *bytes, STRLEN length)
{
#ifdef share_hek_hek
    U32 mark;
    MessageString *known;
    if (length > LONGEST_SHARED)
        return string(aTHX_ bytes, length);
    mark = mark_of(bytes, length);
    known = state->strings + (mark >> 1 & (MESSAGE_STRINGS - 1));
    if (known->mark != mark) {
        forget(aTHX_ known);
        known->mark = mark;
        return string(aTHX_ bytes, length);
    }
    if (!known->shared) {
        SV *const value = newSVpvn_share(bytes, (I32)length, 0);
        known->shared = share_hek_hek(SvSHARED_HEK_FROM_PV(SvPVX_const(value)));
        return value;
    }
    if ((STRLEN)HEK_LEN(known->shared) != length || memNE(HEK_KEY(known->shared), bytes, length))
        return string(aTHX_ bytes, length);
    return newSVhek(known->shared);
#else
    PERL_UNUSED_ARG(state);
    return string(aTHX_ bytes, length);
#endif
}

/* Before 5.12, references had a type of their own. */
#if PERL_VERSION >= 12
#define REFERENCE_TYPE SVt_IV
#else
#define REFERENCE_TYPE SVt_RV
#endif

/* newRV_noinc, inline. */
PERL_STATIC_INLINE SV *
refer(pTHX_ SV *to)
{
    SV *const reference = newSV_type(REFERENCE_TYPE);
    SvRV_set(reference, to);
    SvROK_on(reference);
    return reference;
}

/* A reference to a new object; takes over the hash. */
PERL_STATIC_INLINE SV *
object(pTHX_ HV *hash, HV *stash)
{
    SV *const reference = refer(aTHX_(SV *) hash);
#if PERL_VERSION >= 18
    /* What is left of sv_bless for a hash that nobody has seen yet. */
    SvOBJECT_on((SV *)hash);
    SvSTASH_set((SV *)hash, (HV *)SvREFCNT_inc_simple_NN((SV *)stash));
#else
    sv_bless(reference, stash);
#endif
    return reference;
}

/* More than a Mesos could add, and less than one could fill the memory with. */
enum { MOST_RECEIVED = 1000 };

/* A Mesos has sent this number, which the enum does not know. So that one knows it, and there is nothing to say when it goes back. */
static void
note_received(pTHX_ const MesosSchemaEnum *of, int64_t number)
{
    HV *const received = get_hv("Mesos::Enum::RECEIVED", GV_ADD);
    SV *const key = newSVpvf("%.*s %" IVdf, (int)of->perl.len, (const char *)of->perl.data, (IV)number);
    if (HvUSEDKEYS(received) < MOST_RECEIVED)
        (void)hv_store_ent(received, key, newSViv(1), 0);
    SvREFCNT_dec(key);
}

/* The name of an enum's value; a number that the enum does not know stays one. */
static SV *
enum_value(pTHX_ const MesosSchemaEnum *of, int64_t number)
{
    size_t i;
    for (i = 0; i < of->value_count; i++) {
        if (of->values[i].number == number)
            return string(aTHX_(const char *) of->values[i].name.data, of->values[i].name.len);
    }
    note_received(aTHX_ of, number);
    return newSViv((IV)number);
}

/* A hash of the entries of a map, each of which has a key and a value. */
static HV *
map_of(pTHX_ AV *entries)
{
    HV *const hash = newHV();
    SSize_t i;
    for (i = 0; i <= AvFILLp(entries); i++) {
        /* Rust writes nothing else into a map. */
        HV *const entry = (HV *)SvRV(AvARRAY(entries)[i]);
        SV **const key = hv_fetchs(entry, "key", 0);
        SV **const value = hv_fetchs(entry, "value", 0);
        (void)hv_store_ent(hash, *key, SvREFCNT_inc_simple_NN(*value), 0);
    }
    return hash;
}

/* Makes the object that a tape describes. Nothing here can fail, or run Perl code. */
static SV *
replay(pTHX_ MessageState *state, HV *stash, const MesosToken *token, const char *bytes, const bool blessed)
{
    SV *around[2 * MESOS_MAX_DEPTH + 2];
    int depth = 0;
    SV *open = (SV *)sized_hash(aTHX_ token->count);
    SV *result = blessed ? object(aTHX_(HV *) open, stash) : refer(aTHX_ open);

    for (token++;; token++) {
        switch ((MesosTokenOp)token->op) {
        case MESOS_TOKEN_MESSAGE: {
            HV *const hash = sized_hash(aTHX_ token->count);
            PLACE(blessed ? object(aTHX_ hash, mesos_message_stash(aTHX_ state, (uint32_t)token->value))
                          : refer(aTHX_(SV *) hash));
            around[depth++] = open;
            open = (SV *)hash;
            break;
        }
        case MESOS_TOKEN_MAP:
        case MESOS_TOKEN_LIST: {
            AV *const list = newAV();
            if (token->count)
                av_extend(list, (SSize_t)token->count - 1);
            PLACE(refer(aTHX_(SV *) list));
            around[depth++] = open;
            open = (SV *)list;
            break;
        }
        case MESOS_TOKEN_END:
            if (!depth)
                return result;
            open = around[--depth];
            break;
        case MESOS_TOKEN_MAP_END: {
            AV *const entries = (AV *)open;
            HE *place;
            open = around[--depth];
            place = hv_fetch_ent((HV *)open, state->keys[token->key].name, 0, state->keys[token->key].hash);
            SvRV_set(HeVAL(place), (SV *)map_of(aTHX_ entries));
            SvREFCNT_dec((SV *)entries);
            break;
        }
        case MESOS_TOKEN_INT:
            PLACE(newSViv((IV)token->value));
            break;
        case MESOS_TOKEN_UINT:
            PLACE(newSVuv((UV)token->value));
            break;
        case MESOS_TOKEN_DOUBLE: {
            double value;
            Copy(&token->value, &value, 1, double);
            PLACE(newSVnv(value));
            break;
        }
        case MESOS_TOKEN_BYTES:
            PLACE(shared_string(aTHX_ state, bytes + token->value, token->count));
            break;
        case MESOS_TOKEN_ENUM:
            PLACE(enum_value(aTHX_ state->schema->enums + token->count, (int64_t)token->value));
            break;
        }
    }
}

SV *
mesos_message_decode_into(pTHX_ uint32_t class_id, HV *stash, const char *bytes, STRLEN length, uint32_t options)
{
    MessageState *state = mesos_message_state(aTHX);
    MesosBytes input;
    const MesosToken *tape;
    size_t tokens;
    MesosCode code;
    SV *object;
    const char here = 0;
    /* A replay that a `die` has left stood deeper on the stack. */
    if (state->replaying && &here <= state->replaying)
        mesos_message_croak(
            aTHX_ sv_2mortal(newSVpvs("called from a signal handler that interrupted another call of this module")));
    input.data = (const uint8_t *)bytes;
    input.len = length;
    if (options)
        mesos_decoder_options(state->decoder, options);
    code = mesos_decoder_decode(state->decoder, class_id, input, &tape, &tokens);
    if (options) {
        /* Takes back what was set; its own success would hide the text of an error, so that this one goes first. */
        SV *problem = code == MESOS_OK ? NULL : mesos_message_text(aTHX_ mesos_error_message());
        mesos_decoder_options(state->decoder, 0);
        if (problem)
            mesos_message_croak_with(aTHX_ problem, code);
    }
    if (code != MESOS_OK)
        mesos_message_croak_last(aTHX_ code);
    if (!stash)
        stash = mesos_message_stash(aTHX_ state, class_id);
    state->replaying = &here;
    object = replay(aTHX_ state, stash, tape, bytes, !(options & MESSAGE_UNBLESSED));
    state->replaying = NULL;
    return object;
}

SV *
mesos_message_decode_sv(pTHX_ uint32_t class_id, const char *bytes, STRLEN length)
{
    return mesos_message_decode_into(aTHX_ class_id, NULL, bytes, length, 0);
}

static uint32_t
class_by_name(pTHX_ const char *name)
{
    MesosBytes text;
    uint32_t class_id;
    text.data = (const uint8_t *)name;
    text.len = strlen(name);
    if (mesos_class_by_perl_name(text, &class_id) != MESOS_OK)
        mesos_message_croak_last(aTHX_ MESOS_BAD_ARGUMENT);
    return class_id;
}

SV *
mesos_message_decode_named(pTHX_ const char *class_name, const char *bytes, STRLEN length)
{
    return mesos_message_decode_sv(aTHX_ class_by_name(aTHX_ class_name), bytes, length);
}

SV *
mesos_message_encode_named(pTHX_ const char *class_name, SV *value, SV *driver)
{
    return mesos_message_encode_sv(aTHX_ class_by_name(aTHX_ class_name), value, driver);
}
