import HTTPEndpoint
import HTTPTypes
import NIOCore
import NIOHTTP1

/// Writes answers. A small one goes out at once; a large one in pieces, each once the one before is
/// with the kernel (back-pressure), so that a client that reads nothing costs one piece of memory
/// beside what was made of its answer, and that is counted to the budget that all share.
extension EndpointConnection {
    /// A piece of a large answer; what is no longer than this is written at once.
    static let pieceBytes = 16 << 10
    /// Bytes a second at which a large answer must be taken, on average.
    static let minimumReadingRate = 4 << 10

    func write(_ answer: Answer, isHead: Bool, _ context: ChannelHandlerContext) {
        lastMove = .now()
        guard context.channel.isActive else { return }
        switch state {
        case .answering where !answersLast:
            context.writeAndFlush(wrapOutboundOut(bytes(answer, isHead, false)), promise: nil)
            state = .draining
            goOn(context)
        case let former:
            state = .closing
            let (channel, linger) = (context.channel, lingering(after: former))
            context.writeAndFlush(wrapOutboundOut(bytes(answer, isHead, true))).whenComplete { _ in
                channel.eventLoop.scheduleTask(in: linger) { channel.close(promise: nil) }
            }
            closeInTime(NIOLoopBound(context, eventLoop: context.eventLoop))
        }
    }

    func closeWhenWritten(_ context: ChannelHandlerContext) {
        state = .closing
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in
            channel.close(promise: nil)
        }
    }

    /// Sends a large answer. An answer whose length is not known goes in chunks (RFC 9112 §7.1), to
    /// HTTP/1.0 up to the connection's end.
    func send(_ answer: Answer, _ context: NIOLoopBound<ChannelHandlerContext>) async {
        guard context.value.channel.isActive else { return }
        let isChunked = answer.source != nil && !isVersion10
        let closes = answersLast || answer.source != nil && isVersion10
        state = .sending
        lastMove = .now()
        pace = Pace(patience: idleTimeout, rate: Self.minimumReadingRate, now: lastMove)
        closeInTime(context)
        do {
            try await write(answer.head(closes: closes, saysKeepAlive: isVersion10), context)
            if var source = answer.source {
                while let piece = try await next(of: &source, answer) {
                    try await write(piece, isChunked: isChunked, isKept: false, context)
                }
                if isChunked { try await write(ByteBuffer(string: "0\r\n\r\n"), context) }
            } else {
                try await write(answer.body, isChunked: false, isKept: answer.isKept, context)
            }
        } catch {
            context.value.close(promise: nil)
            return
        }
        lastMove = .now()
        if closes {
            closeWhenWritten(context.value)
        } else {
            state = .draining
            goOn(context.value)
        }
    }

    private func next(of source: inout any BodySource, _ answer: Answer) async throws -> [UInt8]? {
        let start = NIODeadline.now()
        isProducing = true
        defer {
            isProducing = false
            let now = NIODeadline.now()
            pace.resumed(after: now - start, at: now)
        }
        do {
            return try await source.next()
        } catch {
            responder.brokeOff(answer, error)
            throw error
        }
    }

    private func write(
        _ bytes: [UInt8], isChunked: Bool, isKept: Bool,
        _ context: NIOLoopBound<ChannelHandlerContext>
    ) async throws {
        var start = 0
        defer {
            unsentBytes = 0
            reportHeld()
        }
        while start < bytes.count {
            let end = min(start + Self.pieceBytes, bytes.count)
            var buffer = ByteBuffer()
            buffer.reserveCapacity(end - start + 16)
            if isChunked { buffer.writeString(String(end - start, radix: 16) + "\r\n") }
            buffer.writeBytes(bytes[start..<end])
            if isChunked { buffer.writeStaticString("\r\n") }
            unsentBytes = isKept ? 0 : bytes.capacity
            reportHeld()
            try await write(buffer, context)
            start = end
        }
    }

    private func write(
        _ buffer: ByteBuffer, _ context: NIOLoopBound<ChannelHandlerContext>
    ) async throws {
        let count = buffer.readableBytes
        try await context.value.writeAndFlush(wrapOutboundOut(buffer)).get()
        lastMove = .now()
        pace.moved(count, at: lastMove)
    }

    private func bytes(_ answer: Answer, _ isHead: Bool, _ closes: Bool) -> ByteBuffer {
        var buffer = answer.head(closes: closes, saysKeepAlive: isVersion10)
        if !isHead { buffer.writeBytes(answer.body) }
        return buffer
    }
}

extension Answer {
    var isLarge: Bool { source != nil || body.count > EndpointConnection.pieceBytes }

    /// The head as HTTP/1.1 writes it, with room for a small body. Header names and values are free
    /// of line breaks: that is what makes an `HTTPField`.
    fileprivate func head(closes: Bool, saysKeepAlive: Bool) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: 512 + (isLarge ? 0 : body.count))
        buffer.writeStaticString("HTTP/1.1 ")
        buffer.writeString(String(status))
        buffer.writeStaticString(" ")
        buffer.writeString(HTTPResponseStatus(statusCode: status).reasonPhrase)
        for field in headers {
            buffer.writeStaticString("\r\n")
            buffer.writeString(field.name.rawName)
            buffer.writeStaticString(": ")
            buffer.writeString(field.value)
        }
        if closes {
            buffer.writeStaticString("\r\nConnection: close")
        } else if saysKeepAlive {
            buffer.writeStaticString("\r\nConnection: keep-alive")
        }
        if source != nil {
            // To HTTP/1.0, which knows no chunks, the connection's end is the body's.
            if !saysKeepAlive { buffer.writeStaticString("\r\nTransfer-Encoding: chunked") }
        } else if status != 204 {
            buffer.writeStaticString("\r\nContent-Length: ")
            buffer.writeString(String(body.count))
        }
        buffer.writeStaticString("\r\n\r\n")
        return buffer
    }
}
