// Debian keeps libpq's header in a folder of its own, which pkg-config names; a compiler that was
// not told of it finds it all the same.
#if __has_include(<libpq-fe.h>)
#include <libpq-fe.h>
#else
#include <postgresql/libpq-fe.h>
#endif
