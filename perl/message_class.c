/* The Perl classes of the messages and enums: their @ISA, and the methods that differ from class to class. What they share is in
 * Mesos::Message and Mesos::Enum. */

#define PERL_NO_GET_CONTEXT
#include "EXTERN.h"
#include "perl.h"
#include "XSUB.h"
#include "handles.h"
#include "message.h"

/* Whether looking at a value runs Perl code. */
#define RUNS(sv) (SvGMAGICAL(sv) || SvAMAGIC(sv))

static SV *
name_sv(pTHX_ MesosBytes name)
{
    return newSVpvn((const char *)name.data, name.len);
}

/* --- the methods; XSANY says which class, or which field of all classes ---------------------------------------------------------- */

/* Whether map fields are to be hashes. `value` is what the option says: 'hash' or 'list', or a truth. */
static bool
maps_of(pTHX_ SV *value, const char *method)
{
    const char *text;
    if (!SvTRUE(value))
        return FALSE;
    text = SvPV_nolen(value);
    if (strEQ(text, "list"))
        return FALSE;
    if (strNE(text, "hash") && strNE(text, "1"))
        mesos_message_croak(
            aTHX_ sv_2mortal(newSVpvf("%s: option maps: expected 'hash' or 'list', got \"%" SVf "\"", method, SVfARG(value))));
    return TRUE;
}

/* The options of a call from argument `from` on: pairs of a name and a value. `method` is for errors. */
static uint32_t
options_of(pTHX_ I32 ax, I32 from, I32 items, const char *method, uint32_t allowed)
{
    static const struct {
        const char *name;
        uint32_t option;
    } known[] = {{"enum_names", MESSAGE_ENUM_NAMES},
                 {"maps", MESSAGE_MAPS},
                 {"reject_unknown", MESSAGE_REJECT_UNKNOWN},
                 {"unblessed", MESSAGE_UNBLESSED}};
    uint32_t options = 0;
    if ((items - from) % 2)
        mesos_message_croak(aTHX_ sv_2mortal(newSVpvf("%s: options are pairs of a name and a value", method)));
    for (; from < items; from += 2) {
        const char *name = SvPV_nolen(ST(from));
        size_t i = 0;
        while (i < sizeof known / sizeof *known && (strNE(name, known[i].name) || !(allowed & known[i].option)))
            i++;
        if (i == sizeof known / sizeof *known)
            mesos_message_croak(aTHX_ sv_2mortal(newSVpvf("%s: there is no option \"%s\"", method, name)));
        if (known[i].option == MESSAGE_MAPS ? maps_of(aTHX_ ST(from + 1), method) : cBOOL(SvTRUE(ST(from + 1))))
            options |= known[i].option;
    }
    return options;
}

