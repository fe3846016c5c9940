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
        for _ in 0..<Self.turns { try await channel.eventLoop.submit {}.get() }
    }

    /// Has the kernel drop what arrives for the listening socket: a packet filter of one
    /// instruction, which keeps nothing. Connections that are there have sockets of their own.
    private func refuseNew(on channel: any Channel) async throws {
        guard let options = channel as? any SocketOptionProvider else { return }
        let instructions = UnsafeMutablePointer<FilterInstruction>.allocate(capacity: 1)
        defer { instructions.deallocate() }
        instructions.initialize(to: FilterInstruction(code: FilterInstruction.returnConstant))
        try await options.unsafeSetSocketOption(
            level: .socket, name: Self.attachFilter,
            value: FilterProgram(count: 1, instructions: instructions)
        ).get()
    }

    /// `SO_ATTACH_FILTER` of socket(7), which Swift does not import.
    private static let attachFilter = NIOBSDSocket.Option(rawValue: 26)

    /// `struct sock_filter` of linux/filter.h.
    private struct FilterInstruction {
        /// `BPF_RET | BPF_K`: keeps as many bytes of the packet as the constant says.
        static let returnConstant: UInt16 = 6

        var code: UInt16
        var ifTrue: UInt8 = 0
        var ifFalse: UInt8 = 0
        var constant: UInt32 = 0
    }

    /// `struct sock_fprog` of linux/filter.h.
    private struct FilterProgram: @unchecked Sendable {
        var count: UInt16
        var instructions: UnsafeMutablePointer<FilterInstruction>
    }
}
