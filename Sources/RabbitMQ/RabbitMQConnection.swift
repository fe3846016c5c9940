import CRabbitMQ
import Foundation

/// One connection with its one channel, by rabbitmq-c. It is used by the one thread that opened
/// it: the library's connections are not thread-safe. The channel lives as long as the connection.
///
/// Every function throws ``RabbitMQError``; after that the connection is good for nothing more.
final class RabbitMQConnection {
    /// What the server sends without having been asked.
    enum Event {
        case delivery(Delivery)
        case confirmed(tag: UInt64, isMultiple: Bool, isTaken: Bool)
        /// A message that no queue was there for.
        case returned(messageID: String?)
    }

    /// How long connecting, logging in and each call may take, in seconds.
    static let callTimeout = 5
    /// The same for logging in and for each call on a process's first connection: a server that has
    /// just been started, or is busy, is worth waiting for before a start is given up. Connecting,
    /// with TLS's own handshake, has no longer than ever.
    static let startTimeout = 30
    /// Either side takes silence for twice this long, in seconds, as the other's end. The library
    /// sends heartbeats while it waits or sends.
    static let heartbeat: Int32 = 10
    static let frameBytes: Int32 = 128 * 1024
    private static let channel: amqp_channel_t = 1

    let id = UUID()
    let state: amqp_connection_state_t
    private(set) var lastPublishedTag: UInt64 = 0

    /// Connects, logs in and opens the channel.
    /// - Parameter patience: how long logging in and each call may take, in seconds.
    init(_ url: RabbitMQURL, patience: Int = callTimeout) throws {
        guard let state = amqp_new_connection() else {
            throw RabbitMQError.away("out of memory")
        }
        self.state = state
        do {
            try open(url, patience)
        } catch {
            amqp_destroy_connection(state)
            throw error
        }
    }

    /// Says goodbye, so that the server need not wonder; then ``close()``.
    func leave() {
        _ = amqp_connection_close(state, AMQP_REPLY_SUCCESS)
    }

    /// Closes the socket without a word; the server gives what was not acknowledged to others.
    func close() {
        amqp_destroy_connection(state)
    }

    private func open(_ url: RabbitMQURL, _ patience: Int) throws {
        let made = try url.tls.map { try $0.socket(for: state) } ?? amqp_tcp_socket_new(state)
        guard let socket = made else {
            throw RabbitMQError.away("out of memory")
        }
        var timeout = timeval(tv_sec: patience, tv_usec: 0)
        amqp_set_handshake_timeout(state, &timeout)
        amqp_set_rpc_timeout(state, &timeout)
        timeout.tv_sec = Self.callTimeout
        let status = amqp_socket_open_noblock(socket, url.host, Int32(url.port), &timeout)
        guard status == AMQP_STATUS_OK.rawValue else {
            throw RabbitMQError.away("\(url.host):\(url.port): \(Self.errorText(status))")
        }
        let reply = cuebx_amqp_login(
            state, url.virtualHost, Self.frameBytes, Self.heartbeat, url.user, url.password)
        do {
            try check(reply)
        } catch RabbitMQError.away(let text) {
            // A server that dislikes a virtual host or a user hangs up before it has said so.
            throw RabbitMQError.away("\(url): cannot log in: \(text)")
        }
        _ = amqp_channel_open(state, Self.channel)
        try check(amqp_get_rpc_reply(state))
    }

    // MARK: - Calls

    /// What the server calls itself, e.g. `3.10.8`.
    var serverVersion: String? {
        guard let table = amqp_get_server_properties(state)?.pointee else { return nil }
        return Headers(table).texts["version"]
    }

    /// Makes the queue where it is missing.
    /// - Throws: ``RabbitMQError/refused(_:)`` where it is there with other properties.
    func declare(_ queue: String, integers: [String: Int64], texts: [String: String]) throws {
        _ = Arena.with { arena in
            amqp_queue_declare(
                state, Self.channel, arena.bytes(queue), 0, 1, 0, 0,
                arena.table(integers: integers, texts: texts))
        }
        try check(amqp_get_rpc_reply(state))
    }

    /// Messages in the queue that nobody has been given.
    func messageCount(_ queue: String) throws -> Int {
        let count = Arena.with { arena in
            amqp_queue_declare(
                state, Self.channel, arena.bytes(queue), 1, 1, 0, 0, amqp_empty_table
            ).map { Int($0.pointee.message_count) }
        }
        try check(amqp_get_rpc_reply(state))
        return count ?? 0
    }