/* Class->decode($bytes, %options) */
XS(mesos_xs_decode)
{
    dXSARGS;
    const uint32_t class_id = (uint32_t)XSANY.any_i32;
    MessageState *state = mesos_message_state(aTHX);
    const MesosBytes own = state->schema->classes[class_id].perl;
    HV *stash;
    const char *name, *bytes;
    STRLEN name_length, length;
    SV *input;
    uint32_t options = 0;
    if (items < 2)
        mesos_message_croak(
            aTHX_ sv_2mortal(newSVpvf("Usage: %.*s->decode($bytes, %%options)", (int)own.len, (const char *)own.data)));
    /* Most decodings are of plain bytes by the name of the class: then nothing runs. */
    if (items > 2 || SvROK(ST(0)) || SvGMAGICAL(ST(0)) || RUNS(ST(1)))
        mesos_hold_arguments(aTHX_ ax, items);
    if (SvROK(ST(0)) && SvOBJECT(SvRV(ST(0)))) {
        stash = SvSTASH(SvRV(ST(0)));
    } else {
        name = SvPV(ST(0), name_length);
        /* NULL: the class's own. */
        stash = name_length == own.len && memEQ(name, own.data, name_length) ? NULL : gv_stashsv(ST(0), GV_ADD);
    }
    if (stash)
        mesos_hold(aTHX_(SV *) stash);
    if (items > 2)
        options = options_of(aTHX_ ax, 2, items, "decode",
                             MESSAGE_ENUM_NAMES | MESSAGE_MAPS | MESSAGE_REJECT_UNKNOWN | MESSAGE_UNBLESSED);
    input = ST(1);
    SvGETMAGIC(input);
    if (!SvOK(input))
        mesos_message_croak(aTHX_ sv_2mortal(
            newSVpvf("%.*s->decode: input is undefined: expected the bytes of a message", (int)own.len, (const char *)own.data)));
    /* Its address would be taken for a message. */
    if (SvROK(input) && (!SvAMAGIC(input) || sv_derived_from(input, "Mesos::Message")))
        mesos_message_croak(aTHX_ sv_2mortal(newSVpvf("%.*s->decode: input is a reference (%s): expected the bytes of a message",
                                                      (int)own.len, (const char *)own.data, sv_reftype(SvRV(input), TRUE))));
    bytes = SvPV_nomg(input, length);
    if (SvUTF8(input))
        mesos_message_croak(
            aTHX_ sv_2mortal(newSVpvf("%.*s->decode: input is a wide-character string (utf8-flagged): a message is bytes",
                                      (int)own.len, (const char *)own.data)));
    ST(0) = sv_2mortal(mesos_message_decode_into(aTHX_ class_id, stash, bytes, length, options));
    XSRETURN(1);
}

/* $message->encode(%options), Class->encode($hash, %options) */
XS(mesos_xs_encode)
{
    dXSARGS;
    const uint32_t class_id = (uint32_t)XSANY.any_i32;
    SV *value = &PL_sv_undef;
    SV *bytes;
    I32 first = 1;
    uint32_t options = 0;
    mesos_hold_arguments(aTHX_ ax, items);
    if (items > 0 && SvROK(ST(0))) {
        value = ST(0);
    } else if (items > 1) {
        value = ST(1);
        first = 2;
    }
    if (items > first)
        options = options_of(aTHX_ ax, first, items, "encode", MESSAGE_ENUM_NAMES | MESSAGE_REJECT_UNKNOWN);
    /* The walk may run Perl code, which may move the stack: ST looks it up anew. */
    PUTBACK;
    bytes = mesos_message_encode_with(aTHX_ class_id, value, options, NULL);
    ST(0) = bytes;
    XSRETURN(1);
}

static const MesosSchemaField *
field_of(MessageState *state, I32 index)
{
    return state->schema->fields + index;
}

static const MesosSchemaClass *
class_of(MessageState *state, I32 index)
{
    const MesosSchemaClass *of = state->schema->classes;
    while ((uint32_t)index >= of->first_field + of->field_count || (uint32_t)index < of->first_field)
        of++;
    return of;
}

/* A new SV with the field's declared default, or NULL. */
static SV *
default_of(pTHX_ const MesosSchemaField *field)
{
    switch (field->default_kind) {
    case MESOS_DEFAULT_INT:
        return newSViv((IV)field->default_int);
    case MESOS_DEFAULT_DOUBLE:
        return newSVnv(field->default_double);
    case MESOS_DEFAULT_TEXT:
        return name_sv(aTHX_ field->default_text);
    }
    return NULL;
}

static SV *
get(pTHX_ MessageState *state, HV *hash, const MesosSchemaField *field)
{
    SV *const key = state->keys[field->key].name;
    HE *entry = hv_fetch_ent(hash, key, 0, SvSHARED_HASH(key));
    SV *value = entry ? HeVAL(entry) : NULL;
    if (value) {
        /* Its FETCH may take it out of the hash. */
        if (SvGMAGICAL(value))
            mesos_hold(aTHX_ value);
        SvGETMAGIC(value);
        if (SvOK(value))
            return sv_mortalcopy(value);
    }
    value = default_of(aTHX_ field);
    return value ? sv_2mortal(value) : &PL_sv_undef;
}

