#ifndef CUEBX_CRABBITMQ_SHIM_H
#define CUEBX_CRABBITMQ_SHIM_H

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

// What Swift cannot see of rabbitmq-c: variadic functions, macros with casts, unions.

static const amqp_method_number_t cuebx_amqp_deliver = AMQP_BASIC_DELIVER_METHOD;
static const amqp_method_number_t cuebx_amqp_ack = AMQP_BASIC_ACK_METHOD;
static const amqp_method_number_t cuebx_amqp_nack = AMQP_BASIC_NACK_METHOD;
static const amqp_method_number_t cuebx_amqp_return = AMQP_BASIC_RETURN_METHOD;
static const amqp_method_number_t cuebx_amqp_cancel = AMQP_BASIC_CANCEL_METHOD;
static const amqp_method_number_t cuebx_amqp_get_ok = AMQP_BASIC_GET_OK_METHOD;
static const amqp_method_number_t cuebx_amqp_channel_close = AMQP_CHANNEL_CLOSE_METHOD;
static const amqp_method_number_t cuebx_amqp_connection_close = AMQP_CONNECTION_CLOSE_METHOD;

static inline amqp_rpc_reply_t cuebx_amqp_login(
    amqp_connection_state_t state, const char *vhost, int frame_max, int heartbeat,
    const char *user, const char *password) {
    return amqp_login(
        state, vhost, 1, frame_max, heartbeat, AMQP_SASL_METHOD_PLAIN, user, password);
}

static inline amqp_table_entry_t cuebx_amqp_integer_entry(amqp_bytes_t key, int64_t value) {
    amqp_table_entry_t entry = {.key = key};
    entry.value.kind = AMQP_FIELD_KIND_I64;
    entry.value.value.i64 = value;
    return entry;
}

static inline amqp_table_entry_t cuebx_amqp_text_entry(amqp_bytes_t key, amqp_bytes_t value) {
    amqp_table_entry_t entry = {.key = key};
    entry.value.kind = AMQP_FIELD_KIND_UTF8;
    entry.value.value.bytes = value;
    return entry;
}

// 1 and the number in `out` for an integer of any width, else 0.
static inline int cuebx_amqp_read_integer(const amqp_field_value_t *field, int64_t *out) {
    switch (field->kind) {
    case AMQP_FIELD_KIND_I8: *out = field->value.i8; return 1;
    case AMQP_FIELD_KIND_U8: *out = field->value.u8; return 1;
    case AMQP_FIELD_KIND_I16: *out = field->value.i16; return 1;
    case AMQP_FIELD_KIND_U16: *out = field->value.u16; return 1;
    case AMQP_FIELD_KIND_I32: *out = field->value.i32; return 1;
    case AMQP_FIELD_KIND_U32: *out = field->value.u32; return 1;
    case AMQP_FIELD_KIND_I64: *out = field->value.i64; return 1;
    case AMQP_FIELD_KIND_U64:
        if (field->value.u64 > INT64_MAX) return 0;
        *out = (int64_t)field->value.u64;
        return 1;
    default: return 0;
    }
}

// 1 and the bytes in `out` for a text, else 0.
static inline int cuebx_amqp_read_text(const amqp_field_value_t *field, amqp_bytes_t *out) {
    if (field->kind != AMQP_FIELD_KIND_UTF8 && field->kind != AMQP_FIELD_KIND_BYTES) return 0;
    *out = field->value.bytes;
    return 1;
}

// The server's word on why it closes a channel or connection.
static inline void cuebx_amqp_close_text(amqp_method_t method, char *text, size_t size) {
    text[0] = 0;
    if (method.decoded == NULL) return;
    amqp_bytes_t reason = amqp_empty_bytes;
    if (method.id == AMQP_CONNECTION_CLOSE_METHOD) {
        reason = ((amqp_connection_close_t *)method.decoded)->reply_text;
    } else if (method.id == AMQP_CHANNEL_CLOSE_METHOD) {
        reason = ((amqp_channel_close_t *)method.decoded)->reply_text;
    }
    snprintf(text, size, "%.*s", (int)reason.len, (const char *)reason.bytes);
}

#endif