    func delete(_ queue: String) throws {
        _ = Arena.with { amqp_queue_delete(state, Self.channel, $0.bytes(queue), 0, 0) }
        try check(amqp_get_rpc_reply(state))
    }

    /// From now on what is published is confirmed.
    func confirmPublishing() throws {
        _ = amqp_confirm_select(state, Self.channel)
        try check(amqp_get_rpc_reply(state))
    }

    /// From now on the queue's messages are delivered, at most `prefetch` before one of them is
    /// acknowledged.
    func consume(_ queue: String, prefetch: UInt16) throws {
        _ = amqp_basic_qos(state, Self.channel, 0, prefetch, 0)
        try check(amqp_get_rpc_reply(state))
        _ = Arena.with { arena in
            let name = arena.bytes(queue)
            return amqp_basic_consume(
                state, Self.channel, name, name, 0, 0, 0, amqp_empty_table)
        }
        try check(amqp_get_rpc_reply(state))
    }

    /// No more of the queue's messages are delivered, once those on their way are here.
    func stopConsuming(_ queue: String) throws {
        _ = Arena.with { amqp_basic_cancel(state, Self.channel, $0.bytes(queue)) }
        try check(amqp_get_rpc_reply(state))
    }

    /// Takes the first message of a queue that is not consumed.
    func get(_ queue: String) throws -> Delivery? {
        let reply = Arena.with { amqp_basic_get(state, Self.channel, $0.bytes(queue), 0) }
        try check(reply)
        guard reply.reply.id == cuebx_amqp_get_ok else { return nil }
        let tag = reply.reply.decoded.assumingMemoryBound(to: amqp_basic_get_ok_t.self)
            .pointee.delivery_tag
        return try readMessage(tag: tag, queue: queue)
    }

    func acknowledge(_ tag: UInt64) throws {
        try check(status: amqp_basic_ack(state, Self.channel, tag, 0))
    }

    /// Gives a message back to its queue's beginning.
    func requeue(_ tag: UInt64) throws {
        try check(status: amqp_basic_nack(state, Self.channel, tag, 0, 1))
    }

    /// Sends a message on its way; ``Event/confirmed(tag:isMultiple:isTaken:)`` tells what became
    /// of it.
    /// - Returns: its tag.
    func publish(_ message: OutgoingMessage) throws -> UInt64 {
        let status = Arena.with { arena in
            var properties = self.properties(of: message, in: arena)
            // Mandatory: a queue that somebody deleted must not swallow it.
            return amqp_basic_publish(
                state, Self.channel, amqp_empty_bytes, arena.bytes(message.queue), 1, 0,
                &properties, arena.bytes(message.body))
        }
        try check(status: status)
        lastPublishedTag += 1
        return lastPublishedTag
    }

    private func properties(
        of message: OutgoingMessage, in arena: Arena
    ) -> amqp_basic_properties_t {
        var integers = [
            MessageHeader.attempts: message.attempts,
            MessageHeader.enqueuedAt: message.enqueuedAt.micros,
        ]
        integers[MessageHeader.dueAt] = message.dueAt?.micros
        integers[MessageHeader.diedAt] = message.diedAt?.micros
        var texts: [String: String] = [:]
        texts[MessageHeader.requestID] = message.envelope.requestID
        texts[MessageHeader.accountID] = message.envelope.accountID?.text
        texts[MessageHeader.reason] = message.reason
        var properties = amqp_basic_properties_t()
        properties._flags = Self.publishedFlags
        properties.content_type = arena.bytes("application/json")
        properties.delivery_mode = UInt8(AMQP_DELIVERY_PERSISTENT.rawValue)
        properties.message_id = arena.bytes(message.id.uuidString.lowercased())
        properties.timestamp = UInt64(max(0, message.enqueuedAt.seconds))
        properties.headers = arena.table(integers: integers, texts: texts)
        return properties
    }

    private static let publishedFlags =
        amqp_flags_t(AMQP_BASIC_CONTENT_TYPE_FLAG) | amqp_flags_t(AMQP_BASIC_DELIVERY_MODE_FLAG)
        | amqp_flags_t(AMQP_BASIC_MESSAGE_ID_FLAG) | amqp_flags_t(AMQP_BASIC_TIMESTAMP_FLAG)
        | amqp_flags_t(AMQP_BASIC_HEADERS_FLAG)