/* Stores the value, or deletes the field if it is NULL: then what was there, mortal, or NULL. */
static SV *
set(pTHX_ MessageState *state, HV *hash, I32 index, SV *value)
{
    const MesosSchemaField *field = field_of(state, index);
    SV *const key = state->keys[field->key].name;
    SV *deleted = NULL;
    if (value) {
        if (!hv_store_ent(hash, key, value, SvSHARED_HASH(key))) {
            SvSETMAGIC(value);
            SvREFCNT_dec(value);
        }
    } else {
        deleted = hv_delete_ent(hash, key, 0, SvSHARED_HASH(key));
    }
    if (field->oneof) {
        const MesosSchemaClass *of = class_of(state, index);
        uint32_t i;
        for (i = of->first_field; i < of->first_field + of->field_count; i++) {
            const MesosSchemaField *other = state->schema->fields + i;
            if (other != field && other->oneof == field->oneof)
                (void)hv_delete_ent(hash, state->keys[other->key].name, G_DISCARD, state->keys[other->key].hash);
        }
    }
    return deleted;
}

/* $message->field, ->field($value), ->field(undef), ->field(@values) */
XS(mesos_xs_accessor)
{
    dXSARGS;
    MessageState *state = mesos_message_state(aTHX);
    const I32 index = XSANY.any_i32;
    HV *hash;
    SV *result;
    if (items < 1 || !SvROK(ST(0)) || SvTYPE(SvRV(ST(0))) != SVt_PVHV) {
        SV *name = state->keys[field_of(state, index)->key].name;
        mesos_message_croak(aTHX_ sv_2mortal(newSVpvf("%" SVf " is a method of a message object", SVfARG(name))));
    }
    hash = (HV *)SvRV(ST(0));
    /* What is stored or replaced may have a DESTROY or a FETCH that drops the message. */
    if (items > 1 || SvMAGICAL((SV *)hash)) {
        mesos_hold_arguments(aTHX_ ax, items);
        mesos_hold(aTHX_(SV *) hash);
    }
    if (items == 1) {
        SV *value;
        PUTBACK;
        value = get(aTHX_ state, hash, field_of(state, index));
        ST(0) = value;
        XSRETURN(1);
    }
    if (items == 2) {
        SV *value = ST(1);
        SvGETMAGIC(value);
        result = SvOK(value) ? sv_mortalcopy(value) : NULL;
        if (result)
            set(aTHX_ state, hash, index, newSVsv(result));
        else if (!(result = set(aTHX_ state, hash, index, NULL)))
            result = &PL_sv_undef;
    } else {
        AV *list = newAV();
        SV *reference = sv_2mortal(newRV_noinc((SV *)list));
        I32 i;
        av_extend(list, items - 2);
        for (i = 1; i < items; i++)
            av_push(list, newSVsv(ST(i)));
        result = sv_mortalcopy(reference);
        set(aTHX_ state, hash, index, SvREFCNT_inc_simple_NN(reference));
    }
    ST(0) = result;
    XSRETURN(1);
}

/* --- introspection --------------------------------------------------------------------------------------------------------------- */

enum { FIELDS_LIST, FIELDS_BY_NAME, FIELDS_BY_NUMBER, ONEOFS, ONEOFS_REVERSE, INTROSPECTION };

