import Foundation
import Synchronization

/// A real server on a loopback port that does to each connection what its test says: answer,
/// stay silent, hang up. It has one blocking thread a connection and no timers, and serves until
/// it is stopped or the process ends.
final class LoopbackServer: Sendable {
    struct SetupFailure: Error {
        let call: String
        let number: Int32
    }

    let port: UInt16
    private let listener: Int32
    private let state = Mutex(State())

    private struct State {
        var open: [Int32] = []
        var accepted = 0
        var isStopped = false
    }

    /// - Parameters:
    ///   - backlog: connections that the kernel keeps while nobody accepts them.
    ///   - serve: called on its own thread for each connection; nil accepts none.
    init(backlog: Int32 = 64, serve: (@Sendable (Connection) -> Void)?) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard listener >= 0 else { throw SetupFailure(call: "socket", number: errno) }
        Self.sharePort(listener)
        port = try Self.listen(listener, backlog: backlog)
        guard let serve else { return }
        Thread {
            while let socket = self.acceptNext() {
                Thread {
                    serve(Connection(socket))
                    self.hangUp(socket)
                }.start()
            }
            // Not earlier: another server could get its number while this thread still uses it.
            close(self.listener)
        }.start()
    }

    var url: String { "http://127.0.0.1:\(port)" }

    /// Connections that were accepted so far.
    var connections: Int { state.withLock { $0.accepted } }

    /// Hangs up on everybody and accepts nobody any more. The port stays taken while the tests run:
    /// whoever calls it afterwards is refused, and not answered by another test's server.
    func stop() {
        state.withLock { state in
            guard !state.isStopped else { return }
            state.isStopped = true
            let placeholder = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            Self.sharePort(placeholder)
            var address = Self.loopback(port: port)
            let bound = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(placeholder, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            precondition(bound == 0, "the port cannot be kept")
            shutdown(listener, Int32(SHUT_RDWR))
            for socket in state.open { shutdown(socket, Int32(SHUT_RDWR)) }
        }
    }

    /// Sockets that wait in the kernel's queue, so that it answers no further one.
    func fillBacklog() throws -> [Int32] {
        try (0..<4).map { _ in
            let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
            let socket = socket(AF_INET, kind, 0)
            guard socket >= 0 else { throw SetupFailure(call: "socket", number: errno) }
            var address = Self.loopback(port: port)
            _ = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            return socket
        }
    }

    private func acceptNext() -> Int32? {
        let socket = accept(listener, nil, nil)
        guard socket >= 0 else { return nil }
        return state.withLock { state in
            guard !state.isStopped else {
                close(socket)
                return nil
            }
            state.open.append(socket)
            state.accepted += 1
            return socket
        }
    }

    private func hangUp(_ socket: Int32) {
        state.withLock { state in
            state.open.removeAll { $0 == socket }
            close(socket)
        }
    }

    private static func sharePort(_ socket: Int32) {
        var on: Int32 = 1
        setsockopt(
            socket, SOL_SOCKET, SO_REUSEPORT, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    private static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static func listen(_ socket: Int32, backlog: Int32) throws -> UInt16 {
        var address = loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(socket, address, length) == 0 && Foundation.listen(socket, backlog) == 0
                    && getsockname(socket, address, &length) == 0
            }
        }
        guard bound else { throw SetupFailure(call: "bind", number: errno) }
        return UInt16(bigEndian: address.sin_port)
    }
}

/// One accepted connection, read and written with blocking calls by one thread.
final class Connection {
    private let socket: Int32
    private var unread: [UInt8] = []

    init(_ socket: Int32) {
        self.socket = socket
    }

    /// One line without its end; nil where the other side has hung up.
    func readLine() -> String? {
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: unread[..<end], as: UTF8.self)
                unread.removeSubrange(...end)
                return line.hasSuffix("\r") ? String(line.dropLast()) : line
            }
            guard receive() else { return nil }
        }
    }

    func read(_ count: Int) -> [UInt8]? {
        while unread.count < count {
            guard receive() else { return nil }
        }
        defer { unread.removeFirst(count) }
        return Array(unread[..<count])
    }

    func write(_ text: String) {
        write(Array(text.utf8))
    }

    func write(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                send(
                    socket, buffer.baseAddress?.advanced(by: sent), bytes.count - sent,
                    Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    /// Says nothing until the other side has had enough.
    func waitForHangUp() {
        while receive() { unread = [] }
    }

    private func receive() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        let count = recv(socket, &buffer, buffer.count, 0)
        guard count > 0 else { return false }
        unread += buffer[..<count]
        return true
    }
}

/// A request as it stood on the wire.
struct ReceivedRequest: Sendable {
    let line: String
    let headers: [String]
    let body: [UInt8]

    func header(_ name: String) -> String? {
        let prefix = name.lowercased() + ":"
        return headers.first { $0.lowercased().hasPrefix(prefix) }
            .map { $0.dropFirst(prefix.count).trimmingCharacters(in: .whitespaces) }
    }
}

extension Connection {
    /// The next request; nil where the other side has hung up.
    func readRequest() -> ReceivedRequest? {
        guard let line = readLine() else { return nil }
        var headers: [String] = []
        while let header = readLine(), !header.isEmpty { headers.append(header) }
        let head = ReceivedRequest(line: line, headers: headers, body: [])
        let count = head.header("Content-Length").flatMap { Int($0) } ?? 0
        guard let body = read(count) else { return nil }
        return ReceivedRequest(line: line, headers: headers, body: body)
    }

    func answer(
        _ status: String = "200 OK", headers: [String] = [], body: String = ""
    ) {
        let head = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + headers
        write(head.joined(separator: "\r\n") + "\r\n\r\n" + body)
    }
}

/// What several threads have seen, in the order in which they noted it.
final class Notes<Note: Sendable>: Sendable {
    private let notes = Mutex<[Note]>([])

    func add(_ note: Note) { notes.withLock { $0.append(note) } }
    var all: [Note] { notes.withLock { $0 } }
}
