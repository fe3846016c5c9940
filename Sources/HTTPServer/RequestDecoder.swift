import HTTPEndpoint
import NIOCore
import NIOHTTP1

/// NIO's parser of HTTP/1.1, and a new one in its place where it has stopped: after a request that
/// asks for another protocol it drops whatever follows, though this server stays with HTTP/1.1 and
/// the client's next request is on its way. Used on its connection's event loop alone.
final class RequestDecoder: ByteToMessageDecoder {
    typealias InboundOut = HTTPServerRequestPart

    /// What follows the request that has just ended; the connection sets it at the request's end.
    var afterwards = RequestFraming.Afterwards.request
    private let limits: NIOHTTPDecoderLimitConfiguration
    private var parser: HTTPRequestDecoder

    init(_ limits: NIOHTTPDecoderLimitConfiguration) {
        self.limits = limits
        parser = HTTPRequestDecoder(limitConfiguration: limits)
    }

    func decoderAdded(context: ChannelHandlerContext) {
        parser.decoderAdded(context: context)
    }

    func decoderRemoved(context: ChannelHandlerContext) {
        parser.decoderRemoved(context: context)
    }

    func decode(
        context: ChannelHandlerContext, buffer: inout ByteBuffer
    ) throws -> DecodingState {
        if case .nothing = afterwards {
            buffer.moveReaderIndex(to: buffer.writerIndex)
            return .needMoreData
        }
        do {
            _ = try parser.decode(context: context, buffer: &buffer)
        } catch {
            // What comes behind the error is dropped here, so that the answer to it can be read.
            afterwards = .nothing
            context.fireErrorCaught(error)
        }
        switch afterwards {
        case .request: return .needMoreData
        case .requestForNewParser: beginAnew(context)
        case .nothing: break
        }
        return .continue
    }

    func decodeLast(
        context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool
    ) throws -> DecodingState {
        while buffer.readableBytes > 0 {
            guard try decode(context: context, buffer: &buffer) == .continue else { break }
        }
        if case .nothing = afterwards { return .needMoreData }
        return try parser.decodeLast(context: context, buffer: &buffer, seenEOF: seenEOF)
    }

    private func beginAnew(_ context: ChannelHandlerContext) {
        afterwards = .request
        parser.decoderRemoved(context: context)
        parser = HTTPRequestDecoder(limitConfiguration: limits)
        parser.decoderAdded(context: context)
    }
}