/* [ label, type, name, number, default ], as Google::ProtocolBuffers has it: the type is a number, or a class. */
static SV *
field_description(pTHX_ MessageState *state, const MesosSchemaField *field)
{
    AV *of = newAV();
    SV *fallback = default_of(aTHX_ field);
    av_push(of, newSViv(field->label));
    if (field->kind == MESOS_KIND_MESSAGE)
        av_push(of, name_sv(aTHX_ state->schema->classes[field->of].perl));
    else if (field->kind == MESOS_KIND_ENUM)
        av_push(of, name_sv(aTHX_ state->schema->enums[field->of].perl));
    else
        av_push(of, newSViv(field->kind));
    av_push(of, name_sv(aTHX_ state->schema->keys[field->key]));
    av_push(of, newSViv(field->number));
    av_push(of, fallback ? fallback : newSV(0));
    return newRV_noinc((SV *)of);
}

/* What the introspecting methods of a class return, made when one is first called. */
static AV *
introspection(pTHX_ MessageState *state, uint32_t class_id)
{
    const MesosSchemaClass *const of = state->schema->classes + class_id;
    AV *made = state->introspection[class_id];
    AV *list;
    HV *by_name, *by_number, *oneofs, *reverse;
    uint32_t i;
    if (made)
        return made;
    list = newAV();
    by_name = newHV();
    by_number = newHV();
    oneofs = newHV();
    reverse = newHV();
    for (i = of->first_field; i < of->first_field + of->field_count; i++) {
        const MesosSchemaField *field = state->schema->fields + i;
        SV *description = field_description(aTHX_ state, field);
        SV *number = newSViv(field->number);
        av_push(list, description);
        (void)hv_store_ent(by_name, state->keys[field->key].name, SvREFCNT_inc(description), 0);
        (void)hv_store_ent(by_number, number, SvREFCNT_inc(description), 0);
        SvREFCNT_dec(number);
        if (field->oneof) {
            MesosBytes name = of->oneofs[field->oneof - 1];
            SV **members = hv_fetch(oneofs, (const char *)name.data, (I32)name.len, 1);
            if (!SvROK(*members))
                sv_setsv(*members, sv_2mortal(newRV_noinc((SV *)newAV())));
            av_push((AV *)SvRV(*members), newSVsv(state->keys[field->key].name));
            (void)hv_store_ent(reverse, state->keys[field->key].name, name_sv(aTHX_ name), 0);
        }
    }
    made = newAV();
    av_extend(made, INTROSPECTION - 1);
    av_store(made, FIELDS_LIST, newRV_noinc((SV *)list));
    av_store(made, FIELDS_BY_NAME, newRV_noinc((SV *)by_name));
    av_store(made, FIELDS_BY_NUMBER, newRV_noinc((SV *)by_number));
    av_store(made, ONEOFS, newRV_noinc((SV *)oneofs));
    av_store(made, ONEOFS_REVERSE, newRV_noinc((SV *)reverse));
    state->introspection[class_id] = made;
    return made;
}

/* Class->_pb_fields_list and the others: XSANY is the class and which of them. */
XS(mesos_xs_introspection)
{
    dXSARGS;
    const I32 what = XSANY.any_i32;
    AV *made = introspection(aTHX_ mesos_message_state(aTHX), (uint32_t)(what / INTROSPECTION));
    PERL_UNUSED_VAR(items);
    EXTEND(SP, 1);
    ST(0) = sv_mortalcopy(*av_fetch(made, what % INTROSPECTION, 0));
    XSRETURN(1);
}

/* --- constants ---------------------------------------------------------------------------------------------------------------------- */

