/* Preloaded into the service (LD_PRELOAD), this makes the disk under the database fail: the file
 * that CRASHES_FAULT names holds one word that says how, and none while all is well.
 *
 *     EROFS, ENOSPC, EIO   writing to and cutting the database's files fails so
 *     SYNC                 writing works, but making it durable fails with EIO
 *     SLOW                 each write takes two milliseconds longer
 *
 * Files are the database's when their name holds ".db". */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int is_the_databases(int file) {
    char link[64], name[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length < 0) return 0;
    name[length] = 0;
    return strstr(name, ".db") != NULL;
}

/* The error that the call is to meet, or 0. */
static int fault(int file, int syncing) {
    char word[16] = "";
    const char *path = getenv("CRASHES_FAULT");
    int control = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (control < 0) return 0;
    ssize_t length = read(control, word, sizeof word - 1);
    close(control);
    if (length <= 0 || !is_the_databases(file)) return 0;
    if (syncing) return strcmp(word, "SYNC") == 0 ? EIO : 0;
    if (strcmp(word, "SLOW") == 0) {
        usleep(2000);
        return 0;
    }
    if (strcmp(word, "EROFS") == 0) return EROFS;
    if (strcmp(word, "ENOSPC") == 0) return ENOSPC;
    return strcmp(word, "EIO") == 0 ? EIO : 0;
}

#define STANDING_BEFORE(type, name, syncing, parameters, arguments)      \
    type name parameters {                                               \
        static type(*real) parameters;                                   \
        if (!real) real = (type(*) parameters)dlsym(RTLD_NEXT, #name);   \
        int error = fault(file, syncing);                                \
        if (!error) return real arguments;                               \
        errno = error;                                                   \
        return -1;                                                       \
    }

STANDING_BEFORE(ssize_t, pwrite64, 0,
    (int file, const void *bytes, size_t count, off64_t offset), (file, bytes, count, offset))
STANDING_BEFORE(ssize_t, pwrite, 0,
    (int file, const void *bytes, size_t count, off_t offset), (file, bytes, count, offset))
STANDING_BEFORE(ssize_t, write, 0,
    (int file, const void *bytes, size_t count), (file, bytes, count))
STANDING_BEFORE(int, ftruncate64, 0, (int file, off64_t length), (file, length))
STANDING_BEFORE(int, ftruncate, 0, (int file, off_t length), (file, length))
STANDING_BEFORE(int, fsync, 1, (int file), (file))
STANDING_BEFORE(int, fdatasync, 1, (int file), (file))
