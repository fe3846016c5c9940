#ifndef CUEBX_CCURL_SHIM_H
#define CUEBX_CCURL_SHIM_H

#include <curl/curl.h>

// curl_easy_setopt, curl_easy_getinfo are variadic and the flags are macros: Swift sees neither.
// One function a kind of argument keeps the types that libcurl's manual asks for.

typedef size_t (*cuebx_curl_transfer)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode cuebx_curl_global_init(void) {
    return curl_global_init(CURL_GLOBAL_ALL);
}

static inline CURLcode cuebx_curl_set_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode cuebx_curl_set_offset(CURL *handle, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode cuebx_curl_set_string(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode cuebx_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode cuebx_curl_set_list(
    CURL *handle, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode cuebx_curl_set_transfer(
    CURL *handle, CURLoption option, cuebx_curl_transfer value) {
    return curl_easy_setopt(handle, option, value);
}

static inline long cuebx_curl_get_long(CURL *handle, CURLINFO info) {
    long value = 0;
    if (curl_easy_getinfo(handle, info, &value) != CURLE_OK) return 0;
    return value;
}

#endif