/* The header's numbers for Perl, which has them from nowhere else. The names of labels and kinds are Google::ProtocolBuffers'. */
void
mesos_message_define_constants(pTHX)
{
    static const struct {
        const char *name;
        UV value;
    } constants[] = {{"MAX_DEPTH", MESOS_MAX_DEPTH},
                     {"MAX_VALUES", MESOS_MAX_TOKENS},
                     {"MAX_KEYS", MESOS_MAX_KEYS},
                     {"LABEL_OPTIONAL", MESOS_LABEL_OPTIONAL},
                     {"LABEL_REQUIRED", MESOS_LABEL_REQUIRED},
                     {"LABEL_REPEATED", MESOS_LABEL_REPEATED},
                     {"TYPE_DOUBLE", MESOS_KIND_DOUBLE},
                     {"TYPE_FLOAT", MESOS_KIND_FLOAT},
                     {"TYPE_INT64", MESOS_KIND_INT64},
                     {"TYPE_UINT64", MESOS_KIND_UINT64},
                     {"TYPE_INT32", MESOS_KIND_INT32},
                     {"TYPE_FIXED64", MESOS_KIND_FIXED64},
                     {"TYPE_FIXED32", MESOS_KIND_FIXED32},
                     {"TYPE_BOOL", MESOS_KIND_BOOL},
                     {"TYPE_STRING", MESOS_KIND_STRING},
                     {"TYPE_MESSAGE", MESOS_KIND_MESSAGE},
                     {"TYPE_BYTES", MESOS_KIND_BYTES},
                     {"TYPE_UINT32", MESOS_KIND_UINT32},
                     {"TYPE_ENUM", MESOS_KIND_ENUM},
                     {"TYPE_SFIXED32", MESOS_KIND_SFIXED32},
                     {"TYPE_SFIXED64", MESOS_KIND_SFIXED64},
                     {"TYPE_SINT32", MESOS_KIND_SINT32},
                     {"TYPE_SINT64", MESOS_KIND_SINT64}};
    HV *const stash = gv_stashpvs("Mesos::Message::Constants", GV_ADD);
    size_t i;
    for (i = 0; i < sizeof constants / sizeof *constants; i++)
        newCONSTSUB(stash, (char *)constants[i].name, newSVuv(constants[i].value));
}

/* --- defining ---------------------------------------------------------------------------------------------------------------------- */

/* A name below a class, in a buffer of ours. */
static const char *
qualified(pTHX_ SV *buffer, MesosBytes class_name, const char *prefix, const char *name, const char *suffix)
{
    sv_setpvn(buffer, (const char *)class_name.data, class_name.len);
    sv_catpvf(buffer, "::%s%s%s", prefix, name, suffix);
    return SvPVX(buffer);
}

/* Whether somebody else has made the class. */
static bool
is_defined(pTHX_ MesosBytes class_name)
{
    HV *stash = gv_stashpvn((const char *)class_name.data, (U32)class_name.len, 0);
    return stash && gv_fetchmethod_autoload(stash, "_pb_fields_list", FALSE);
}

static void
inherit(pTHX_ SV *buffer, MesosBytes class_name, const char *const *bases)
{
    AV *isa = get_av(qualified(aTHX_ buffer, class_name, "", "ISA", ""), GV_ADD | GV_ADDMULTI);
    av_clear(isa);
    for (; *bases; bases++)
        av_push(isa, newSVpv(*bases, 0));
    SvSETMAGIC((SV *)isa);
}

static void
method(pTHX_ SV *buffer, MesosBytes class_name, const char *name, XSUBADDR_t body, I32 any)
{
    CV *code = newXS((char *)qualified(aTHX_ buffer, class_name, "", name, ""), body, __FILE__);
    CvXSUBANY(code).any_i32 = any;
}

/* The accessor, by the field's name and as _NAME_accessor. get and set are methods of all messages: those fields have the second
 * only, as with Class::Accessor. */
static void
accessor(pTHX_ SV *buffer, MesosBytes class_name, const char *name, I32 field)
{
    GV *alias;
    CV *code = newXS((char *)qualified(aTHX_ buffer, class_name, "_", name, "_accessor"), mesos_xs_accessor, __FILE__);
    CvXSUBANY(code).any_i32 = field;
    if (strEQ(name, "get") || strEQ(name, "set"))
        return;
    qualified(aTHX_ buffer, class_name, "", name, "");
    if (get_cv(SvPVX(buffer), 0))
        return;
    alias = gv_fetchpv(SvPVX(buffer), GV_ADD | GV_ADDMULTI, SVt_PVCV);
    GvCV_set(alias, (CV *)SvREFCNT_inc((SV *)code));
    GvMULTI_on(alias);
    mro_method_changed_in(GvSTASH(alias));
}

