import HTTPEndpoint
import NIOCore
import ServiceLifecycle
import Synchronization

/// Lets a server that stops accept whoever has already connected. The kernel completes connections
/// by itself and keeps them until they are accepted; closing the listening socket would answer
/// those with a reset, though their requests may be on their way.
///
/// A service that stands after the server's in its group, so that it is shut down first: from then
/// on the kernel takes no new connection, and the server's own shutdown begins when those before it
/// are accepted. Who comes in between connects in vain, and is refused when it tries again.
public final class ListenerDrain: Service {
    /// Turns of the event loop, in each of which it accepts some of the waiting connections; the
    /// kernel keeps a thousand at most.
    private static let turns = 300

    /// For handshakes that have begun.
    private static let handshakeTime = Duration.milliseconds(30)

    private let listener = Mutex<(any Channel)?>(nil)

    public init() {}

    /// Tells which socket listens, once it does.
    public func listening(on channel: any Channel) {
        listener.withLock { $0 = channel }
    }

    public func run() async throws {
        try await gracefulShutdown()
        guard let channel = listener.withLock({ $0 }), channel.isActive else { return }
        do {
            try await refuseNew(on: channel)
        } catch {
            // A kernel without such filters: whoever connects at this very moment may be reset, and
            // the shutdown goes on.
            return
        }
        try await Task.sleep(for: Self.handshakeTime)
        for _ in 0..<Self.turns { try await channel.eventLoop.submit {}.get() }
    }

    /// Has the kernel drop what asks for a new connection: a packet filter on the listening socket,
    /// which later connections inherit and never notice. What ends a handshake that has begun must
    /// pass: its client takes itself for connected already.
    private func refuseNew(on channel: any Channel) async throws {
        guard let options = channel as? any SocketOptionProvider else { return }
        let program = FilterInstruction.dropNewConnections
        let instructions = UnsafeMutablePointer<FilterInstruction>.allocate(
            capacity: program.count)
        defer { instructions.deallocate() }
        instructions.initialize(from: program, count: program.count)
        try await options.unsafeSetSocketOption(
            level: .socket, name: Self.attachFilter,
            value: FilterProgram(count: UInt16(program.count), instructions: instructions)
        ).get()
    }

    /// `SO_ATTACH_FILTER` of socket(7), which Swift does not import.
    private static let attachFilter = NIOBSDSocket.Option(rawValue: 26)

    /// `struct sock_filter` of linux/filter.h.
    private struct FilterInstruction {
        var code: UInt16
        var ifTrue: UInt8 = 0
        var ifFalse: UInt8 = 0
        var constant: UInt32 = 0

        /// The flags of TCP's header, and of them SYN and ACK (RFC 9293 §3.1).
        private static let (flags, syn, ack): (UInt32, UInt32, UInt32) = (13, 0x02, 0x10)

        /// Keeps nothing of a packet that has SYN without ACK, and all of any other.
        static let dropNewConnections = [
            // BPF_LD | BPF_B | BPF_ABS: loads a byte.
            FilterInstruction(code: 0x30, constant: flags),
            // BPF_ALU | BPF_AND | BPF_K.
            FilterInstruction(code: 0x54, constant: syn | ack),
            // BPF_JMP | BPF_JEQ | BPF_K: where it differs, one instruction is passed over.
            FilterInstruction(code: 0x15, ifTrue: 0, ifFalse: 1, constant: syn),
            // BPF_RET | BPF_K: how many bytes are kept.
            FilterInstruction(code: 0x06, constant: 0),
            FilterInstruction(code: 0x06, constant: .max),
        ]
    }

    /// `struct sock_fprog` of linux/filter.h.
    private struct FilterProgram: @unchecked Sendable {
        var count: UInt16
        var instructions: UnsafeMutablePointer<FilterInstruction>
    }
}
