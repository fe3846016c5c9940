import Foundation

/// Reads a file descriptor line by line, holding one line and one block.
package struct LineReader {
    static let blockBytes = 256 * 1024

    private let descriptor: Int32
    private let maximumLineBytes: Int
    private var buffer: [UInt8] = []
    private var position = 0
    /// The number of the line that was returned last, from 1.
    package private(set) var line = 0
    /// Bytes that were read from the descriptor.
    package private(set) var bytes: Int64 = 0

    package init(descriptor: Int32, maximumLineBytes: Int) {
        self.descriptor = descriptor
        self.maximumLineBytes = maximumLineBytes
    }

    /// The next line with its newline, which only the last line of a cut-off file lacks; `nil` at
    /// the end.
    package mutating func next() throws -> [UInt8]? {
        var searched = position
        while true {
            if let end = newline(from: searched) {
                defer { position = end + 1 }
                line += 1
                return Array(buffer[position...end])
            }
            searched = buffer.count - position
            guard searched <= maximumLineBytes else {
                throw MoveRefusal.damaged(line: line + 1, "the line is too long")
            }
            buffer.removeFirst(position)
            position = 0
            guard try fill() else {
                guard !buffer.isEmpty else { return nil }
                line += 1
                position = buffer.count
                return buffer
            }
        }
    }

    private func newline(from start: Int) -> Int? {
        buffer.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, start < bytes.count,
                let found = memchr(base + start, 0x0A, bytes.count - start)
            else { return nil }
            return UnsafeRawPointer(found) - base
        }
    }

    private mutating func fill() throws -> Bool {
        let old = buffer.count
        buffer += repeatElement(0, count: Self.blockBytes)
        var count: Int
        repeat {
            count = buffer.withUnsafeMutableBytes {
                read(descriptor, $0.baseAddress.map { $0 + old }, Self.blockBytes)
            }
        } while count < 0 && errno == EINTR
        buffer.removeLast(Self.blockBytes - max(count, 0))
        guard count >= 0 else {
            throw MoveRefusal("cannot read the export: \(String(cString: strerror(errno)))")
        }
        bytes += Int64(count)
        return count > 0
    }
}
