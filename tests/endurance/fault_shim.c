/* Fails file operations below one folder on demand. tests/endurance/faults.py builds it, loads it with
   LD_PRELOAD, and arms it in a forked copy of itself. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK = 1, DATA = 2, NAME = 4, REMOVE = 8 };

static char folder[4096];
static int kinds, error_number, for_ever;
static long chosen;
static atomic_long count;
static unsigned char ours[65536]; /* descriptors of files below the folder */

/* Counts the operations of `kinds_` below `folder_`. Fails number `chosen_` of them, none if that is 0, and
   all later ones as well if `for_ever_`. */
void shim_arm(const char *folder_, int kinds_, long chosen_, int error, int for_ever_) {
    strncpy(folder, folder_, sizeof folder - 1);
    kinds = kinds_, chosen = chosen_, error_number = error, for_ever = for_ever_;
    count = 0;
}

long shim_count(void) { return count; }

static int below(const char *path) { return folder[0] && !strncmp(path, folder, strlen(folder)); }

static int fd_below(int fd) { return fd >= 0 && fd < (int)sizeof ours && ours[fd]; }

static int at_below(int fd, const char *path) { return path[0] == '/' ? below(path) : fd_below(fd); }

static int fails(int kind, int concerned) {
    if (!concerned || !(kind & kinds)) return 0;
    long number = ++count;
    if (!chosen || !(number == chosen || (for_ever && number > chosen))) return 0;
    errno = error_number;
    return 1;
}

static int kept(int fd, int concerned) {
    if (fd >= 0 && fd < (int)sizeof ours) ours[fd] = concerned != 0;
    return fd;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define OPENING(flags) (((flags) & (O_ACCMODE | O_CREAT)) ? NAME : LOOK)

#define OPEN(name)                                                                 \
    int name(const char *path, int flags, ...) {                                   \
        va_list rest;                                                              \
        va_start(rest, flags);                                                     \
        mode_t mode = va_arg(rest, mode_t);                                        \
        va_end(rest);                                                              \
        if (fails(OPENING(flags), below(path))) return -1;                         \
        return kept(REAL(name)(path, flags, mode), below(path));                   \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                               \
    int name(int at, const char *path, int flags, ...) {                           \
        va_list rest;                                                              \
        va_start(rest, flags);                                                     \
        mode_t mode = va_arg(rest, mode_t);                                        \
        va_end(rest);                                                              \
        if (fails(OPENING(flags), at_below(at, path))) return -1;                  \
        return kept(REAL(name)(at, path, flags, mode), at_below(at, path));        \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int fd) {
    kept(fd, 0);
    return REAL(close)(fd);
}

#define WRAP(type, name, parameters, arguments, kind, concerned)                   \
    type name parameters {                                                         \
        if (fails(kind, concerned)) return (type)-1;                               \
        return REAL(name) arguments;                                               \
    }
WRAP(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size), DATA | LOOK, fd_below(fd))
WRAP(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size), DATA, fd_below(fd))
WRAP(int, fsync, (int fd), (fd), DATA, fd_below(fd))
WRAP(int, ftruncate64, (int fd, off64_t size), (fd, size), DATA, fd_below(fd))
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), NAME, below(path))
WRAP(int, rename, (const char *from, const char *to), (from, to), NAME, below(to))
WRAP(int, link, (const char *from, const char *to), (from, to), NAME, below(to))
WRAP(int, linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags), NAME,
     at_below(b, to))
WRAP(int, chmod, (const char *path, mode_t mode), (path, mode), NAME, below(path))
WRAP(int, unlink, (const char *path), (path), REMOVE, below(path))
WRAP(int, unlinkat, (int at, const char *path, int flags), (at, path, flags), REMOVE, at_below(at, path))
WRAP(int, rmdir, (const char *path), (path), REMOVE, below(path))
WRAP(int, stat, (const char *path, struct stat *result), (path, result), LOOK, below(path))
WRAP(int, lstat, (const char *path, struct stat *result), (path, result), LOOK, below(path))
WRAP(int, stat64, (const char *path, struct stat64 *result), (path, result), LOOK, below(path))
WRAP(int, lstat64, (const char *path, struct stat64 *result), (path, result), LOOK, below(path))

DIR *opendir(const char *path) { return fails(LOOK, below(path)) ? NULL : REAL(opendir)(path); }