static void
define_message(pTHX_ MessageState *state, uint32_t class_id, SV *buffer)
{
    static const char *const bases[] = {"Mesos::Message", "Google::ProtocolBuffers::Message", "Class::Accessor", NULL};
    const MesosSchemaClass *const of = state->schema->classes + class_id;
    const I32 any = (I32)class_id * INTROSPECTION;
    uint32_t i;
    if (is_defined(aTHX_ of->perl))
        return;
    inherit(aTHX_ buffer, of->perl, bases);
    method(aTHX_ buffer, of->perl, "decode", mesos_xs_decode, (I32)class_id);
    method(aTHX_ buffer, of->perl, "encode", mesos_xs_encode, (I32)class_id);
    method(aTHX_ buffer, of->perl, "_pb_fields_list", mesos_xs_introspection, any + FIELDS_LIST);
    method(aTHX_ buffer, of->perl, "_pb_fields_by_name", mesos_xs_introspection, any + FIELDS_BY_NAME);
    method(aTHX_ buffer, of->perl, "_pb_fields_by_number", mesos_xs_introspection, any + FIELDS_BY_NUMBER);
    if (of->oneof_count) {
        method(aTHX_ buffer, of->perl, "_pb_oneofs", mesos_xs_introspection, any + ONEOFS);
        method(aTHX_ buffer, of->perl, "_pb_oneofs_rev", mesos_xs_introspection, any + ONEOFS_REVERSE);
    }
    for (i = of->first_field; i < of->first_field + of->field_count; i++)
        accessor(aTHX_ buffer, of->perl, SvPVX(state->keys[state->schema->fields[i].key].name), (I32)i);
}

static void
define_enum(pTHX_ const MesosSchemaEnum *of, SV *buffer)
{
    static const char *const bases[] = {"Mesos::Enum", "Google::ProtocolBuffers::Enum", NULL};
    HV *stash, *tags;
    AV *names, *exported, *fields;
    size_t i;
    if (is_defined(aTHX_ of->perl))
        return;
    inherit(aTHX_ buffer, of->perl, bases);
    stash = gv_stashpvn((const char *)of->perl.data, (U32)of->perl.len, GV_ADD);
    exported = get_av(qualified(aTHX_ buffer, of->perl, "", "EXPORT_OK", ""), GV_ADD | GV_ADDMULTI);
    tags = get_hv(qualified(aTHX_ buffer, of->perl, "", "EXPORT_TAGS", ""), GV_ADD | GV_ADDMULTI);
    names = newAV();
    fields = newAV();
    for (i = 0; i < of->value_count; i++) {
        SV *name = name_sv(aTHX_ of->values[i].name);
        AV *pair = newAV();
        newCONSTSUB(stash, SvPVX(name), newSViv(of->values[i].number));
        av_push(exported, newSVsv(name));
        av_push(names, newSVsv(name));
        av_push(pair, name);
        av_push(pair, newSViv(of->values[i].number));
        av_push(fields, newRV_noinc((SV *)pair));
    }
    (void)hv_stores(tags, "constants", newRV_noinc((SV *)names));
    newCONSTSUB(stash, "_pb_fields_list", newRV_noinc((SV *)fields));
}

void
mesos_message_define_classes(pTHX)
{
    MessageState *state = mesos_message_state(aTHX);
    SV *buffer = newSVpvn_flags("", 0, SVs_TEMP);
    size_t i;
    for (i = 0; i < state->schema->enum_count; i++)
        define_enum(aTHX_ state->schema->enums + i, buffer);
    for (i = 0; i < state->schema->class_count; i++)
        define_message(aTHX_ state, (uint32_t)i, buffer);
}