    // MARK: - Events

    /// Whether an event may be had without waiting for the socket.
    var hasBuffered: Bool {
        amqp_frames_enqueued(state) != 0 || amqp_data_in_buffer(state) != 0
    }

    /// The next event; `nil` where none comes in time. Heartbeats are served meanwhile.
    func nextEvent(milliseconds: Int) throws -> Event? {
        amqp_maybe_release_buffers(state)
        var timeout = timeval(
            tv_sec: milliseconds / 1000, tv_usec: (milliseconds % 1000) * 1000)
        var frame = amqp_frame_t()
        let status = amqp_simple_wait_frame_noblock(state, &frame, &timeout)
        if status == AMQP_STATUS_TIMEOUT.rawValue { return nil }
        try check(status: status)
        guard frame.frame_type == UInt8(AMQP_FRAME_METHOD) else { return nil }
        return try event(frame.payload.method)
    }

    private func event(_ method: amqp_method_t) throws -> Event? {
        switch method.id {
        case cuebx_amqp_deliver:
            let deliver = method.decoded.assumingMemoryBound(to: amqp_basic_deliver_t.self).pointee
            return .delivery(
                try readMessage(tag: deliver.delivery_tag, queue: text(deliver.consumer_tag)))
        case cuebx_amqp_ack:
            let ack = method.decoded.assumingMemoryBound(to: amqp_basic_ack_t.self).pointee
            return .confirmed(
                tag: ack.delivery_tag, isMultiple: ack.multiple != 0, isTaken: true)
        case cuebx_amqp_nack:
            let nack = method.decoded.assumingMemoryBound(to: amqp_basic_nack_t.self).pointee
            return .confirmed(
                tag: nack.delivery_tag, isMultiple: nack.multiple != 0, isTaken: false)
        case cuebx_amqp_return:
            return .returned(messageID: try readMessage(tag: 0, queue: "").messageID)
        case cuebx_amqp_cancel: throw RabbitMQError.away("a queue was deleted")
        case cuebx_amqp_channel_close, cuebx_amqp_connection_close:
            throw RabbitMQError.away(closeText(method))
        default: return nil
        }
    }

    private func readMessage(tag: UInt64, queue: String) throws -> Delivery {
        var message = amqp_message_t()
        try check(amqp_read_message(state, Self.channel, &message, 0))
        defer { amqp_destroy_message(&message) }
        let properties = message.properties
        func has(_ flag: Int32) -> Bool { properties._flags & amqp_flags_t(flag) != 0 }
        let headers =
            has(AMQP_BASIC_HEADERS_FLAG) ? Headers(properties.headers) : Headers()
        return Delivery(
            connection: id, tag: tag, queue: queue,
            messageID: has(AMQP_BASIC_MESSAGE_ID_FLAG) ? text(properties.message_id) : nil,
            body: text(message.body),
            timestamp: has(AMQP_BASIC_TIMESTAMP_FLAG) ? properties.timestamp : nil,
            integers: headers.integers, texts: headers.texts)
    }

    // MARK: - Errors

    private func check(status: Int32) throws {
        guard status == AMQP_STATUS_OK.rawValue else {
            throw RabbitMQError.away(Self.errorText(status))
        }
    }

    private func check(_ reply: amqp_rpc_reply_t) throws {
        switch reply.reply_type {
        case AMQP_RESPONSE_NORMAL: return
        case AMQP_RESPONSE_SERVER_EXCEPTION:
            throw RabbitMQError.refused(closeText(reply.reply))
        case AMQP_RESPONSE_LIBRARY_EXCEPTION:
            throw RabbitMQError.away(Self.errorText(reply.library_error))
        default: throw RabbitMQError.away("the connection was closed")
        }
    }

    private func closeText(_ method: amqp_method_t) -> String {
        var buffer = [CChar](repeating: 0, count: 512)
        cuebx_amqp_close_text(method, &buffer, buffer.count)
        let text = String(
            decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.isEmpty ? "the server closed the connection" : text
    }

    private static func errorText(_ status: Int32) -> String {
        amqp_error_string2(status).map { String(cString: $0) } ?? "error \(status)"
    }
}
