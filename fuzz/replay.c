/* A perl in the fuzzer, which boots Mesos.xs without a shared object and runs Fuzz::replay of replay.pl. */

#define PERL_NO_GET_CONTEXT
#include "EXTERN.h"
#include "perl.h"
#include "XSUB.h"

EXTERN_C void boot_Mesos(pTHX_ CV *cv);
EXTERN_C void boot_DynaLoader(pTHX_ CV *cv);

static PerlInterpreter *interpreter;

static void
xs_init(pTHX)
{
    newXS("DynaLoader::boot_DynaLoader", boot_DynaLoader, __FILE__);
    newXS("Fuzz::boot", boot_Mesos, __FILE__);
}

void
replay_start(void)
{
    static char *arguments[] = { "fuzz", "-I" MESOS_ROOT "/perl/lib", MESOS_ROOT "/fuzz/replay.pl", NULL };
    static char **environment = { NULL };
    int count = 3;
    char **given = arguments;
    PERL_SYS_INIT3(&count, &given, &environment);
    interpreter = perl_alloc();
    perl_construct(interpreter);
    if (perl_parse(interpreter, xs_init, 3, arguments, NULL) || perl_run(interpreter))
        abort();
}

void
replay(const char *class, size_t class_len, const char *bytes, size_t len)
{
    dTHXa(interpreter);
    dSP;
    ENTER;
    SAVETMPS;
    PUSHMARK(SP);
    EXTEND(SP, 2);
    PUSHs(newSVpvn_flags(class, class_len, SVs_TEMP));
    PUSHs(newSVpvn_flags(bytes, len, SVs_TEMP));
    PUTBACK;
    /* Not in an eval: what escapes Fuzz::replay is a finding. */
    call_pv("Fuzz::replay", G_VOID | G_DISCARD);
    FREETMPS;
    LEAVE;
}
