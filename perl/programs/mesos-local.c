/*
 * mesos-local, and under the name mesos-perl-helper the parent of all tasks of an embedded cluster.
 *
 * All of both is in libmesos_perl.so, which lies beside this program. It is loaded by its path and not through an rpath: the dynamic
 * linker takes $ORIGIN for nothing in programs whose effective user is not the real one, and a Perl program may have set its $>.
 */
#include "mesos_perl.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY "libmesos_perl.so"

/* The path of the library; NULL if it cannot be told. Where this file has been replaced meanwhile, the folder is still the same one. */
static const char *
library(void)
{
    static char path[PATH_MAX + sizeof LIBRARY];
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    char *slash = NULL;
    if (length > 0) {
        path[length] = '\0';
        slash = strrchr(path, '/');
    }
    if (!slash)
        return NULL;
    strcpy(slash + 1, LIBRARY);
    return path;
}

/* What Rust does before its own main: no file that is opened takes the place of a standard one, and a closed pipe is an error. */
static void
prepare(void)
{
    int fd;
    for (fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) < 0)
            break;
    signal(SIGPIPE, SIG_IGN);
}

int
main(int argc, char **argv)
{
    const char *path = library();
    void *handle;
    int (*run)(int, const char *const *) = NULL;
    prepare();
    handle = path ? dlopen(path, RTLD_NOW) : NULL;
    if (handle)
        *(void **)&run = dlsym(handle, "mesos_program_main");
    if (!run) {
        const char *why = path ? dlerror() : "/proc is not there";
        fprintf(stderr, "mesos-local: cannot load " LIBRARY ": %s\n", why ? why : "no reason is known");
        return 1;
    }
    return run(argc, (const char *const *)argv);
}
